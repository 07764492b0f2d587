"""The passes over all voxels between two transforms of a total variation iteration, compiled.

Each reads and writes every volume once, where array operations would do so a dozen times. They hold for NumPy arrays;
:mod:`chiomics.qsm.inversions.tv` has the same in array operations for the other backends.
"""

from __future__ import annotations

import numpy as np

from chiomics.core.compiled import compiled


@compiled
def _clip(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)


@compiled
def divide_spectra(
    data: np.ndarray, divergence: np.ndarray, kernel: np.ndarray, penalties: tuple, mu: float, rho: float
) -> None:
    """Turn the half-spectra of both targets into those of χ and D*χ, in place.

    Parameters
    ----------
    data, divergence : ndarray, complex64
        Half-spectra of s − t and of ∇ᵀ(z − u)·ρ; those of χ and of D*χ afterwards.
    kernel : ndarray, float32
        The dipole's.
    penalties : tuple of 3 ndarray, float32
        |E_d|² along each axis.
    mu, rho : float32
        Penalties of the two splittings.
    """
    nx, ny, nz = kernel.shape
    for i in range(nx):
        for j in range(ny):
            penalty = penalties[0][i] + penalties[1][j]
            for k in range(nz):
                dipole = kernel[i, j, k]
                damping = mu * dipole * dipole + rho * (penalty + penalties[2][k])
                if i == 0 and j == 0 and k == 0:
                    damping = np.float32(np.inf)  # the mean of χ is free, and 0
                chi = (mu * dipole * data[i, j, k] + divergence[i, j, k]) / damping
                data[i, j, k] = chi
                divergence[i, j, k] = dipole * chi


@compiled
def split_data(
    target: np.ndarray,
    split: np.ndarray,
    weight: np.ndarray,
    field: np.ndarray,
    mu: float,
    relaxation: float,
) -> None:
    """Bring the split variable of the data up to date, in place.

    Parameters
    ----------
    target : ndarray, float32, shape (x, y, z)
        D*χ; s − t afterwards.
    split : ndarray, float32, shape (x, y, z)
        s + t.
    weight, field : ndarray, float32, shape (x, y, z)
        W and φ.
    mu, relaxation : float32
        Penalty and over-relaxation.
    """
    for i, j in np.ndindex(target.shape[:2]):
        here, sums, trust, known = target[i, j], split[i, j], weight[i, j], field[i, j]
        for k in range(here.size):
            gain = mu / (trust[k] + mu)
            given = (np.float32(1) - gain) * known[k]
            both = sums[k] + relaxation * (here[k] - (gain * sums[k] + given))
            sums[k] = both
            here[k] = np.float32(2) * (gain * both + given) - both


@compiled
def split_gradient(
    chi: np.ndarray,
    split_x: np.ndarray,
    split_y: np.ndarray,
    split_z: np.ndarray,
    inside: np.ndarray,
    divergence: np.ndarray,
    edges: np.ndarray,
    limit: float,
    outside: float,
    rho: float,
    relaxation: float,
) -> None:
    """Bring the split gradient up to date, in place, and write its divergence.

    Parameters
    ----------
    chi, inside : ndarray, float32, shape (x, y, z)
        χ, and 1 in the mask.
    split_x, split_y, split_z : ndarray, float32, shape (x, y, z)
        z + u of the forward differences along each axis, which are periodic.
    divergence : ndarray, float32, shape (x, y, z)
        ∇ᵀ(z − u)·ρ afterwards.
    edges : ndarray, float32, shape (3,)
        Voxel size in mm.
    limit, outside : float32
        λ/ρ inside the mask in ppm, and the share of it outside.
    rho, relaxation : float32
        Penalty and over-relaxation.
    """
    nx, ny, nz = chi.shape
    plane, row = np.zeros((ny, nz), np.float32), np.zeros(nz, np.float32)  # ∇ᵀ's part of the voxels before
    new = np.zeros((3, nz), np.float32)
    after, level = np.zeros(nz, np.float32), np.zeros(nz, np.float32)
    scales = rho / (edges * edges)
    for i in range(nx):
        row[:] = 0
        for j in range(ny):
            here, total = chi[i, j], divergence[i, j]
            for k in range(nz):
                level[k] = limit * (outside + (np.float32(1) - outside) * inside[i, j, k])
            after[: nz - 1] = here[1:]
            after[nz - 1] = here[0]
            below, beside = chi[(i + 1) % nx, j], chi[i, (j + 1) % ny]
            _split_row(here, below, split_x[i, j], level, edges[0], scales[0], relaxation, new[0])
            _split_row(here, beside, split_y[i, j], level, edges[1], scales[1], relaxation, new[1])
            _split_row(here, after, split_z[i, j], level, edges[2], scales[2], relaxation, new[2])
            before = plane[j]
            for k in range(1, nz):
                total[k] = before[k] + row[k] + new[2, k - 1] - new[0, k] - new[1, k] - new[2, k]
            total[0] = before[0] + row[0] + new[2, nz - 1] - new[0, 0] - new[1, 0] - new[2, 0]
            before[:] = new[0]
            row[:] = new[1]
        divergence[i, 0] += row
    divergence[0] += plane


@compiled
def _split_row(
    here: np.ndarray,
    after: np.ndarray,
    split: np.ndarray,
    level: np.ndarray,
    edge: float,
    scale: float,
    relaxation: float,
    new: np.ndarray,
) -> None:
    """Do so for the differences of one row to that behind it."""
    for k in range(here.size):
        step, both, limit = after[k] - here[k], split[k], edge * level[k]
        both += relaxation * (step - both + _clip(both, limit))
        split[k] = both
        new[k] = scale * (both - np.float32(2) * _clip(both, limit))
