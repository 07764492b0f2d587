"""All tables of the evaluation from the predictions of all trainings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from chiomics.rims.evaluation.agreement import detector_agreement
from chiomics.rims.evaluation.calibration import over_prevalence, reliability
from chiomics.rims.evaluation.calls import combine_seeds
from chiomics.rims.evaluation.errors import error_analysis
from chiomics.rims.evaluation.lesion_level import curves, order_of, performance, review_counts
from chiomics.rims.evaluation.subject_level import compare_correlations, count_per_subject, subject_level


def evaluate(predictions: pd.DataFrame, table: pd.DataFrame, settings: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Evaluate every arm.

    Parameters
    ----------
    predictions : pandas.DataFrame
        `training.PREDICTIONS`.
    table : pandas.DataFrame
        The cohort's rated lesions.
    settings : mapping
        Bootstraps and seed.

    Returns
    -------
    dict of str to pandas.DataFrame
        `tables.TABLES` without those of the trainings themselves and of chance.
    """
    calls = combine_seeds(predictions)
    found = {"calls": calls}
    found["curves"], found["areas"] = curves(calls)
    draws = {"draws": settings["bootstraps"], "seed": settings["seed"]}
    found["performance"], found["differences"] = performance(calls, **draws)
    found["review"] = review_counts(calls)
    found["detector_agreement"] = detector_agreement(calls, table)
    found["subject_counts"] = count_per_subject(calls)
    found["subject_level"] = subject_level(found["subject_counts"])
    arms = list(calls["arm"].unique())
    first = "qsmrim" if "qsmrim" in arms else order_of(found["areas"])[0]
    found["correlations"] = pd.concat(
        [compare_correlations(found["subject_counts"], first, rule) for rule in ("published", "inner")]
    )
    found["reliability"], found["calibration"] = reliability(calls)
    found["prevalence"] = over_prevalence(found["performance"])
    found["error_analysis"] = pd.concat(
        [error_analysis(calls, table, rule=rule).assign(threshold=rule) for rule in ("published", "inner")]
    )
    return found
