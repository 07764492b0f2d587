"""AUC, its variance and its tests: laws, and equality with the formulas of the papers written out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from chiomics.core.errors import InputError
from chiomics.core.scores.concordance import auc, concordance
from chiomics.core.scores.delong import auc_covariance, compare_aucs, holm
from chiomics.core.scores.intervals import (
    bootstrap_aucs,
    bootstrap_interval,
    delong_interval,
    hanley_mcneil_error,
    wilson_interval,
)
from chiomics.core.scores.thresholds import score_calls, youden_threshold


def scores(seed: int, *, positives: int = 12, negatives: int = 9) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two correlated scores with ties."""
    rng = np.random.default_rng(seed)
    y = np.repeat([1, 0], [positives, negatives])
    shared = rng.normal(size=y.size) + y
    first, second = np.round(shared + rng.normal(size=(2, y.size)), 1)
    return y, first, second


def of(y: np.ndarray, score: np.ndarray):
    return concordance(y, score, np.arange(len(y)))


def psi(above: float, below: float) -> float:
    return 1.0 if above > below else 0.5 if above == below else 0.0


def written_out(y: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Covariance of two AUCs after DeLong et al. (1988), equations 4 to 8, subject by subject."""
    xs = [[score[i] for i in range(len(y)) if y[i]] for score in (first, second)]
    ys = [[score[i] for i in range(len(y)) if not y[i]] for score in (first, second)]
    m, n = len(xs[0]), len(ys[0])
    theta = [sum(psi(a, b) for a, b in product(x, z)) / (m * n) for x, z in zip(xs, ys, strict=True)]
    v10 = [[sum(psi(a, b) for b in ys[r]) / n for a in xs[r]] for r in (0, 1)]
    v01 = [[sum(psi(a, b) for a in xs[r]) / m for b in ys[r]] for r in (0, 1)]
    covariance = np.empty((2, 2))
    for r, s in product((0, 1), (0, 1)):
        s10 = sum((v10[r][i] - theta[r]) * (v10[s][i] - theta[s]) for i in range(m)) / (m - 1)
        s01 = sum((v01[r][j] - theta[r]) * (v01[s][j] - theta[s]) for j in range(n)) / (n - 1)
        covariance[r, s] = s10 / m + s01 / n
    return covariance


@pytest.mark.parametrize("seed", range(5))
def test_delong_equals_its_equations(seed):
    y, first, second = scores(seed)
    expected = written_out(y, first, second)
    np.testing.assert_allclose(auc_covariance(of(y, first), of(y, second)), expected, rtol=1e-12)
    found = compare_aucs(of(y, first), of(y, second))
    contrast = np.array([1, -1])
    z = (roc_auc_score(y, first) - roc_auc_score(y, second)) / np.sqrt(contrast @ expected @ contrast)
    assert found.z == pytest.approx(z)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(z)))


@pytest.mark.parametrize("seed", range(5))
def test_auc_equals_scikit_learn(seed):
    y, first, _ = scores(seed)
    assert auc(y, first) == pytest.approx(roc_auc_score(y, first), abs=1e-12)


@given(st.integers(0, 10_000))
def test_auc_and_its_variance_survive_monotone_transforms(seed):
    y, first, second = scores(seed)
    before, after = of(y, first), of(y, np.exp(first / 3) - 7)
    for old, new in zip(before.placements(), after.placements(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert compare_aucs(before, of(y, second)) == compare_aucs(after, of(y, second))


@given(st.integers(0, 10_000))
def test_exchanged_classes_give_one_minus_auc(seed):
    y, first, second = scores(seed)
    assert auc(1 - y, first) == pytest.approx(1 - auc(y, first))
    assert auc(1 - y, -first) == pytest.approx(auc(y, first))
    kept, exchanged = (auc_covariance(of(labels, first), of(labels, second)) for labels in (y, 1 - y))
    np.testing.assert_allclose(kept, exchanged, atol=1e-15)


def test_equal_scores_are_not_different():
    y, first, _ = scores(0)
    found = compare_aucs(of(y, first), of(y, 2 * first))
    assert (found.difference, found.p) == (0, 1)


def test_exchanged_models_change_the_sign_alone():
    y, first, second = scores(1)
    there, back = compare_aucs(of(y, first), of(y, second)), compare_aucs(of(y, second), of(y, first))
    assert there.difference == -back.difference
    assert there.p == back.p
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_the_mean_over_repeats_is_the_mean_of_their_aucs():
    y, first, second = scores(2)
    both = of(y, np.stack([first, second]))
    np.testing.assert_allclose(both.per_repeat, [auc(y, first), auc(y, second)])
    assert both.auc == pytest.approx(both.per_repeat.mean())


def test_variance_of_repeats_is_that_within_and_between_them():
    y, first, second = scores(2)
    again = of(y, np.stack([first, first]))
    assert auc_covariance(again)[0, 0] == pytest.approx(auc_covariance(of(y, first))[0, 0])
    within = [auc_covariance(of(y, score))[0, 0] for score in (first, second)]
    between = np.var([auc(y, first), auc(y, second)], ddof=1)
    assert auc_covariance(of(y, np.stack([first, second])))[0, 0] == pytest.approx(np.mean(within) + between)


def test_copied_sessions_of_a_participant_are_no_new_evidence():
    y, first, second = scores(3)
    who = np.arange(len(y))
    once = concordance(y, first, who), concordance(y, second, who)
    twice = tuple(concordance(np.tile(y, 2), np.tile(score, 2), np.tile(who, 2)) for score in (first, second))
    assert twice[0].auc == pytest.approx(once[0].auc)
    np.testing.assert_allclose(auc_covariance(*twice), auc_covariance(*once), rtol=1e-12)
    drawn = [bootstrap_aucs(*models, draws=50, seed=4) for models in (once, twice)]
    np.testing.assert_allclose(*drawn)


def test_delong_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(9)
    y = np.repeat([1, 0], [47, 36])
    true = stats.norm.cdf(1 / np.sqrt(2))
    hits = []
    for _ in range(400):
        low, high = delong_interval(of(y, rng.normal(size=83) + y))
        hits.append(low < true < high)
    # Standard error of the share 0.011; three of them, and the interval is asymptotic.
    assert np.mean(hits) == pytest.approx(0.95, abs=0.035)


def test_bootstrap_agrees_with_delong():
    rng = np.random.default_rng(10)
    y = np.repeat([1, 0], [150, 120])
    model = of(y, rng.normal(size=270) + y)
    drawn = bootstrap_aucs(model, draws=4000, seed=1)[:, 0]
    # The SD of 4,000 draws is known to 1.1 %; Efron's variance lacks the factor n/(n − 1), 0.4 %.
    assert drawn.std() == pytest.approx(np.sqrt(auc_covariance(model)[0, 0]), rel=0.05)
    low, high = bootstrap_interval(model, draws=4000, seed=1)
    assert (low, high) == pytest.approx(delong_interval(model), abs=0.01)


def test_hanley_and_mcneil_equal_their_own_example():
    # Hanley and McNeil (1982): AUC 0.893 with 51 abnormal and 58 normal images has a standard error of 0.032.
    assert hanley_mcneil_error(0.893, 51, 58) == pytest.approx(0.032, abs=1e-3)


def test_wilson_equals_statsmodels():
    assert wilson_interval(40 / 47, 47) == pytest.approx(proportion_confint(40, 47, method="wilson"))


def test_holm_equals_statsmodels():
    p = np.array([0.01, 0.2, 0.03, 0.03, 0.9, 0.0001])
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])


@pytest.mark.parametrize("seed", range(5))
def test_youden_threshold_is_the_best_of_all(seed):
    y, score, _ = scores(seed)
    calls = score_calls(y, score, youden_threshold(y, score))
    for cut in np.r_[score, score + 1e-9, score - 1e-9]:
        other = score_calls(y, score, cut)
        assert other.sensitivity + other.specificity <= calls.sensitivity + calls.specificity + 1e-12


def test_a_class_without_subjects_is_refused():
    with pytest.raises(InputError, match="both classes"):
        auc(np.ones(5), np.arange(5.0))


@pytest.mark.parametrize(
    "labels", [[1, 0, np.nan, 0], ["1", "0", "1", "0"], [2, 1, 2, 1], [1, -1, 1, -1], [0.4, 0, 1, 0]]
)
def test_what_is_no_label_is_not_taken_for_the_positive_class(labels):
    score, participants = [4, 1, 3, 2], [1, 2, 3, 4]
    for call in (
        lambda: concordance(labels, score, participants), lambda: auc(labels, score),
        lambda: youden_threshold(labels, score), lambda: score_calls(labels, score, 2.5),
    ):  # fmt: skip
        with pytest.raises(InputError, match="labels are not 0 and 1"):
            call()


def test_labels_scores_and_participants_belong_together():
    y, score = [1, 0, 1, 0], [4, 1, 3, 2]
    with pytest.raises(InputError, match="found 1"):
        concordance(y, score, [1, 1, 2, 3])  # one person's lesions of both kinds are no independent classes
    for wrong in ((y, score[:3], y), (y, score, [1, 2, 3]), (y, np.transpose([score, score]), [1, 2, 3, 4])):
        with pytest.raises(InputError, match="differ in number"):
            concordance(*wrong)
    for y, score in (([1, 1, 1], [1, 2, 3]), ([1, 0, 1], [1, np.nan, 2])):
        with pytest.raises(InputError, match="finite scores of both classes"):
            youden_threshold(y, score)
