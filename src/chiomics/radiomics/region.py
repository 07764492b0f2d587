"""A region of interest: its box, its voxels in raster order, and who is whose neighbour.

All that depends on the mask alone is found here once, and shared by every image, filter and grey-level setting that
the mask is used with. Arrays are in the order z, y, x (slice, row, column), x fastest, as SimpleITK gives them; a
nibabel array is transposed. The matrices work on the list of the region's voxels, so their cost follows the region,
not its box.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np

from chiomics.core.compiled import compiled


@dataclass(frozen=True)
class Neighbours:
    """For each direction, each voxel's neighbour.

    Parameters
    ----------
    offsets : ndarray of int, shape (directions, 3)
        Steps in voxels along z, y, x; of each pair of opposite directions the one that goes forward in raster order.
    table : ndarray of int32, shape (directions, voxels)
        Position of the neighbour in the list of voxels; the number of voxels where it is outside the region.
    number : ndarray of int32, shape (voxels,)
        Number of neighbours of each voxel, both ways.
    """

    offsets: np.ndarray
    table: np.ndarray
    number: np.ndarray


@dataclass(frozen=True)
class Region:
    """The voxels of one label.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        Cut to the bounding box.
    box : tuple of slice
        Where the bounding box lies in the image.
    spacing : tuple of float
        Voxel size along z, y, x in mm.
    """

    mask: np.ndarray
    box: tuple[slice, slice, slice]
    spacing: tuple[float, float, float]
    _neighbours: dict = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_mask(cls, mask: np.ndarray, spacing: tuple[float, float, float]) -> Region:
        """Cut a mask to its bounding box; one without voxels has an empty box."""
        box = bounding_box(mask)
        return cls(np.ascontiguousarray(mask[box], dtype=bool), box, tuple(float(edge) for edge in spacing))

    @cached_property
    def n_voxels(self) -> int:
        """Number of voxels."""
        return int(np.count_nonzero(self.mask))

    def values(self, image: np.ndarray) -> np.ndarray:
        """Return the image's values in the region, in raster order and in the image's own type."""
        return image[self.box][self.mask]

    def neighbours(self, distances: tuple[int, ...] = (1,), flat_axis: int | None = None) -> Neighbours:
        """Return the table of neighbours at the given Chebyshev distances, from memory after the first call.

        Parameters
        ----------
        distances : tuple of int
            In voxels.
        flat_axis : int, optional
            Axis along which no step is taken, for matrices that are made slice by slice.
        """
        key = (tuple(sorted(set(distances))), flat_axis)
        if key not in self._neighbours:
            self._neighbours[key] = _find_neighbours(self.mask, *key)
        return self._neighbours[key]


def bounding_box(mask: np.ndarray) -> tuple[slice, ...]:
    """Return the smallest box that holds all true voxels."""
    box = []
    for axis in range(mask.ndim):
        filled = np.flatnonzero(mask[tuple(box)].any(axis=tuple(k for k in range(mask.ndim) if k != axis)))
        box.append(slice(int(filled[0]), int(filled[-1]) + 1) if filled.size else slice(0, 0))
    return tuple(box)


def directions(distances: tuple[int, ...], flat_axis: int | None = None) -> np.ndarray:
    """List one of each pair of opposite steps whose longest component is among `distances`, in pyradiomics' order."""
    reach = range(max(distances), -max(distances) - 1, -1)
    steps = [step for step in product(reach, repeat=3) if max(map(abs, step)) in distances and step > (0, 0, 0)]
    return np.array([step for step in steps if flat_axis is None or step[flat_axis] == 0], dtype=np.int64)


def _find_neighbours(mask: np.ndarray, distances: tuple[int, ...], flat_axis: int | None) -> Neighbours:
    offsets = directions(distances, flat_axis)
    # Room between the rows, so that a step beyond the end of one never meets the next.
    room = np.array(mask.shape) + max(distances)
    strides = np.array([room[1] * room[2], room[2], 1])
    kind = np.int32 if room.prod() < 2**31 else np.int64
    place = np.zeros(np.count_nonzero(mask), dtype=kind)
    _place_voxels(mask, strides, place)
    return Neighbours(offsets, *_follow(place, (offsets @ strides).astype(kind)))


@compiled
def _place_voxels(mask: np.ndarray, strides: np.ndarray, place: np.ndarray) -> None:
    voxel = 0
    for z in range(mask.shape[0]):
        for y in range(mask.shape[1]):
            for x in range(mask.shape[2]):
                if mask[z, y, x]:
                    place[voxel] = z * strides[0] + y * strides[1] + x
                    voxel += 1


@compiled
def _follow(place: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find each voxel's neighbours: along one direction they come in the order of the voxels themselves."""
    n_voxels = place.size
    table = np.empty((steps.size, n_voxels), dtype=np.int32)
    number = np.zeros(n_voxels, dtype=np.int32)
    for direction in range(steps.size):
        neighbour = 0
        for voxel in range(n_voxels):
            wanted = place[voxel] + steps[direction]
            while neighbour < n_voxels and place[neighbour] < wanted:
                neighbour += 1
            if neighbour < n_voxels and place[neighbour] == wanted:
                table[direction, voxel] = neighbour
                number[voxel] += 1
                number[neighbour] += 1
            else:
                table[direction, voxel] = n_voxels
    return table, number
