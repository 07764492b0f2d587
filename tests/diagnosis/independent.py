"""The nested recipe of Yan et al. (2021) written a second time, feature by feature, on other people's functions.

Nothing of `chiomics` is imported: scipy's tests, statsmodels' Lilliefors test, scikit-learn's logistic regression
without penalty for the stepwise selection, and Firth's likelihood handed to a general optimiser.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import optimize, stats
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils._testing import ignore_warnings
from statsmodels.stats.diagnostic import lilliefors


def scores(X: np.ndarray, y: np.ndarray, folds: np.ndarray) -> tuple[np.ndarray, dict[int, tuple[list[int], bool]]]:
    """Return out-of-fold probabilities, and per fold the columns chosen and whether they separate the classes."""
    out, chosen = np.empty(len(y)), {}
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        z = (X - X[train].mean(axis=0)) / X[train].std(axis=0)
        columns = univariate(z[train], y[train])
        columns = redundancy(z[train], y[train], columns)
        columns, separated = stepwise(z[train], y[train], columns)
        fit = firth if separated else likelihood
        beta = fit(z[train][:, columns], y[train])
        out[test] = expit(beta[0] + z[test][:, columns] @ beta[1:])
        chosen[int(fold)] = (sorted(columns), separated)
    return out, chosen


def univariate(X: np.ndarray, y: np.ndarray) -> list[int]:
    """Keep columns with p < .05 of the t or Mann-Whitney test."""
    kept = []
    for column in range(X.shape[1]):
        a, b = X[y == 1, column], X[y == 0, column]
        normal = all(lilliefors(values, pvalmethod="approx")[1] >= 0.05 for values in (a, b))
        p = stats.ttest_ind(a, b).pvalue if normal else stats.mannwhitneyu(a, b, method="asymptotic").pvalue
        if p < 0.05:
            kept.append(column)
    return kept


def redundancy(X: np.ndarray, y: np.ndarray, columns: list[int]) -> list[int]:
    """Keep a column, best AUC first, unless a kept one is correlated with it by rank."""
    merit = {
        column: abs(
            stats.mannwhitneyu(X[y == 1, column], X[y == 0, column]).statistic - (y == 1).sum() * (y == 0).sum() / 2
        )
        for column in columns
    }
    rho = pd.DataFrame(X[:, columns], columns=columns).corr("spearman").abs()
    kept: list[int] = []
    for column in sorted(columns, key=lambda name: (-merit[name], name)):
        if all(rho.loc[column, other] <= 0.9 for other in kept):
            kept.append(column)
    return sorted(kept)


def stepwise(X: np.ndarray, y: np.ndarray, columns: list[int]) -> tuple[list[int], bool]:
    """Take the best step of all additions and removals by AIC until none is left."""
    chosen: list[int] = []
    best = deviance(X[:, []], y) + 2
    while True:
        separated = best - 2 * (len(chosen) + 1) <= 0.01
        models = [] if separated else [[*chosen, column] for column in columns if column not in chosen]
        models += [[other for other in chosen if other != column] for column in chosen]
        criteria = [deviance(X[:, model], y) + 2 * (len(model) + 1) for model in models]
        if not models or min(criteria) >= best - 1e-4:
            return chosen, separated
        best = min(criteria)
        chosen = models[int(np.argmin(criteria))]


def deviance(X: np.ndarray, y: np.ndarray) -> float:
    """Return −2 log-likelihood at its maximum, 0 where the classes are separated."""
    if not X.shape[1]:
        share = y.mean()
        return -2 * len(y) * (share * np.log(share) + (1 - share) * np.log(1 - share))
    beta = likelihood(X, y)
    eta = beta[0] + X @ beta[1:]
    found = 2 * np.logaddexp(0, np.where(y == 1, -eta, eta)).sum()
    return found if found > 0.01 else 0.0


@ignore_warnings(category=(ConvergenceWarning, RuntimeWarning, FutureWarning))
def likelihood(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return intercept and coefficients of maximum likelihood."""
    fitted = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8, max_iter=60).fit(X, y)
    return np.r_[fitted.intercept_, fitted.coef_[0]]


def firth(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return intercept and coefficients of Firth's penalised likelihood."""
    design = np.column_stack([np.ones(len(X)), X])

    def loss(beta: np.ndarray) -> float:
        eta = design @ beta
        weight = expit(eta) * expit(-eta)
        _, logdet = np.linalg.slogdet((design * weight[:, None]).T @ design)
        return float(np.logaddexp(0, np.where(y == 1, -eta, eta)).sum() - logdet / 2)

    return optimize.minimize(loss, np.zeros(design.shape[1]), method="BFGS", options={"gtol": 1e-6}).x
