"""Morphology enabled dipole inversion with CSF as zero reference, MEDI and MEDI+0.

Liu, Wisnieff, Liu, Chen, Liu, Wang 2013 (MRM 69:467, nonlinear MEDI, with its outlier reweighting MERIT) and Liu,
Spincemaille, Yao, Zhang, Wang 2018 (MRM 79:2795, MEDI+0):

    min ½‖w·(exp(iκ·D*χ) − exp(iκ·φ))/κ‖² + λ·‖P·∇χ‖₁ + ½γ·‖M_CSF·(χ − mean_CSF χ)‖²

κ turns ppm into rad, so that a phase error of 2π does no harm; P is 0 at edges of the magnitude and 1 elsewhere.
Solved by Gauss-Newton steps with conjugate gradients, from a total variation inversion. Each step lessens a quadratic
that lies above the cost and touches it, so that no step raises the cost of the weights it was taken with. With the
MEDI toolbox's λ_MEDI on the data term, whose field is in rad, λ = 1/(2·λ_MEDI·κ) and γ = λ_CSF/(2·λ_MEDI).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from chiomics.core.errors import InputError
from chiomics.qsm.conjugate import conjugate_gradients
from chiomics.qsm.dipole import dipole_kernel
from chiomics.qsm.fourier import Array, Grid, add_adjoint_difference, forward_difference
from chiomics.qsm.inversions.tv import total_variation
from chiomics.qsm.phase.field_noise import scaled_regularisation
from chiomics.qsm.settings import Count, NotNegative, Positive, Share

log = logging.getLogger(__name__)

#: Smoothing of |∇χ| in ppm/mm: the MEDI toolbox's 1e-3 rad at 5 rad/ppm.
SMOOTHING = 2e-4
#: MERIT: residuals beyond this many standard deviations lose weight (MEDI toolbox).
OUTLIER = 6.0
#: Residual in rad below which nothing is an outlier.
TINY = 1e-6

#: The start, a total variation inversion as in `tv`. Conjugate gradients lessen errors in the cone of the dipole so
#: slowly that where they stop depends on the start: from the closed form with a quadratic penalty the error of χ from
#: the true local field of three simulated heads was 30, 26 and 66 %, from here it is 21, 24 and 23 % (TV itself 23, 27
#: and 24 %), from phase 42 instead of 47 %.
START = {"outside": 0.1, "gradient_penalty": 100.0, "iterations": 12}


def medi(
    local_field: np.ndarray,
    mask: np.ndarray,
    *,
    voxel_size: Sequence[float],
    b0_direction: Sequence[float],
    weight: np.ndarray | None = None,
    magnitude: np.ndarray | None = None,
    csf_mask: np.ndarray | None = None,
    regularisation: Positive = 1e-4,
    noise: float = 0.0,
    csf_regularisation: NotNegative = 0.05,
    edge_fraction: Share = 0.3,
    phase_scale: Positive = 5.0,
    reweight: bool = True,
    newton_iterations: Count = 10,
    newton_tolerance: Positive = 0.02,
    gradient_iterations: Count = 10,
    gradient_tolerance: Positive = 0.01,
    workers: int = 1,
    backend: str = "numpy",
) -> np.ndarray:
    """Invert the dipole field with a gradient penalty that spares the magnitude's edges.

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
    magnitude : ndarray, shape (nx, ny, nz)
        Of the echoes together, any unit. Needed.
    csf_mask : ndarray of bool, optional
        Ventricular CSF; with it, χ is made uniform there and its mean there is 0 (MEDI+0). Without it, plain MEDI.
    regularisation : float
        λ in ppm·mm for a field without noise: λ_MEDI 1000 at 5 rad/ppm.
    noise : float
        Standard deviation of the field's noise in ppm, from `field_noise`; λ rises with its square.
    csf_regularisation : float
        γ: λ_CSF 100 over twice λ_MEDI 1000.
    edge_fraction : float
        Share of the magnitude's differences in the mask that are edges.
    phase_scale : float
        κ in rad/ppm: 2π·42.576·B0·ΔTE, 5 for 3 T and 6.2 ms.
    reweight : bool
        Take weight from voxels whose residual is an outlier, after each Gauss-Newton step (MERIT).
    newton_iterations, newton_tolerance : int, float
        Gauss-Newton steps, and the relative change at which they stop.
    gradient_iterations, gradient_tolerance : int, float
        Conjugate gradient iterations of one step, and their relative residual.
    workers : int
        Threads.
    backend : {"numpy", "torch", "cupy"}
        Array library.

    Returns
    -------
    chi : ndarray of float32, shape (nx, ny, nz)
        In ppm, zero outside the mask.

    Raises
    ------
    InputError
        Without a magnitude, or where `csf_mask` has no voxel in the mask.
    """
    if magnitude is None:
        raise InputError("MEDI takes its edges from the magnitude", found="none", expected="a magnitude volume")
    regularisation = scaled_regularisation(regularisation, noise)
    grid = Grid(mask, voxel_size=voxel_size, backend=backend, workers=workers)
    kernel = dipole_kernel(grid, b0_direction)
    field = grid.embed(local_field)
    trust = grid.mask if weight is None else grid.mask * grid.embed(weight)
    smooth = edge_mask(grid, grid.embed(magnitude), edge_fraction)
    csf = None if csf_mask is None else grid.embed(np.asarray(csf_mask) > 0) * grid.mask
    if csf is not None and not bool(csf.any()):
        raise InputError("the CSF mask has no voxel in the mask", found="0 voxels", expected="ventricular CSF")

    # χ = 0 is too far off to linearise exp(iκφ) where the field is strong, and what a start is wrong by in the cone
    # of the dipole the steps below lessen too slowly: see START.
    chi = total_variation(grid, field, trust, kernel, regularisation=regularisation, **START)
    residual = _field_of(grid, chi, kernel)
    residual -= field
    for step in range(newton_iterations):
        gradient_scale = _gradient_scales(grid, chi, smooth, regularisation)
        slope = _field_of(grid, trust * grid.backend.xp.sin(phase_scale * residual) / phase_scale, kernel)
        slope += _penalty(grid, chi, gradient_scale, csf, csf_regularisation)

        def curvature(change: Array, trust: Array = trust, scale: list[Array] = gradient_scale) -> Array:
            product = _field_of(grid, trust * _field_of(grid, change, kernel), kernel)
            product += _penalty(grid, change, scale, csf, csf_regularisation)
            return product

        change = conjugate_gradients(
            curvature, -slope, dot=grid.dot, tolerance=gradient_tolerance, iterations=gradient_iterations
        ).x
        chi += change
        residual = _field_of(grid, chi, kernel)
        residual -= field
        if reweight:
            trust = _without_outliers(grid, trust, residual, phase_scale)
        relative = grid.norm(change * grid.mask) / max(grid.norm(chi * grid.mask), 1e-30)
        log.info("MEDI: step %d, relative change %.3g", step + 1, relative)
        if relative < newton_tolerance:
            break
    if csf is not None:
        chi -= float((chi * csf).sum() / csf.sum())
    return grid.extract(chi)


def edge_mask(grid: Grid, magnitude: Array, fraction: float) -> list[Array]:
    """Return per axis 0 at the largest `fraction` of the magnitude's differences in the mask, 1 elsewhere."""
    xp = grid.backend.xp
    masked = magnitude * grid.mask
    whole = slice(0, grid.shape[0])
    differences = [
        xp.abs(forward_difference(masked, axis, whole, grid.backend)) / edge
        for axis, edge in enumerate(grid.voxel_size)
    ]
    inside = [grid.backend.to_numpy(difference[grid.mask > 0]) for difference in differences]
    level = float(np.quantile(np.concatenate(inside), 1 - fraction))
    return [(difference <= level) * (grid.mask * 0 + 1) for difference in differences]


