"""A small head for tracing: two bent bundles in grey matter around a pool of fluid, imaged along given directions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from chiomics.core.images import write_image
from chiomics.core.space.volume import Volume

SHAPE, VOXEL = (30, 34, 24), 2.5
#: Bundles: quarter circles about the z axis, one per side, at the same height; radii in mm.
BEND, TUBE = 22.0, 5.0
B_VALUE, B0_SIGNAL = 1000.0, 500.0


def affine() -> np.ndarray:
    """The middle of the grid is the world's origin."""
    matrix = np.diag([VOXEL, VOXEL, VOXEL, 1.0])
    matrix[:3, 3] = -VOXEL * (np.array(SHAPE) - 1) / 2
    return matrix


def world(shape: tuple[int, ...], matrix: np.ndarray) -> np.ndarray:
    """World coordinates of the voxels, shape (3, x, y, z)."""
    return np.tensordot(matrix[:3, :3], np.indices(shape), 1) + matrix[:3, 3, None, None, None]


def bundle(points: np.ndarray, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Say which points lie in a side's bundle, and its direction there, shapes (...) and (3, ...)."""
    x, y, z = points[0] * (1 if side == "R" else -1) - 6, points[1] + 11, points[2]
    radius = np.hypot(x, y)
    inside = (np.hypot(radius - BEND, z) < TUBE) & (x > 0) & (y > 0)
    tangent = np.stack([-y, x, 0 * z]) / np.maximum(radius, 1e-6)
    tangent[0] *= 1 if side == "R" else -1
    return inside, tangent


def bundle_mask(side: str, *, voxel: float = 1.0) -> Volume:
    """The bundle on a grid of its own, as an atlas has it."""
    matrix = np.diag([voxel, voxel, voxel, 1.0])
    shape = tuple(np.ceil(np.array(SHAPE) * VOXEL / voxel).astype(int))
    matrix[:3, 3] = -voxel * (np.array(shape) - 1) / 2
    return Volume(bundle(world(shape, matrix), side)[0].astype(np.float32), matrix)


def tissue() -> dict[str, np.ndarray]:
    """Masks of the brain, the fluid in its middle, and the two bundles on the diffusion images' grid."""
    points = world(SHAPE, affine())
    brain = (points[0] / 35) ** 2 + (points[1] / 40) ** 2 + (points[2] / 27) ** 2 < 1
    fluid = (points[0] ** 2 + (points[1] + 12) ** 2 + points[2] ** 2 < 9**2) & brain
    left, right = (bundle(points, side)[0] & brain for side in "LR")
    return {"brain": brain, "fluid": fluid, "L": left, "R": right}


def directions(count: int) -> np.ndarray:
    """Unit vectors spread over the half sphere, shape (count, 3)."""
    height = 1 - (np.arange(count) + 0.5) / count
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    return np.stack([np.sqrt(1 - height**2) * np.cos(turn), np.sqrt(1 - height**2) * np.sin(turn), height], axis=1)


def write_series(folder: Path, *, count: int = 30, noise: float = 0.02) -> dict[str, Path]:
    """Write the series with its tables; noise relative to white matter's unweighted signal."""
    points, masks = world(SHAPE, affine()), tissue()
    unweighted = np.where(masks["fluid"], 2.2, np.where(masks["L"] | masks["R"], 1.0, 1.3)) * masks["brain"]
    mean = np.where(masks["fluid"], 3.0e-3, 0.85e-3)
    rng = np.random.default_rng(7)
    volumes = []
    for direction in [None, *directions(count)]:
        exponent = np.zeros(SHAPE)
        if direction is not None:
            exponent = B_VALUE * mean
            for side in "LR":
                along = np.tensordot(direction, bundle(points, side)[1], 1) ** 2
                exponent = np.where(masks[side], B_VALUE * (0.3e-3 + 1.4e-3 * along), exponent)
        signal = unweighted * np.exp(-exponent)
        volumes.append(B0_SIGNAL * np.abs(signal + noise * (rng.normal(size=SHAPE) + 1j * rng.normal(size=SHAPE))))
    files = {name: folder / f"sub-01_dwi.{name}" for name in ("nii.gz", "bval", "bvec")}
    write_image(files["nii.gz"], np.stack(volumes, axis=-1).astype(np.float32), affine())
    np.savetxt(files["bval"], [[0, *[B_VALUE] * count]], fmt="%g")
    # FSL mirrors the first axis of an image whose determinant is positive.
    np.savetxt(files["bvec"], np.vstack([np.zeros(3), directions(count) * [-1, 1, 1]]).T, fmt="%.7f")
    return {"image": files["nii.gz"], "bval": files["bval"], "bvec": files["bvec"]}
