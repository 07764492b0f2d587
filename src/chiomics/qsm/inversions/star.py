"""Streaking artefact reduction, STAR-QSM.

Wei, Dibb, Zhou, Sun, Xu, Wang, Liu 2015 (NMR Biomed 28:1294): two levels of total variation inversion. With a large
λ only strong sources (veins, bleeds, calcifications) remain; their field is subtracted, so that no streak of theirs is
left, and the remaining field is inverted with a small λ for the tissue.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chiomics.qsm.dipole import dipole_kernel
from chiomics.qsm.fourier import Grid
from chiomics.qsm.inversions.tv import total_variation
from chiomics.qsm.phase.field_noise import scaled_regularisation
from chiomics.qsm.settings import Count, NotNegative, Positive


def star(
    local_field: np.ndarray,
    mask: np.ndarray,
    *,
    voxel_size: Sequence[float],
    b0_direction: Sequence[float],
    weight: np.ndarray | None = None,
    strong_regularisation: Positive = 1e-3,
    weak_regularisation: Positive = 6e-5,
    strong_threshold: Positive = 0.3,
    noise: float = 0.0,
    outside: NotNegative = 0.1,
    gradient_penalty: Positive = 100.0,
    iterations: Count = 12,
    workers: int = 1,
    backend: str = "numpy",
) -> np.ndarray:
    """Invert the dipole field in two levels of regularisation.

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
        Trust in the field of each voxel, 0 to 1; by default 1 in the mask.
    strong_regularisation, weak_regularisation : float
        λ of the two levels in ppm·mm, the weak one for a field without noise.
    strong_threshold : float
        Sources of the first level with |χ| above it, in ppm, are kept.
    noise : float
        Standard deviation of the field's noise in ppm, from `field_noise`; the weak λ rises with its square.
    outside : float
        λ outside the mask relative to inside, as in `tv`.
    gradient_penalty : float
        ρ/λ in 1/ppm.
    iterations : int
        Alternations of each level.
    workers : int
        Threads.
    backend : {"numpy", "torch", "cupy"}
        Array library.

    Returns
    -------
    chi : ndarray of float32, shape (nx, ny, nz)
        In ppm, zero outside the mask.
    """
    grid = Grid(mask, voxel_size=voxel_size, backend=backend, workers=workers)
    kernel = dipole_kernel(grid, b0_direction)
    data_weight = grid.mask if weight is None else grid.mask * grid.embed(weight)
    field = grid.embed(local_field)
    level = {"outside": outside, "gradient_penalty": gradient_penalty, "iterations": iterations}
    strong = total_variation(grid, field, data_weight, kernel, regularisation=strong_regularisation, **level)
    strong *= grid.mask
    strong *= grid.backend.xp.abs(strong) > strong_threshold
    field -= grid.ifft(kernel * grid.fft(strong))
    weak_regularisation = scaled_regularisation(weak_regularisation, noise)
    weak = total_variation(grid, field, data_weight, kernel, regularisation=weak_regularisation, **level)
    return grid.extract(strong + weak)
