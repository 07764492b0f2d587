"""Conjugate directions for a symmetric positive operator A: gradients and residuals.

Hestenes & Stiefel 1952 (J Res Natl Bur Stand 49:409), which lessens the error in the norm of A, and Stiefel 1955
(Comment Math Helv 29:157), which lessens the residual, as LSQR does, with one product by A per iteration where LSQR
takes two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from chiomics.qsm.fourier import Array


class ConjugateSolution(NamedTuple):
    """Solution and how it was reached.

    Attributes
    ----------
    x : Array
        Solution.
    iterations : int
        Products by A, less one for residuals.
    residual : float
        ‖b − A·x‖ / ‖b‖.
    """

    x: Array
    iterations: int
    residual: float


def conjugate_gradients(
    apply: Callable[[Array], Array],
    b: Array,
    *,
    dot: Callable[[Array, Array], float],
    tolerance: float,
    iterations: int,
) -> ConjugateSolution:
    """Solve A·x = b, starting from x = 0; `dot` is the inner product, `b`'s memory is used.

    Stops where the relative residual is at or below `tolerance`, or after `iterations`.
    """
    x, residual, direction = b * 0, b, b + 0
    squared = first = dot(b, b)
    iteration = 0
    while iteration < iterations and squared > tolerance**2 * first:
        product = apply(direction)
        step = squared / dot(direction, product)
        x += step * direction
        product *= -step
        residual += product
        previous, squared = squared, dot(residual, residual)
        direction *= squared / previous
        direction += residual
        iteration += 1
    return ConjugateSolution(x, iteration, (squared / first) ** 0.5 if first else 0.0)


def conjugate_residuals(
    apply: Callable[[Array], Array],
    b: Array,
    *,
    dot: Callable[[Array, Array], float],
    tolerance: float,
    iterations: int,
) -> ConjugateSolution:
    """Minimise ‖A·x − b‖ over the Krylov space of `iterations` products; parameters as for the gradients."""
    x, residual, direction = b * 0, b, b + 0
    squared = first = dot(b, b)
    iteration = 0
    if first > 0:
        product = apply(residual)
        of_direction = product + 0
        curvature = dot(residual, product)
    while iteration < iterations and squared > tolerance**2 * first:
        step = curvature / dot(of_direction, of_direction)
        x += step * direction
        residual -= step * of_direction
        squared = dot(residual, residual)
        product = apply(residual)
        previous, curvature = curvature, dot(residual, product)
        direction *= curvature / previous
        direction += residual
        of_direction *= curvature / previous
        of_direction += product
        iteration += 1
    return ConjugateSolution(x, iteration, (squared / first) ** 0.5 if first else 0.0)
