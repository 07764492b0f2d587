"""Gradient directions of a diffusion series, read from FSL's files and turned into world axes.

A ``.bvec`` file counts along the image's own voxel axes, the first one mirrored where the affine's determinant is
positive (FSL's convention, which BIDS takes over). World directions do not depend on how the voxels are stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chiomics.core.errors import InputError
from chiomics.core.files import atomic_write
from chiomics.core.images import voxel_size

#: Largest b in s/mm² that counts as no weighting; vendors' and HCP's "b = 0" are 5 to 50.
UNWEIGHTED = 50.0
#: Values of b in s/mm² that belong to one shell differ by less from the shell's first.
SHELL_WIDTH = 100.0
#: Directions (or opposite ones) closer than this cosine, 2°, are one.
SAME_DIRECTION = np.cos(np.deg2rad(2))
#: A direction's length may differ from 1 by this much, rounding in text files included.
LENGTH_TOLERANCE = 0.05
#: A tensor has six unknowns beside the unweighted signal.
FEWEST_DIRECTIONS = 6


@dataclass(frozen=True, eq=False)
class Gradients:
    """Weighting of each volume.

    Parameters
    ----------
    directions : ndarray, shape (volumes, 3)
        Unit vectors in world axes (right, anterior, superior); 0 for unweighted volumes.
    b_values : ndarray, shape (volumes,)
        In s/mm²; 0 for unweighted volumes.
    """

    directions: np.ndarray
    b_values: np.ndarray

    @property
    def unweighted(self) -> np.ndarray:
        """Booleans, shape (volumes,)."""
        return self.b_values == 0

    def shells(self) -> dict[float, int]:
        """Return the mean b of each shell in s/mm², lowest first, and how many distinct directions it has."""
        found: dict[float, int] = {}
        rest = np.flatnonzero(~self.unweighted)
        while rest.size:
            near = self.b_values[rest] < self.b_values[rest].min() + SHELL_WIDTH
            found[float(np.round(self.b_values[rest[near]].mean(), 1))] = count_directions(self.directions[rest[near]])
            rest = rest[~near]
        return found

    def write(self, path: str | Path) -> None:
        """Write MRtrix3's table: x, y, z in world axes and b, a line per volume."""
        with atomic_write(path) as temporary:
            np.savetxt(temporary, np.column_stack([self.directions, self.b_values]), fmt="%.9g")


def read_gradients(bval: str | Path, bvec: str | Path, *, affine: np.ndarray, volumes: int) -> Gradients:
    """Read and check FSL's two files.

    Parameters
    ----------
    bval, bvec : path-like
        b in s/mm², and directions as three lines or three columns.
    affine : ndarray, shape (4, 4)
        Of the image, voxel to world coordinates in mm.
    volumes : int
        Of the image.

    Returns
    -------
    Gradients
        In world axes.

    Raises
    ------
    InputError
        Where a file is no table of numbers, a count differs from the image's, there is no unweighted volume, a
        weighted one has no direction of length 1, or there are too few directions for a tensor.
    """
    b_values = read_table(bval).ravel()
    if b_values.size != volumes or (b_values < 0).any():
        raise InputError(
            "the b values do not fit the image",
            file=bval,
            found=f"{b_values.size} values from {b_values.min(initial=0):g} to {b_values.max(initial=0):g}",
            expected=f"{volumes}, one per volume, 0 or more",
        )
    vectors = read_table(bvec)
    if vectors.shape != (3, volumes):
        vectors = vectors.T
    if vectors.shape != (3, volumes):
        raise InputError(
            "the gradient directions do not fit the image",
            file=bvec,
            found=" x ".join(map(str, vectors.T.shape)) + " numbers",
            expected=f"3 lines of {volumes}, or {volumes} lines of 3",
        )
    b_values = np.where(b_values <= UNWEIGHTED, 0, b_values)
    if (b_values > 0).all():
        raise InputError(
            "no volume without diffusion weighting",
            file=bval,
            found=f"smallest b {b_values.min():g} s/mm²",
            expected=f"at least one of {UNWEIGHTED:g} or less",
        )
    directions = directions_in_world(vectors.T, affine)
    length = np.linalg.norm(directions, axis=1)
    if (wrong := (b_values > 0) & (np.abs(length - 1) > LENGTH_TOLERANCE)).any():
        worst = int(np.flatnonzero(wrong)[0])
        raise InputError(
            "a weighted volume has no direction of length 1",
            file=bvec,
            found=f"length {length[worst]:.3f} at volume {worst}, b {b_values[worst]:g} s/mm²",
            expected="unit vectors; other strengths belong into the .bval file",
        )
    directions = np.where(b_values[:, None] > 0, directions / np.maximum(length, 1e-9)[:, None], 0)
    gradients = Gradients(directions, b_values)
    if (distinct := count_directions(directions[b_values > 0])) < FEWEST_DIRECTIONS:
        raise InputError(
            "too few gradient directions for a tensor",
            file=bvec,
            found=f"{distinct} distinct directions",
            expected=f"{FEWEST_DIRECTIONS} or more",
        )
    return gradients


def directions_in_world(vectors: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Turn directions of a ``.bvec`` file into world axes.

    Parameters
    ----------
    vectors : ndarray, shape (volumes, 3)
        In FSL's convention.
    affine : ndarray, shape (4, 4)
        Of the image.

    Returns
    -------
    ndarray, shape (volumes, 3)
        Right, anterior, superior.
    """
    mirrored = vectors * [-1 if np.linalg.det(affine[:3, :3]) > 0 else 1, 1, 1]
    # The nearest rotation: rounding in a header would otherwise change the vectors' length.
    left, _, right = np.linalg.svd(affine[:3, :3] / voxel_size(affine))
    return mirrored @ (left @ right).T


def count_directions(directions: np.ndarray) -> int:
    """Count distinct directions, opposite ones being one, shape (N, 3)."""
    kept: list[np.ndarray] = []
    for direction in directions:
        if not kept or np.abs(np.array(kept) @ direction).max() < SAME_DIRECTION:
            kept.append(direction)
    return len(kept)


def read_table(path: str | Path) -> np.ndarray:
    """Read numbers, naming the file where it holds others."""
    try:
        table = np.loadtxt(path, dtype=float, ndmin=2)
    except (OSError, ValueError) as error:
        raise InputError("not a table of numbers", file=path, found=str(error), expected="FSL's text file") from error
    if not np.isfinite(table).all():
        raise InputError("the table holds NaN or infinite values", file=path, expected="finite numbers")
    return table
