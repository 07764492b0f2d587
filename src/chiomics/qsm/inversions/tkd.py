"""Thresholded k-space division.

Shmueli 2009 (MRM 62:1510): X = Fφ/D where |D| ≥ t, and Fφ/(sign(D)·t) elsewhere. Schweser 2013 (MRM 69:1582): what
the threshold takes from χ is given back by dividing by ψ = mean of D·D_t⁻¹ over k-space.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chiomics.qsm.dipole import dipole_kernel
from chiomics.qsm.fourier import Array, Grid
from chiomics.qsm.settings import Positive


def tkd(
    local_field: np.ndarray,
    mask: np.ndarray,
    *,
    voxel_size: Sequence[float],
    b0_direction: Sequence[float],
    weight: np.ndarray | None = None,
    threshold: Positive = 0.15,
    correct: bool = False,
    workers: int = 1,
    backend: str = "numpy",
) -> np.ndarray:
    """Invert the dipole field by thresholded division.

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
        Not used: a division in k-space has no place for it.
    threshold : float
        Smallest |D| to divide by.
    correct : bool
        Divide by ψ.
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
    inverse = truncated_inverse(grid, kernel, threshold)
    if correct:
        inverse /= float((kernel * inverse).mean())
    return grid.extract(grid.ifft(inverse * grid.fft(grid.embed(local_field) * grid.mask)))


def truncated_inverse(grid: Grid, kernel: Array, threshold: float) -> Array:
    """Return 1/D where |D| ≥ `threshold` and sign(D)/`threshold` elsewhere, 0 where D is 0."""
    xp = grid.backend.xp
    return xp.sign(kernel) / xp.clip(xp.abs(kernel), threshold, None)
