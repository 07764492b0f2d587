"""Gaussian smoothing with wide kernels, compiled: the filter of SciPy, several voxels at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chiomics.core.compiled import compiled


def gaussian_filter(volume: np.ndarray, sigma: Sequence[float], *, truncate: float = 3.0) -> np.ndarray:
    """Smooth a volume with a Gaussian, taking what lies beyond its faces for zero.

    Parameters
    ----------
    volume : ndarray, shape (x, y, z)
        Any type; float32 is computed in.
    sigma : sequence of 3 floats
        Standard deviations in voxels.
    truncate : float
        Standard deviations at which the kernel ends.

    Returns
    -------
    ndarray, float32, shape (x, y, z)
        As `scipy.ndimage.gaussian_filter` with ``mode="constant"`` gives it, up to rounding.
    """
    volume = np.ascontiguousarray(volume, np.float32)
    for axis, width in enumerate(sigma):
        radius = int(truncate * width + 0.5)
        if radius == 0:
            continue
        places = np.arange(-radius, radius + 1)
        kernel = np.exp(-0.5 * (places / width) ** 2)
        kernel = (kernel / kernel.sum()).astype(np.float32)
        smooth = np.empty_like(volume)
        nx, ny, nz = volume.shape
        if axis == 0:
            _along_rows(volume.reshape(1, nx, ny, nz), kernel, smooth.reshape(1, nx, ny, nz))
        elif axis == 1:
            _along_rows(volume.reshape(nx, ny, 1, nz), kernel, smooth.reshape(nx, ny, 1, nz))
        else:
            _within_rows(volume.reshape(nx * ny, nz), kernel, smooth.reshape(nx * ny, nz))
        volume = smooth
    return volume


@compiled
def _along_rows(volume: np.ndarray, kernel: np.ndarray, smooth: np.ndarray) -> None:
    """Filter along the second of four axes."""
    radius = kernel.size // 2
    blocks, length, columns, depth = volume.shape
    total = np.empty(depth, np.float32)
    for block in range(blocks):
        for j in range(columns):  # the rows of one column fit in the cache
            for i in range(length):
                total[:] = 0
                for other in range(max(0, i - radius), min(length, i + radius + 1)):
                    factor, row = kernel[other - i + radius], volume[block, other, j]
                    for k in range(depth):
                        total[k] += factor * row[k]
                smooth[block, i, j] = total


@compiled
def _within_rows(rows: np.ndarray, kernel: np.ndarray, smooth: np.ndarray) -> None:
    """Filter along the second axis."""
    radius, length = kernel.size // 2, rows.shape[1]
    padded, total = np.zeros(length + 2 * radius, np.float32), np.empty(length, np.float32)
    for i in range(rows.shape[0]):
        padded[radius : radius + length] = rows[i]
        total[:] = 0
        for place in range(kernel.size):
            factor, row = kernel[place], padded[place : place + length]
            for k in range(length):
                total[k] += factor * row[k]
        smooth[i] = total
