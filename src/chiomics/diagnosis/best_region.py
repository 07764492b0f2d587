"""The region whose selection explains the training classes best, for a hybrid model that declares none."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from chiomics.diagnosis.classes import two_class_tags


class BestRegion(TransformerMixin, BaseEstimator):
    """Run a selection in every region and keep the region of least AIC.

    Parameters
    ----------
    selection : sklearn.pipeline.Pipeline
        Ends in a step that has a ``criterion_``, such as `StepwiseAIC`.
    regions : sequence of str
        Region of each column; columns of the empty name (covariates) serve all, after the others.

    Attributes
    ----------
    region_ : str
        The region kept.
    columns_ : ndarray of int
        Its columns, and those that serve all.
    selection_ : sklearn.pipeline.Pipeline
        Fitted on these columns.
    """

    def __init__(self, selection: Pipeline, regions: tuple[str, ...]) -> None:
        self.selection = selection
        self.regions = regions

    def fit(self, X: np.ndarray, y: np.ndarray) -> BestRegion:
        """Fit the selection in each region, X of shape (subjects, features)."""
        X = validate_data(self, X, dtype=float, ensure_all_finite=False)
        homes = np.asarray(self.regions)
        columns = {name: np.flatnonzero((homes == name) | (homes == "")) for name in dict.fromkeys(homes) if name}
        fitted = {name: clone(self.selection).fit(X[:, places], y) for name, places in columns.items()}
        self.region_ = str(min(fitted, key=lambda name: fitted[name][-1].criterion_))
        self.selection_, self.columns_ = fitted[self.region_], columns[self.region_]
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the selected features of the kept region."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=float, ensure_all_finite=False, reset=False)
        return self.selection_.transform(X[:, self.columns_])

    def __sklearn_tags__(self) -> Tags:
        tags = two_class_tags(super().__sklearn_tags__())
        tags.input_tags.allow_nan = True
        return tags
