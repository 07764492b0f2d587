"""Texture matrices of one list of grey levels: co-occurrence, run length, dependence, neighbourhood difference, zones.

Definitions are those of pyradiomics 3.0.1 (van Griethuysen et al. 2017, Cancer Res 77:e104), 26-connected in 3-D. One
pass over the table of forward neighbours gives all but the zones. In raster order a voxel's forward neighbour comes
later and both move ahead together, so memory is read in order; a run is carried along its direction as a length, and a
pair gives to both its voxels what a search of all 26 neighbours would find twice.
"""

from __future__ import annotations

import numpy as np

from chiomics.core.compiled import compiled


@compiled
def texture_matrices(
    rank: np.ndarray,
    table: np.ndarray,
    number: np.ndarray,
    levels: np.ndarray,
    tolerance: float,
    longest: int,
    count_pairs: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Count pairs and runs, and compare each voxel with all its neighbours in the region.

    Parameters
    ----------
    rank : ndarray of int32, shape (voxels + 1,)
        Grey-level ranks from 1, 0 outside.
    table : ndarray of int32, shape (directions, voxels)
        Forward neighbours, the number of voxels where there is none.
    number : ndarray of int32, shape (voxels,)
        Each voxel's number of neighbours in the region.
    levels : ndarray of int64, shape (levels,)
        Grey level of each rank.
    tolerance : float
        Largest difference of grey levels at which a neighbour is dependent.
    longest : int
        Longest run possible, the longest edge of the box.
    count_pairs : bool
        Whether to count pairs; those of coarse levels come from finer ones by `merge_levels`.

    Returns
    -------
    pairs : ndarray of int32, shape (directions, levels, levels)
        How often the second level follows the first (Haralick 1973), not symmetrised; empty without `count_pairs`.
    runs : ndarray of int32, shape (directions, levels, longest)
        Runs of each level by their number of voxels less one (Galloway 1975).
    dependence : ndarray of int64, shape (levels, 2 directions + 1)
        Voxels of each level by their number of dependent neighbours (Sun and Wee 1983).
    difference : ndarray of float64, shape (levels,)
        Sum over the voxels of each level of the distance to their neighbours' mean (Amadasun and King 1989).
    isolated : ndarray of int64, shape (levels,)
        Voxels of each level that have no neighbour.
    """
    n_directions, n_voxels = table.shape
    n_pairs = levels.size if count_pairs else 0
    pairs = np.zeros((n_directions, n_pairs, n_pairs), dtype=np.int32)
    runs = np.zeros((n_directions, levels.size, longest), dtype=np.int32)
    grey = np.empty(n_voxels, dtype=np.int32)
    for voxel in range(n_voxels):
        grey[voxel] = levels[rank[voxel] - 1]
    dependent = np.zeros(n_voxels, dtype=np.int32)
    total = np.zeros(n_voxels, dtype=np.int32)  # room for 26 neighbours of level 80 million
    length = np.empty(n_voxels, dtype=np.int32)
    for direction in range(n_directions):
        length[:] = 0
        for voxel in range(n_voxels):
            neighbour = table[direction, voxel]
            level = rank[voxel] - 1
            if neighbour == n_voxels:
                runs[direction, level, length[voxel]] += 1
                continue
            total[voxel] += grey[neighbour]
            total[neighbour] += grey[voxel]
            if count_pairs:
                pairs[direction, level, rank[neighbour] - 1] += 1
            if abs(grey[voxel] - grey[neighbour]) <= tolerance:
                dependent[voxel] += 1
                dependent[neighbour] += 1
            if grey[voxel] == grey[neighbour]:
                length[neighbour] = length[voxel] + 1
            else:
                runs[direction, level, length[voxel]] += 1
    dependence = np.zeros((levels.size, 2 * n_directions + 1), dtype=np.int64)
    difference = np.zeros(levels.size)
    isolated = np.zeros(levels.size, dtype=np.int64)
    for voxel in range(n_voxels):
        level = rank[voxel] - 1
        dependence[level, dependent[voxel]] += 1
        if number[voxel] == 0:
            isolated[level] += 1
        else:
            difference[level] += abs(grey[voxel] - total[voxel] / number[voxel])
    return pairs, runs, dependence, difference, isolated


@compiled
def merge_levels(counts: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Sum pairs over blocks of levels; `starts` holds the first level of each block."""
    n_directions, n_fine, _ = counts.shape
    block = np.zeros(n_fine, dtype=np.int64)
    block[starts[1:]] = 1
    block = np.cumsum(block)
    merged = np.zeros((n_directions, starts.size, starts.size), dtype=counts.dtype)
    for direction in range(n_directions):
        for i in range(n_fine):
            for j in range(n_fine):
                merged[direction, block[i], block[j]] += counts[direction, i, j]
    return merged


@compiled
def zones(rank: np.ndarray, table: np.ndarray, parent: np.ndarray, finer: np.ndarray) -> None:
    """Join connected voxels of equal grey level into zones (Thibault 2009), by union-find.

    Zones only grow when grey levels are merged, so those of a finer setting are carried on: a pair that was equal there
    is already joined.

    Parameters
    ----------
    rank, table
        As in `texture_matrices`.
    parent : ndarray of int32, shape (voxels,)
        The forest, changed in place; each voxel its own parent at first, or the forest of the finer setting.
    finer : ndarray of int32, shape (voxels + 1,)
        Ranks of the finer setting; all zero for the first.
    """
    n_directions, n_voxels = table.shape
    nested = finer[0] != 0
    for direction in range(n_directions):
        for voxel in range(n_voxels):
            neighbour = table[direction, voxel]
            if rank[neighbour] != rank[voxel] or (nested and finer[neighbour] == finer[voxel]):
                continue
            first, second = voxel, neighbour
            while parent[first] != first:
                parent[first] = parent[parent[first]]
                first = parent[first]
            while parent[second] != second:
                parent[second] = parent[parent[second]]
                second = parent[second]
            # The earlier voxel becomes the root, which keeps the forest flat in raster order.
            if first < second:
                parent[second] = first
            elif second < first:
                parent[first] = second


@compiled
def zone_sizes(rank: np.ndarray, parent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rank and the number of voxels of each zone of a forest made by `zones`."""
    n_voxels = parent.size
    size = np.zeros(n_voxels, dtype=np.int32)
    n_zones = 0
    for voxel in range(n_voxels):
        # Roots come first in raster order, so one step suffices once earlier voxels point to their root.
        parent[voxel] = parent[parent[voxel]]
        size[parent[voxel]] += 1
        n_zones += parent[voxel] == voxel
    zone_rank = np.empty(n_zones, dtype=np.int32)
    zone_size = np.empty(n_zones, dtype=np.int32)
    zone = 0
    for voxel in range(n_voxels):
        if parent[voxel] == voxel:
            zone_rank[zone] = rank[voxel]
            zone_size[zone] = size[voxel]
            zone += 1
    return zone_rank, zone_size
