"""Heads for the tests: the bundled template in a pose of choice, with a skull and scalp of plain geometry."""

from __future__ import annotations

import nibabel as nib
import numpy as np
from scipy import ndimage

from chiomics.core.space.template import template_brain, template_mask, template_priors
from chiomics.core.space.volume import Volume


def rigid(degrees: tuple[float, float, float], shift: tuple[float, float, float]) -> np.ndarray:
    """A turn about x, y, z and a shift in mm, as a matrix."""
    matrix = np.eye(4)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[[first, first, second, second], [first, second, first, second]] = (
            np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        )  # fmt: skip
        matrix[:3, :3] = turn @ matrix[:3, :3]
    matrix[:3, 3] = shift
    return matrix


def head(pose: np.ndarray, *, resolution: float = 2.0, contrast: str = "T1w", seed: int = 0) -> tuple[Volume, Volume]:
    """Paint the template's head in a pose, with noise, and give it with its brain mask.

    `pose` maps template points onto the head's world.
    """
    shape = tuple(int(n) for n in np.array([190, 230, 220]) / resolution)
    affine = np.diag([resolution, resolution, resolution, 1.0])
    centre = pose[:3, :3] @ [0, -18, -5] + pose[:3, 3]
    affine[:3, 3] = centre - resolution * (np.array(shape) - 1) / 2
    template, mask, priors = template_brain(2.0), template_mask(2.0), template_priors(2.0)
    onto = np.linalg.inv(template.affine) @ np.linalg.inv(pose) @ affine

    def carry(voxels: np.ndarray, order: int = 1, cval: float = 0.0) -> np.ndarray:
        grid = {"output_shape": shape, "order": order, "cval": cval, "output": np.float32}
        return ndimage.affine_transform(voxels.astype(np.float32), onto[:3, :3], onto[:3, 3], **grid)

    outside = np.pad(mask.voxels, 12)
    distance = ndimage.distance_transform_edt(~outside, sampling=2.0)
    onto[:3, 3] += 12
    depth = carry(distance, cval=99.0)
    onto[:3, 3] -= 12
    weights = {"T1w": {"CSF": 0.25, "GM": 0.65, "WM": 1.0}, "FLAIR": {"CSF": 0.1, "GM": 1.1, "WM": 0.9}}[contrast]
    voxels = sum(carry(priors[name].voxels) * weight for name, weight in weights.items())
    brain = carry(mask.voxels) > 0.5
    voxels = np.where(brain, voxels, np.where(depth < 2, 0.2, np.where(depth < 8, 0.08, np.where(depth < 14, 0.95, 0))))
    rng = np.random.default_rng(seed)
    voxels = np.hypot(voxels + 0.02 * rng.standard_normal(shape), 0.02 * rng.standard_normal(shape))
    return Volume((600 * voxels).astype(np.float32), affine), Volume(brain, affine)


def with_shoulders(image: Volume, length: float = 160.0) -> Volume:
    """Put a neck and shoulders of plain geometry, with bright fat, below a head whose axes are those of the world."""
    size, voxels = image.voxel_size, image.voxels
    wide, below = (int(reach / edge) for reach, edge in zip((120.0, length), size[[0, 2]], strict=True))
    body = np.pad(voxels, ((wide, wide), (0, 0), (below, 0)))
    dark, bright = np.percentile(voxels[voxels > 0.2 * np.percentile(voxels, 98)], [30, 98])
    x, y = ((np.arange(n) - (n - 1) / 2) * edge for n, edge in zip(body.shape[:2], size[:2], strict=True))
    for layer in range(below):
        share = np.clip(((below - layer) * size[2] - 60) / 50, 0, 1)  # from neck to shoulders
        depth = 1 - np.hypot(x[:, None] / (60 + 150 * share), y / (65 + 30 * share))
        body[:, :, layer] = np.where(depth > 0.12, dark, np.where(depth > 0, bright, 0))
    affine = image.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ [wide, 0, below]
    return Volume(body, affine)


def reoriented(volume: Volume, axes: str) -> Volume:
    """Store the same image with flipped and permuted voxel axes, e.g. ``PIL``."""
    image = nib.Nifti1Image(volume.voxels.astype(np.float32), volume.affine)
    turn = nib.orientations.ornt_transform(nib.io_orientation(volume.affine), nib.orientations.axcodes2ornt(axes))
    turned = image.as_reoriented(turn)
    return Volume(np.asarray(turned.dataobj).astype(volume.voxels.dtype), turned.affine)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def spread(volume: Volume, mask: Volume) -> np.ndarray:
    """World points all over a mask, shape (3, n)."""
    index = np.argwhere(mask.voxels)[::200].T
    return mask.affine[:3, :3] @ index + mask.affine[:3, 3:]


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mean distance of two sets of points, mm."""
    return float(np.linalg.norm(first - second, axis=0).mean())
