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
def divide_spectra(packed: np.ndarray, kernel: np.ndarray, penalties: tuple, mu: float, rho: float) -> None:
    """Turn the spectrum of both targets into that of χ and D*χ, in place.

    Two real volumes a and b share a transform as a + i·b: the spectrum's values at k and −k tell theirs apart. That
    takes two thirds of the time of two transforms of real volumes, and no memory but its own.

    Parameters
    ----------
    packed : ndarray, float32, shape (x, y, 2·z)
        Spectrum of ρ·∇ᵀ(z − u) + i·(s − t), real and imaginary parts by turns; that of χ + i·D*χ afterwards. x, y
        and z are even.
    kernel : ndarray, float32, shape (x, y, z/2 + 1)
        The dipole's, on the half-spectrum.
    penalties : tuple of 3 ndarray, float32
        |E_d|² along each axis.
    mu, rho : float32
        Penalties of the two splittings.
    """
    nx, ny, nz = kernel.shape[0], kernel.shape[1], 2 * (kernel.shape[2] - 1)
    half = np.float32(0.5)
    for i in range(nx):
        for j in range(ny):
            i_back, j_back = (nx - i) % nx, (ny - j) % ny
            here, there, dipole = packed[i, j], packed[i_back, j_back], kernel[i, j]
            penalty = penalties[0][i] + penalties[1][j]
            for k in range(1, nz // 2):
                back = 2 * (nz - k)
                r, s, x, y = here[2 * k], here[2 * k + 1], there[back], there[back + 1]
                d = dipole[k]
                gain = half / (mu * d * d + rho * (penalty + penalties[2][k]))
                # μ·D·F(s − t) + F(ρ·∇ᵀ(z − u)), real and imaginary.
                real = gain * (mu * d * (s + y) + (r + x))
                imag = gain * (mu * d * (x - r) + (s - y))
                here[2 * k], here[2 * k + 1] = real - d * imag, imag + d * real
                there[back], there[back + 1] = real + d * imag, d * real - imag
            # In these two planes of the half-spectrum k and −k both have a kernel of their own, whose mean acts.
            if (i, j) <= (i_back, j_back):
                for k in (0, nz // 2):
                    d, e = dipole[k], kernel[i_back, j_back, k]
                    r, s, x, y = here[2 * k], here[2 * k + 1], there[2 * k], there[2 * k + 1]
                    level = rho * (penalty + penalties[2][k])
                    f, g = half * half / (mu * d * d + level), half * half / (mu * e * e + level)
                    if i == 0 and j == 0 and k == 0:
                        f = g = np.float32(0)  # the mean of χ is free, and 0
                    to_chi, to_field = f + g, d * f + e * g
                    square = mu * (d * d * f + e * e * g)
                    real = mu * to_field * (s + y) + to_chi * (r + x)
                    imag = mu * to_field * (x - r) + to_chi * (s - y)
                    field_real = square * (s + y) + to_field * (r + x)
                    field_imag = square * (x - r) + to_field * (s - y)
                    here[2 * k], here[2 * k + 1] = real - field_imag, imag + field_real
                    there[2 * k], there[2 * k + 1] = real + field_imag, field_real - imag


@compiled
def split_data(
    packed: np.ndarray, split: np.ndarray, weight: np.ndarray, field: np.ndarray, mu: float, relaxation: float
) -> None:
    """Bring the split variable of the data up to date, in place.

    Parameters
    ----------
    packed : ndarray, float32, shape (x, y, 2·z)
        χ and D*χ by turns; s − t in the place of D*χ afterwards.
    split : ndarray, float32, shape (x, y, z)
        s + t.
    weight, field : ndarray, float32, shape (x, y, z)
        W and φ.
    mu, relaxation : float32
        Penalty and over-relaxation.
    """
    for i, j in np.ndindex(split.shape[:2]):
        here, sums, trust, known = packed[i, j], split[i, j], weight[i, j], field[i, j]
        for k in range(sums.size):
            gain = mu / (trust[k] + mu)
            given = (np.float32(1) - gain) * known[k]
            both = sums[k] + relaxation * (here[2 * k + 1] - (gain * sums[k] + given))
            sums[k] = both
            here[2 * k + 1] = np.float32(2) * (gain * both + given) - both


@compiled
def split_gradient(
    packed: np.ndarray,
    split_x: np.ndarray,
    split_y: np.ndarray,
    split_z: np.ndarray,
    inside: np.ndarray,
    edges: np.ndarray,
    limit: float,
    outside: float,
    rho: float,
    relaxation: float,
) -> None:
    """Bring the split gradient up to date, in place, and write its divergence.

    Parameters
    ----------
    packed : ndarray, float32, shape (x, y, 2·z)
        χ and the data's part by turns; ∇ᵀ(z − u)·ρ in the place of χ afterwards.
    split_x, split_y, split_z : ndarray, float32, shape (x, y, z)
        z + u of the forward differences along each axis, which are periodic.
    inside : ndarray, float32, shape (x, y, z)
        1 in the mask.
    edges : ndarray, float32, shape (3,)
        Voxel size in mm.
    limit, outside : float32
        λ/ρ inside the mask in ppm, and the share of it outside.
    rho, relaxation : float32
        Penalty and over-relaxation.
    """
    nx, ny, nz = inside.shape
    plane, row = np.zeros((ny, nz), np.float32), np.zeros(nz, np.float32)  # ∇ᵀ's part of the voxels before
    new = np.zeros((3, nz), np.float32)
    after, level = np.zeros(nz, np.float32), np.zeros(nz, np.float32)
    first, following = np.empty((ny, nz), np.float32), np.empty((ny, nz), np.float32)
    scales = rho / (edges * edges)
    _take_chi(packed[0], first)
    chi = first.copy()
    for i in range(nx):
        if i + 1 < nx:
            _take_chi(packed[i + 1], following)
        else:
            following[:] = first
        row[:] = 0
        for j in range(ny):
            here, total = chi[j], packed[i, j]
            for k in range(nz):
                level[k] = limit * (outside + (np.float32(1) - outside) * inside[i, j, k])
            after[: nz - 1] = here[1:]
            after[nz - 1] = here[0]
            _split_row(here, following[j], split_x[i, j], level, edges[0], scales[0], relaxation, new[0])
            _split_row(here, chi[(j + 1) % ny], split_y[i, j], level, edges[1], scales[1], relaxation, new[1])
            _split_row(here, after, split_z[i, j], level, edges[2], scales[2], relaxation, new[2])
            before = plane[j]
            for k in range(1, nz):
                total[2 * k] = before[k] + row[k] + new[2, k - 1] - new[0, k] - new[1, k] - new[2, k]
            total[0] = before[0] + row[0] + new[2, nz - 1] - new[0, 0] - new[1, 0] - new[2, 0]
            before[:] = new[0]
            row[:] = new[1]
        packed[i, 0, ::2] += row
        chi, following = following, chi
    for j in range(ny):
        packed[0, j, ::2] += plane[j]


@compiled
def _take_chi(packed: np.ndarray, chi: np.ndarray) -> None:
    """Copy χ of one plane to rows without gaps."""
    for j in range(chi.shape[0]):
        for k in range(chi.shape[1]):
            chi[j, k] = packed[j, 2 * k]


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
