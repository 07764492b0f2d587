"""Diffusion-weighted images: one tensor per voxel, along the fibres in the tracts.

S(b, g) = S0 exp(−b gᵀ D g) (Basser et al. 1994, Biophys J 66:259) with cylindrical tensors in the tracts and
isotropic ones elsewhere; diffusivities are a modelling choice within the range of healthy adults.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from chiomics.phantom.head import tissue
from chiomics.phantom.head.anatomy import Anatomy
from chiomics.phantom.head.contrasts import FIELD_OF_VIEW, Motion

#: b in s/mm² of the weighted volumes and their number.
B_VALUE, DIRECTIONS = 1000.0, 30
#: Diffusivities in mm²/s: along and across fibres, and mean ones per label; elsewhere there is no signal.
ALONG, ACROSS = 1.6e-3, 0.35e-3
MEAN_DIFFUSIVITY = {
    tissue.CSF: 3.0e-3, tissue.VENTRICLES: 3.0e-3, tissue.GREY: 0.85e-3, tissue.WHITE: 0.75e-3,
    tissue.VEIN: 1.5e-3, tissue.MEDULLARY_VEIN: 0.8e-3,
    tissue.LESION: 1.1e-3, tissue.RIM: 1.1e-3, tissue.SOFT: 1.2e-3, tissue.EYE: 3.0e-3, tissue.BONE: 0.5e-3,
    **dict.fromkeys(tissue.NUCLEUS_LABELS.values(), 0.00075),
}  # fmt: skip
#: Signal without weighting relative to white matter.
UNWEIGHTED = {
    tissue.CSF: 2.2, tissue.VENTRICLES: 2.2, tissue.GREY: 1.3, tissue.WHITE: 1.0,
    tissue.VEIN: 0.4, tissue.MEDULLARY_VEIN: 0.8,
    tissue.LESION: 1.6, tissue.RIM: 1.5, tissue.SOFT: 0.3, tissue.EYE: 2.2, tissue.BONE: 0.02,
    **dict.fromkeys(tissue.NUCLEUS_LABELS.values(), 1.0),
}  # fmt: skip
#: Voxel size in mm, white matter's stored signal, and noise relative to it.
VOXEL_SIZE = np.array([2.5, 2.5, 2.5])
WHITE_SIGNAL, NOISE = 600.0, 0.03


@dataclass(frozen=True)
class DiffusionImages:
    """Volumes (X, Y, Z, 1 + directions) int16, their affine, b in s/mm² and unit directions in FSL's voxel axes."""

    volumes: np.ndarray
    affine: np.ndarray
    b_values: np.ndarray
    b_vectors: np.ndarray


def diffusion_images(
    rng: np.random.Generator, anatomy: Anatomy, affine: np.ndarray, motion: Motion, *, centre: np.ndarray
) -> DiffusionImages:
    """Image a subject with one unweighted volume and `DIRECTIONS` weighted ones.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the noise.
    anatomy : Anatomy
        Labels and tracts on the finer grid.
    affine : ndarray, shape (4, 4)
        Of that grid, mm.
    motion : Motion
        Displacement of the head since the GRE.
    centre : ndarray, shape (3,)
        Centre of the image in its own world, mm.

    Returns
    -------
    DiffusionImages
        The images; the gradient directions are those of the displaced world.
    """
    shape = tuple(int(n) for n in np.ceil(FIELD_OF_VIEW / VOXEL_SIZE / 2) * 2)
    image_affine = np.diag([*VOXEL_SIZE, 1.0])
    image_affine[:3, 3] = centre - VOXEL_SIZE * (np.array(shape) - 1) / 2
    to_fine = np.linalg.inv(affine) @ np.linalg.inv(motion.matrix) @ image_affine

    def resample(volume: np.ndarray) -> np.ndarray:
        return ndimage.affine_transform(
            volume, to_fine[:3, :3], to_fine[:3, 3], output_shape=shape, order=1, output=np.float32
        )

    unweighted = resample(tissue.lookup(UNWEIGHTED)[anatomy.labels])
    tensor = {pair: resample(volume) for pair, volume in _tensors(anatomy).items()}
    directions = spread_directions(DIRECTIONS)
    volumes = np.empty((*shape, DIRECTIONS + 1), np.int16)
    for number, direction in enumerate([None, *directions]):
        signal = unweighted
        if direction is not None:
            head = motion.matrix[:3, :3].T @ direction
            exponent = sum((1 if i == j else 2) * head[i] * head[j] * volume for (i, j), volume in tensor.items())
            signal = unweighted * np.exp(np.float32(-B_VALUE) * exponent)
        noise = np.float32(NOISE) * rng.standard_normal((2, *shape), dtype=np.float32)
        volumes[..., number] = np.rint(WHITE_SIGNAL * np.hypot(signal + noise[0], noise[1]))
    b_values = np.array([0.0, *(B_VALUE for _ in directions)])
    # FSL mirrors the first axis of images with a positive determinant, as this one's affine has.
    b_vectors = np.vstack([np.zeros(3), directions * [-1, 1, 1]])
    return DiffusionImages(volumes, image_affine, b_values, b_vectors)


def spread_directions(count: int) -> np.ndarray:
    """Spread unit vectors evenly over the half sphere along a golden spiral, shape (count, 3)."""
    height = 1 - (np.arange(count) + 0.5) / count
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), height], axis=1)


def _tensors(anatomy: Anatomy) -> dict[tuple[int, int], np.ndarray]:
    """Return the six elements of the diffusion tensor in mm²/s, in the world axes of the GRE."""
    mean = tissue.lookup(MEAN_DIFFUSIVITY)[anatomy.labels]
    pairs = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
    elements = {(i, j): mean.copy() if i == j else np.zeros_like(mean) for i, j in pairs}
    nearest = np.full(mean.shape, np.inf, np.float32)
    fibres = np.isin(anatomy.labels, (tissue.WHITE, tissue.LESION, tissue.RIM))
    for found in anatomy.tracts.values():
        closer = (found.distance < nearest[found.voxels]) & fibres[found.voxels]
        voxels = tuple(axis[closer] for axis in found.voxels)
        nearest[voxels] = found.distance[closer]
        direction = found.direction[closer]
        for i, j in pairs:
            elements[i, j][voxels] = (ACROSS if i == j else 0) + (ALONG - ACROSS) * direction[:, i] * direction[:, j]
    return elements
