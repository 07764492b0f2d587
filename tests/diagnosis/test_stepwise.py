"""Stepwise selection equals a brute-force one, and behaves where classes are separated."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.preprocessing import StandardScaler

from chiomics.diagnosis.estimators import stepwise
from chiomics.diagnosis.estimators.newton import maximise
from chiomics.diagnosis.estimators.stepwise import StepwiseAIC, score_statistics


def simulate(seed: int, *, features: int = 12, effect: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.repeat([1, 0], [47, 36])
    X = rng.standard_normal((83, features)) + 0.5 * rng.standard_normal((83, 1))
    X[:, :4] += effect * y[:, None]
    return X, y


def aic_of(X: np.ndarray, y: np.ndarray, columns: list[int]) -> float:
    design = np.column_stack([np.ones(len(X)), X[:, columns]])
    return sm.Logit(y, design).fit(disp=0, tol=1e-12).aic


def brute_force(X: np.ndarray, y: np.ndarray) -> tuple[set[int], float]:
    """Stepwise selection in both directions as R's step does it, on statsmodels' fits."""
    chosen: list[int] = []
    best = aic_of(X, y, [])
    while True:
        models = [[*chosen, column] for column in range(X.shape[1]) if column not in chosen]
        models += [[other for other in chosen if other != column] for column in chosen]
        scored = sorted((aic_of(X, y, model), model) for model in models)
        if scored[0][0] >= best - 1e-5:
            return set(chosen), best
        best, chosen = scored[0]


@pytest.mark.parametrize("seed", range(8))
def test_equals_brute_force(seed):
    X, y = simulate(seed)
    expected, aic = brute_force(X, y)
    selection = StepwiseAIC().fit(X, y)
    assert set(np.flatnonzero(selection.get_support())) == expected
    assert selection.criterion_ == pytest.approx(aic, abs=1e-5)


def test_no_single_step_lowers_the_criterion():
    X, y = simulate(31, features=40, effect=0.4)
    selection = StepwiseAIC().fit(X, y)
    chosen = list(np.flatnonzero(selection.get_support()))
    assert not selection.separated_
    for column in range(40):
        model = [other for other in chosen if other != column] if column in chosen else [*chosen, column]
        assert aic_of(X, y, model) > selection.criterion_ - 1e-4
    criteria = [criterion for _, _, criterion in selection.path_]
    assert criteria == sorted(criteria, reverse=True)


def test_scale_and_order_do_not_matter():
    X, y = simulate(7, features=25)
    support = StepwiseAIC().fit(X, y).get_support()
    rng = np.random.default_rng(0)
    order = rng.permutation(25)
    moved = X[:, order] * rng.uniform(1e-6, 1e6, 25) + rng.uniform(-10, 10, 25)
    np.testing.assert_array_equal(StepwiseAIC().fit(moved, y).get_support(), support[order])
    np.testing.assert_array_equal(StepwiseAIC().fit(X, 1 - y).get_support(), support)


def test_screening_all_candidates_changes_nothing():
    X, y = simulate(9, features=25)
    support = StepwiseAIC().fit(X, y).get_support()
    np.testing.assert_array_equal(StepwiseAIC(screen=25).fit(X, y).get_support(), support)


def test_most_and_least_numbers_of_features():
    X, y = simulate(2, features=25, effect=0.8)
    assert StepwiseAIC(max_features=2).fit(X, y).get_support().sum() == 2
    rng = np.random.default_rng(8)
    noise = rng.standard_normal((400, 1))
    labels = np.tile([0, 1], 200)
    # One noise column: below its chance threshold of 2 it is kept only because one feature is asked for.
    assert abs(noise[labels == 1].mean() - noise[labels == 0].mean()) < 0.1
    assert StepwiseAIC(min_features=0).fit(noise, labels).get_support().sum() == 0
    assert StepwiseAIC().fit(noise, labels).get_support().sum() == 1


def test_separated_classes_end_the_selection_with_the_smallest_set_that_separates():
    X, y = simulate(3, features=30)
    X[:, 17] = y + np.linspace(-0.4, 0.4, 83)
    selection = StepwiseAIC().fit(X, y)
    assert selection.separated_
    assert list(np.flatnonzero(selection.get_support())) == [17]
    assert selection.criterion_ == 4


def test_collinear_candidates_are_passed_over():
    X, y = simulate(4, features=6, effect=1.0)
    doubled = np.column_stack([X, X @ np.arange(1, 7)[:, None], X[:, :2]])
    selection = StepwiseAIC().fit(doubled, y)
    design = doubled[:, selection.get_support()]
    assert np.linalg.matrix_rank(StandardScaler().fit_transform(design)) == design.shape[1]


def test_score_statistic_is_the_first_newton_step():
    X, y = simulate(5, effect=0.05)
    base = np.column_stack([np.ones(83), X[:, 0]])
    beta, loglik = maximise(base[None], y.astype(float), np.zeros((1, 2)))
    score, _ = score_statistics(base, X[:, 1:], y.astype(float), beta[0])
    for column in range(1, 12):
        design = np.column_stack([base, X[:, column]])
        ratio = 2 * (maximise(design[None], y.astype(float), np.zeros((1, 3)))[1][0] - loglik[0])
        # Score and likelihood ratio statistic agree to first order: both are small here.
        assert score[column - 1] == pytest.approx(ratio, rel=0.2, abs=0.02)


def test_equally_good_features_are_chosen_by_their_place():
    X, y = simulate(6, features=3)
    twins = np.column_stack([X[:, 0], X[:, 0]])
    assert list(StepwiseAIC().fit(twins, y).get_support()) == [True, False]


@pytest.mark.parametrize("seed", range(12))
def test_models_that_are_not_fitted_could_not_have_won(seed, monkeypatch):
    """The path is that of fitting every candidate, and no bound lies above what the fit reaches."""
    rng = np.random.default_rng(seed)
    y = np.arange(60 + 20 * (seed % 3)) % 2
    X = rng.normal(size=(len(y), 10 + 5 * (seed % 4)))
    X[:, :3] += (0.4, 0.8, 1.2)[seed % 3] * y[:, None]
    found = StepwiseAIC().fit(X, y)
    for name in ("min_deviances", "min_deviances_without"):
        bound = getattr(stepwise, name)
        monkeypatch.setattr(stepwise, name, lambda *given, bound=bound: np.full_like(bound(*given), -np.inf))
    every = StepwiseAIC().fit(X, y)
    assert [step[:2] for step in found.path_] == [step[:2] for step in every.path_]
    assert found.criterion_ == pytest.approx(every.criterion_, abs=1e-9)


def test_bounds_lie_below_the_deviances_that_fits_reach():
    rng = np.random.default_rng(1)
    y = (np.arange(90) % 2).astype(float)
    Z = rng.normal(size=(90, 12)) + 0.5 * y[:, None]
    base = np.column_stack([np.ones(90), Z[:, :3]])
    beta = maximise(base[None], y, np.zeros((1, 4)), tolerance=1e-12)[0][0]
    for column, bound in enumerate(stepwise.min_deviances(base, Z[:, 3:], y, beta), start=3):
        design = np.column_stack([base, Z[:, column]])
        deviance = -2 * maximise(design[None], y, np.zeros((1, 5)), tolerance=1e-12)[1][0]
        assert bound <= deviance + 1e-6  # what the base's own fit leaves
        assert not np.isfinite(bound) or bound > deviance - 2
    exact, cheap = (stepwise.min_deviances(base, Z[:, 3:], y, beta, needed) for needed in (np.inf, 0.0))
    assert (cheap <= exact + 1e-9).all() and (cheap < exact - 1e-9).any(), "the cheaper bound is looser"
    for place, bound in enumerate(stepwise.min_deviances_without(base, y, beta), start=1):
        design = np.delete(base, place, axis=1)
        assert bound <= -2 * maximise(design[None], y, np.zeros((1, 3)), tolerance=1e-12)[1][0] + 1e-6
