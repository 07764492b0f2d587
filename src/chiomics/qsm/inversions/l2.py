"""Inversion with a quadratic gradient penalty, in closed form.

Bilgic, Fan, Polimeni, Cauley, Bianciardi, Adalsteinsson, Wald, Setsompop 2014 (MRM 72:1444):
χ = argmin ½‖D·χ − φ‖² + ½β²·h²·‖∇χ‖² = F⁻¹[ D·Fφ / (D² + (β·h)²·Σ|E_d|²) ], h the mean voxel size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chiomics.qsm.dipole import dipole_kernel
from chiomics.qsm.fourier import Array, Grid
from chiomics.qsm.settings import Positive


def l2(
    local_field: np.ndarray,
    mask: np.ndarray,
    *,
    voxel_size: Sequence[float],
    b0_direction: Sequence[float],
    weight: np.ndarray | None = None,
    regularisation: Positive = 0.02,
    workers: int = 1,
    backend: str = "numpy",
) -> np.ndarray:
    """Invert the dipole field with a quadratic gradient penalty.

    Parameters
    ----------
    local_field : ndarray, shape (nx, ny, nz)
        In ppm of B0.
    mask : ndarray of bool, shape (nx, ny, nz)
        Voxels with a field.
    voxel_size : sequence of 3 floats
        In mm.
    b0_direction : sequence of 3 floats
        Direction of B0 in voxel axes.
    weight : ndarray, optional
        Not used: the closed form has no place for it.
    regularisation : float
        β, per voxel of the mean size: the same share of k-space is damped at any resolution.
    workers : int
        Threads.
    backend : {"numpy", "torch", "cupy"}
        Array library.

    Returns
    -------
    chi : ndarray of float32, shape (nx, ny, nz)
        In ppm, zero outside the mask. Scales with the field.
    """
    grid = Grid(mask, voxel_size=voxel_size, backend=backend, workers=workers)
    kernel = dipole_kernel(grid, b0_direction)
    return grid.extract(closed_form(grid, grid.embed(local_field) * grid.mask, kernel, regularisation))


def closed_form(grid: Grid, field: Array, kernel: Array, regularisation: float = 0.02) -> Array:
    """Return the minimiser for a field on a grid that is 0 outside the mask."""
    edge = float(np.prod(grid.voxel_size)) ** (1 / 3)
    damping = grid.laplacian() * (regularisation * edge) ** 2
    damping += kernel * kernel
    damping[0, 0, 0] = 1
    spectrum = grid.fft(field)
    spectrum *= kernel
    spectrum /= damping
    return grid.ifft(spectrum)
