"""One small study, evaluated once, for the tests of tables, texts and figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pandas as pd

from chiomics.diagnosis.evaluation import evaluate
from chiomics.diagnosis.models import complete_settings, count_repeats, list_models
from chiomics.diagnosis.performance.permutation import permute
from chiomics.diagnosis.study import summarise_study
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
    return Study(cohort, settings, summarise_study(cohort, predictions, selected, permuted, settings))
