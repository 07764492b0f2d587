"""Texture inside regions: Gaussian random fields with a stated standard deviation and correlation length.

White noise smoothed with a Gaussian of standard deviation ℓ mm has the correlation exp(−r²/4ℓ²) at distance r. The
field is scaled and centred over the voxels of its region, so that a region's mean is not changed.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def random_field(
    rng: np.random.Generator, shape: tuple[int, ...], *, correlation: float, voxel_size: np.ndarray
) -> np.ndarray:
    """Draw a Gaussian random field of unit variance.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the field.
    shape : tuple of int
        Shape of the grid.
    correlation : float
        Standard deviation ℓ in mm of the Gaussian that smooths the noise.
    voxel_size : array_like, shape (3,)
        voxel size in mm.

    Returns
    -------
    ndarray
        Field of mean 0 and standard deviation 1 over the grid, float32.
    """
    noise = rng.standard_normal(shape, dtype=np.float32)
    if correlation > 0:
        noise = ndimage.gaussian_filter(noise, correlation / np.asarray(voxel_size), truncate=3, mode="wrap")
    return (noise - noise.mean()) / noise.std()


def region_texture(
    rng: np.random.Generator,
    region: np.ndarray,
    *,
    standard_deviation: float,
    correlation: float,
    voxel_size: np.ndarray,
) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Draw texture for the voxels of one compact region.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the texture.
    region : tuple of 3 ndarray
        Indices of the region's voxels.
    standard_deviation : float
        In ppm, over the region.
    correlation, voxel_size
        As in `random_field`.

    Returns
    -------
    ndarray
        Texture of each voxel in ppm; mean 0 and the asked standard deviation over the region.
    """
    low = [axis.min() for axis in region]
    shape = tuple(int(axis.max() - start + 1) for axis, start in zip(region, low, strict=True))
    field = random_field(rng, shape, correlation=correlation, voxel_size=voxel_size)
    values = field[tuple(axis - start for axis, start in zip(region, low, strict=True))]
    values = values - values.mean()
    spread = values.std()
    return values * np.float32(standard_deviation / spread) if spread > 0 else values
