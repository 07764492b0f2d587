import numpy as np
import pytest
from scipy.stats import norm

from chiomics.core.scores.concordance import concordance
from chiomics.core.scores.intervals import (
    bootstrap_interval,
    delong_interval,
    hanley_mcneil_interval,
    newcombe_interval,
)

SIZES = [(9, 9), (6, 12), (47, 36)]


def separated(positives=9, negatives=9):
    """Scores of two classes that do not overlap."""
    y = np.arange(positives + negatives) < positives
    return concordance(y, np.where(y, 1.0, 0.0) + np.arange(len(y)) / 100, np.arange(len(y)))


@pytest.mark.parametrize(("positives", "negatives"), SIZES)
@pytest.mark.parametrize("auc", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_the_ends_are_the_aucs_under_which_the_one_found_would_just_be_surprising(auc, positives, negatives):
    low, high = newcombe_interval(auc, positives, negatives)
    assert 0 <= low <= auc <= high <= 1
    n = (positives + negatives) / 2 - 1
    for end in {low, high} - {0.0, 1.0}:
        spread = 1 + n * (1 - end) / (2 - end) + n * end / (1 + end)
        error = np.sqrt(end * (1 - end) * spread / (positives * negatives))
        assert abs(auc - end) / error == pytest.approx(1.959964, rel=1e-5)
    mirrored = newcombe_interval(1 - auc, positives, negatives)
    np.testing.assert_allclose(mirrored, (1 - high, 1 - low), atol=1e-9)


@pytest.mark.parametrize(("positives", "negatives"), [(3, 3), (9, 9), (50, 50), (500, 500)])
def test_an_auc_of_one_is_as_sure_as_the_cohort_is_large(positives, negatives):
    low, high = newcombe_interval(1.0, positives, negatives)
    assert high == 1
    # To first order in 1 / n the equation leaves z^2 / 2n below 1; of n = 3 a quarter is left to the next orders.
    assert 1 - low == pytest.approx(1.96**2 / (2 * positives + 1.96**2), rel=0.3)


@pytest.mark.parametrize(
    "interval",
    [delong_interval, lambda model: bootstrap_interval(model, draws=200, seed=1),
     lambda model: hanley_mcneil_interval(model.auc, 9, 9)],
)  # fmt: skip
def test_perfect_separation_of_18_participants_is_not_certain_by_any_method(interval):
    low, high = interval(separated())
    assert (low, high) == newcombe_interval(1.0, 9, 9)
    assert low < 0.85


@pytest.mark.parametrize("auc", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("positives", "negatives"), SIZES[:2])
def test_intervals_cover_the_true_auc_near_one(auc, positives, negatives):
    """Binormal scores; 800 cohorts, whose share of hits has a standard error of 0.8 %."""
    rng = np.random.default_rng(5)
    shift = np.sqrt(2) * norm.ppf(auc)
    y = np.arange(positives + negatives) < positives
    hits = {"newcombe": 0, "delong": 0}
    for _ in range(800):
        model = concordance(y, rng.normal(size=len(y)) + shift * y, np.arange(len(y)))
        ends = {"newcombe": newcombe_interval(model.auc, positives, negatives), "delong": delong_interval(model)}
        for name, (low, high) in ends.items():
            hits[name] += low <= auc <= high
    assert hits["newcombe"] / 800 > 0.95 - 0.02
    assert hits["delong"] / 800 > 0.95 - 0.04  # a Wald interval between the borders
