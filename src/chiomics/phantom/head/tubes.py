"""Tubes along curves: the geometry that tracts and veins share."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree


def resample_curve(points: np.ndarray, *, step: float) -> np.ndarray:
    """Place points every `step` mm along a smooth (Catmull–Rom) curve through the given ones, shape (N, 3)."""
    points = np.asarray(points, float)
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    pieces = []
    for p0, p1, p2, p3 in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        t = np.linspace(0, 1, max(int(np.linalg.norm(p2 - p1) / step), 1), endpoint=False)[:, None]
        pieces.append(
            0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
        )
    return np.vstack([*pieces, points[-1:]])


def tube_voxels(
    curve: np.ndarray, reach: float, *, shape: tuple[int, ...], affine: np.ndarray
) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray]:
    """Find the voxels near a curve.

    Parameters
    ----------
    curve : ndarray, shape (N, 3)
        Points in world mm, closely spaced.
    reach : float
        Largest distance in mm.
    shape : tuple of int
        Shape of the grid.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.

    Returns
    -------
    voxels : tuple of 3 ndarray, each of shape (M,)
        Indices of the voxels within `reach`.
    distance : ndarray, shape (M,)
        Distance in mm to the nearest curve point.
    nearest : ndarray, shape (M,)
        Which curve point that is.
    """
    inverse = np.linalg.inv(affine)
    size = np.linalg.norm(affine[:3, :3], axis=0)
    centres = np.rint(curve @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
    half = np.ceil(reach / size).astype(int) + 1
    offsets = np.stack(np.meshgrid(*(np.arange(-h, h + 1) for h in half), indexing="ij"), -1).reshape(-1, 3)
    offsets = offsets[np.linalg.norm(offsets * size, axis=1) <= reach + size.max()]
    candidates = (np.unique(centres, axis=0)[:, None, :] + offsets[None]).reshape(-1, 3)
    candidates = candidates[((candidates >= 0) & (candidates < shape)).all(axis=1)]
    flat = np.unique(np.ravel_multi_index(tuple(candidates.T), shape))
    voxels = np.stack(np.unravel_index(flat, shape), axis=1)
    world = voxels @ affine[:3, :3].T + affine[:3, 3]
    distance, nearest = cKDTree(curve).query(world, distance_upper_bound=reach)
    found = np.isfinite(distance)
    return tuple(voxels[found].T), distance[found], nearest[found]


def nearest_tangents(curve: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance in mm of points, shape (M, 3), to a curve, and the unit tangent where it is nearest."""
    distance, nearest = cKDTree(curve).query(points)
    return distance, tangents(curve)[nearest]


def tangents(curve: np.ndarray) -> np.ndarray:
    """Return the unit tangent at each point of a curve, shape (N, 3)."""
    gradient = np.gradient(curve, axis=0)
    return gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
