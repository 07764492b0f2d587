"""The field of a susceptibility distribution: convolution with the unit dipole.

Marques & Bowtell 2005 (Concepts Magn Reson B 25:65) and Salomir 2003: with the Lorentz sphere correction the relative
field of χ is F⁻¹(D·Fχ), D(k) = 1/3 − (k·b)²/|k|², D(0) = 0, for B0 along the unit vector b. The kernel is continuous
in k-space, b is in voxel axes and k in cycles/mm, so oblique slices and anisotropic voxels need nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chiomics.core.errors import InputError
from chiomics.qsm.arrays import as_values, as_voxel_size
from chiomics.qsm.fourier import Array, Grid


def dipole_kernel(grid: Grid, b0_direction: Sequence[float]) -> Array:
    """Return the dipole's half-spectrum on a grid.

    Parameters
    ----------
    grid : Grid
        Padded box of the inversion.
    b0_direction : sequence of 3 floats
        Direction of B0 in voxel axes; scaled to unit length here.

    Returns
    -------
    kernel : Array, float32, shape of the half-spectrum
        Values from −2/3 (k along B0) to 1/3 (k across it), 0 at k = 0.

    Raises
    ------
    InputError
        Where the direction is not a finite vector of three numbers that are not all 0.

    Notes
    -----
    At the highest frequency N/2 of an axis, k and −k are one sample. The products of that component with the others
    are dropped, which is the mean over both signs, so that the kernel is the spectrum of a real volume and the map
    does not change where an axis is flipped.
    """
    b = np.asarray(b0_direction, dtype=float)
    if b.shape != (3,) or not np.isfinite(b).all() or not b.any():
        raise InputError("b0_direction is no direction", found=str(b0_direction), expected="three numbers, not all 0")
    b = b / np.linalg.norm(b)
    frequencies = [axis.astype(np.float32) for axis in grid.frequencies()]
    k_squared = np.zeros([axis.size for axis in frequencies], np.float32)
    along = np.zeros_like(k_squared)
    alone = np.zeros_like(k_squared)
    for axis, length, component in zip(frequencies, grid.shape, b.astype(np.float32), strict=True):
        k_squared += axis**2
        highest = np.arange(axis.size).reshape(axis.shape) == length // 2
        along += np.where(highest, 0, axis * component)
        alone += np.where(highest, (axis * component) ** 2, 0)
    along *= along
    along += alone
    k_squared[0, 0, 0] = 1
    along /= k_squared
    kernel = np.subtract(np.float32(1 / 3), along, out=along)
    kernel[0, 0, 0] = 0
    return grid.backend.asarray(kernel)


def dipole_field(
    chi: np.ndarray,
    *,
    voxel_size: Sequence[float],
    b0_direction: Sequence[float],
    padding: float | None = None,
    workers: int = 1,
    backend: str = "numpy",
) -> np.ndarray:
    """Return the relative field of a susceptibility map.

    Parameters
    ----------
    chi : ndarray, shape (nx, ny, nz)
        Susceptibility in ppm relative to its surroundings; outside the volume it is taken as 0.
    voxel_size : sequence of 3 floats
        In mm.
    b0_direction : sequence of 3 floats
        Direction of B0 in voxel axes.
    padding : float, optional
        Zeros between the periodic copies in mm; by default the volume's largest extent.
    workers : int
        Threads.
    backend : {"numpy", "torch", "cupy"}
        Array library.

    Returns
    -------
    field : ndarray of float32, shape (nx, ny, nz)
        In ppm of B0.

    Raises
    ------
    InputError
        For a map that is not 3-D or not finite, and a voxel size or direction that is none.
    """
    voxel_size, chi = as_voxel_size(voxel_size), as_values(chi, "map")
    if chi.ndim != 3:
        raise InputError("the map is not 3-D", found=f"shape {chi.shape}", expected="(x, y, z)")
    if padding is None:
        padding = max(n * edge for n, edge in zip(chi.shape, voxel_size, strict=True))
    whole = np.ones(chi.shape, bool)
    grid = Grid(whole, voxel_size=voxel_size, padding=padding, backend=backend, workers=workers)
    spectrum = grid.fft(grid.embed(chi))
    spectrum *= dipole_kernel(grid, b0_direction)
    return grid.extract(grid.ifft(spectrum))
