"""Stepwise logistic regression by Akaike's criterion (Yan et al. 2021, Radiomic features-only model).

From the intercept alone, every step looks at all models with one feature more and all with one feature less and takes
the one of least AIC = 2 · parameters − 2 · log-likelihood, until none is lower: what `stepAIC` of R does in both
directions. A model that separates the classes has a deviance of 0, so nothing can be gained by adding to it; of several
such candidates the one of largest score statistic is added, or the last one added is dropped, and the coefficients
are left to a penalised model.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import numpy as np
from scipy.special import entr
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from chiomics.diagnosis.classes import two_class_tags, two_classes
from chiomics.diagnosis.estimators.newton import SEPARATED_DEVIANCE, information, maximise

log = logging.getLogger(__name__)

#: A column is not added where the model explains more than this share of it (weighted R²).
COLLINEAR = 1 - 1e-6
#: A step has to lower the criterion by more.
MIN_GAIN = 1e-5
#: Models that are fitted before bounds are compared with the best of them.
FIRST_FITS = 8
#: Seconds between words of a long selection.
EVERY = 60.0
#: Numbers in the designs that are fitted at once: 64 MB.
MAX_NUMBERS = 8_000_000


class StepwiseAIC(SelectorMixin, BaseEstimator):
    """Choose features by forward and backward steps of a logistic regression.

    Parameters
    ----------
    penalty : float
        Cost of a parameter: 2 is Akaike's criterion; log of the number of subjects would be Schwarz's.
    max_features : int, optional
        Most features.
    min_features : int
        1: the best single feature where even that does not lower the criterion. 0: none.
    screen : int, optional
        Fit only so many candidates per step, those of largest score statistic (to add) or least Wald statistic (to
        drop), which thousands of subjects need; None fits all.

    Attributes
    ----------
    support_ : ndarray of bool, shape (features,)
        Features chosen.
    path_ : list of (str, int, float)
        Steps: ``add`` or ``drop``, column, criterion after it.
    criterion_ : float
        Criterion of the chosen model.
    separated_ : bool
        Whether the chosen features separate the classes.
    """

    def __init__(
        self,
        penalty: float = 2.0,
        max_features: int | None = None,
        min_features: int = 1,
        screen: int | None = None,
    ) -> None:
        self.penalty = penalty
        self.max_features = max_features
        self.min_features = min_features
        self.screen = screen

    def fit(self, X: np.ndarray, y: np.ndarray) -> StepwiseAIC:
        """Run the selection, X of shape (subjects, features), y of two classes."""
        X, y = validate_data(self, X, y, dtype=float)
        _, positive = two_classes(y)
        y = positive.astype(float)
        sd = X.std(axis=0)
        Z = (X - X.mean(axis=0)) / np.where(sd > 0, sd, 1)
        most = min(Z.shape[1] if self.max_features is None else self.max_features, len(Z) - 2)
        chosen: list[int] = []
        share = y.mean()
        coefficients = np.array([np.log(share / (1 - share))])
        deviance = -2 * len(y) * (share * np.log(share) + (1 - share) * np.log(1 - share))
        self.path_, self.criterion_ = [], deviance + self.penalty
        said = time.monotonic()
        while True:
            if time.monotonic() - said > EVERY:
                said = time.monotonic()
                log.info(
                    "stepwise selection: %d features of %d so far; max_features bounds it, screen shortens it",
                    len(chosen),
                    Z.shape[1],
                )
            forced = len(chosen) < self.min_features
            # What cannot lower the criterion need not be fitted.
            worth = np.inf if forced else self.criterion_
            steps = self._drops(Z, y, chosen, coefficients, worth) if len(chosen) > 1 else []
            if len(chosen) < most and deviance > SEPARATED_DEVIANCE:
                worth = min([worth, *(step[0] for step in steps)])
                steps += self._adds(Z, y, chosen, coefficients, worth)
            if not steps:
                break
            # Equal within MIN_GAIN counts as equal, so that the choice does not hang on the last digits.
            least = min(step[0] for step in steps)
            criterion, _, action, column, beta = min(
                (step for step in steps if step[0] < least + MIN_GAIN), key=lambda step: step[1]
            )
            if criterion > self.criterion_ - MIN_GAIN and not forced:
                break
            chosen = [*chosen, column] if action == "add" else [other for other in chosen if other != column]
            coefficients, self.criterion_ = beta, criterion
            deviance = criterion - self.penalty * (len(chosen) + 1)
            self.path_.append((action, int(column), float(criterion)))
        self.support_ = np.zeros(Z.shape[1], dtype=bool)
        self.support_[chosen] = True
        self.separated_ = bool(deviance <= SEPARATED_DEVIANCE)
        return self

    def _adds(
        self, Z: np.ndarray, y: np.ndarray, chosen: list[int], coefficients: np.ndarray, worth: float
    ) -> list[tuple]:
        columns = np.setdiff1d(np.arange(Z.shape[1]), chosen)
        score, first_step = score_statistics(_design(Z, chosen), Z[:, columns], y, coefficients)
        order = np.argsort(-score, kind="stable")
        order = order[score[order] >= 0][: self.screen]
        models = np.column_stack([np.tile(np.array(chosen, dtype=int), (len(order), 1)), columns[order]])
        starts = np.column_stack([np.tile(coefficients, (len(order), 1)), first_step[order]])
        # Those of largest score first: what they reach spares most others.
        first = slice(None, FIRST_FITS)
        found = self._best(Z, y, models[first], starts[first], np.full(len(order[first]), -np.inf), worth)
        worth = min([worth, *(criterion for _, criterion, _ in found)])
        price, rest = self.penalty * (models.shape[1] + 1), slice(FIRST_FITS, None)
        needed = worth + 2 * MIN_GAIN - price
        bounds = min_deviances(_design(Z, chosen), Z[:, columns[order[rest]]], y, coefficients, needed) + price
        others = self._best(Z, y, models[rest], starts[rest], bounds, worth)
        found += [(place + FIRST_FITS, criterion, beta) for place, criterion, beta in others]
        return [
            (criterion, -score[order[place]], "add", columns[order[place]], beta) for place, criterion, beta in found
        ]

    def _drops(
        self, Z: np.ndarray, y: np.ndarray, chosen: list[int], coefficients: np.ndarray, worth: float
    ) -> list[tuple]:
        _, fisher = information(_design(Z, chosen), coefficients)
        variance = np.diag(np.linalg.pinv(fisher, hermitian=True))[1:]
        wald = coefficients[1:] ** 2 / np.maximum(variance, 1e-300)
        order = np.argsort(wald, kind="stable")[: self.screen]
        models = np.array([np.delete(chosen, place) for place in order])
        starts = np.array([np.delete(coefficients, place + 1) for place in order])
        bounds = min_deviances_without(_design(Z, chosen), y, coefficients)[order] + self.penalty * len(chosen)
        return [
            (criterion, -order[place], "drop", chosen[order[place]], beta)
            for place, criterion, beta in self._best(Z, y, models, starts, bounds, worth)
        ]

    def _best(
        self, Z: np.ndarray, y: np.ndarray, models: np.ndarray, starts: np.ndarray, bounds: np.ndarray, worth: float
    ) -> list[tuple[int, float, np.ndarray]]:
        """Fit the models whose criterion may be the least, those of least bound first; give place, criterion, beta."""
        found: list[tuple[int, float, np.ndarray]] = []
        left = np.argsort(bounds, kind="stable")
        size = FIRST_FITS
        while left.size:
            left = left[bounds[left] <= worth + 2 * MIN_GAIN]
            now, left = left[:size], left[size:]
            for place, (criterion, beta) in zip(now, self._fit(Z, y, models[now], starts[now]), strict=True):
                found.append((int(place), criterion, beta))
                worth = min(worth, criterion)
            size *= 2
        return sorted(found, key=lambda one: one[0])

    def _fit(
        self, Z: np.ndarray, y: np.ndarray, models: np.ndarray, starts: np.ndarray
    ) -> Iterator[tuple[float, np.ndarray]]:
        """Fit models of equal size, a few at a time, and give their criteria and coefficients."""
        at_once = max(1, MAX_NUMBERS // (len(Z) * (models.shape[-1] + 1)))
        for first in range(0, len(models), at_once):
            features = Z[:, models[first : first + at_once]].transpose(1, 0, 2)
            designs = np.concatenate([np.ones((*features.shape[:2], 1)), features], axis=2)
            beta, loglik = maximise(designs, y, starts[first : first + at_once])
            deviance = np.where(-2 * loglik < SEPARATED_DEVIANCE, 0, -2 * loglik)
            yield from zip(deviance + self.penalty * designs.shape[2], beta, strict=True)

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self) -> Tags:
        return two_class_tags(super().__sklearn_tags__())


def score_statistics(
    base: np.ndarray, Z: np.ndarray, y: np.ndarray, coefficients: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Test each column of `Z` as an addition to a fitted model.

    Parameters
    ----------
    base : ndarray, shape (subjects, columns)
        Design of the model, with its ones.
    Z : ndarray, shape (subjects, candidates)
        Candidates.
    y : ndarray, shape (subjects,)
        0 or 1.
    coefficients : ndarray, shape (columns,)
        Maximum likelihood estimate of the model.

    Returns
    -------
    statistic : ndarray, shape (candidates,)
        Rao's score statistic; −1 for a candidate that the model's columns explain.
    first_step : ndarray, shape (candidates,)
        The candidate's coefficient after one Newton step.
    """
    p, fisher = information(base, coefficients)
    weighted = Z * (p * (1 - p))[:, None]
    cross = base.T @ weighted
    whole = (Z * weighted).sum(axis=0)
    left = whole - (cross * (np.linalg.pinv(fisher, hermitian=True) @ cross)).sum(axis=0)
    usable = left > (1 - COLLINEAR) * whole
    left = np.where(usable, left, 1)
    slope = Z.T @ (y - p)
    return np.where(usable, slope**2 / left, -1.0), slope / left


