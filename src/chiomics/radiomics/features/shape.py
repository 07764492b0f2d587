"""The 14 shape features, as pyradiomics 3.0.1 defines them: they depend on the mask alone."""

from __future__ import annotations

import numpy as np

from chiomics.radiomics.features.cubes import surface
from chiomics.radiomics.features.diameters import largest_diameters
from chiomics.radiomics.region import Region

NAMES = (
    "Elongation", "Flatness", "LeastAxisLength", "MajorAxisLength", "Maximum2DDiameterColumn", "Maximum2DDiameterRow",
    "Maximum2DDiameterSlice", "Maximum3DDiameter", "MeshVolume", "MinorAxisLength", "Sphericity", "SurfaceArea",
    "SurfaceVolumeRatio", "VoxelVolume",
)  # fmt: skip
#: Functions of sphericity, which pyradiomics extracts only where they are named.
ON_REQUEST = ("Compactness1", "Compactness2", "SphericalDisproportion")


def shape_features(region: Region) -> dict:
    """Compute the features of a region in mm, mm² and mm³, those on request among them.

    Parameters
    ----------
    region : Region
        At least one voxel.

    Returns
    -------
    dict of str to float
    """
    padded = np.pad(region.mask, 1)
    area, volume = surface(padded, region.spacing)
    in_slice, in_column, in_row, in_space = largest_diameters(padded, region.spacing)
    least, minor, major = principal_variances(region)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "Elongation": float(np.sqrt(np.divide(minor, major))),
            "Flatness": float(np.sqrt(np.divide(least, major))),
            "LeastAxisLength": float(4 * np.sqrt(least)),
            "MajorAxisLength": float(4 * np.sqrt(major)),
            "Maximum2DDiameterColumn": in_column,
            "Maximum2DDiameterRow": in_row,
            "Maximum2DDiameterSlice": in_slice,
            "Maximum3DDiameter": in_space,
            "MeshVolume": volume,
            "MinorAxisLength": float(4 * np.sqrt(minor)),
            "Sphericity": float((36 * np.pi * volume**2) ** (1 / 3) / area),
            "Compactness1": float(volume / (area**1.5 * np.sqrt(np.pi))),
            "Compactness2": float(36 * np.pi * volume**2 / area**3),
            "SphericalDisproportion": float(area / (36 * np.pi * volume**2) ** (1 / 3)),
            "SurfaceArea": area,
            "SurfaceVolumeRatio": float(np.divide(area, volume)),
            "VoxelVolume": region.n_voxels * float(np.prod(region.spacing)),
        }


def principal_variances(region: Region) -> np.ndarray:
    """Return the variances in mm² of the voxel centres along their principal axes, smallest first.

    Sums of indices are whole numbers, so a flat region has exactly no thickness.
    """
    mask = region.mask
    n = region.n_voxels
    index = [np.arange(edge) for edge in mask.shape]
    planes = {(a, b): mask.sum(axis=3 - a - b) for a, b in ((0, 1), (0, 2), (1, 2))}
    lines = (planes[0, 1].sum(axis=1), planes[0, 1].sum(axis=0), planes[0, 2].sum(axis=0))
    covariance = np.empty((3, 3))
    for a in range(3):
        for b in range(a, 3):
            product = int(index[a] ** 2 @ lines[a]) if a == b else int(index[a] @ planes[a, b] @ index[b])
            # Python's integers: the difference of the two large terms is exact.
            spread = n * product - int(index[a] @ lines[a]) * int(index[b] @ lines[b])
            covariance[a, b] = covariance[b, a] = spread / (n * n) * region.spacing[a] * region.spacing[b]
    return np.maximum(np.linalg.eigvalsh(covariance), 0.0)
