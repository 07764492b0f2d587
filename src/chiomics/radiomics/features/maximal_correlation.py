"""The maximal correlation coefficient of a joint probability, from symmetric eigenvalues.

It is the second singular value of P / sqrt(p_x p_y); the first is 1, with the singular vector sqrt(p). pyradiomics
takes the eigenvalues of the unsymmetric product and adds 2.2e-16 to each denominator, which moves the result by up to
about 1e-5, and by chance to NaN where it is 0. Here the matrix of few grey levels is diagonalised whole. For many, the
known first vector is taken out and the Lanczos recursion (Lanczos 1950, J Res Natl Bur Stand 45:255), with every new
vector made orthogonal to all before, is run until its own error bound falls below `TOLERANCE`.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from chiomics.core.compiled import compiled

#: Largest error of the coefficient that the recursion may leave. The bound is strict; the usual error is its square.
TOLERANCE = 1e-8
#: Up to this many grey levels diagonalising the whole matrix costs less.
FEW_LEVELS = 64
#: Steps of the recursion before the matrix is diagonalised after all, and between two looks at the error bound.
MAX_STEPS, CHECK_EVERY = 160, 8


def maximal_correlation(joint: tuple[np.ndarray, np.ndarray, np.ndarray], *, symmetrical: bool = True) -> float:
    """Return the maximal correlation coefficient.

    Parameters
    ----------
    joint : tuple of ndarray
        Row, column and joint probability of the elements that are not 0, row by row.
    symmetrical : bool
        Whether the probability is symmetrical.

    Returns
    -------
    float
        Between 0 and 1; exact to `TOLERANCE`.
    """
    rows, columns, probability = joint
    p_x, p_y = np.bincount(rows, probability), np.bincount(columns, probability)
    scaled = probability / np.sqrt(p_x[rows]) / np.sqrt(p_y[columns])
    row, column = (np.cumsum(p_x > 0) - 1)[rows], (np.cumsum(p_y > 0) - 1)[columns]  # without empty levels
    if symmetrical and row[-1] + 1 > FEW_LEVELS:
        starts = np.concatenate([[0], np.cumsum(np.bincount(row))])
        found = _second_by_lanczos(np.sqrt(p_x[p_x > 0]), starts, column, scaled)
        if found >= 0:
            return found
    matrix = np.zeros((row[-1] + 1, column.max() + 1))
    matrix[row, column] = scaled
    values = np.abs(np.linalg.eigvalsh(matrix)) if symmetrical else scipy.linalg.svdvals(matrix)
    return float(np.sort(values)[-2]) if values.size > 1 else 0.0


def _second_by_lanczos(first: np.ndarray, starts: np.ndarray, columns: np.ndarray, values: np.ndarray) -> float:
    """Return the second largest absolute eigenvalue, or -1 where the recursion does not settle."""
    n = first.size
    most = min(MAX_STEPS, n - 1)
    basis = np.empty((most + 1, n))
    diagonal, beside = np.zeros(most), np.zeros(most)
    # The second vector of a texture is close to a straight line over the grey levels; a little of every other direction
    # is added, the same each time.
    start = first * np.arange(n) / n + 0.01 / np.sqrt(n) * np.random.default_rng(0).standard_normal(n)
    start -= first * (first @ start)
    basis[0] = start / np.linalg.norm(start)
    done = 0
    while done < most:
        end = min(done + CHECK_EVERY, most)
        _lanczos_steps(first, starts, columns, values, basis, diagonal, beside, done, end)
        done = end
        # The QL method: the faster representations of LAPACK's default (stemr) fail on some of these matrices.
        theta, vectors = scipy.linalg.eigh_tridiagonal(
            diagonal[:done], beside[: done - 1], check_finite=False, lapack_driver="stev"
        )
        largest = np.argmax(np.abs(theta))
        if beside[done - 1] * abs(vectors[-1, largest]) < TOLERANCE:
            return float(min(abs(theta[largest]), 1.0))
    return -1.0


@compiled
def _lanczos_steps(
    first: np.ndarray,
    starts: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    basis: np.ndarray,
    diagonal: np.ndarray,
    beside: np.ndarray,
    begin: int,
    end: int,
) -> None:
    n = first.size
    product = np.empty(n)
    for step in range(begin, end):
        vector = basis[step]
        for row in range(n):
            total = 0.0
            for k in range(starts[row], starts[row + 1]):
                total += values[k] * vector[columns[k]]
            product[row] = total
        diagonal[step] = np.dot(product, vector)
        earlier = basis[: step + 1]
        for _ in range(2):  # twice is enough (Kahan and Parlett): the basis stays orthogonal to rounding
            product -= first * np.dot(first, product)
            product -= np.dot(np.dot(earlier, product), earlier)
        size = np.sqrt(np.dot(product, product))
        beside[step] = size
        if size < 1e-300:
            basis[step + 1] = 0.0
        else:
            basis[step + 1] = product / size
