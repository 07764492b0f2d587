"""The region whose selection explains the training classes best, for a hybrid model that declares none."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from chiomics.diagnosis.classes import two_class_tags


class BestRegion(TransformerMixin, BaseEstimator):
    """Run a selection in every region and keep the region of least AIC.

    Parameters
    ----------
    selection : sklearn.pipeline.Pipeline
        Ends in a step that has a ``criterion_``, such as `StepwiseAIC`.

    Attributes
    ----------
    region_ : str
        What stands before the first dot of the kept columns.
    selection_ : sklearn.pipeline.Pipeline
        Fitted on that region.
    """

    def __init__(self, selection: Pipeline) -> None:
        self.selection = selection

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> BestRegion:
        """Fit the selection in each region, X with columns ``<region>.<feature>``; others serve every region."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        names = {name: name.partition(".")[0] for name in X.columns if "." in name}
        others = [name for name in X.columns if name not in names]
        fitted = {}
        for region in dict.fromkeys(names.values()):
            columns = [name for name, home in names.items() if home == region]
            fitted[region] = clone(self.selection).fit(X[columns + others], y)
        self.region_ = min(fitted, key=lambda region: fitted[region][-1].criterion_)
        self.selection_ = fitted[self.region_]
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return the selected features of the kept region."""
        check_is_fitted(self)
        return self.selection_.transform(X[list(self.selection_.feature_names_in_)])

    def get_feature_names_out(self, input_features: np.ndarray | None = None) -> np.ndarray:
        """Name the selected features."""
        check_is_fitted(self)
        return self.selection_.get_feature_names_out()

    def __sklearn_tags__(self) -> Tags:
        return two_class_tags(super().__sklearn_tags__())