def min_deviances(
    base: np.ndarray, Z: np.ndarray, y: np.ndarray, coefficients: np.ndarray, needed: float = np.inf
) -> np.ndarray:
    """Bound from below the deviance that each column of `Z`, added to a fitted model, can reach.

    The log-likelihood is at most minus the sum of the binary entropies of any residuals that are orthogonal to the
    design and between 0 and the class (duality of logistic regression; Jaakkola and Haussler, AISTATS 1999). Those of
    one Newton step are, as long as no linear predictor moves by more than 1.

    Parameters
    ----------
    base, Z, y, coefficients
        As for `score_statistics`.
    needed : float
        Candidates that a cheaper bound shows to stay above it have that one: the entropy's expansion to second order,
        its curvature within a step of at most m, below 1, being at most 1 / (1 − m) times that at the start.

    Returns
    -------
    ndarray, shape (candidates,)
        −∞ where the bound says nothing.
    """
    p, fisher = information(base, coefficients)
    weight, residual = p * (1 - p), y - p
    start = 2 * (entr(p) + entr(1 - p)).sum()
    inverse = np.linalg.pinv(fisher, hermitian=True)
    # The model's own residuals are orthogonal to its columns up to the tolerance of its fit.
    exact = inverse @ (base.T @ residual)
    bounds = np.full(Z.shape[1], -np.inf)
    at_once = max(1, MAX_NUMBERS // (4 * len(y)))
    for first in range(0, Z.shape[1], at_once):
        part = Z[:, first : first + at_once]
        rest = part - base @ (inverse @ (base.T @ (part * weight[:, None])))
        size = (rest**2 * weight[:, None]).sum(axis=0)
        usable = size > (1 - COLLINEAR) * (part**2 * weight[:, None]).sum(axis=0)
        slope = (part * (residual - weight * (base @ exact))[:, None]).sum(axis=0) / np.where(usable, size, 1)
        own = base @ exact
        most = np.abs(slope) * np.maximum(rest.max(axis=0), -rest.min(axis=0)) + np.abs(own).max()
        squares = slope**2 * size + 2 * slope * ((weight * own) @ rest) + weight @ own**2
        tilt = weight * (base @ coefficients)
        cheap = start - 2 * (slope * (tilt @ rest) + tilt @ own) - squares / np.where(most < 1, 1 - most, 1)
        spared = usable & (most < 1) & (cheap > max(needed, SEPARATED_DEVIANCE))
        bounds[first : first + at_once][spared] = cheap[spared]
        left = np.flatnonzero(usable & ~spared)
        bounds[first + left] = _dual(y, p, rest[:, left] * slope[left] + own[:, None])
    return bounds


def min_deviances_without(base: np.ndarray, y: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Bound from below the deviance of a fitted model without each of its columns but the first.

    As `min_deviances`: the residuals move along the part of the column that the others do not explain, as far as they
    stay between 0 and the class.
    """
    p, fisher = information(base, coefficients)
    inverse = np.linalg.pinv(fisher, hermitian=True)
    exact = inverse @ (base.T @ (y - p))
    # Column j of base @ inverse is orthogonal to all other columns in the weighted metric.
    moved = -(base @ inverse[:, 1:]) * (coefficients[1:] / np.diag(inverse)[1:])
    most = np.abs(moved).max(axis=0)
    moved = moved * np.minimum(1, 0.9 / np.maximum(most, 1e-300)) + (base @ exact)[:, None]
    return _dual(y, p, moved)


def _dual(y: np.ndarray, p: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Return twice the entropy of the residuals after linear predictors moved; −∞ where one is no residual."""
    share = np.where(y > 0, 1 - p, p)[:, None] * (1 - np.where(y > 0, p, p - 1)[:, None] * moved)
    usable = ((share >= 0) & (share <= 1)).all(axis=0)
    bound = 2 * (entr(share) + entr(1 - share)).sum(axis=0)
    return np.where(usable & (bound > SEPARATED_DEVIANCE), bound, -np.inf)


def _design(Z: np.ndarray, columns: list[int]) -> np.ndarray:
    return np.column_stack([np.ones(len(Z)), Z[:, columns]])
