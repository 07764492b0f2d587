"""Missing and abnormal feature values become the median of the training subjects (Yan et al. 2021, Features).

The paper does not define abnormal: here it is a value that is not finite or, if asked for, one that lies more than
`abnormal_z` standard deviations from the training mean.
"""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data


class MedianImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Replace missing and abnormal values by the training median.

    Parameters
    ----------
    abnormal_z : float, optional
        |z| against the training mean and SD beyond which a value is abnormal; None: no finite value is.
    exempt : int
        Number of last columns of which no finite value is abnormal: indicators and codes.

    Attributes
    ----------
    median_ : ndarray, shape (features,)
        Of the training values that are not abnormal; 0 for a feature without any.
    low_, high_ : ndarray, shape (features,)
        Values outside are abnormal.
    """

    def __init__(self, abnormal_z: float | None = None, exempt: int = 0) -> None:
        self.abnormal_z = abnormal_z
        self.exempt = exempt

    def fit(self, X: np.ndarray, y: np.ndarray | None = None) -> MedianImputer:
        """Learn medians and limits from the training subjects, shape (subjects, features)."""
        X = _hide_infinite(validate_data(self, X, dtype=(np.float64, np.float32), ensure_all_finite=False))
        features = X.shape[1]
        self.low_, self.high_ = np.full(features, -np.inf), np.full(features, np.inf)
        if self.abnormal_z is not None:
            known = ~np.isnan(X)
            count = np.maximum(known.sum(axis=0), 1)
            mean = np.where(known, X, 0).sum(axis=0) / count
            spread = np.sqrt(np.where(known, (X - mean) ** 2, 0).sum(axis=0) / count) * self.abnormal_z
            spread[features - self.exempt :] = np.inf
            self.low_, self.high_ = mean - spread, mean + spread
            X = np.where((self.low_ > X) | (self.high_ < X), np.nan, X)
        missing = np.isnan(X)
        self.median_ = np.zeros(features)
        whole = ~missing.any(axis=0)
        self.median_[whole] = np.median(X[:, whole], axis=0)
        for column in np.flatnonzero(~whole & ~missing.all(axis=0)):
            self.median_[column] = np.median(X[~missing[:, column], column])
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return a copy with every missing or abnormal value replaced, shape (subjects, features)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), ensure_all_finite=False, reset=False)
        usable = np.isfinite(X) & (self.low_ <= X) & (self.high_ >= X)
        return np.where(usable, X, self.median_.astype(X.dtype))

    def __sklearn_tags__(self) -> object:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _hide_infinite(X: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(X), X, np.nan)
