"""Multivariable logistic regression that survives separated classes.

Maximum likelihood as published; where a combination of the features separates the training classes, which it often does
after selection in 66 subjects, that estimate does not exist and Firth's penalised likelihood is used instead (Firth
1993; Heinze and Schemper 2002). Ridge is offered as the other common choice.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from chiomics.core.errors import SettingError
from chiomics.diagnosis.classes import two_class_tags, two_classes
from chiomics.diagnosis.estimators.newton import maximise, separates
from chiomics.diagnosis.estimators.penalised import firth, ridge

METHODS = ("maximum_likelihood", "firth", "ridge")
#: A linear predictor beyond it is the hint that calls for the exact test of separation.
SUSPICIOUS = 8.0


class MultivariableLogistic(ClassifierMixin, BaseEstimator):
    """Logistic regression of two classes.

    Parameters
    ----------
    method : {"maximum_likelihood", "firth", "ridge"}
        The first turns to Firth's where the classes are separated.
    ridge : float
        Penalty ½·ridge·Σβ² of the method ridge, on features as they come: standardise them.

    Attributes
    ----------
    classes_ : ndarray, shape (2,)
        Sorted; the second is the positive one.
    coef_ : ndarray, shape (1, features)
        Log odds ratios.
    intercept_ : ndarray, shape (1,)
        Log odds at the origin.
    method_ : str
        Method that gave the coefficients.
    n_iter_ : int
        Newton steps of the penalised methods; 1 for maximum likelihood.
    """

    def __init__(self, method: str = "maximum_likelihood", ridge: float = 1.0) -> None:
        self.method = method
        self.ridge = ridge

    def fit(self, X: np.ndarray, y: np.ndarray) -> MultivariableLogistic:
        """Estimate the coefficients, X of shape (subjects, features), y of two classes.

        Where a selection has left no feature, the model is the intercept: everybody has the prevalence.
        """
        if self.method not in METHODS:
            raise SettingError("method of the logistic regression", found=f"{self.method}", expected=", ".join(METHODS))
        X, y = validate_data(self, X, y, dtype=float, ensure_min_features=0)
        self.classes_, positive = two_classes(y)
        y = positive.astype(float)
        mean, sd = X.mean(axis=0), X.std(axis=0)
        sd = np.where(sd > 0, sd, 1)
        # Ridge depends on the scale of the features, the other methods do not.
        scale = np.ones_like(sd) if self.method == "ridge" else sd
        design = np.column_stack([np.ones(len(X)), (X - mean) / scale])
        beta, self.method_, self.n_iter_ = self._estimate(design, y)
        self.coef_ = (beta[1:] / scale)[None]
        self.intercept_ = beta[:1] - self.coef_ @ mean
        return self

    def _estimate(self, design: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, str, int]:
        if self.method == "maximum_likelihood":
            beta = maximise(design[None], y, np.zeros((1, design.shape[1])), tolerance=1e-10)[0][0]
            if np.abs(design @ beta).max() < SUSPICIOUS or not separates(design, y):
                return beta, self.method, 1
        if self.method == "ridge":
            beta, steps = ridge(design, y, penalty=self.ridge)
            return beta, "ridge", steps
        beta, steps = firth(design, y)
        return beta, "firth", steps

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Return log odds of the positive class, shape (subjects,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=float, reset=False, ensure_min_features=0)
        return X @ self.coef_[0] + self.intercept_[0]

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities of both classes, shape (subjects, 2)."""
        p = expit(self.decision_function(X))
        return np.column_stack([1 - p, p])

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the likelier class, shape (subjects,)."""
        positive = self.decision_function(X) > 0
        return self.classes_[positive.astype(int)]

    def __sklearn_tags__(self) -> Tags:
        return two_class_tags(super().__sklearn_tags__())
