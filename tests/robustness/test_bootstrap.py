"""The bootstrap over participants: the same as resampling by hand, unbiased, and honest about its width."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from chiomics.core.features.table import open_features
from chiomics.phantom.features import simulate_repeats
from chiomics.robustness.bootstrap import bootstrap_coefficients, draw_sessions, percentile_interval, unbiased
from chiomics.robustness.counts import reported_setting
from chiomics.robustness.fiscone2023.readme import write_readme
from chiomics.robustness.fiscone2023.study import analyse_agreement
from chiomics.robustness.icc import coefficient, decompose, mean_squares
from chiomics.robustness.settings import Settings
from tests.robustness.cohorts import make_cohort, write_cohort


def test_draws_take_whole_participants() -> None:
    participants = ["a", "a", "b", "c", "c", "c"]
    weights = draw_sessions(participants, 200, seed=1)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 3] == weights[:, 5]).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert len(np.unique(weights, axis=0)) > 5


def test_the_seed_decides() -> None:
    first, again, other = (draw_sessions(list("abcdef"), 50, seed=seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_weights_are_the_same_as_sessions_repeated() -> None:
    rng = np.random.default_rng(2)
    ratings = 50 + rng.normal(size=(9, 4, 5)) + rng.normal(size=(9, 1, 5)) + 3 * rng.normal(size=(1, 4, 5))
    ratings[2, 1, 0] = np.nan
    weights = draw_sessions([f"p{k}" for k in range(9)], 20, seed=3)
    drawn = mean_squares(decompose(ratings), weights)
    for number, times in enumerate(weights.astype(int)):
        by_hand = mean_squares(decompose(np.repeat(ratings, times, axis=0)))
        # Squares are in units of the largest value, which a draw may lack, so ratios are compared.
        for name in ("icc_11", "icc_a1", "icc_c1"):
            found = coefficient(drawn, name)[number]
            np.testing.assert_allclose(found, coefficient(by_hand, name), rtol=1e-9)


def test_mean_squares_of_draws_are_centred_on_the_cohorts() -> None:
    ratings = simulate_repeats(np.random.default_rng(4), subjects=12, repeats=4, features=50, icc=0.85)
    parts = decompose(ratings)
    drawn = unbiased(mean_squares(parts, draw_sessions([str(k) for k in range(12)], 20_000, seed=5)))
    cohort = mean_squares(parts)
    for name in ("rows", "columns", "error"):
        values = getattr(drawn, name)
        errors = (values.mean(axis=0) - getattr(cohort, name)) / (values.std(axis=0) / np.sqrt(20_000))
        assert abs(errors).max() < 4.5, name  # of 50 standard normal values; uncorrected ones lie 16 or more away


@pytest.mark.parametrize("missing", [0, 6])
def test_intervals_cover_the_true_value(missing: int) -> None:
    icc, sessions, features = 0.85, 80, 400
    rng = np.random.default_rng(6)
    ratings = simulate_repeats(rng, subjects=sessions, repeats=4, features=features, icc=icc)
    for number in range(features):
        ratings[rng.choice(sessions, missing, replace=False), rng.integers(4), number] = np.nan
    weights = draw_sessions([str(k) for k in range(sessions)], 400, seed=7)
    low, high = percentile_interval(bootstrap_coefficients(decompose(ratings), weights, "icc_a1"))
    covered = ((low <= icc) & (icc <= high)).mean()
    # Four binomial standard errors, and the known shortfall of percentile intervals at this size, two hundredths.
    assert 0.95 - 4 * np.sqrt(0.95 * 0.05 / features) - 0.02 < covered < 0.95 + 4 * np.sqrt(0.95 * 0.05 / features)


def test_intervals_of_whole_numbers_are_whole_numbers() -> None:
    low, high = percentile_interval(np.arange(1000)[:, None] % 7)
    assert low.dtype.kind == "i"
    assert (low[0], high[0]) == (0, 6)


def test_draws_without_a_value_are_left_out_of_an_interval() -> None:
    drawn = np.full((100, 2), np.nan)
    drawn[:50, 0] = np.arange(50)
    low, high = percentile_interval(drawn)
    assert (low[0], high[0]) == (1, 48)  # ceil(.025 * 50) = 2nd and ceil(.975 * 50) = 49th of 0..49
    assert np.isnan([low[1], high[1]]).all()


@pytest.mark.parametrize("participants", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_few_participants_have_estimates_and_nothing_else(participants, tmp_path):
    """Eight sessions of a travelling volunteer, or four people: no interval, no share of draws, no verdict."""
    cohort = make_cohort(8, gray_levels=(16, 64))
    number = cohort["participant"].str[4:].astype(int)
    cohort = cohort.assign(participant=[f"sub-{k % participants}" for k in number], session=cohort["participant"])
    settings = Settings.from_config({"vois": ["AF", "CST", "NAWM"], "gray_levels": [16, 64], "bootstraps": 50})
    tables = analyse_agreement(open_features(write_cohort(cohort, tmp_path)), settings)
    icc, sides, best = tables["icc.parquet"], tables["sides.tsv"], tables["optimal_gray_level.tsv"]
    assert icc["icc"].notna().all()
    assert icc.filter(regex="_low$|_high$").isna().all(axis=None)
    assert sides["mean_difference"].notna().all()
    assert sides[["equivalent", "p_equivalence", "bootstrap_low"]].isna().all(axis=None)
    assert best["bootstrap_share"].isna().all() and best["low"].isna().all()
    readme = write_readme(
        tables | {"volumes.tsv": pd.DataFrame(), "trends.tsv": pd.DataFrame({"source": []})},
        reported_setting(best, settings), settings.with_found(open_features(sorted(tmp_path.iterdir()))),
        simulated=True, source="a test",
    )  # fmt: skip
    assert "not estimable" in readme and "equivalent within" not in readme
