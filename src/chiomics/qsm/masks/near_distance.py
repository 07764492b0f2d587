"""How far voxels are from a mask, up to a limit: exact, at a fraction of what a distance transform of all takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from chiomics.core.compiled import compiled
from chiomics.qsm.arrays import as_mask


def near_distance(mask: np.ndarray, *, voxel_size: Sequence[float], limit: float) -> np.ndarray:
    """Return the distance of each voxel's centre to that of the nearest voxel of a mask.

    Squares of distances add up over the axes, so that the nearest is found along one axis after another, each within
    the limit (Felzenszwalb & Huttenlocher 2012, Theory Comput 8:415, section 2.1).

    Parameters
    ----------
    mask : ndarray of bool, shape (x, y, z)
        Voxels at distance 0.
    voxel_size : sequence of 3 floats
        In mm.
    limit : float
        In mm.

    Returns
    -------
    ndarray, float32, shape (x, y, z)
        In mm; infinite where it exceeds the limit.
    """
    mask = as_mask(mask)
    squares = np.where(np.ascontiguousarray(mask), np.float32(0), np.float32(np.inf))
    nx, ny, nz = mask.shape
    for axis, edge in enumerate(voxel_size):
        reach = int(limit / edge + 1e-6)
        if reach == 0:
            continue
        steps = (np.arange(reach + 1) * edge) ** 2
        nearest = np.empty_like(squares)
        shape = ((1, nx, ny * nz), (nx, ny, nz), (nx * ny, nz, 1))[axis]
        _nearest(squares.reshape(shape), steps.astype(np.float32), nearest.reshape(shape))
        squares = nearest
    squares[squares > np.float32(limit) ** 2 * (1 + 1e-6)] = np.inf
    return np.sqrt(squares, out=squares)


def erode(mask: np.ndarray, voxel_size: Sequence[float], radius: float) -> np.ndarray:
    """Erode a mask by a ball in mm; the faces of the array do not erode."""
    mask = as_mask(mask)
    eroded, box = np.zeros(mask.shape, bool), _box(mask, [1, 1, 1])  # the nearest outside may be the next voxel
    eroded[box] = near_distance(~mask[box], voxel_size=voxel_size, limit=radius) > radius
    return eroded


def dilate(mask: np.ndarray, voxel_size: Sequence[float], radius: float) -> np.ndarray:
    """Dilate a mask by a ball in mm."""
    mask = as_mask(mask)
    dilated, box = np.zeros(mask.shape, bool), _box(mask, [int(radius / edge + 1) for edge in voxel_size])
    dilated[box] = near_distance(mask[box], voxel_size=voxel_size, limit=radius) <= radius
    return dilated


def _box(mask: np.ndarray, margins: Sequence[int]) -> tuple[slice, ...]:
    """Return where a mask is, and that many voxels around."""
    found = ndimage.find_objects(mask.view(np.uint8))
    if not found:
        return (slice(0),) * mask.ndim
    return tuple(slice(max(0, s.start - margin), s.stop + margin) for s, margin in zip(found[0], margins, strict=True))


@compiled
def _nearest(squares: np.ndarray, steps: np.ndarray, nearest: np.ndarray) -> None:
    """Take the least of square and step within reach along the second axis."""
    blocks, length, depth = squares.shape
    reach = steps.size - 1
    for block in range(blocks):
        for i in range(length):
            here = nearest[block, i]
            here[:] = squares[block, i]
            for other in range(max(0, i - reach), min(length, i + reach + 1)):
                row, step = squares[block, other], steps[abs(other - i)]
                for k in range(depth):
                    value = row[k] + step
                    here[k] = value if value < here[k] else here[k]
