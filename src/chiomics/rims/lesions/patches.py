"""Patches of χ and FLAIR around lesions, as Zhang et al. 2022 (Section 2.3.1) cut them.

The lesion's centre of mass lies at the patch's centre, to the nearest voxel; where a lesion in pieces would have none
of them in its patch, the nearest of its voxels does. Other voxels are 0 unless the surroundings are kept. χ is divided
by a fixed scale, as it is quantitative; FLAIR by the spread of normal-appearing white matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Voxels of a patch.
SHAPE = (32, 32, 16)
#: χ that becomes 1, ppb, and where the scaled χ and FLAIR are clipped.
CHI_SCALE, CHI_CLIP, FLAIR_CLIP = 50.0, 4.0, 20.0


@dataclass(frozen=True)
class Patch:
    """One lesion's patch.

    Attributes
    ----------
    images : ndarray of float16, shape (2, *SHAPE)
        Scaled χ and FLAIR.
    mask : ndarray of uint8, shape SHAPE
        1 in the lesion.
    cropped : bool
        Whether a part of the lesion lies outside.
    """

    images: np.ndarray
    mask: np.ndarray
    cropped: bool


def scale_flair(flair: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Scale FLAIR to the median and the interquartile range of normal-appearing white matter.

    Parameters
    ----------
    flair : ndarray, shape (x, y, z)
        Any unit.
    white : ndarray of bool, shape (x, y, z)
        Normal-appearing white matter.

    Returns
    -------
    ndarray of float32
        (FLAIR − median) / interquartile range, clipped to ± `FLAIR_CLIP`.

    Raises
    ------
    ValueError
        Where white matter is empty or flat.
    """
    values = flair[white]
    low, middle, high = np.percentile(values, [25, 50, 75]) if values.size else (0, 0, 0)
    if not high > low:
        raise ValueError("FLAIR has no spread in normal-appearing white matter")
    return np.clip((flair - middle) / (high - low), -FLAIR_CLIP, FLAIR_CLIP).astype(np.float32)


def find_centre(lesion: np.ndarray, shape: Sequence[float]) -> np.ndarray:
    """Choose the voxel at the centre of a lesion's patch.

    Parameters
    ----------
    lesion : ndarray of bool, shape (x, y, z)
        Its voxels.
    shape : sequence of 3 floats
        Of the patch in these voxels.

    Returns
    -------
    ndarray of int, shape (3,)
        Nearest to the centre of mass; a voxel of the lesion where a patch around that would hold none.
    """
    voxels = np.stack(np.nonzero(lesion))
    centre = np.rint(voxels.mean(axis=1)).astype(int)
    away = np.abs(voxels - centre[:, None]) / (np.asarray(shape, float)[:, None] / 2)
    if (away.max(axis=0) < 1).any():
        return centre
    return voxels[:, away.max(axis=0).argmin()]


def cut_patch(
    chi: np.ndarray,
    flair: np.ndarray,
    lesion: np.ndarray,
    *,
    shape: Sequence[int] = SHAPE,
    surroundings: bool = False,
) -> Patch:
    """Cut a patch around one lesion.

    Parameters
    ----------
    chi : ndarray, shape (x, y, z)
        In ppb.
    flair : ndarray, shape (x, y, z)
        Of `scale_flair`.
    lesion : ndarray of bool, shape (x, y, z)
        Its voxels.
    shape : sequence of 3 int
        Of the patch in voxels.
    surroundings : bool
        Keep voxels outside the lesion.

    Returns
    -------
    Patch
        Voxels outside the image are 0.
    """
    start = find_centre(lesion, shape) - np.array(shape) // 2
    source, target = [], []
    for first, length, size in zip(start, shape, lesion.shape, strict=True):
        low, high = max(first, 0), min(first + length, size)
        source.append(slice(low, high))
        target.append(slice(low - first, high - first))
    source, target = tuple(source), tuple(target)
    mask = np.zeros(shape, np.uint8)
    mask[target] = lesion[source]
    images = np.zeros((2, *shape), np.float16)
    images[(0, *target)] = np.clip(chi[source] / CHI_SCALE, -CHI_CLIP, CHI_CLIP)
    images[(1, *target)] = flair[source]
    if not surroundings:
        images *= mask
    return Patch(images, mask, bool(mask.sum() < lesion.sum()))
