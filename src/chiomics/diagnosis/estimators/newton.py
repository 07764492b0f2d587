"""Maximum likelihood of many logistic regressions at once, by Newton's method, and whether classes are separated.

Newton's method with step halving on a stack of designs: a stepwise selection asks for dozens of small fits per step.
Separation is decided by the linear programme of Konis (2007): maximise Σ sᵢxᵢβ under sᵢxᵢβ ≥ 0 and |β| ≤ 1, with
s = ±1 the class; the maximum likelihood estimate exists only where the optimum is 0 (Albert and Anderson 1984).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog
from scipy.special import expit

#: Fits stop when the log-likelihood has grown by less: the next step would gain about the square of it.
TOLERANCE = 1e-6
MAX_ITERATIONS = 40
#: A deviance below it is that of separated classes: no probability is far from 0 or 1.
SEPARATED_DEVIANCE = 1e-2


def maximise(
    designs: np.ndarray, y: np.ndarray, start: np.ndarray, *, tolerance: float = TOLERANCE
) -> tuple[np.ndarray, np.ndarray]:
    """Fit several logistic regressions of equal size.

    Parameters
    ----------
    designs : ndarray, shape (models, subjects, columns)
        With a column of ones where an intercept is wanted; columns of about unit spread.
    y : ndarray, shape (subjects,)
        0 or 1.
    start : ndarray, shape (models, columns)
        First coefficients.
    tolerance : float
        Growth of the log-likelihood at which a fit stops.

    Returns
    -------
    coefficients : ndarray, shape (models, columns)
        Finite even where classes are separated: the climb stops when nothing is left to gain.
    loglik : ndarray, shape (models,)
        Log-likelihood.
    """
    coefficients = np.array(start, dtype=float)
    loglik = _loglik(designs, coefficients, y)
    active = np.arange(len(designs))
    for _ in range(MAX_ITERATIONS):
        design, beta = designs[active], coefficients[active]
        step = _newton_step(design, beta, y)
        trial = beta + step
        gained = _loglik(design, trial, y)
        for _ in range(10):
            worse = gained < loglik[active] - 1e-9
            if not worse.any():
                break
            step[worse] /= 2
            trial[worse] = beta[worse] + step[worse]
            gained[worse] = _loglik(design[worse], trial[worse], y)
        better = gained > loglik[active]
        growing = gained - loglik[active] > tolerance
        coefficients[active[better]] = trial[better]
        loglik[active[better]] = gained[better]
        active = active[growing & (-2 * gained > SEPARATED_DEVIANCE)]
        if not active.size:
            break
    return coefficients, loglik


def information(design: np.ndarray, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return fitted probabilities and Fisher information of one model, shapes (subjects,) and (columns, columns)."""
    p = expit(design @ coefficients)
    return p, (design * (p * (1 - p))[:, None]).T @ design


def separates(design: np.ndarray, y: np.ndarray) -> bool:
    """Return whether a linear combination of the columns separates the classes, completely or but for ties.

    Parameters
    ----------
    design : ndarray, shape (subjects, columns)
        With its column of ones.
    y : ndarray, shape (subjects,)
        0 or 1.
    """
    signed = design * np.where(y > 0, 1.0, -1.0)[:, None]
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1), method="highs")
    return bool(-found.fun > 1e-6)


def _loglik(designs: np.ndarray, coefficients: np.ndarray, y: np.ndarray) -> np.ndarray:
    eta = np.matmul(designs, coefficients[:, :, None])[:, :, 0]
    return -np.logaddexp(0, np.where(y > 0, -eta, eta)).sum(axis=1)


def _newton_step(designs: np.ndarray, coefficients: np.ndarray, y: np.ndarray) -> np.ndarray:
    p = expit(np.matmul(designs, coefficients[:, :, None]))
    transposed = designs.transpose(0, 2, 1)
    gradient = np.matmul(transposed, y[:, None] - p)
    hessian = np.matmul(transposed, designs * (p * (1 - p)))
    # A trace of ridge keeps the system solvable where probabilities reach 0 or 1.
    diagonal = np.einsum("mkk->mk", hessian)
    diagonal += 1e-9 * diagonal.mean(axis=1, keepdims=True) + 1e-12
    return np.linalg.solve(hessian, gradient)[:, :, 0]