def _field_of(grid: Grid, chi: Array, kernel: Array) -> Array:
    """Return D*χ."""
    spectrum = grid.fft(chi)
    spectrum *= kernel
    return grid.ifft(spectrum)


def _gradient_scales(grid: Grid, chi: Array, smooth: list[Array], regularisation: float) -> list[Array]:
    """Return per axis λ·P²/√((P·∇χ)² + ε²), per mm²: the quadratic penalty that touches the L1 norm at χ."""
    scales = [grid.backend.xp.empty_like(chi) for _ in range(3)]
    for part in grid.slabs():
        for axis, edge in enumerate(grid.voxel_size):
            gradient = forward_difference(chi, axis, part, grid.backend)
            gradient *= smooth[axis][part] / edge
            magnitude = (gradient * gradient + SMOOTHING**2) ** 0.5
            scales[axis][part] = smooth[axis][part] * (regularisation / edge**2) / magnitude
    return scales


def _penalty(grid: Grid, volume: Array, scales: list[Array], csf: Array | None, csf_regularisation: float) -> Array:
    """Return the penalties' quadratic forms applied to a volume."""
    total = grid.backend.xp.zeros_like(volume)
    for part in grid.slabs():
        for axis in range(3):
            step = forward_difference(volume, axis, part, grid.backend)
            step *= scales[axis][part]
            add_adjoint_difference(total, step, axis, part)
    if csf is not None:
        mean = float((volume * csf).sum() / csf.sum())
        total += csf_regularisation * csf * (volume - mean)
    return total


def _without_outliers(grid: Grid, trust: Array, residual: Array, phase_scale: float) -> Array:
    """Return the squared weights divided by (|r|/6σ)⁴ where the weighted residual is beyond 6σ (MERIT)."""
    xp = grid.backend.xp
    size = trust**0.5 * xp.abs(xp.sin(phase_scale * residual / 2))
    inside = size[grid.mask > 0]
    deviation = max(float(inside.std()), TINY)
    return trust / xp.clip(size / (OUTLIER * deviation), 1, None) ** 4
