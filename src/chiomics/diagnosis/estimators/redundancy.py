"""Redundancy filter: of two features with Spearman |ρ| above a cutoff, one goes (Yan et al. 2021, Model).

Which one goes is not published. Here features are taken in order of their AUC's distance from 0.5, best first (ties:
the earlier column), and each is kept unless it correlates too strongly with one kept before. The result does not
depend on the order of columns, but for ties, and does not change under monotone transforms of a feature.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from chiomics.diagnosis.classes import two_class_tags, two_classes

#: Correlations that differ by less differ by rounding only.
ROUNDING = 1e-12


class RedundancyFilter(SelectorMixin, BaseEstimator):
    """Keep features that are not correlated by rank with a better one.

    Parameters
    ----------
    cutoff : float
        A feature is redundant with |ρ| above it.

    Attributes
    ----------
    support_ : ndarray of bool, shape (features,)
        Features kept.
    """

    def __init__(self, cutoff: float = 0.9) -> None:
        self.cutoff = cutoff

    def fit(self, X: np.ndarray, y: np.ndarray) -> RedundancyFilter:
        """Rank the features and drop the redundant ones, X of shape (subjects, features), y of two classes."""
        X, y = validate_data(self, X, y, dtype=float)
        _, positive = two_classes(y)
        ranks = rankdata(X, axis=0)
        ranks -= ranks.mean(axis=0)
        # Rounded, so that features whose AUCs are equal in exact arithmetic tie on every machine.
        merit = np.abs(np.round(ranks[positive].sum(axis=0), 6))
        length = np.linalg.norm(ranks, axis=0)
        order = np.argsort(-merit, kind="stable")
        # One row per feature, best first: a feature is compared with those after it that are still there.
        unit = np.divide(ranks, length, out=ranks, where=length > 0).T[order]
        self.support_ = np.zeros(X.shape[1], dtype=bool)
        while len(order):
            self.support_[order[0]] = True
            left = np.abs(unit[1:] @ unit[0]) <= self.cutoff + ROUNDING
            order = order[1:][left]
            unit = unit[1:] if left.all() else unit[1:][left]
        return self

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self) -> Tags:
        return two_class_tags(super().__sklearn_tags__())
