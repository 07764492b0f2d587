"""Univariate filter: features that differ between the two classes (Yan et al. 2021, Statistical analysis).

Per feature, Student's t test where the Lilliefors test rejects normality in neither class, else the Mann-Whitney test
(normal approximation with corrections for ties and continuity), two-sided. No correction for multiple testing, as
published. All features are tested at once.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, stdtr
from scipy.stats import rankdata
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from chiomics.core.errors import SettingError
from chiomics.diagnosis.classes import two_class_tags, two_classes
from chiomics.diagnosis.normality import MAX_P, lilliefors


class UnivariateFilter(SelectorMixin, BaseEstimator):
    """Keep the features whose means or ranks differ between two classes.

    Parameters
    ----------
    threshold : float
        A feature passes with p below it.
    normality : float
        p of the Lilliefors test below which the Mann-Whitney test is used, at most 0.1.
    min_features : int
        So many features of least p pass in any case: later steps need one.

    Attributes
    ----------
    pvalues_ : ndarray, shape (features,)
        Two-sided; 1 for a constant feature.
    parametric_ : ndarray of bool, shape (features,)
        Where the t test was used.
    """

    def __init__(self, threshold: float = 0.05, normality: float = 0.05, min_features: int = 1) -> None:
        self.threshold = threshold
        self.normality = normality
        self.min_features = min_features

    def fit(self, X: np.ndarray, y: np.ndarray) -> UnivariateFilter:
        """Test every feature, X of shape (subjects, features), y of two classes."""
        if not 0 <= self.normality <= MAX_P:
            raise SettingError("threshold of normality", found=f"{self.normality}", expected=f"0 to {MAX_P}")
        X, y = validate_data(self, X, y, dtype=float)
        _, positive = two_classes(y)
        self.pvalues_, self.parametric_ = compare_classes(X, positive, normality=self.normality)
        return self

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self)
        support = self.pvalues_ < self.threshold
        if support.sum() < self.min_features:
            support[np.argsort(self.pvalues_, kind="stable")[: self.min_features]] = True
        return support

    def __sklearn_tags__(self) -> Tags:
        return two_class_tags(super().__sklearn_tags__())


def compare_classes(X: np.ndarray, positive: np.ndarray, *, normality: float) -> tuple[np.ndarray, np.ndarray]:
    """Compare two classes feature by feature.

    Parameters
    ----------
    X : ndarray, shape (subjects, features)
        Finite values.
    positive : ndarray of bool, shape (subjects,)
        Membership in the second class.
    normality : float
        p of the Lilliefors test below which ranks are compared.

    Returns
    -------
    p : ndarray, shape (features,)
        Two-sided.
    parametric : ndarray of bool, shape (features,)
        True where the t test was used.
    """
    a, b = X[positive], X[~positive]
    parametric = (lilliefors(a)[1] >= normality) & (lilliefors(b)[1] >= normality)
    p = np.ones(X.shape[1])
    p[parametric] = student_p(a[:, parametric], b[:, parametric])
    p[~parametric] = mann_whitney_p(X[:, ~parametric], positive)
    return p, parametric


def student_p(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return two-sided p of Student's t test of equal variances, one per column; 1 where nothing varies."""
    freedom = len(a) + len(b) - 2
    if freedom < 1:
        return np.ones(a.shape[1])
    scatter = ((a - a.mean(axis=0)) ** 2).sum(axis=0) + ((b - b.mean(axis=0)) ** 2).sum(axis=0)
    error = np.sqrt(scatter / freedom * (1 / len(a) + 1 / len(b)))
    difference = np.abs(a.mean(axis=0) - b.mean(axis=0))
    t = np.divide(difference, error, out=np.zeros_like(error), where=error > 0)
    return 2 * stdtr(freedom, -t)


def mann_whitney_p(X: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Return two-sided p of the Mann-Whitney test, one per column; 1 where all values are tied."""
    if not X.shape[1]:
        return np.ones(0)
    count, first = len(X), int(positive.sum())
    second = count - first
    ranks = rankdata(X, axis=0)
    u = ranks[positive].sum(axis=0) - first * (first + 1) / 2
    # Σ(t³ − t) over ties equals 12 times what the ranks' sum of squares lacks.
    spread = (ranks**2).sum(axis=0) - count * ((count + 1) / 2) ** 2
    sd = np.sqrt(first * second * np.maximum(spread, 0) / (count * (count - 1)))
    distance = np.maximum(np.abs(u - first * second / 2) - 0.5, 0)
    z = np.divide(distance, sd, out=np.zeros_like(sd), where=sd > 0)
    return np.minimum(2 * ndtr(-z), 1)
