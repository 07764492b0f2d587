"""V-SHARP: background field removal by spherical mean values whose radius shrinks towards the mask's edge.

The background is harmonic inside the brain, so it equals its mean over any ball that fits inside. With S_r the ball of
radius r, f - S_r*f = (δ - S_r)*f_local in every voxel whose ball fits; the largest that fits is used in each voxel, and
the result is deconvolved by the largest of all, with small divisors set to zero (threshold).

Li, Wu and Liu 2011, NeuroImage 55:1645; Wu, Li, Guidon and Liu 2012, Magn Reson Med 67:137.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chiomics.core.errors import InputError
from chiomics.qsm.arrays import as_mask, in_mask
from chiomics.qsm.fourier import Array, Grid

#: Divisors of the deconvolution below this are set to zero (QSM.m and QSM.jl: 0.05, whose error on the benchmark's
#: simulated head is 37.7 %; 36.9 % at 0.08, 37.1 % at 0.09 and 0.1).
THRESHOLD = 0.08
#: Largest radius in mm (STI Suite 12, QSM.m 9; on the same head 18 is best, 17 to 25 are within half a percent).
MAX_RADIUS = 18.0
#: Radii between the smallest and the largest: from 9 to 12 the error falls by 0.3 %, from 12 to 18 by 0.1 %.
RADII = 12


def remove_background_vsharp(
    total_field: np.ndarray,
    mask: np.ndarray,
    *,
    voxel_size: Sequence[float],
    max_radius: float = MAX_RADIUS,
    min_radius: float | None = None,
    radii: int = RADII,
    threshold: float = THRESHOLD,
    deconvolve: bool = True,
    workers: int = 1,
    backend: str = "numpy",
) -> tuple[np.ndarray, np.ndarray]:
    """Remove the background field.

    Parameters
    ----------
    total_field : ndarray, shape (x, y, z) or (s, x, y, z)
        Total field of one or several echo sets, any unit.
    mask : ndarray of bool, shape (x, y, z)
        Voxels where the field is known.
    voxel_size : sequence of 3 floats
        In mm.
    max_radius, min_radius : float
        Radii of the balls in mm. The smallest defaults to the largest voxel size, which costs one voxel at the edge of
        the mask.
    radii : int
        How many radii, equally spaced.
    threshold : float
        Truncation of the deconvolution.
    deconvolve : bool
        False leaves the field high-pass filtered, as STI Suite's V_SHARP does.
    workers : int
        Threads of the transform.
    backend : {"numpy", "torch", "cupy"}
        Array library.

    Returns
    -------
    local_field : ndarray, float32, shape of `total_field`
        Zero outside `inner_mask`.
    inner_mask : ndarray of bool, shape (x, y, z)
        Voxels whose smallest ball fits inside the mask.

    Raises
    ------
    InputError
        Where no ball fits the mask, and for a field of another shape or that is not finite in the mask.
    """
    mask = as_mask(mask)
    smallest = float(max(voxel_size)) if min_radius is None else min_radius
    grid = Grid(mask, voxel_size=voxel_size, padding=max_radius, backend=backend, workers=workers)
    total_field = in_mask(total_field, mask, "total field")
    mask_spectrum = grid.fft(grid.mask)
    fields = [grid.embed(field) * grid.mask for field in total_field.reshape(-1, *mask.shape)]
    spectra = [grid.fft(field) for field in fields]
    filtered = [0 * field for field in fields]
    inner = 0 * grid.mask
    divisor = None
    for radius in np.linspace(max_radius, smallest, radii):
        ball, voxels = ball_spectrum(grid, radius)
        fits = grid.mask * (grid.ifft(mask_spectrum * ball) > 1 - 0.5 / voxels)
        if not fits.any():
            continue
        high_pass = 1 - ball
        divisor = high_pass if divisor is None else divisor
        ring = fits * (1 - inner)
        for result, spectrum in zip(filtered, spectra, strict=True):
            result += ring * grid.ifft(spectrum * high_pass)
        inner += ring
    if divisor is None:
        raise InputError("no ball fits the mask", found=f"{int(mask.sum())} voxels", expected=f"radius {smallest:g} mm")
    if deconvolve:
        kept = abs(divisor) >= threshold
        divisor[~kept] = 1
        filtered = [inner * grid.ifft(grid.fft(result) / divisor * kept) for result in filtered]
    local_field = np.stack([grid.extract(result) for result in filtered])
    return local_field.reshape(total_field.shape), grid.extract(inner) > 0.5


def ball_spectrum(grid: Grid, radius: float) -> tuple[Array, int]:
    """Return the real half-spectrum of a ball of `radius` mm with sum 1, and its number of voxels."""
    squared = np.zeros((1, 1, 1), np.float32)
    for axis, (size, length) in enumerate(zip(grid.shape, grid.voxel_size, strict=True)):
        distance = np.minimum(np.arange(size), size - np.arange(size)) * np.float32(length)
        squared = squared + (distance.astype(np.float32) ** 2).reshape([-1 if a == axis else 1 for a in range(3)])
    ball = squared <= np.float32(radius**2 * (1 + 1e-5))
    voxels = int(ball.sum())
    return grid.fft(grid.backend.asarray(ball / np.float32(voxels))).real, voxels
