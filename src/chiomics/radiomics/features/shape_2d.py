"""The shape features of a region of one slice, as pyradiomics 3.0.1 defines them: a contour by marching squares."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import pdist

from chiomics.radiomics.region import Region

NAMES = (
    "Elongation", "MajorAxisLength", "MaximumDiameter", "MeshSurface", "MinorAxisLength", "Perimeter",
    "PerimeterSurfaceRatio", "PixelSurface", "Sphericity",
)  # fmt: skip
#: The inverse of sphericity, which pyradiomics extracts only where it is named.
ON_REQUEST = ("SphericalDisproportion",)

#: Middles of a square's sides, in half pixels from its first corner: between corners (0, 0)-(0, 1), (0, 1)-(1, 1),
#: (1, 1)-(1, 0) and (1, 0)-(0, 0).
_MIDDLES = np.array([(0, 1), (1, 2), (2, 1), (1, 0)]) / 2
#: Segments of the contour in a square, by which corners are inside: bit 0 is (0, 0), then (0, 1), (1, 1) and (1, 0).
_SEGMENTS = {
    1: [(0, 3)], 2: [(1, 0)], 3: [(1, 3)], 4: [(2, 1)], 5: [(0, 3), (2, 1)], 6: [(2, 0)], 7: [(2, 3)], 8: [(3, 2)],
    9: [(0, 2)], 10: [(1, 0), (3, 2)], 11: [(1, 2)], 12: [(3, 1)], 13: [(0, 1)], 14: [(3, 0)],
}  # fmt: skip


def shape_features_2d(region: Region, flat_axis: int) -> dict:
    """Compute the features of a region of one slice in mm and mm².

    Parameters
    ----------
    region : Region
        One voxel thick along `flat_axis`.
    flat_axis : int
        Axis across the slice: 0 is z, 1 is y and 2 is x.

    Returns
    -------
    dict of str to float
    """
    spacing = np.array([edge for axis, edge in enumerate(region.spacing) if axis != flat_axis])
    mask = region.mask.squeeze(axis=flat_axis)
    perimeter, surface, diameter = contour(mask, spacing)
    points = np.argwhere(mask) * spacing
    centred = points - points.mean(axis=0)
    minor, major = np.maximum(np.linalg.eigvalsh(centred.T @ centred / len(points)), 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "Elongation": float(np.sqrt(np.divide(minor, major))),
            "MajorAxisLength": float(4 * np.sqrt(major)),
            "MaximumDiameter": diameter,
            "MeshSurface": surface,
            "MinorAxisLength": float(4 * np.sqrt(minor)),
            "Perimeter": perimeter,
            "PerimeterSurfaceRatio": float(np.divide(perimeter, surface)),
            "PixelSurface": float(mask.sum() * spacing.prod()),
            "SphericalDisproportion": float(perimeter / (2 * np.sqrt(np.pi * surface))),
            "Sphericity": float(2 * np.sqrt(np.pi * surface) / perimeter),
        }


def contour(mask: np.ndarray, spacing: np.ndarray) -> tuple[float, float, float]:
    """Walk the contour of a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (rows, columns)
        The slice.
    spacing : ndarray, shape (2,)
        Of rows and columns in mm.

    Returns
    -------
    perimeter, surface, diameter : float
        Length of the contour, what it encloses, and the largest distance between two of its points.
    """
    padded = np.pad(mask, 1)
    corners = (padded[:-1, :-1], padded[:-1, 1:], padded[1:, 1:], padded[1:, :-1])
    kind = sum(corner.astype(int) << bit for bit, corner in enumerate(corners))
    starts, ends = [], []
    for number, segments in _SEGMENTS.items():
        places = np.argwhere(kind == number).astype(float)
        for first, last in segments:
            starts.append((places + _MIDDLES[first]) * spacing)
            ends.append((places + _MIDDLES[last]) * spacing)
    start, end = np.concatenate(starts), np.concatenate(ends)
    perimeter = float(np.linalg.norm(end - start, axis=1).sum())
    surface = float(abs((start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0]).sum()) / 2)
    return perimeter, surface, float(pdist(np.unique(end, axis=0)).max(initial=0.0))
