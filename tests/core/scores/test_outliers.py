"""Modified z-scores: standard deviations of normal values, whatever their unit, and unmoved by what stands out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from chiomics.core.scores.outliers import OUTLIER, Rule, explain_outliers, modified_scores, score_by_rules


def test_scores_are_standard_deviations_of_normal_values():
    rng = np.random.default_rng(2)
    scores = modified_scores(pd.DataFrame({"a": rng.normal(5, 2, 4001)}))
    assert scores["a"].std() == pytest.approx(1, abs=0.05)  # the MAD of 4001 values is known to 2 %


def test_unit_and_zero_do_not_matter():
    values = pd.DataFrame({"a": np.random.default_rng(3).normal(size=50)})
    np.testing.assert_allclose(modified_scores(1000 * values - 7), modified_scores(values), rtol=1e-9)  # rounding


def test_one_session_far_off_is_the_only_outlier():
    values = pd.DataFrame({"a": [*np.linspace(-1, 1, 21), 50.0]})
    assert list(np.flatnonzero(modified_scores(values)["a"].abs() > OUTLIER)) == [21]


def test_what_does_not_vary_and_what_is_missing():
    values = pd.DataFrame({"constant": [3.0, 3.0, np.nan], "varies": [1.0, np.nan, 2.0], "empty": np.nan})
    for constant in (0.0, np.nan):
        scores = modified_scores(values, constant=constant)
        np.testing.assert_array_equal(scores["constant"], [constant, constant, np.nan])
        assert scores["varies"].isna().tolist() == [False, True, False]
        assert scores["empty"].isna().all()


def test_a_measure_of_quality_is_judged_on_its_bad_side_alone():
    values = pd.DataFrame({"overlap": [0.90, 0.91, 0.92, 0.91, 0.90, 0.99, 0.80]})
    scores = score_by_rules(values, {"overlap": Rule("low", min_spread=0.01)})["overlap"]
    assert scores[5] == 0 and scores[6] < -OUTLIER
    assert (score_by_rules(values, {"overlap": Rule("high", min_spread=0.01)})["overlap"] > OUTLIER).tolist() == [
        *([False] * 5), True, False
    ]  # fmt: skip


def test_a_spread_that_sessions_always_have_and_a_good_value_flag_no_one():
    values = pd.DataFrame({"overlap": [0.9801, 0.9802, 0.9802, 0.9803, 0.9802, 0.9750]})
    assert score_by_rules(values, {"overlap": Rule("low")})["overlap"].iloc[-1] < -OUTLIER
    for rule in (
        Rule("low", min_spread=0.01),
        Rule("low", min_spread=0.01, relative=True),
        Rule("low", floor=0.97),
    ):
        assert (score_by_rules(values, {"overlap": rule}).abs() <= OUTLIER).all(axis=None)


def test_too_few_sessions_and_unknown_values_are_no_outliers():
    values = pd.DataFrame({"few": [1.0, 1.0, 9.0, np.nan, np.nan, np.nan], "some": [1.0, 1.1, 0.9, 1.0, np.nan, 50.0]})
    rules = {name: Rule("both", min_spread=0.1) for name in values}
    scores = score_by_rules(values, rules)
    assert scores["few"].isna().all() and np.isnan(scores["some"].iloc[4]) and scores["some"].iloc[5] > OUTLIER
    said = explain_outliers(values, rules, units={"few": ("", 0), "some": ("ml", 1)})
    assert [list(found) for found in said] == [[], [], [], [], [], ["some"]]
    assert said[5]["some"].startswith("50.0 ml, the cohort's median is 1.0 ml")


def test_columns_of_several_levels_are_scored_as_their_own_whether_they_vary_or_not():
    names = pd.MultiIndex.from_tuples([("a", "L"), ("a", "R"), ("b", "L")], names=["name", "side"])
    values = pd.DataFrame([[1.0, 4, np.nan], [2, 4, 7], [4, 4, 7]], columns=names)
    scores = modified_scores(values, constant=0.0)
    assert scores.columns.equals(names)
    np.testing.assert_array_equal(scores[("a", "L")], modified_scores(pd.DataFrame({"x": [1.0, 2, 4]}))["x"])
    np.testing.assert_array_equal(scores[("a", "R")], [0, 0, 0])
    np.testing.assert_array_equal(scores[("b", "L")], [np.nan, 0, 0])
