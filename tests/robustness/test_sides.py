"""Left against right: a difference is found where there is one, and equivalence only where it is shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.weightstats import ttost_paired

from chiomics.phantom.features import simulate_repeats
from chiomics.robustness import sides
from chiomics.robustness.ratings import COLUMN_KEYS, Ratings
from chiomics.robustness.settings import Settings
from chiomics.robustness.sides import compare_sides, equivalence_p

SETTING = {"preset": "fiscone107", "n_gray_levels": 64, "bin_width": np.nan}
SETTINGS = Settings.from_config({"bootstraps": 300})
FEATURES = 40


def both_sides(left: float, right: float, *, sessions: int = 100, seed: int = 1) -> Ratings:
    """Simulate two regions with these intraclass correlations on the sides."""
    rng = np.random.default_rng(seed)
    values, heads = [], []
    for voi in ("AF", "NAWM"):
        for side, icc in (("L", left), ("R", right)):
            values.append(simulate_repeats(rng, subjects=sessions, repeats=4, features=FEATURES, icc=icc))
            heads += [
                ("fiscone107", 64, np.nan, voi, side, "original", "glcm" if k % 2 else "firstorder", f"f{k}")
                for k in range(FEATURES)
            ]
    names = [f"sub-{k}" for k in range(sessions)]
    people = pd.DataFrame({"participant": names, "session": "", "run": "", "group": "HC"})
    columns = pd.DataFrame(heads, columns=COLUMN_KEYS)
    return Ratings(np.concatenate(values, axis=2), people, ("a", "b", "c", "d"), columns)


@pytest.mark.parametrize("seed", range(5))
def test_equivalence_equals_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    left = rng.normal(size=30)
    right = left + rng.normal(0.02, 0.1, size=30)
    assert equivalence_p(left - right, 0.05) == pytest.approx(ttost_paired(left, right, -0.05, 0.05)[0], rel=1e-10)


def test_equal_sides_are_equivalent() -> None:
    found = compare_sides(both_sides(0.9, 0.9), "echo_set", SETTING, SETTINGS)
    assert set(found["voi"]) == {"all", "tracts", "AF", "NAWM"}
    assert set(found["feature_class"]) == {"all", "firstorder", "glcm"}
    whole = found[(found["voi"] == "all") & (found["feature_class"] == "all")].iloc[0]
    assert whole["n_features"] == 2 * FEATURES
    assert whole["equivalent"]
    assert whole["p_equivalence"] < 1e-6
    assert whole["bootstrap_low"] < whole["mean_difference"] < whole["bootstrap_high"]


def test_sides_that_differ_by_more_than_the_margin_are_not_equivalent() -> None:
    found = compare_sides(both_sides(0.95, 0.8), "echo_set", SETTING, SETTINGS)
    assert not found["equivalent"].any()
    assert (found["p_equivalence"] > 0.99).all()
    assert (found["p_difference"] < 1e-6).all()
    assert (found["n_robust_left"] > found["n_robust_right"]).all()
    # 0.15, less the bias of the estimates, below 0.2 / sessions.
    assert found["mean_difference"].to_numpy() == pytest.approx(0.15, abs=0.02)


def test_no_significant_difference_is_no_equivalence() -> None:
    ratings = both_sides(0.75, 0.75, sessions=8)
    few = ratings.columns.groupby(["voi", "hemisphere", "feature_class"]).cumcount() < 3
    sparse = Ratings(
        ratings.values[:, :, few], ratings.sessions, ratings.raters, ratings.columns[few].reset_index(drop=True)
    )
    found = compare_sides(sparse, "echo_set", SETTING, SETTINGS)
    one = found[(found["voi"] == "AF") & (found["feature_class"] == "glcm")].iloc[0]
    assert one["p_difference"] > 0.05
    assert not one["equivalent"]


def test_exchanging_the_sides_exchanges_the_signs() -> None:
    ratings = both_sides(0.9, 0.85)
    swapped = ratings.columns.assign(hemisphere=ratings.columns["hemisphere"].map({"L": "R", "R": "L"}))
    found = compare_sides(ratings, "echo_set", SETTING, SETTINGS)
    other = compare_sides(
        Ratings(ratings.values, ratings.sessions, ratings.raters, swapped), "echo_set", SETTING, SETTINGS
    )
    for name in ("mean_difference", "t"):
        np.testing.assert_allclose(found[name], -other[name])
    np.testing.assert_allclose(found["p_equivalence"], other["p_equivalence"])


def test_regions_without_sides_give_no_row() -> None:
    ratings = both_sides(0.9, 0.9)
    merged = Ratings(ratings.values, ratings.sessions, ratings.raters, ratings.columns.assign(hemisphere="LR"))
    assert compare_sides(merged, "echo_set", SETTING, SETTINGS).empty


def test_draws_in_parts_give_what_all_at_once_give(monkeypatch: pytest.MonkeyPatch) -> None:
    ratings = both_sides(0.9, 0.85)
    whole = compare_sides(ratings, "echo_set", SETTING, SETTINGS)
    monkeypatch.setattr(sides, "MAX_DRAWN", 7 * SETTINGS.bootstraps)
    pd.testing.assert_frame_equal(compare_sides(ratings, "echo_set", SETTING, SETTINGS), whole, rtol=1e-12)
