"""Largest diameters of a mask's surface, without comparing every pair of its points.

The points are the middles of all voxel edges that cross the surface, as in pyradiomics 3.0.1: their largest distance
in space, and within planes of equal z, y and x. The two ends of a diameter are corners of the convex hull, so within
each plane only the hull counts (Andrew 1979, Inf Process Lett 9:216), made of the first and last point of each row.
Of these few the pairs are tried from the outermost inwards, until none that is left can be longer. Points are whole
numbers of half voxels until the last step, so the result equals that of all pairs to the last digit.
"""

from __future__ import annotations

import numpy as np

from chiomics.core.compiled import compiled

#: Relative room left to rounding when a pair is ruled out by its distances from the centre.
SLACK = 1e-9


def largest_diameters(padded: np.ndarray, spacing: tuple[float, float, float]) -> tuple[float, float, float, float]:
    """Return the largest diameters in mm.

    Parameters
    ----------
    padded : ndarray of bool, shape (z, y, x)
        Mask with at least one empty voxel on every side.
    spacing : tuple of float
        Along z, y, x in mm.

    Returns
    -------
    slice, column, row, space : float
        Within planes of equal z, of equal y, of equal x, and in space.
    """
    size = np.asarray(spacing, dtype=np.float64)
    diameters = []
    hulls = np.empty((0, 3), dtype=np.int64)
    for plane, row, along in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
        shape = padded.shape
        first = np.full((2 * shape[plane], 2 * shape[row]), np.iinfo(np.int32).max, dtype=np.int32)
        last = np.full_like(first, -1)
        _row_ends(padded, plane, row, along, first, last)
        points, ends = _plane_hulls(first, last)
        best = 0.0
        start = 0
        for end in ends:
            best = max(best, _farthest_pair(points[start:end], size[plane], size[row], size[along]))
            start = end
        diameters.append(float(np.sqrt(best)))
        if plane == 0:
            hulls = points
    return (*diameters, float(np.sqrt(_farthest_pair(hulls, *size))))


@compiled
def _row_ends(padded: np.ndarray, plane: int, row: int, along: int, first: np.ndarray, last: np.ndarray) -> None:
    """Find the first and last surface point of each row, in half voxels."""
    n_z, n_y, n_x = padded.shape
    point = np.empty(3, dtype=np.int64)
    for z in range(n_z - 1):
        for y in range(n_y - 1):
            for x in range(n_x - 1):
                here = padded[z, y, x]
                for axis in range(3):
                    there = padded[z + (axis == 0), y + (axis == 1), x + (axis == 2)]
                    if here != there:
                        point[0], point[1], point[2] = 2 * z, 2 * y, 2 * x
                        point[axis] += 1
                        p, r, a = point[plane], point[row], point[along]
                        first[p, r] = min(first[p, r], a)
                        last[p, r] = max(last[p, r], a)


@compiled
def _plane_hulls(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the hull corners (plane, row, along) of all planes and where each plane's end in that list."""
    n_planes, n_rows = first.shape
    points = np.empty((2 * np.count_nonzero(last >= 0), 3), dtype=np.int64)
    ends = np.empty(n_planes, dtype=np.int64)
    total = 0
    for plane in range(n_planes):
        for side in range(2):
            start = total
            for row in range(n_rows):
                if last[plane, row] < 0:
                    continue
                along = first[plane, row] if side == 0 else -last[plane, row]
                # Keep a chain that turns one way: drop corners on or behind the line to the new point.
                while total - start >= 2:
                    before, middle = points[total - 2], points[total - 1]
                    turn = (middle[1] - before[1]) * (along - before[2]) - (middle[2] - before[2]) * (row - before[1])
                    if turn > 0:
                        break
                    total -= 1
                points[total, 0], points[total, 1], points[total, 2] = plane, row, along
                total += 1
            if side == 1:
                points[start:total, 2] *= -1
        ends[plane] = total
    return points[:total], ends


@compiled
def _farthest_pair(points: np.ndarray, size_0: float, size_1: float, size_2: float) -> float:
    """Return the largest squared distance in mm² between points given in half voxels."""
    n = points.shape[0]
    if n < 2:
        return 0.0
    places = np.empty((n, 3))
    for k in range(n):
        places[k, 0] = points[k, 0] / 2 * size_0
        places[k, 1] = points[k, 1] / 2 * size_1
        places[k, 2] = points[k, 2] / 2 * size_2
    centre = np.array([(places[:, k].min() + places[:, k].max()) / 2 for k in range(3)])
    radius = np.empty(n)
    for k in range(n):
        radius[k] = np.sqrt(((places[k] - centre) ** 2).sum())
    order = np.argsort(-radius)
    best = 0.0
    for i in range(n):
        p = places[order[i]]
        reach = np.sqrt(best) * (1 - SLACK) - radius[order[i]]
        if radius[order[0]] < reach:
            break  # neither this point nor any later one, all nearer to the centre, ends a longer pair
        for j in range(i):
            k = order[j]
            if radius[k] < reach:
                break
            square = (p[0] - places[k, 0]) ** 2 + (p[1] - places[k, 1]) ** 2 + (p[2] - places[k, 2]) ** 2
            best = max(best, square)
    return best
