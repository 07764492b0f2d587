"""Where a tract's streamlines start, which regions they must pass, and which they must not enter.

The regions follow from one mask of the bundle in template space, so that any atlas serves: the way of XTRACT
(Warrington et al. 2020, NeuroImage 217:116923: seed, targets and exclusions drawn in template space and warped to the
subject) with the two end regions of TractSeg (Wasserthal et al. 2018, NeuroImage 183:239). Position along the bundle
is u = d_a / (d_a + d_b), with d_a and d_b the distances inside the bundle from its two most distant tips.

- seed: the bundle;
- targets: both ends, u below `end_share` and above 1 − `end_share`, widened by `margin`;
- corridor: nearer than `margin` to the bundle; streamlines end where they leave it beyond an end;
- exclusion: the corridor's side walls between the ends, and the other hemisphere beyond the bundle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse

from chiomics.core.errors import InputError
from chiomics.core.space.grids import coarsen, crop
from chiomics.core.space.volume import Volume

#: Voxel in mm at which regions are made: as fine as diffusion images are.
RESOLUTION = 2.0
#: Share of a voxel from which on it belongs to the bundle; of a population atlas, share of its people.
BUNDLE_SHARE = 0.3
#: Thickness of the side walls in mm: more than a step of a streamline, half a voxel of 2.5 mm, so that none jumps it.
WALL = 4.0
#: The farthest part of the bundle that counts as its tip: one voxel would lie in a corner and tilt the cross-sections.
TIP, SWEEPS = 0.1, 3
#: Bundles may reach over the midline of the template by this much, mm.
MIDLINE = 2.0


@dataclass(frozen=True, eq=False)
class TractRegions:
    """Regions of one tract, booleans of shape (x, y, z) on one grid.

    Parameters
    ----------
    affine : ndarray, shape (4, 4)
        Of the grid, voxel to world coordinates in mm.
    seed, first_end, second_end, corridor, exclusion : ndarray of bool
        See the head of this file. Streamlines may only be where the corridor or the exclusion is.
    position : ndarray of float32
        u of the nearest voxel of the bundle.
    """

    affine: np.ndarray
    seed: np.ndarray
    first_end: np.ndarray
    second_end: np.ndarray
    corridor: np.ndarray
    exclusion: np.ndarray
    position: np.ndarray

    def carried(self, coordinates: np.ndarray, affine: np.ndarray) -> TractRegions:
        """Look the regions up on another grid, at the nearest voxel.

        Parameters
        ----------
        coordinates : ndarray, shape (3, X, Y, Z)
            World coordinates of this grid, in mm, for each voxel of the other.
        affine : ndarray, shape (4, 4)
            Of the other grid.

        Returns
        -------
        TractRegions
            False, and position 0, where the coordinates leave this grid.
        """
        inverse = np.linalg.inv(self.affine)
        index = np.rint(np.tensordot(inverse[:3, :3], coordinates, 1) + inverse[:3, 3, None, None, None]).astype(int)
        known = np.logical_and.reduce([(i >= 0) & (i < n) for i, n in zip(index, self.seed.shape, strict=True)])
        inner = tuple(axis[known] for axis in index)

        def look_up(region: np.ndarray) -> np.ndarray:
            carried = np.zeros(known.shape, region.dtype)
            carried[known] = region[inner]
            return carried

        regions = (self.seed, self.first_end, self.second_end, self.corridor, self.exclusion, self.position)
        return TractRegions(affine, *map(look_up, regions))


def tract_regions(bundle: Volume, *, hemisphere: str, margin: float = 5.0, end_share: float = 0.25) -> TractRegions:
    """Derive a tract's regions from its bundle.

    Parameters
    ----------
    bundle : Volume
        Mask or share of the bundle in template space, 0 to 1; of several pieces the largest counts.
    hemisphere : str
        ``L`` or ``R``.
    margin : float
        Half width in mm by which the subject's tract may lie beside the atlas', registration and anatomy together.
    end_share : float
        Share of the way between the tips that each end region has, beside its tip.

    Returns
    -------
    TractRegions
        At `RESOLUTION`, on the bundle's axes.

    Raises
    ------
    InputError
        Where the bundle is empty.
    """
    coarse = coarsen(crop(bundle, bundle, 2 * RESOLUTION), RESOLUTION)
    padding = np.ceil((margin + WALL) / coarse.voxel_size).astype(int) + 1
    inside = np.pad(coarse.voxels >= BUNDLE_SHARE, [(n, n) for n in padding])
    affine = coarse.affine.astype(float).copy()
    affine[:3, 3] -= affine[:3, :3] @ padding
    if not inside.any():
        raise InputError("the atlas' bundle is empty", found=f"largest share {bundle.voxels.max():g}")
    pieces, _ = ndimage.label(inside, np.ones((3, 3, 3)))
    inside = pieces == np.bincount(pieces[pieces > 0]).argmax()

    position = bundle_position(inside, coarse.voxel_size)
    distance, nearest = ndimage.distance_transform_edt(~inside, sampling=coarse.voxel_size, return_indices=True)
    position = position[tuple(nearest)].astype(np.float32)
    first, second = position <= end_share, position >= 1 - end_share
    corridor = distance <= margin
    wall = (distance > margin) & (distance <= margin + WALL) & ~first & ~second
    index = np.indices(inside.shape, sparse=True)
    x = sum(affine[0, axis] * index[axis] for axis in range(3)) + affine[0, 3]
    beyond = (x * (1 if hemisphere == "L" else -1) > MIDLINE) & (distance > 0) & (distance <= margin + WALL)
    return TractRegions(
        affine, inside, first & corridor, second & corridor, corridor & ~beyond, wall | beyond, position
    )


def bundle_position(inside: np.ndarray, voxel_size: np.ndarray) -> np.ndarray:
    """Say how far along a bundle its voxels lie.

    Parameters
    ----------
    inside : ndarray of bool, shape (x, y, z)
        The bundle, in one piece.
    voxel_size : ndarray, shape (3,)
        In mm.

    Returns
    -------
    ndarray, shape (x, y, z)
        0 at one end to 1 at the other, cross-sections being level; NaN outside.
    """
    voxels = np.argwhere(inside)
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(len(voxels))
    padded = np.pad(number, 1, constant_values=-1)
    rows, columns, lengths = [], [], []
    for step in np.ndindex(3, 3, 3):
        offset = np.array(step) - 1
        if tuple(offset) <= (0, 0, 0):
            continue
        neighbour = padded[tuple((voxels + 1 + offset).T)]
        joined = neighbour >= 0
        rows.append(np.flatnonzero(joined))
        columns.append(neighbour[joined])
        lengths.append(np.full(joined.sum(), np.linalg.norm(offset * voxel_size)))
    edges = (np.concatenate(lengths), (np.concatenate(rows), np.concatenate(columns)))
    graph = sparse.csr_matrix(edges, shape=(len(voxels), len(voxels)))

    def distances(starts: np.ndarray) -> np.ndarray:
        return sparse.csgraph.dijkstra(graph, directed=False, indices=starts, min_only=True)

    def far(distance: np.ndarray) -> np.ndarray:
        return np.flatnonzero(distance >= (1 - TIP) * distance.max())

    # From the middle to one end, from there to the other, and to and fro until the start does not matter.
    middle = np.linalg.norm((voxels - voxels.mean(axis=0)) * voxel_size, axis=1).argmin()
    second = distances([middle]).argmax(keepdims=True)
    for _ in range(SWEEPS):
        first = far(distances(second))
        second = far(distances(first))
    from_first, from_second = distances(first), distances(second)
    position = np.full(inside.shape, np.nan)
    position[inside] = from_first / np.maximum(from_first + from_second, 1e-9)
    return position
