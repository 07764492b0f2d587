"""Grids of images: whether two are the same, and a coarser or smaller one along an image's own axes."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.core.space.volume import Volume

#: Smoothing before sampling at a coarser step: standard deviation over the root of what the voxel's variance grows by.
SMOOTHING = 0.4
#: Corners of two grids may differ by this share of a voxel: what single precision in a header rounds off.
TOLERANCE = 0.02


def same_grid(first: Volume, second: Volume) -> bool:
    """Return whether two volumes lie on the same voxels."""
    return first.voxels.shape[:3] == second.voxels.shape[:3] and _apart(first, second) <= _allowed(first)


def check_same_grid(first: Volume, *others: Volume) -> None:
    """Refuse volumes whose voxels lie elsewhere than those of the first.

    Parameters
    ----------
    first, *others : Volume
        Of any content.

    Raises
    ------
    InputError
        With the shapes, or the largest distance between corners in mm.
    """
    shape = first.voxels.shape[:3]
    for other in others:
        if other.voxels.shape[:3] != shape:
            raise InputError("images differ in shape", found=str(other.voxels.shape), expected=str(shape))
        if not same_grid(first, other):
            raise InputError("images lie on different voxels", found=f"corners {_apart(first, other):.3g} mm apart")


def coarsen(volume: Volume, resolution: float) -> Volume:
    """Bring an image to coarser voxels along its own axes; axes that are coarse already stay as they are.

    Parameters
    ----------
    volume : Volume
        Any orientation.
    resolution : float
        Wanted voxel size in mm.

    Returns
    -------
    Volume
        Float32, smoothed for the step and with the same centre.
    """
    step = np.maximum(resolution / volume.voxel_size, 1.0)
    if np.allclose(step, 1, atol=1e-3):
        return Volume(volume.voxels.astype(np.float32, copy=False), volume.affine)
    shape = np.maximum(np.ceil(np.array(volume.voxels.shape) / step - 1e-6).astype(int), 1)
    start = (np.array(volume.voxels.shape) - 1 - step * (shape - 1)) / 2
    smooth = ndimage.gaussian_filter(volume.voxels.astype(np.float32), SMOOTHING * np.sqrt(step**2 - 1), truncate=3)
    voxels = ndimage.affine_transform(
        smooth, np.diag(step), start, tuple(shape), order=1, mode="nearest", output=np.float32
    )
    affine = volume.affine.astype(float).copy()
    affine[:3, 3] += affine[:3, :3] @ start
    affine[:3, :3] *= step
    return Volume(voxels, affine)


def crop(volume: Volume, seen: Volume, margin: float) -> Volume:
    """Cut off what lies far outside a mask.

    Parameters
    ----------
    volume : Volume
        Any orientation.
    seen : Volume
        Positive where it counts, on any grid of the same world; nothing is cut where it is empty.
    margin : float
        What is kept around it in mm.

    Returns
    -------
    Volume
        The part of the grid, its voxels a view.
    """
    inside = np.asarray(seen.voxels) > 0
    ranges = []
    for axis in range(3):
        found = np.flatnonzero(inside.any(tuple({0, 1, 2} - {axis})))
        if not found.size:
            return volume
        ranges.append((found[0], found[-1]))
    corners = np.stack(np.meshgrid(*ranges, indexing="ij")).reshape(3, -1)
    onto = np.linalg.inv(volume.affine) @ seen.affine
    corners = onto[:3, :3] @ corners + onto[:3, 3:]
    reach = margin / volume.voxel_size
    low = np.maximum(np.floor(corners.min(1) - reach + 1e-6), 0).astype(int)
    high = np.minimum(np.ceil(corners.max(1) + reach - 1e-6).astype(int) + 1, volume.voxels.shape)
    if (high <= low).any():
        return volume
    affine = volume.affine.astype(float).copy()
    affine[:3, 3] += affine[:3, :3] @ low
    return Volume(volume.voxels[tuple(map(slice, low, high))], affine)


def _apart(first: Volume, second: Volume) -> float:
    """Largest distance between the corners of two grids of one shape, per world axis, mm."""
    x, y, z = first.voxels.shape[:3]
    corners = np.array([[i, j, k, 1] for i in (0, x) for j in (0, y) for k in (0, z)], float).T
    return float(np.abs((second.affine - first.affine) @ corners).max())


def _allowed(volume: Volume) -> float:
    return TOLERANCE * float(volume.voxel_size.min())


def widen(mask: Volume, margin: float) -> Volume:
    """Grow a mask by `margin` mm in every direction; booleans on the same grid."""
    return mask.like(ndimage.distance_transform_edt(mask.voxels <= 0, sampling=mask.voxel_size) <= margin)
