"""Conjugate gradients on the normal equations of weighted, preconditioned least squares, step by step.

    minimise ‖W·(f − A·x)‖²,  x = P·y,  over y

Hestenes & Stiefel 1952 (J Res Natl Bur Stand 49:409). Kept in x, the direction d, the gradient g = Aᵀ·W·r and P²·g,
an iteration has four passes over the volumes beside its transforms. For NumPy they are compiled, and read and write
each volume once.
"""

from __future__ import annotations

import numpy as np

from chiomics.core.compiled import compiled
from chiomics.qsm.fourier import Array, Grid


class Descent:
    """The passes in operations of a backend's arrays.

    Parameters
    ----------
    grid : Grid
        Grid of the volumes.
    weight, scale : Array
        W and P.
    """

    def __init__(self, grid: Grid, weight: Array, scale: Array) -> None:
        self.grid, self.weight, self.scale = grid, weight, scale

    def weigh(self, image: Array) -> float:
        """Multiply A·d by W, in place, and return the square of its norm."""
        image *= self.weight
        return self.grid.dot(image, image)

    def lessen(self, residual: Array, image: Array, step: float) -> None:
        """Take a step's image from the residual W·r, in place, and put W·(W·r) into the image."""
        image *= step
        residual -= image
        image[...] = residual
        image *= self.weight

    def precondition(self, gradient: Array) -> float:
        """Turn g into P²·g, in place, and return their inner product."""
        gradient *= self.scale
        size = self.grid.dot(gradient, gradient)
        gradient *= self.scale
        return size

    def turn(self, solution: Array, direction: Array, step: float, gradient: Array, ratio: float) -> None:
        """Take the step, in place, and make the direction the next: P²·g + ratio·d."""
        solution += step * direction
        direction *= ratio
        direction += gradient


class CompiledDescent(Descent):
    """The same for NumPy."""

    def weigh(self, image: np.ndarray) -> float:
        """Multiply A·d by W, in place, and return the square of its norm."""
        return _weigh(image, self.weight)

    def lessen(self, residual: np.ndarray, image: np.ndarray, step: float) -> None:
        """Take a step's image from the residual W·r, in place, and put W·(W·r) into the image."""
        _lessen(residual, image, self.weight, np.float32(step))

    def precondition(self, gradient: np.ndarray) -> float:
        """Turn g into P²·g, in place, and return their inner product."""
        return _precondition(gradient, self.scale)

    def turn(
        self, solution: np.ndarray, direction: np.ndarray, step: float, gradient: np.ndarray, ratio: float
    ) -> None:
        """Take the step, in place, and make the direction the next: P²·g + ratio·d."""
        _turn(solution, direction, gradient, np.float32(step), np.float32(ratio))


def descent(grid: Grid, weight: Array, scale: Array) -> Descent:
    """Return the passes for the grid's backend."""
    return (CompiledDescent if grid.backend.name == "numpy" else Descent)(grid, weight, scale)


@compiled
def _weigh(image: np.ndarray, weight: np.ndarray) -> float:
    nx, ny, nz = image.shape
    total, row = 0.0, np.zeros(nz, np.float32)
    for i in range(nx):
        row[:] = 0  # sums of a plane in float32, their sum in float64
        for j in range(ny):
            here, factor = image[i, j], weight[i, j]
            for k in range(nz):
                value = here[k] * factor[k]
                here[k] = value
                row[k] += value * value
        for k in range(nz):
            total += row[k]
    return total


@compiled
def _precondition(gradient: np.ndarray, scale: np.ndarray) -> float:
    nx, ny, nz = gradient.shape
    total, row = 0.0, np.zeros(nz, np.float32)
    for i in range(nx):
        row[:] = 0
        for j in range(ny):
            here, factor = gradient[i, j], scale[i, j]
            for k in range(nz):
                value = here[k] * factor[k]
                here[k] = value * factor[k]
                row[k] += value * value
        for k in range(nz):
            total += row[k]
    return total


@compiled
def _lessen(residual: np.ndarray, image: np.ndarray, weight: np.ndarray, step: float) -> None:
    for i, j in np.ndindex(residual.shape[:2]):
        rest, here, factor = residual[i, j], image[i, j], weight[i, j]
        for k in range(rest.size):
            value = rest[k] - step * here[k]
            rest[k] = value
            here[k] = factor[k] * value


@compiled
def _turn(solution: np.ndarray, direction: np.ndarray, gradient: np.ndarray, step: float, ratio: float) -> None:
    for i, j in np.ndindex(solution.shape[:2]):
        total, here, change = solution[i, j], direction[i, j], gradient[i, j]
        for k in range(total.size):
            value = here[k]
            total[k] += step * value
            here[k] = change[k] + ratio * value
