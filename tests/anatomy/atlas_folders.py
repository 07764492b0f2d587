"""Small atlases, written as folders, for the tests of what reads them."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import yaml

#: Centre of the right-hand structure and radius, mm, of the synthetic nuclei.
BALLS = {"HCN": ((12, 14, 6), 6), "PUT": ((24, 2, 2), 7), "GP": ((14, -8, -2), 4), "SN": ((9, -16, -10), 3)}
SHAPE = (71, 61, 51)


def affine_of(spacing: float = 1.0) -> np.ndarray:
    """Return a grid around the origin that meets x = 0 with a voxel."""
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = [-35 * spacing, -30 * spacing, -25 * spacing]
    return affine


def world(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """Return the world coordinates of a grid's voxels, shape (3, ...)."""
    return np.tensordot(affine[:3, :3], np.indices(shape), 1) + affine[:3, 3, None, None, None]


def ball(points: np.ndarray, centre: tuple[float, ...], radius: float) -> np.ndarray:
    """Tell which points, shape (3, ...), lie in a ball."""
    return sum((axis - c) ** 2 for axis, c in zip(points, centre, strict=True)) < radius**2


def mirrored(centre: tuple[float, ...], side: str) -> tuple[float, ...]:
    """Return the place of a right-hand centre on a side."""
    return (centre[0] if side == "R" else -centre[0], *centre[1:])


def nuclei_labels(points: np.ndarray, *, shared: bool = False) -> np.ndarray:
    """Label the balls: 1, 2, ... on the left, 11, 12, ... on the right, or the left's on both."""
    labels = np.zeros(points.shape[1:], np.uint8)
    for number, (centre, radius) in enumerate(BALLS.values(), start=1):
        for side in "LR":
            labels[ball(points, mirrored(centre, side), radius)] = number + (10 if side == "R" and not shared else 0)
    return labels


def description(**changes: object) -> dict:
    """Return the description of an atlas of labels with a label per side."""
    fields = {
        "name": "Test atlas",
        "version": "1",
        "citation": "Nobody 2020",
        "licence": "CC0",
        "kind": "dgm",
        "space": "MNI152NLin2009aSym",
        "encoding": "labels",
        "image": "labels.nii.gz",
        "structures": {name: {"L": n, "R": n + 10} for n, name in enumerate(BALLS, start=1)},
    }
    return {key: value for key, value in (fields | changes).items() if value is not None}


def write_folder(folder: Path, fields: dict, **images: tuple[np.ndarray, np.ndarray]) -> Path:
    """Write an atlas folder; images are given by their stem."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "atlas.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    for stem, (voxels, affine) in images.items():
        nib.save(nib.Nifti1Image(voxels, affine), folder / f"{stem}.nii.gz")
    return folder
