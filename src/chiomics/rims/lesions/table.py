"""One row per lesion: where it lies, how large it is, what its χ and FLAIR are, and its patch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import ndimage

from chiomics.rims.lesions.contrasts import measure_contrasts
from chiomics.rims.lesions.patches import SHAPE, Patch, cut_patch

CORNERS = np.ones((3, 3, 3), bool)


@dataclass(frozen=True)
class LesionSet:
    """Lesions with what detectors read; rows in the same order everywhere.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per lesion.
    features : pandas.DataFrame
        The keys of `KEYS` and one column per radiomic feature.
    patches : ndarray of float16, shape (N, 2, 32, 32, 16)
        Scaled χ and FLAIR.
    masks : ndarray of uint8, shape (N, 32, 32, 16)
        1 in the lesion.
    """

    table: pd.DataFrame
    features: pd.DataFrame
    patches: np.ndarray
    masks: np.ndarray


def measure_lesions(
    chi: np.ndarray,
    flair: np.ndarray | None,
    labels: np.ndarray,
    affine: np.ndarray,
    *,
    brain: np.ndarray | None = None,
    shape: tuple[int, int, int] = SHAPE,
    surroundings: bool = False,
) -> tuple[list[dict], list[Patch]]:
    """Measure the lesions of one image.

    Parameters
    ----------
    chi : ndarray, shape (x, y, z)
        In ppb; z is the slice axis.
    flair : ndarray, shape (x, y, z), or None
        Of `patches.scale_flair`; without one the FLAIR columns are NaN and the patches' second channel is 0.
    labels : ndarray of int, shape (x, y, z)
        Lesion numbers from 1.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.
    brain : ndarray of bool, optional
        Where χ is known; a lesion at its edge is flagged.
    shape, surroundings
        As in `cut_patch`.

    Returns
    -------
    rows : list of dict
        One per lesion in rising order of its number.
    patches : list of Patch
        In the same order.
    """
    voxel_size = np.linalg.norm(affine[:3, :3], axis=0)
    connected, _ = ndimage.label(labels > 0, CORNERS)
    members = pd.Series(labels[labels > 0]).groupby(connected[labels > 0]).nunique()
    rows, patches = [], []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        lesion = labels[box] == number
        voxels = np.stack(np.nonzero(lesion)) + np.array([side.start for side in box])[:, None]
        x, y, z = affine[:3, :3] @ voxels.mean(axis=1) + affine[:3, 3]
        measures = measure_contrasts(chi[box], lesion, voxel_size=voxel_size)
        piece = _around(box, shape, labels.shape)
        patch = cut_patch(
            chi[piece],
            np.zeros_like(chi[piece]) if flair is None else flair[piece],
            labels[piece] == number,
            shape=shape,
            surroundings=surroundings,
        )
        values = None if flair is None else flair[box][lesion]
        rows.append(
            {
                "lesion": number,
                "n_voxels": voxels.shape[1],
                "diameter_mm": float((6 * measures["volume_mm3"] / np.pi) ** (1 / 3)),
                "x": x,
                "y": y,
                "z": z,
                **measures,
                "flair_mean": np.nan if values is None else float(values.mean()),
                "confluent": bool(members[connected[tuple(voxels[:, 0])]] > 1),
                "cropped": patch.cropped,
                "touches_mask_edge": brain is not None and _at_edge(brain, voxels),
            }
        )
        patches.append(patch)
    return rows, patches


def _around(box: tuple[slice, ...], shape: tuple[int, ...], size: tuple[int, ...]) -> tuple[slice, ...]:
    """Widen a box by a patch to either side, inside the image."""
    return tuple(
        slice(max(side.start - length, 0), min(side.stop + length, n))
        for side, length, n in zip(box, shape, size, strict=True)
    )


def _at_edge(brain: np.ndarray, voxels: np.ndarray) -> bool:
    """Say whether a voxel beside the lesion lies outside the mask or the image."""
    for axis in range(3):
        for step in (-1, 1):
            moved = voxels.copy()
            moved[axis] += step
            if moved[axis].min() < 0 or moved[axis].max() >= brain.shape[axis] or not brain[tuple(moved)].all():
                return True
    return False


def name_lesions(table: pd.DataFrame, identity: Mapping[str, object]) -> pd.DataFrame:
    """Put the columns that name a session before those of its lesions, which may be none."""
    own = table.columns.difference(list(identity), sort=False)
    named = table.assign(**identity)[[*identity, *own]]
    return named if "lesion" in named else named.assign(lesion=pd.Series(dtype=int))
