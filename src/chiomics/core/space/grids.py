"""Grids of images: whether two are the same, and a coarser or smaller one along an image's own axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from chiomics.core.errors import InputError

if TYPE_CHECKING:  # the index imports this file, and no numerics
    import numpy as np

    from chiomics.core.space.volume import Volume

#: Corners of two grids that lie closer than this share of a voxel are the same: far above what single precision in a
#: header rounds off (1e-5 mm at 200 mm), far below what would shift a map.
TOLERANCE = 0.01
#: Smoothing before sampling at a coarser step: standard deviation over the root of what the voxel's variance grows by.
SMOOTHING = 0.4


class Grid(Protocol):
    """Anything that lies on voxels: a `Volume`, a header of the index, an image of nibabel."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along the axes, of which the first three are space."""

    @property
    def affine(self) -> Sequence[Sequence[float]] | np.ndarray:
        """Voxel to world coordinates in mm, three rows or four."""


def same_grid(first: Grid, second: Grid) -> bool:
    """Return whether two images share their voxels; the one place that decides it, for every stage.

    Parameters
    ----------
    first, second : Grid
        Of any content.

    Returns
    -------
    bool
        Whether their shapes are equal and no corner lies `TOLERANCE` of the smaller voxel side or more from its
        counterpart.
    """
    return tuple(first.shape[:3]) == tuple(second.shape[:3]) and voxels_apart(first, second) < TOLERANCE


def same_voxels(first: Grid, second: Grid) -> bool:
    """Return whether two images share their voxels, in whichever order and direction the axes are stored.

    Parameters
    ----------
    first, second : Grid
        Of any content.

    Returns
    -------
    bool
        `same_grid`, after the axes of the first are put in the order of the second.
    """
    if same_grid(first, second):
        return True
    one, other = ([[float(value) for value in row] for row in grid.affine[:3]] for grid in (first, second))
    order, signs = [], []
    for axis in range(3):
        along = [sum(row[mine] * its[axis] for row, its in zip(one, other, strict=True)) for mine in range(3)]
        lengths = [abs(value) for value in along]
        order.append(lengths.index(max(lengths)))
        signs.append(1 if along[order[-1]] > 0 else -1)
    if sorted(order) != [0, 1, 2] or (order == [0, 1, 2] and signs == [1, 1, 1]):
        return False
    shape = tuple(first.shape[axis] for axis in order)
    rows = []
    for row in one:
        moved = [row[axis] * sign for axis, sign in zip(order, signs, strict=True)]
        start = sum(row[axis] * (first.shape[axis] - 1) for axis, sign in zip(order, signs, strict=True) if sign < 0)
        rows.append([*moved, row[3] + start])
    return same_grid(_Reordered(shape, rows), second)


class _Reordered(NamedTuple):
    shape: tuple[int, ...]
    affine: list[list[float]]


def check_same_grid(first: Grid, *others: Grid, file: str | Path | None = None, what: str = "images") -> None:
    """Refuse images whose voxels lie elsewhere than those of the first.

    Parameters
    ----------
    first, *others : Grid
        Of any content.
    file : path-like, optional
        The file to name in the error.
    what : str
        What they are, for the error.

    Raises
    ------
    InputError
        With the shapes, or the largest distance between corners.
    """
    shape = tuple(first.shape[:3])
    for other in others:
        if tuple(other.shape[:3]) != shape:
            raise InputError(
                f"{what} differ in shape", file=file, found=str(tuple(other.shape[:3])), expected=str(shape)
            )
        if not same_grid(first, other):
            apart = voxels_apart(first, other)
            raise InputError(
                f"{what} lie on different voxels", file=file, found=f"corners {apart:.3g} of a voxel apart",
                expected=f"less than {TOLERANCE:g}",
            )  # fmt: skip


def voxels_apart(first: Grid, second: Grid) -> float:
    """Return the largest distance between the corners of two grids of one shape, in sides of the smallest voxel."""
    one, other = ([[float(value) for value in row] for row in grid.affine[:3]] for grid in (first, second))
    side = min(math.hypot(*(row[axis] for row in rows)) for rows in (one, other) for axis in range(3))
    # The difference of two affine maps is largest at a corner; pure Python, for the index asks 100,000 times.
    apart = [[b - a for a, b in zip(*rows, strict=True)] for rows in zip(one, other, strict=True)]
    x, y, z = first.shape[:3]
    return max(
        math.hypot(*(row[0] * i + row[1] * j + row[2] * k + row[3] for row in apart))
        for i in (0, x - 1) for j in (0, y - 1) for k in (0, z - 1)
    ) / side  # fmt: skip


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
    import numpy as np
    from scipy import ndimage

    step = np.maximum(resolution / volume.voxel_size, 1.0)
    if np.allclose(step, 1, atol=1e-3):
        return volume.like(volume.voxels.astype(np.float32, copy=False))
    shape = np.maximum(np.ceil(np.array(volume.voxels.shape) / step - 1e-6).astype(int), 1)
    start = (np.array(volume.voxels.shape) - 1 - step * (shape - 1)) / 2
    smooth = ndimage.gaussian_filter(volume.voxels.astype(np.float32), SMOOTHING * np.sqrt(step**2 - 1), truncate=3)
    voxels = ndimage.affine_transform(
        smooth, np.diag(step), start, tuple(shape), order=1, mode="nearest", output=np.float32
    )
    affine = volume.affine.astype(float).copy()
    affine[:3, 3] += affine[:3, :3] @ start
    affine[:3, :3] *= step
    return replace(volume, voxels=voxels, affine=affine)


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
    import numpy as np

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
    return replace(volume, voxels=volume.voxels[tuple(map(slice, low, high))], affine=affine)


def widen(mask: Volume, margin: float) -> Volume:
    """Grow a mask by `margin` mm in every direction; booleans on the same grid."""
    from scipy import ndimage

    return mask.like(ndimage.distance_transform_edt(mask.voxels <= 0, sampling=mask.voxel_size) <= margin)
