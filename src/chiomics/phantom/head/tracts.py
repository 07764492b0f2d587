"""Six association and projection tracts per side, as tubes inside the white matter, with their fibre direction.

Susceptibility of white matter depends on the angle θ between fibre and B0: χ = χ0 + Δχ cos²θ (values and their source
in `tracts.yaml`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml

from chiomics.phantom.head.space import SubjectSpace
from chiomics.phantom.head.tubes import resample_curve, tangents, tube_voxels

#: Tracts of Fiscone et al. (2023).
TRACTS = ("AF", "CST", "FAT", "IFOF", "OR", "UF")


@dataclass(frozen=True)
class TractVoxels:
    """A tract on a grid: its voxels, their distance (radii) from the course and their fibre direction (world axes)."""

    voxels: tuple[np.ndarray, ...]
    distance: np.ndarray
    direction: np.ndarray


@lru_cache(maxsize=1)
def tract_table() -> dict[str, dict]:
    """Read the courses and susceptibilities of the right-hand tracts."""
    return yaml.safe_load((Path(__file__).parent / "tracts.yaml").read_text(encoding="utf-8"))


def place_tracts(
    space: SubjectSpace, white: np.ndarray, *, shape: tuple[int, ...], affine: np.ndarray
) -> dict[tuple[str, str], TractVoxels]:
    """Lay the tracts into a subject's white matter.

    Parameters
    ----------
    space : SubjectSpace
        The subject's shape and pose.
    white : ndarray of bool, shape (X, Y, Z)
        White matter on the grid; tracts do not leave it.
    shape, affine
        The grid.

    Returns
    -------
    dict of (hemisphere, tract) to TractVoxels
        All twelve tracts; they may overlap one another.
    """
    placed = {}
    for hemisphere in "LR":
        for tract in TRACTS:
            row = tract_table()[tract]
            curve = course_in_world(space, hemisphere, tract)
            voxels, distance, nearest = tube_voxels(curve, row["radius"], shape=shape, affine=affine)
            inside = white[voxels]
            placed[hemisphere, tract] = TractVoxels(
                tuple(axis[inside] for axis in voxels),
                distance[inside] / row["radius"],
                tangents(curve)[nearest[inside]],
            )
    return placed


def course_in_world(space: SubjectSpace, hemisphere: str, tract: str) -> np.ndarray:
    """Return a tract's course in a subject's world, points every half millimetre, shape (N, 3)."""
    mirror = -1 if hemisphere == "L" else 1
    course = resample_curve(np.array(tract_table()[tract]["course"]) * [mirror, 1, 1], step=0.5)
    return space.from_template(course.T).T.astype(float)


def tract_chi(tract: str, direction: np.ndarray) -> np.ndarray:
    """Return a tract's susceptibility in ppm for fibre directions in world axes (B0 along z), shape (N, 3)."""
    row = tract_table()[tract]
    return (row["chi_0"] + row["chi_anisotropy"] * direction[:, 2] ** 2).astype(np.float32)
