"""Least squares by Golub-Kahan bidiagonalisation (Paige & Saunders 1982, ACM Trans Math Softw 8:43).

The unknowns here are volumes or half-spectra on some array backend, for which SciPy's solver does not serve: it takes
flat float64 vectors with the plain inner product.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import NamedTuple

from chiomics.qsm.fourier import Array

log = logging.getLogger(__name__)


class LsqrSolution(NamedTuple):
    """Solution and how it was reached.

    Attributes
    ----------
    x : Array
        Solution.
    iterations : int
        Iterations made.
    residual : float
        ‖b − A·x‖ / ‖b‖.
    gradient : float
        ‖Aᵀ·r‖ / (‖A‖·‖r‖), with the Frobenius norm of A as far as it was seen.
    """

    x: Array
    iterations: int
    residual: float
    gradient: float


def lsqr(
    forward: Callable[[Array], Array],
    adjoint: Callable[[Array], Array],
    b: Array,
    *,
    norm_range: Callable[[Array], float],
    norm_domain: Callable[[Array], float],
    tolerance: float,
    iterations: int,
) -> LsqrSolution:
    """Minimise ‖A·x − b‖, starting from x = 0.

    Parameters
    ----------
    forward, adjoint : callable
        A and Aᵀ; each returns a new array.
    b : Array
        Right-hand side; its memory is used.
    norm_range, norm_domain : callable
        Norms of the two spaces, to whose inner products `adjoint` belongs.
    tolerance : float
        Stops where the relative residual or the relative gradient is at or below it.
    iterations : int
        Upper limit.

    Returns
    -------
    LsqrSolution
        Solution, iterations, residual and gradient.
    """
    u = b
    beta = first_beta = norm_range(u)
    if beta == 0:
        return LsqrSolution(adjoint(u), 0, 0.0, 0.0)
    u /= beta
    v = adjoint(u)
    alpha = norm_domain(v)
    if alpha == 0:
        return LsqrSolution(v, 0, 1.0, 0.0)
    v /= alpha
    w = v + 0
    x = v * 0
    phi_bar, rho_bar, frobenius_squared = beta, alpha, 0.0
    for iteration in range(1, iterations + 1):
        u *= -alpha
        u += forward(v)
        beta = norm_range(u)
        frobenius_squared += alpha**2 + beta**2
        if beta > 0:
            u /= beta
        v *= -beta
        v += adjoint(u)
        alpha = norm_domain(v)
        if alpha > 0:
            v /= alpha
        rho = math.hypot(rho_bar, beta)
        cosine, sine = rho_bar / rho, beta / rho
        theta, rho_bar = sine * alpha, -cosine * alpha
        phi, phi_bar = cosine * phi_bar, sine * phi_bar
        x += w * (phi / rho)
        w *= -theta / rho
        w += v
        residual = phi_bar / first_beta
        gradient = alpha * abs(cosine) / math.sqrt(frobenius_squared)
        log.debug("LSQR iteration %d: residual %.4g, gradient %.4g", iteration, residual, gradient)
        if residual <= tolerance or gradient <= tolerance or alpha == 0:
            break
    return LsqrSolution(x, iteration, residual, gradient)
