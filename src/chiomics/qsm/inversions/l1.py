"""Total variation inversion with an L1 data term, linear or of the phase: L1-QSM.

Milovic, Lambert, Langkammer, Bredies, Irarrazaval, Tejos 2022 (MRM 87:457). A squared data term spreads what is wrong
in single voxels (wraps, flow, dephasing in veins) along streaks through the map; the L1 norm leaves it where it is:

    min ‖W·(exp(iκ·D*χ) − exp(iκ·φ))/κ‖₁ + λ·‖∇χ‖₁

Solved as TV is (:mod:`chiomics.qsm.inversions.tv`), with another step for s = D*χ. The paper splits the exponential
once more; but |exp(iκs) − exp(iκφ)| = 2·|sin(κ(s − φ)/2)|, so that with r = s − φ and v = D*χ + t − φ the step is the
scalar problem

    min_r ½·μ·(r − v)² + (2W/κ)·|sin(κr/2)|   →   |r| = max(|v| − (W/μ)·cos(κr/2), 0),

which a few fixed-point iterations solve. Our φ is unwrapped, so beyond half a turn, κ|r| > π, the cost stays where it
is instead of falling again. With κ = 0 this is the paper's linear form, and |r| = max(|v| − W/μ, 0).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from chiomics.qsm.dipole import dipole_kernel
from chiomics.qsm.fourier import Array, Grid
from chiomics.qsm.inversions.tv import total_variation
from chiomics.qsm.settings import Count, NotNegative, Positive

#: Fixed-point iterations of the data step; each lessens the error by κ·W/(2μ), a twentieth.
FIXED_POINT_ITERATIONS = 2


def l1(
    local_field: np.ndarray,
    mask: np.ndarray,
    *,
    voxel_size: Sequence[float],
    b0_direction: Sequence[float],
    weight: np.ndarray | None = None,
    regularisation: Positive = 0.05,
    phase_scale: NotNegative = 0.0,
    outside: NotNegative = 0.1,
    gradient_penalty: Positive = 200.0,
    data_penalty: Positive = 60.0,
    iterations: Count = 40,
    workers: int = 1,
    backend: str = "numpy",
) -> np.ndarray:
    """Invert the dipole field with an L1 data term and a total variation penalty.

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
        Trust in the field of each voxel; by default 1 in the mask.
    regularisation : float
        λ in mm. Both terms are norms, so it does not depend on the field's unit.
    phase_scale : float
        κ in rad/ppm: 2π·42.576·B0·ΔTE, 5 for 3 T and 6.2 ms; 0 for the linear data term, which is right for an
        unwrapped field and finds strong sources sooner.
    outside : float
        λ outside the mask relative to inside: 1 for a local field without remains of the background.
    gradient_penalty : float
        ρ/λ in 1/ppm.
    data_penalty : float
        μ in 1/ppm: its inverse is what one step takes from a residual.
    iterations : int
        Alternations.
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
    data_weight = grid.mask if weight is None else grid.mask * grid.embed(weight)
    field = grid.embed(local_field)
    chi = total_variation(
        grid,
        field,
        data_weight,
        dipole_kernel(grid, b0_direction),
        regularisation=regularisation,
        outside=outside,
        gradient_penalty=gradient_penalty,
        iterations=iterations,
        data_penalty=data_penalty,
        data_step=_absolute(grid, field, data_weight / data_penalty, phase_scale),
    )
    return grid.extract(chi)


def _absolute(grid: Grid, field: Array, limit: Array, phase_scale: float) -> Callable[[Array, slice], Array]:
    """Return the step for s of the L1 norm; `limit` is W/μ."""
    xp = grid.backend.xp

    def step(split: Array, part: slice) -> Array:
        residual = split - field[part]
        size = xp.abs(residual)
        rest = xp.clip(size - limit[part], 0, None)
        for _ in range(FIXED_POINT_ITERATIONS if phase_scale else 0):
            slope = xp.cos(xp.clip(phase_scale / 2 * rest, 0, np.pi / 2))
            rest = xp.where(rest > 0, xp.clip(size - limit[part] * slope, 0, None), rest)
        size -= rest
        return split - xp.where(residual < 0, -size, size)

    return step
