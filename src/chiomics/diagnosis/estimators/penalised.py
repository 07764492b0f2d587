"""Penalised logistic regression: Firth's penalty, which always has an estimate, and ridge.

Firth (1993): add ½ log det F(β) to the log-likelihood, F being the Fisher information; its score is
Xᵀ(y − p + h(½ − p)) with h the diagonal of the weighted hat matrix. Both by Newton's method with step halving.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chiomics.diagnosis.estimators.newton import information

MAX_ITERATIONS = 100
#: Newton's method stops when no coefficient moves by more.
TOLERANCE = 1e-8
#: Longest step of a coefficient, as in the R package logistf.
LONGEST_STEP = 5.0


def firth(design: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int]:
    """Fit a logistic regression by Firth's penalised likelihood.

    Parameters
    ----------
    design : ndarray, shape (subjects, columns)
        With its column of ones; columns of about unit spread.
    y : ndarray, shape (subjects,)
        0 or 1.

    Returns
    -------
    coefficients : ndarray, shape (columns,)
        Estimate.
    steps : int
        Newton steps taken.
    """

    def objective(beta: np.ndarray) -> float:
        _, fisher = information(design, beta)
        return _loglik(design, beta, y) + 0.5 * float(np.log(np.maximum(np.linalg.eigvalsh(fisher), 1e-12)).sum())

    def step(beta: np.ndarray) -> np.ndarray:
        p, fisher = information(design, beta)
        inverse = np.linalg.pinv(fisher, hermitian=True)
        leverage = p * (1 - p) * ((design @ inverse) * design).sum(axis=1)
        return inverse @ (design.T @ (y - p + leverage * (0.5 - p)))

    return _climb(objective, step, np.zeros(design.shape[1]))


def ridge(design: np.ndarray, y: np.ndarray, *, penalty: float) -> tuple[np.ndarray, int]:
    """Fit a logistic regression with the penalty ½·penalty·Σβ² on all coefficients but the first.

    Parameters
    ----------
    design, y : ndarray
        As for `firth`.
    penalty : float
        Its weight.

    Returns
    -------
    coefficients : ndarray, shape (columns,)
        Estimate.
    steps : int
        Newton steps taken.
    """
    weights = np.full(design.shape[1], float(penalty))
    weights[0] = 0

    def objective(beta: np.ndarray) -> float:
        return _loglik(design, beta, y) - 0.5 * float(weights @ beta**2)

    def step(beta: np.ndarray) -> np.ndarray:
        p, fisher = information(design, beta)
        return np.linalg.solve(fisher + np.diag(weights + 1e-12), design.T @ (y - p) - weights * beta)

    return _climb(objective, step, np.zeros(design.shape[1]))


def _loglik(design: np.ndarray, beta: np.ndarray, y: np.ndarray) -> float:
    return -float(np.logaddexp(0, np.where(y > 0, -1, 1) * (design @ beta)).sum())


def _climb(
    objective: Callable[[np.ndarray], float], step: Callable[[np.ndarray], np.ndarray], beta: np.ndarray
) -> tuple[np.ndarray, int]:
    value = objective(beta)
    for count in range(1, MAX_ITERATIONS + 1):
        move = step(beta)
        move *= min(1.0, LONGEST_STEP / max(float(np.abs(move).max()), 1e-300))
        for _ in range(20):
            reached = objective(beta + move)
            if reached >= value - 1e-12 * abs(value):
                break
            move = move / 2
        else:
            return beta, count
        beta, value = beta + move, reached
        if np.abs(move).max() < TOLERANCE:
            break
    return beta, count
