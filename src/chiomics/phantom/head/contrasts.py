"""T1w and FLAIR images on grids of their own, displaced rigidly from the gradient echo as after a patient moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from chiomics.phantom.head.space import rotation_matrix

#: Field of view of the structural images in mm, per axis.
FIELD_OF_VIEW = np.array([192.0, 228.0, 198.0])
#: Signal of white matter in the stored integers, and noise relative to it.
WHITE_SIGNAL = 600.0
NOISE = 0.02


@dataclass(frozen=True)
class Motion:
    """Rigid displacement of the head between two images: `matrix` maps GRE world points to the other image's world."""

    matrix: np.ndarray


def draw_motion(rng: np.random.Generator, *, rotation_sd: float, translation_sd: float, centre: np.ndarray) -> Motion:
    """Draw a rigid displacement; angles in degrees about `centre`, translations in mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_matrix(np.deg2rad(rotation_sd * rng.standard_normal(3)))
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre + translation_sd * rng.standard_normal(3)
    return Motion(matrix)


def structural_image(
    rng: np.random.Generator,
    contrast: np.ndarray,
    affine: np.ndarray,
    motion: Motion,
    *,
    voxel_size: np.ndarray,
    centre: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Image a contrast on a grid of its own, with a smooth receive bias and Rician noise.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of bias and noise.
    contrast : ndarray, shape (X, Y, Z)
        Signal relative to white matter.
    affine : ndarray, shape (4, 4)
        Voxel to GRE world coordinates of `contrast`, mm.
    motion : Motion
        Displacement of the head.
    voxel_size : array_like, shape (3,)
        Of the image, mm.
    centre : ndarray, shape (3,)
        Centre of the image in its own world, mm.

    Returns
    -------
    image : ndarray of int16
        Magnitude, white matter near `WHITE_SIGNAL`.
    image_affine : ndarray, shape (4, 4)
        Voxel to world coordinates of the image in mm.
    """
    voxel_size = np.asarray(voxel_size, float)
    shape = tuple(int(n) for n in np.ceil(FIELD_OF_VIEW / voxel_size / 2) * 2)
    image_affine = np.diag([*voxel_size, 1.0])
    image_affine[:3, 3] = centre - voxel_size * (np.array(shape) - 1) / 2
    to_contrast = np.linalg.inv(affine) @ np.linalg.inv(motion.matrix) @ image_affine
    smoothing = np.maximum(voxel_size / np.linalg.norm(affine[:3, :3], axis=0), 1) ** 2 - 1
    blurred = ndimage.gaussian_filter(contrast, 0.4 * np.sqrt(smoothing), truncate=3)
    image = ndimage.affine_transform(
        blurred, to_contrast[:3, :3], to_contrast[:3, 3], output_shape=shape, order=1, output=np.float32
    )
    image *= receive_bias(rng, shape)
    noise = NOISE * rng.standard_normal((2, *shape), dtype=np.float32)
    image = np.hypot(image + noise[0], noise[1])
    return np.rint(image * WHITE_SIGNAL).astype(np.int16), image_affine


def receive_bias(rng: np.random.Generator, shape: tuple[int, ...], *, amplitude: float = 0.06) -> np.ndarray:
    """Return a smooth multiplicative bias around 1: a random polynomial of second order."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in shape), indexing="ij", sparse=True)
    weights = (amplitude * rng.standard_normal(9)).astype(np.float32)
    terms = (x, y, z, x * x, y * y, z * z, x * y, y * z, z * x)
    bias = np.ones(shape, np.float32)
    for weight, term in zip(weights, terms, strict=True):
        bias += weight * term
    return np.maximum(bias, 0.3)
