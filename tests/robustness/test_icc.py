"""Intraclass correlations: equal to a reference, to theory, and unchanged by what must not change them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pingouin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiomics.phantom.features import simulate_repeats
from chiomics.robustness.icc import (
    CONSTANT,
    TOO_FEW_RATERS,
    TOO_FEW_SESSIONS,
    coefficient,
    confidence_interval,
    decompose,
    mean_squares,
    why_missing,
)
from chiomics.robustness.tables import COEFFICIENTS

#: Six targets, four judges (Shrout and Fleiss 1979, table 2), and what they print of it.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)
PRINTED = {"icc_11": 0.17, "icc_a1": 0.29, "icc_c1": 0.71}
PINGOUIN = {"icc_11": "ICC(1,1)", "icc_a1": "ICC(A,1)", "icc_c1": "ICC(C,1)"}


def correlate(ratings: np.ndarray, kind: str) -> np.ndarray:
    return coefficient(mean_squares(decompose(ratings)), kind)


def with_pingouin(ratings: np.ndarray) -> pd.DataFrame:
    sessions, raters = np.indices(ratings.shape)
    long = pd.DataFrame({"session": sessions.ravel(), "rater": raters.ravel(), "value": ratings.ravel()})
    found = pingouin.intraclass_corr(long, targets="session", raters="rater", ratings="value", nan_policy="omit")
    return found.set_index("Type")


@pytest.mark.parametrize("kind", COEFFICIENTS)
def test_the_table_of_shrout_and_fleiss_comes_back(kind: str) -> None:
    found = correlate(SHROUT_FLEISS[..., None], kind)[0]
    assert round(found, 2) == PRINTED[kind]


@pytest.mark.parametrize("kind", COEFFICIENTS)
def test_coefficients_and_intervals_equal_pingouins(kind: str) -> None:
    rng = np.random.default_rng(3)
    noise = rng.uniform(0.1, 3, size=12)
    ratings = rng.normal(size=(15, 1, 12)) + noise * rng.normal(size=(15, 4, 12)) + rng.normal(size=(1, 4, 12))
    ratings = np.concatenate([ratings, np.pad(SHROUT_FLEISS, ((0, 9), (0, 0)), constant_values=np.nan)[..., None]], 2)
    squares = mean_squares(decompose(ratings))
    low, high = confidence_interval(squares, kind)
    for number in range(ratings.shape[2]):
        reference = with_pingouin(ratings[:, :, number]).loc[PINGOUIN[kind]]
        assert coefficient(squares, kind)[number] == pytest.approx(reference["ICC"], abs=1e-10)
        # pingouin rounds its limits to two decimals.
        np.testing.assert_allclose([low[number], high[number]], reference["CI95"], atol=0.00501)


@pytest.mark.parametrize("icc", [0.3, 0.85, 0.95])
@pytest.mark.parametrize("kind", COEFFICIENTS)
def test_known_variance_components_give_the_analytic_value(icc: float, kind: str) -> None:
    ratings = simulate_repeats(np.random.default_rng(7), subjects=150, repeats=4, features=2000, icc=icc)
    found = correlate(ratings, kind)
    # Five standard errors of the mean, and the bias of the estimate, which is below (1 - ICC) / sessions.
    assert found.mean() == pytest.approx(icc, abs=5 * found.std() / np.sqrt(2000) + (1 - icc) / 150)


def test_variance_of_raters_lowers_agreement_as_its_definition_says() -> None:
    rng = np.random.default_rng(8)
    raters = 30  # many, so that their variance is known well
    sessions, offsets = rng.normal(size=(100, 1, 400)), np.sqrt(0.5) * rng.normal(size=(1, raters, 400))
    ratings = sessions + offsets + np.sqrt(0.25) * rng.normal(size=(100, raters, 400))
    expected = {"icc_c1": 1 / (1 + 0.25), "icc_a1": 1 / (1 + 0.5 + 0.25)}
    for kind, value in expected.items():
        found = correlate(ratings, kind)
        assert found.mean() == pytest.approx(
            value, abs=5 * found.std() / np.sqrt(400) + 0.01
        )  # 0.01: bias, 1 / sessions


def test_the_mean_of_independent_reconstructions_follows_spearman_and_brown() -> None:
    icc, pooled = 0.6, 4
    ratings = simulate_repeats(np.random.default_rng(9), subjects=200, repeats=3 * pooled, features=1500, icc=icc)
    found = correlate(ratings.reshape(200, 3, pooled, 1500).mean(axis=2), "icc_a1")
    expected = pooled * icc / (1 + (pooled - 1) * icc)
    assert found.mean() == pytest.approx(expected, abs=5 * found.std() / np.sqrt(1500) + 1 / 200 * (1 - expected))


def test_reconstructions_that_share_echoes_agree_as_their_covariance_says() -> None:
    sets, echoes, noise = ([0, 1, 2, 3, 4], [0, 2, 4], [0, 4], [4]), 5, 0.6
    mixing = np.array([[1 / len(chosen) if echo in chosen else 0 for echo in range(echoes)] for chosen in sets])
    covariance = noise**2 * mixing @ mixing.T
    shared = covariance[~np.eye(4, dtype=bool)].mean()
    expected = (1 + shared) / (1 + covariance.diagonal().mean())
    rng = np.random.default_rng(10)
    of_echoes = noise * rng.normal(size=(150, echoes, 2000))
    ratings = rng.normal(size=(150, 1, 2000)) + np.einsum("re,sef->srf", mixing, of_echoes)
    found = correlate(ratings, "icc_c1")
    assert found.mean() == pytest.approx(expected, abs=5 * found.std() / np.sqrt(2000) + (1 - expected) / 150)
    assert expected > 1 / (1 + covariance.diagonal().mean()) + 0.05  # sharing matters: without it the law would differ


@pytest.mark.parametrize("kind", COEFFICIENTS)
def test_permuting_raters_changes_nothing(kind: str) -> None:
    rng = np.random.default_rng(11)
    ratings = rng.normal(size=(20, 1, 50)) + rng.normal(size=(20, 4, 50)) + rng.normal(size=(1, 4, 50))
    np.testing.assert_allclose(correlate(ratings[:, [2, 0, 3, 1]], kind), correlate(ratings, kind), rtol=1e-12)


def test_an_offset_of_one_reconstruction_lowers_agreement_and_not_consistency() -> None:
    rng = np.random.default_rng(12)
    ratings = rng.normal(size=(20, 1, 50)) + 0.3 * rng.normal(size=(20, 4, 50))
    ratings -= ratings.mean(axis=0)  # raters that agree in the mean
    moved = ratings + np.array([0, 0, 1.5, 0])[:, None]
    np.testing.assert_allclose(correlate(moved, "icc_c1"), correlate(ratings, "icc_c1"), rtol=1e-10)
    assert (correlate(moved, "icc_a1") < correlate(ratings, "icc_a1") - 0.05).all()


@settings(max_examples=50, deadline=None)
@given(
    st.integers(0, 10_000), st.sampled_from(COEFFICIENTS), st.floats(1e-9, 1e9), st.floats(-1e3, 1e3), st.booleans()
)  # fmt: skip
def test_units_and_zero_do_not_matter(seed: int, kind: str, scale: float, shift: float, flip: bool) -> None:
    rng = np.random.default_rng(seed)
    ratings = rng.normal(size=(8, 1, 3)) + rng.normal(size=(8, 3, 3))
    changed = scale * (-ratings if flip else ratings) + scale * shift
    # A shift of a thousand standard deviations costs six of sixteen digits in the squares.
    np.testing.assert_allclose(correlate(changed, kind), correlate(ratings, kind), atol=1e-8)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(COEFFICIENTS))
def test_coefficients_lie_in_their_interval_and_below_one(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    ratings = rng.normal(size=(rng.integers(3, 12), 1, 4)) + rng.normal(size=(1, rng.integers(2, 6), 4))
    ratings = ratings + rng.uniform(0.05, 3) * rng.normal(size=ratings.shape)
    squares = mean_squares(decompose(ratings))
    found, (low, high) = coefficient(squares, kind), confidence_interval(squares, kind)
    assert (found <= 1).all()
    certain = found > 0  # Satterthwaite's interval is not defined by a negative ratio
    assert ((low <= found) & (found <= high))[certain].all()


@pytest.mark.parametrize("kind", COEFFICIENTS)
def test_intervals_cover_the_true_value(kind: str) -> None:
    features, icc = 3000, 0.85
    ratings = simulate_repeats(np.random.default_rng(13), subjects=25, repeats=4, features=features, icc=icc)
    low, high = confidence_interval(mean_squares(decompose(ratings)), kind)
    covered = ((low <= icc) & (icc <= high)).mean()
    assert covered == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / features))  # four binomial standard errors


def test_the_interval_of_agreement_falls_a_little_short_where_four_raters_differ_much() -> None:
    rng, features, raters_differ = np.random.default_rng(14), 3000, 0.3
    ratings = simulate_repeats(rng, subjects=25, repeats=4, features=features, icc=0.85)
    ratings = ratings + np.sqrt(raters_differ) * rng.normal(size=(1, 4, features))
    low, high = confidence_interval(mean_squares(decompose(ratings)), "icc_a1")
    truth = 0.85 / (1 + raters_differ)
    # Known of Satterthwaite's approximation (Cappelleri and Ting, Statistics in Medicine 22:1861, 2003).
    assert 0.87 < ((low <= truth) & (truth <= high)).mean() < 0.96


def test_equal_reconstructions_agree_perfectly() -> None:
    ratings = np.random.default_rng(14).normal(size=(10, 1, 6)).repeat(3, axis=1)
    squares = mean_squares(decompose(ratings))
    for kind in COEFFICIENTS:
        np.testing.assert_allclose(coefficient(squares, kind), 1, rtol=1e-14)
        np.testing.assert_array_equal(np.stack(confidence_interval(squares, kind)), 1)


def test_a_session_that_lacks_a_reconstruction_is_left_out_of_that_feature_only() -> None:
    ratings = np.random.default_rng(15).normal(size=(12, 4, 2)) + np.arange(12.0)[:, None, None]
    holed = ratings.copy()
    holed[3, 1, 0] = np.nan
    holed[7, 2, 0] = np.inf
    parts = decompose(holed)
    assert parts.complete.sum(axis=0).tolist() == [10, 12]
    whole = np.delete(ratings, [3, 7], axis=0)
    for kind in COEFFICIENTS:
        found = coefficient(mean_squares(parts), kind)
        expected = [correlate(whole, kind)[0], correlate(ratings, kind)[1]]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_what_has_no_coefficient_has_a_reason() -> None:
    ratings = np.random.default_rng(16).normal(size=(5, 3, 4))
    ratings[:, :, 1] = 4.7
    ratings[:, :, 2] = 4.7 + 1e-15 * np.arange(15).reshape(5, 3)  # rounding, no variation
    ratings[1:, 0, 3] = np.nan
    parts = decompose(ratings)
    assert why_missing(parts).tolist() == ["", CONSTANT, CONSTANT, TOO_FEW_SESSIONS]
    assert parts.usable.tolist() == [True, False, False, False]
    assert set(why_missing(decompose(ratings[:, :1]))) == {TOO_FEW_RATERS}
