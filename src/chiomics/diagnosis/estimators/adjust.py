"""Remove what covariates or the site explain from the features, learned on the training subjects alone.

`ConfounderRegression`: the residual of a linear regression on covariates, the mean kept. `ComBat`: location and scale
by site with empirical Bayes shrinkage (Johnson et al. 2007, Biostatistics 8:118), without covariates. A feature
that does not vary, overall or within a site, has no scale there: it stays as it is and takes no part in the shrinkage.
Both take the covariates as the last columns of X and return the other columns.
"""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from chiomics.core.errors import InputError

#: ComBat's iteration ends when no estimate moves by more, relative to itself.
TOLERANCE = 1e-4
MAX_ITERATIONS = 500
#: Values that differ by less than this part of the largest differ by rounding only.
SAME = 1e-12


class _DropsCovariates(TransformerMixin, BaseEstimator):
    """Shared handling of the covariate columns."""

    def _split(self, X: np.ndarray, *, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        fewest = self.covariates + 1 if reset else 1
        X = validate_data(self, X, dtype=float, reset=reset, ensure_min_features=fewest)
        return X[:, : X.shape[1] - self.covariates], X[:, X.shape[1] - self.covariates :]

    def get_feature_names_out(self, input_features: np.ndarray | None = None) -> np.ndarray:
        """Name the features without the covariates."""
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        return names[: len(names) - self.covariates]


class ConfounderRegression(_DropsCovariates):
    """Subtract what covariates explain linearly.

    Parameters
    ----------
    covariates : int
        Number of last columns that are covariates.

    Attributes
    ----------
    coef_ : ndarray, shape (covariates, features)
        Slopes.
    mean_ : ndarray, shape (covariates,)
        Covariates at which features stay as they are.
    """

    def __init__(self, covariates: int = 1) -> None:
        self.covariates = covariates

    def fit(self, X: np.ndarray, y: np.ndarray | None = None) -> ConfounderRegression:
        """Learn the slopes by least squares, X of shape (subjects, features + covariates)."""
        features, covariates = self._split(X, reset=True)
        self.mean_ = covariates.mean(axis=0)
        self.coef_ = np.linalg.pinv(covariates - self.mean_) @ (features - features.mean(axis=0))
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the adjusted features, shape (subjects, features)."""
        check_is_fitted(self)
        features, covariates = self._split(X, reset=False)
        return features - (covariates - self.mean_) @ self.coef_


class ComBat(_DropsCovariates):
    """Return the features of all sites one location and scale.

    Parameters
    ----------
    covariates : int
        1: the last column is the site's code.

    Attributes
    ----------
    sites_ : ndarray
        Codes seen in training, at least two subjects each.
    location_, scale_ : ndarray, shape (sites, features)
        Shrunken estimates, in units of the pooled SD.
    mean_, sd_ : ndarray, shape (features,)
        Grand mean over sites and pooled SD.
    varies_ : ndarray of bool, shape (features,)
        Features that vary within every site; the others stay as they are.
    """

    def __init__(self, covariates: int = 1) -> None:
        self.covariates = covariates

    def fit(self, X: np.ndarray, y: np.ndarray | None = None) -> ComBat:
        """Estimate the sites' effects, X of shape (subjects, features + 1)."""
        features, site = self._split(X, reset=True)
        if self.covariates != 1:
            raise InputError("ComBat takes one column, the site", found=f"{self.covariates}")
        self.sites_, code, counts = np.unique(site[:, 0], return_inverse=True, return_counts=True)
        if counts.min() < 2:
            raise InputError("ComBat needs two training subjects of every site", found=f"sizes {counts.tolist()}")
        ranges = np.stack([np.ptp(features[code == number], axis=0) for number in range(len(counts))])
        self.varies_ = (ranges > SAME * np.abs(features).max(axis=0, initial=0)).all(axis=0)
        features = features[:, self.varies_]
        means = np.stack([features[code == number].mean(axis=0) for number in range(len(counts))])
        mean = counts @ means / counts.sum()
        sd = np.sqrt(((features - means[code]) ** 2).mean(axis=0))
        z = (features - mean) / sd
        effects = [_shrink(z[code == number]) for number in range(len(counts))]
        location, scale = (np.stack(part) for part in zip(*effects, strict=True))
        shape = (len(counts), len(self.varies_))
        self.mean_, self.sd_ = np.zeros(shape[1]), np.ones(shape[1])
        self.location_, self.scale_ = np.zeros(shape), np.ones(shape)
        self.mean_[self.varies_], self.sd_[self.varies_] = mean, sd
        self.location_[:, self.varies_], self.scale_[:, self.varies_] = location, scale
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the harmonised features, shape (subjects, features)."""
        check_is_fitted(self)
        features, site = self._split(X, reset=False)
        code = np.searchsorted(self.sites_, site[:, 0]).clip(max=len(self.sites_) - 1)
        if (self.sites_[code] != site[:, 0]).any():
            raise InputError("ComBat cannot adjust a site without training subjects")
        z = (features - self.mean_) / self.sd_
        return (z - self.location_[code]) / self.scale_[code] * self.sd_ + self.mean_


def _shrink(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return one site's location and scale, shrunken towards their mean over features."""
    count = len(z)
    if not z.shape[1]:
        return np.zeros(0), np.ones(0)
    location, variance = z.mean(axis=0), z.var(axis=0, ddof=1)
    several = z.shape[1] > 1
    prior_mean, prior_variance = location.mean(), location.var(ddof=1) if several else 0
    spread = variance.var(ddof=1) if several else 0
    if spread <= 0:
        # One feature, or features of equal variance, have no distribution to shrink towards.
        return location, np.sqrt(np.where(variance > 0, variance, 1))
    shape = 2 + variance.mean() ** 2 / spread
    rate = variance.mean() * (shape - 1)
    found, scale = location, variance
    for _ in range(MAX_ITERATIONS):
        new = (count * prior_variance * location + scale * prior_mean) / (count * prior_variance + scale)
        squares = ((z - new) ** 2).sum(axis=0)
        new_scale = (rate + squares / 2) / (count / 2 + shape - 1)
        change = max(_change(new, found), _change(new_scale, scale))
        found, scale = new, new_scale
        if change < TOLERANCE:
            break
    return found, np.sqrt(scale)


def _change(new: np.ndarray, old: np.ndarray) -> float:
    return float((np.abs(new - old) / np.maximum(np.abs(old), 1e-8)).max())
