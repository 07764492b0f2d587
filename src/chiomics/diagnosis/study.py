"""The tables of the whole study from the evaluations of all its models, which the paper's tables and figures are of."""

from __future__ import annotations

import pandas as pd

from chiomics.diagnosis.estimators.site import site_table
from chiomics.diagnosis.models import list_models
from chiomics.diagnosis.performance.calibration import calibration_table, decision_table
from chiomics.diagnosis.performance.confounding import gain_table
from chiomics.diagnosis.performance.measures import delong_table, performance_table, roc_table
from chiomics.diagnosis.performance.stability import selection_counts, selection_stability
from chiomics.diagnosis.recipe import count_radiomic


def summarise_study(
    cohort: pd.DataFrame, predictions: pd.DataFrame, selected: pd.DataFrame, permuted: pd.DataFrame, settings: dict
) -> dict[str, pd.DataFrame]:
    """Summarise the evaluations of all models.

    Parameters
    ----------
    cohort : pandas.DataFrame
        One row per session.
    predictions, selected, permuted : pandas.DataFrame
        `contracts.PREDICTIONS`, `contracts.SELECTED`, `contracts.PERMUTATION` (may be empty), models in the order of
        the study.
    settings : dict
        Keys of `diagnosis.settings.Settings`.

    Returns
    -------
    dict of str to pandas.DataFrame
        Those three, and what follows from them, by name. Models that are compared in pairs and drawn are the main ones.
    """
    models = list_models(settings)
    main = predictions.loc[predictions["model"].isin([name for name, model in models.items() if model.main])]
    return {
        "predictions": predictions,
        "selected": selected,
        "performance": performance_table(predictions, selected, permuted, settings),
        "permutation": permuted,
        "delong": delong_table(main, settings),
        "confounding": gain_table(predictions, settings),
        "site": site_table(cohort, settings),
        "selection_counts": selection_counts(selected, count_radiomic(cohort, models, settings)),
        "selection_stability": selection_stability(selected),
        "roc": roc_table(main, settings),
        "calibration": calibration_table(main),
        "decision_curve": decision_table(main),
    }
