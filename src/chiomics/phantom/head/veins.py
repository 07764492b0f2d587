"""Veins as tubes: the large sinuses and deep veins at their template courses, and small medullary veins.

Medullary veins run from the ventricles to the cortex, are about as paramagnetic as rims and often as long as a lesion
is wide: they are the hard negatives of rim detection. Courses and calibres are a modelling choice from gross anatomy.
"""

from __future__ import annotations

import numpy as np

from chiomics.phantom.head.space import SubjectSpace
from chiomics.phantom.head.tubes import resample_curve, tube_voxels

#: Large veins: course in template mm (mirrored where `|x|` is not zero) and radius in mm.
LARGE_VEINS = {
    "superior sagittal sinus": (
        [
            (0, 71, 10),
            (0, 66, 34),
            (0, 44, 59),
            (0, 12, 75),
            (0, -25, 82),
            (0, -58, 71),
            (0, -84, 46),
            (0, -102, 14),
            (0, -104, -8),
        ],
        3.2,
    ),
    "straight sinus": ([(0, -40, 6), (0, -56, 2), (0, -78, -6), (0, -100, -12)], 2.0),
    "transverse sinus": ([(4, -101, -12), (28, -92, -18), (50, -70, -27), (57, -50, -33), (50, -38, -42)], 3.0),
    "internal cerebral vein": ([(2, 4, 12), (2, -12, 13), (2, -28, 11), (1.5, -40, 7)], 1.0),
    "basal vein": ([(9, -4, -16), (15, -18, -12), (13, -30, -4), (3, -40, 5)], 0.9),
    "thalamostriate vein": ([(4, 3, 11), (11, -2, 19), (17, -14, 22), (20, -26, 22)], 0.8),
}
#: Radius of medullary veins in mm.
MEDULLARY_RADIUS = (0.45, 0.8)


def place_veins(
    rng: np.random.Generator,
    space: SubjectSpace,
    medullary_origins: np.ndarray,
    *,
    medullary: int,
    shape: tuple[int, ...],
    affine: np.ndarray,
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Find the voxels of a subject's veins.

    A vein thinner than a voxel takes the voxels whose centres are within 0.6 voxel of its course.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the medullary veins.
    space : SubjectSpace
        The subject's shape and pose.
    medullary_origins : ndarray, shape (N, 3)
        Template points beside the lateral ventricles where medullary veins may end.
    medullary : int
        Number of medullary veins.
    shape, affine
        The grid.

    Returns
    -------
    large, small : tuple of 3 ndarray
        Indices of the voxels of large and of medullary veins.
    """
    thinnest = 0.6 * float(np.linalg.norm(affine[:3, :3], axis=0).max())
    large, small = np.zeros(shape, bool), np.zeros(shape, bool)
    courses = []
    for points, radius in LARGE_VEINS.values():
        sides = (1, -1) if points[0][0] else (1,)
        courses += [(large, np.array(points, float) * [side, 1, 1], radius) for side in sides]
    for origin in medullary_origins[rng.integers(len(medullary_origins), size=medullary)]:
        courses.append((small, _medullary_course(rng, origin), rng.uniform(*MEDULLARY_RADIUS)))
    for mask, points, radius in courses:
        curve = space.from_template(resample_curve(points, step=0.4).T).T.astype(float)
        voxels, _, _ = tube_voxels(curve, max(radius, thinnest), shape=shape, affine=affine)
        mask[voxels] = True
    return np.nonzero(large), np.nonzero(small & ~large)


def _medullary_course(rng: np.random.Generator, origin: np.ndarray) -> np.ndarray:
    """Lead a vein from the ventricle outwards and upwards, slightly curved."""
    outward = np.array([np.sign(origin[0]) * 1.0, 0, 0.8]) + 0.35 * rng.standard_normal(3)
    outward /= np.linalg.norm(outward)
    bend = 1.5 * rng.standard_normal(3)
    length = rng.uniform(10, 24)
    return np.array([origin + outward * length * t + bend * (4 * t * (1 - t)) for t in (0, 0.25, 0.5, 0.75, 1)])
