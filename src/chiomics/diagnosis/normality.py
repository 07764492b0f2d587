"""Lilliefors test of normality for many features at once.

The p value is the approximation of Dallal and Wilkinson (1986, Am Stat 40:294), valid below 0.1, so that it serves
any decision at 0.1 or less; above 0.1 it only says that normality is not rejected.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

#: Largest p for which the approximation holds.
MAX_P = 0.1
#: Fewest values for which the test is defined.
FEWEST = 5


def lilliefors(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Test each column against a normal distribution of its own mean and SD.

    Parameters
    ----------
    X : ndarray, shape (subjects, features)
        Finite values of one group.

    Returns
    -------
    statistic : ndarray, shape (features,)
        Largest distance between empirical and normal distribution; NaN for a constant column.
    p : ndarray, shape (features,)
        Approximate p, exact enough below `MAX_P`; 0 for a constant column and below `FEWEST` subjects, where
        normality cannot be assumed.
    """
    count, features = X.shape
    if count < FEWEST:
        return np.full(features, np.nan), np.zeros(features)
    ordered = np.sort(np.asarray(X, dtype=float), axis=0)
    sd = ordered.std(axis=0, ddof=1)
    varies = sd > 1e-12 * np.abs(ordered).max(axis=0, initial=0)
    z = (ordered - ordered.mean(axis=0)) / np.where(varies, sd, 1)
    expected = ndtr(z)
    steps = np.arange(count + 1)[:, None] / count
    statistic = np.maximum((steps[1:] - expected).max(axis=0), (expected - steps[:-1]).max(axis=0))
    p = np.where(varies, _dallal_wilkinson(statistic, count), 0)
    return np.where(varies, statistic, np.nan), p


def _dallal_wilkinson(statistic: np.ndarray, count: int) -> np.ndarray:
    if count > 100:
        statistic, count = statistic * (count / 100) ** 0.49, 100
    root = count + 2.78019
    exponent = (
        -7.01256 * statistic**2 * root
        + 2.99587 * statistic * np.sqrt(root)
        - 0.122119
        + 0.974598 / np.sqrt(count)
        + 1.67997 / count
    )
    return np.minimum(np.exp(exponent), 1)
