"""Surface of a voxel mask by marching cubes: area and volume, as pyradiomics 3.0.1 defines its mesh.

Lorensen and Cline 1987 (SIGGRAPH 21:163). A cube spans eight voxel centres; the surface crosses an edge, at its
middle, where one end is in the mask and the other is not. Here the polygons of all 256 cubes are derived instead of
listed: walk round each face, leaving the corners of the mask on one side, and the walks close into polygons. What
cannot be derived is along which diagonals a bent polygon is cut, and that changes area and volume; `CUTS` holds this
choice. A cube that has the eighth corner in the mask is treated as its complement with the sign of the volume turned,
so that the surface of some rare cubes does not close; this too is part of the definition.

Equal cubes give equal area, and a volume that is linear in their position. So a mask needs one pass that counts each
kind of cube and sums its positions, in integers; the rest is 256 terms.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from chiomics.core.compiled import compiled

#: Corners of the cube (z, y, x); corner k is bit k of a cube's number.
CORNERS = ((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0))
#: Edges, each between two corners.
EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))
#: Faces, each a walk round its corners with the cube on the right.
FACES = ((0, 1, 2, 3), (7, 6, 5, 4), (4, 5, 1, 0), (3, 2, 6, 7), (0, 3, 7, 4), (5, 6, 2, 1))
#: For each polygon of more than three corners, in the order of cubes 1 to 127 and of their lowest edge: which of its
#: triangulations, in the order of `_triangulations`, is used (digits, then a to z and A to P for 10 and more).
CUTS = "1031303010400b130202111511203b100310022021400FF11112b131bc1041012k131kc0114b33041114F20300b33bd410n3dkd"
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"


def surface(padded: np.ndarray, spacing: tuple[float, float, float]) -> tuple[float, float]:
    """Return the area and the enclosed volume of a mask's surface.

    Parameters
    ----------
    padded : ndarray of bool, shape (z, y, x)
        Mask with at least one empty voxel on every side.
    spacing : tuple of float
        Along z, y, x in mm.

    Returns
    -------
    area : float
        In mm².
    volume : float
        In mm³.
    """
    kinds = np.zeros((256, 4), dtype=np.int64)
    _count_cubes(padded, kinds)
    cubes, triangles = _triangles()
    a, b, c = np.moveaxis(triangles * np.asarray(spacing), 1, 0)
    areas = np.linalg.norm(np.cross(a - c, b - c), axis=1) / 2
    # det(a + p, b + p, c + p) = det(a, b, c) + p . (a x b + b x c + c x a)
    volumes = np.einsum("ij,ij->i", np.cross(a, b), c) / 6
    normals = (np.cross(a, b) + np.cross(b, c) + np.cross(c, a)) / 6
    area = volume = 0.0
    for sign, kind in ((1, kinds[cubes]), (-1, kinds[255 - cubes])):
        area += kind[:, 0] @ areas
        volume += sign * (kind[:, 0] @ volumes + ((kind[:, 1:] * np.asarray(spacing)) * normals).sum())
    return float(area), float(volume)


@compiled
def _count_cubes(padded: np.ndarray, kinds: np.ndarray) -> None:
    n_z, n_y, n_x = padded.shape
    for z in range(n_z - 1):
        for y in range(n_y - 1):
            # The far face of one cube is the near face of the next: corners 1, 2, 5, 6 become 0, 3, 4, 7.
            far = 0
            for x in range(-1, n_x - 1):
                near = far
                far = (
                    padded[z, y, x + 1]
                    | padded[z, y + 1, x + 1] << 1
                    | padded[z + 1, y, x + 1] << 2
                    | padded[z + 1, y + 1, x + 1] << 3
                )
                if x < 0 or (near | far) == 0 or (near & far) == 15:
                    continue
                cube = (
                    (near & 1) | (far & 1) << 1 | (far & 2) << 1 | (near & 2) << 2
                    | (near & 4) << 2 | (far & 4) << 3 | (far & 8) << 3 | (near & 8) << 4
                )  # fmt: skip
                kinds[cube, 0] += 1
                kinds[cube, 1] += z
                kinds[cube, 2] += y
                kinds[cube, 3] += x


@cache
def _triangles() -> tuple[np.ndarray, np.ndarray]:
    """List the triangles of cubes 0 to 127: the cube of each, and its three edge middles (triangle, corner, z y x)."""
    middles = [[(p + q) / 2 for p, q in zip(CORNERS[a], CORNERS[b], strict=True)] for a, b in EDGES]
    cuts = iter(CUTS)
    cubes, triangles = [], []
    for cube in range(1, 128):
        for polygon in _polygons(cube):
            choice = DIGITS.index(next(cuts)) if len(polygon) > 3 else 0
            for triangle in _triangulations(polygon)[choice]:
                cubes.append(cube)
                triangles.append([middles[edge] for edge in triangle])
    return np.array(cubes), np.array(triangles)


def _polygons(cube: int) -> list[list[int]]:
    """Join the crossed edges of a cube into closed walks, each from its lowest edge."""
    follower = {}
    for face in FACES:
        inside = [bool(cube >> corner & 1) for corner in face]
        for k in range(4):
            if inside[k] and not inside[k - 1]:  # here the walk enters the mask; it leaves at the end of this stretch
                end = k
                while inside[(end + 1) % 4]:
                    end += 1
                follower[_edge(face[k - 1], face[k])] = _edge(face[end % 4], face[(end + 1) % 4])
    polygons = []
    while follower:
        polygon = [min(follower)]
        while (after := follower.pop(polygon[-1])) != polygon[0]:
            polygon.append(after)
        polygons.append(polygon)
    return polygons


def _edge(corner: int, other: int) -> int:
    return next(k for k, edge in enumerate(EDGES) if set(edge) == {corner, other})


def _triangulations(polygon: list[int]) -> list[list[tuple[int, int, int]]]:
    """List all ways to cut a polygon into triangles, by the triangle that stands on its closing side."""
    if len(polygon) < 3:
        return [[]]
    return [
        [(polygon[0], polygon[k], polygon[-1]), *left, *right]
        for k in range(1, len(polygon) - 1)
        for left in _triangulations(polygon[: k + 1])
        for right in _triangulations(polygon[k:])
    ]
