"""One small study, evaluated once, for the tests of tables, texts and figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pandas as pd

from chiomics.diagnosis.calibration import calibration_table, decision_table
from chiomics.diagnosis.confounding import gain_table
from chiomics.diagnosis.evaluation import evaluate
from chiomics.diagnosis.models import complete_settings, count_repeats, list_models
from chiomics.diagnosis.paper_tables import main_models
from chiomics.diagnosis.performance import delong_table, performance_table, roc_table
from chiomics.diagnosis.permutation import permute
from chiomics.diagnosis.recipe import count_radiomic
from chiomics.diagnosis.stability import selection_counts, selection_stability
from tests.diagnosis.cohorts import simulated_cohort

NUCLEI = ["DN", "RN"]
DEFINITION = {"preset": "yan874", "echo_set": "all", "inversion": "star", "n_gray_levels": 32, "bin_width": None}


@dataclass(frozen=True)
class Study:
    """A cohort, its settings, and the tables of the stage by name."""

    cohort: pd.DataFrame
    settings: dict
    tables: dict[str, pd.DataFrame]


@cache
def small_study() -> Study:
    """Two nuclei, every tenth feature and those of the published Table 2, two repeats, five permutations."""
    chosen = {"nuclei": NUCLEI, "repeats": 2, "permutations": 5, "bootstraps": 200, "confounders": [["sex"]]}
    settings = complete_settings(chosen)
    cohort = simulated_cohort(11, regions=tuple(NUCLEI))
    names = list(cohort.columns[:8]) + list(cohort.columns[8::10])
    cohort = cohort[list(dict.fromkeys([*names, "RN.wavelet-HLL_firstorder_Kurtosis"]))]
    predictions, selected, permuted = [], [], []
    for model in list_models(settings).values():
        for scheme in ("as_published", "nested"):
            found = evaluate(cohort, model, settings, scheme=scheme, repeats=range(count_repeats(settings, scheme)))
            predictions.append(found.predictions)
            selected.append(found.selected)
            if model.main:
                permuted.append(permute(cohort, model, settings, scheme=scheme, permutations=range(5)))
    predictions, selected, permuted = (pd.concat(part, ignore_index=True) for part in (predictions, selected, permuted))
    main = predictions.loc[predictions["model"].isin(list(main_models(settings)))]
    extracted = count_radiomic(cohort, list_models(settings), settings)
    tables = {
        "selected": selected,
        "performance": performance_table(predictions, selected, permuted, settings),
        "permutation": permuted,
        "delong": delong_table(main, settings),
        "confounding": gain_table(predictions, settings),
        "selection_counts": selection_counts(selected, extracted),
        "selection_stability": selection_stability(selected),
        "roc": roc_table(main, settings),
        "calibration": calibration_table(main),
        "decision_curve": decision_table(main),
    }
    return Study(cohort, settings, tables)
