"""Carry the structures of an atlas into another space without losing the thin ones.

The coordinates of the atlas are carried, not its labels: they are a linear function of place, so that interpolating
them is exact, and one map serves every structure. Each structure is then looked up once, at several points of every
voxel, and the mean is its fraction of that voxel: the only interpolation that the atlas' image goes through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from chiomics.core.space.transforms import Chain, resample
from chiomics.core.space.volume import Volume

#: Half the edge in mm of the cube on whose corners the coordinates are known; no head reaches beyond it.
REACH = 1000.0
#: Most points per voxel and axis at which a structure is looked up.
MAX_POINTS = 4


class BoxedFraction(NamedTuple):
    """Share of a structure in the voxels of a box, 0 to 1, and where the box lies in the grid."""

    box: tuple[slice, slice, slice]
    fraction: np.ndarray


def atlas_coordinates(onto: Volume, chain: Chain) -> np.ndarray:
    """Return the point of the atlas' world at every voxel of a grid.

    Parameters
    ----------
    onto : Volume
        The grid.
    chain : Chain
        From the atlas' world to that of `onto`.

    Returns
    -------
    ndarray of float32, shape (3, x, y, z)
        In mm.
    """
    affine = np.diag([2 * REACH, 2 * REACH, 2 * REACH, 1.0])
    affine[:3, 3] = -REACH
    corners = np.indices((2, 2, 2)) * 2 * REACH - REACH
    return np.stack([resample(Volume(axis, affine), onto, chain).voxels for axis in corners.astype(np.float32)])


def fractions_on_grid(structures: Mapping[tuple[str, str], Volume], coordinates: np.ndarray) -> dict:
    """Return each structure's fraction of every voxel of a grid.

    Parameters
    ----------
    structures : dict of (str, str) to Volume
        Fractions on the atlas' grid, as `Atlas.structures` gives them.
    coordinates : ndarray, shape (3, x, y, z)
        Of `atlas_coordinates`.

    Returns
    -------
    dict of (str, str) to BoxedFraction
        In the same order; an empty box where a structure lies outside the grid.
    """
    return {key: _fraction(volume, coordinates) for key, volume in structures.items()}


def _fraction(structure: Volume, coordinates: np.ndarray) -> BoxedFraction:
    """Average a structure over the voxels of the box around it."""
    to_voxels = np.linalg.inv(structure.affine)
    index = np.tensordot(to_voxels[:3, :3], coordinates, 1) + to_voxels[:3, 3, None, None, None]
    limits = np.array(structure.voxels.shape)[:, None, None, None] - 1
    box = _bounding_box(((index >= 0) & (index <= limits)).all(axis=0))
    if box is None:
        return BoxedFraction((slice(0, 0),) * 3, np.zeros((0, 0, 0), np.float32))
    index = index[(slice(None), *box)]
    # How far the atlas' index moves along one voxel of the grid, per axis of the grid.
    steps = [np.gradient(index, axis=axis) if index.shape[axis] > 1 else 0 * index for axis in (1, 2, 3)]
    lengths = [np.abs(step).max(axis=0) for step in steps]
    near = _near(structure.voxels, index, reach=sum(float(length.max()) for length in lengths) / 2)
    counts = [int(np.clip(np.ceil(length.mean() - 1e-3), 1, MAX_POINTS)) for length in lengths]
    offsets = [(np.arange(count) + 0.5) / count - 0.5 for count in counts]
    index, steps = index[:, near], [step[:, near] for step in steps]
    total = np.zeros(index.shape[1], np.float32)
    for i in offsets[0]:
        for j in offsets[1]:
            for k in offsets[2]:
                at = index + i * steps[0] + j * steps[1] + k * steps[2]
                total += ndimage.map_coordinates(structure.voxels, at, order=1, output=np.float32)
    fraction = np.zeros(near.shape, np.float32)
    fraction[near] = total / np.prod(counts, dtype=np.float32)
    return BoxedFraction(box, fraction)


def _near(structure: np.ndarray, index: np.ndarray, *, reach: float) -> np.ndarray:
    """Tell which indices, shape (3, x, y, z), lie within some voxels of the structure: the others need no look."""
    grown = ndimage.maximum_filter(structure > 0, size=2 * int(np.ceil(reach)) + 3, mode="constant")
    return ndimage.map_coordinates(grown.astype(np.uint8), index, order=0, output=np.uint8) > 0


def _bounding_box(inside: np.ndarray) -> tuple[slice, slice, slice] | None:
    """Return the box that holds a mask with one voxel around it, or nothing where the mask is empty."""
    box = []
    for axis in range(3):
        along = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        if not along.size:
            return None
        box.append(slice(max(along[0] - 1, 0), along[-1] + 2))
    return tuple(slice(edge.start, min(edge.stop, length)) for edge, length in zip(box, inside.shape, strict=True))
