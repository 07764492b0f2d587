"""Numbers that Yan et al. (2021) print and that follow from others they print."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from chiomics.core.scores.intervals import hanley_mcneil_interval
from chiomics.core.scores.thresholds import Calls
from chiomics.diagnosis.contracts import PREDICTIONS, SELECTED
from chiomics.diagnosis.group_tests import compare_counts, compare_moments, compare_values
from chiomics.diagnosis.models import complete_settings, list_jobs, list_models
from chiomics.diagnosis.performance.measures import performance_table
from chiomics.diagnosis.settings import Settings

MS, NMOSD = 47, 36
#: Rightly called MS and NMOSD of each model, and the sensitivity, specificity and accuracy printed.
TABLE_4 = {
    "DN": (40, 32, 0.851, 0.889, 0.867),
    "GP": (36, 31, 0.766, 0.861, 0.807),
    "HCN": (32, 31, 0.681, 0.861, 0.759),
    "PUT": (40, 26, 0.851, 0.722, 0.795),
    "RN": (42, 26, 0.894, 0.722, 0.819),
    "SN": (21, 30, 0.447, 0.833, 0.614),
    "THA": (29, 33, 0.617, 0.917, 0.747),
    "demographics": (24, 31, 0.511, 0.861, 0.663),
}
#: Men and women with MS and NMOSD.
SEX = [[18, 29], [6, 30]]


def test_sex_needs_no_yates_correction():
    found = compare_counts(SEX)
    assert found.test == "chi-square"
    assert found.statistic == pytest.approx(4.641, abs=5e-4)
    assert found.p == pytest.approx(0.0312, abs=5e-5)
    assert compare_counts(SEX, yates=True).p == pytest.approx(0.056, abs=5e-4)


def test_age_from_means_and_standard_deviations():
    found = compare_moments(40.00, 13.72, MS, 42.14, 12.34, NMOSD)
    assert found.p == pytest.approx(0.4643, abs=5e-5)
    assert round(found.p, 3) == 0.464


@pytest.mark.parametrize("model", TABLE_4)
def test_table_4_follows_from_integers_with_ms_as_the_positive_class(model):
    right_ms, right_nmosd, *printed = TABLE_4[model]
    calls = Calls.from_counts(right_ms, right_nmosd, MS, NMOSD)
    assert [round(value, 3) for value in (calls.sensitivity, calls.specificity, calls.accuracy)] == printed


def test_table_4_does_not_follow_with_nmosd_as_the_positive_class():
    possible = {round(count / NMOSD, 3) for count in range(NMOSD + 1)}
    assert not {row[2] for row in TABLE_4.values()} <= possible


def test_the_hybrid_interval_is_hanley_and_mcneils():
    low, high = hanley_mcneil_interval(0.927, MS, NMOSD)
    # Printed .871 to .984, from an AUC that was rounded to three digits.
    assert low == pytest.approx(0.871, abs=1.5e-3)
    assert high == pytest.approx(0.984, abs=1e-3)
    # The interval of DN (.840 to .955) is not.
    assert hanley_mcneil_interval(0.902, MS, NMOSD)[1] > 0.955 + 0.01


@pytest.mark.parametrize(("predictors", "events"), [(8, 4.5), (5, 7.2)])
def test_events_per_variable(predictors, events):
    rng = np.random.default_rng(0)
    y = np.repeat([1, 0], [MS, NMOSD])
    predictions = pd.DataFrame({"participant": np.arange(83), "y": y, "score": rng.uniform(size=83)})
    constants = {"model": "hybrid", "scheme": "nested", "repeat": 0, "fold": 0, "session": "", "run": "", "group": ""}
    predictions = predictions.assign(**constants, threshold=0.5)[list(PREDICTIONS)]
    selected = pd.DataFrame({"feature": [f"DN.{number}" for number in range(predictors)], "step": "aic"})
    selected = selected.assign(model="hybrid", scheme="nested", repeat=0, fold=0, coefficient=1.0)[list(SELECTED)]
    permuted = pd.DataFrame({"model": [], "scheme": [], "permutation": [], "auc": []})
    row = performance_table(predictions, selected, permuted, complete_settings({})).iloc[0]
    assert row["events_per_variable"] == events
    assert f"{events} events per variable" in row["warning"]


def test_continuous_variables_are_compared_as_their_normality_asks():
    rng = np.random.default_rng(1)
    normal, skewed = rng.normal(size=(2, 40)), np.exp(rng.normal(size=(2, 40)))
    assert compare_values(*normal).test == "t"
    found = compare_values(*skewed)
    assert found.test == "Mann-Whitney"
    assert found.p == pytest.approx(stats.mannwhitneyu(*skewed, method="asymptotic").pvalue)


def test_the_models_of_the_paper_and_those_of_confounding():
    models = list_models(complete_settings({}))
    main = [name for name, model in models.items() if model.main]
    assert main == [*Settings().nuclei, "demographics", "hybrid"]
    assert models["hybrid"].regions == ("DN",)
    assert models["hybrid_without_sex_edss"].demographics == ("age", "disease_duration")


def test_jobs_cover_every_repeat_and_permutation():
    settings = complete_settings({"repeats": 7, "repeats_per_job": 3, "permutations": 11, "permutations_per_job": 5})
    jobs = list_jobs(settings)
    assert [job for job in jobs["evaluate"] if job[0] == "DN"] == [
        ("DN", "as_published", 0), ("DN", "nested", 0), ("DN", "nested", 1), ("DN", "nested", 2),
    ]  # fmt: skip
    assert sum(job[:2] == ("SN", "nested") for job in jobs["permute"]) == 3
