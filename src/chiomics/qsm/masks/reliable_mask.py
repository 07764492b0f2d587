"""Voxels of the brain whose phase can be relied on: the mask of the background removal.

Next to air the field varies faster than the echoes or the voxels can follow; the echoes then disagree with any line
through the origin. Background removal spreads such an error inwards, so these voxels are left out at the edge of the
brain. Inside the brain (veins, calcifications) they stay and get a low weight in the inversion instead, because a hole
costs a rim of good voxels. A hole is what is enclosed in 3-D and small; a sinus touches the outside or is large.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from chiomics.qsm.arrays import as_mask

#: Minimum local phase quality (mean over about 3 mm); found on simulated heads with sinuses.
MIN_QUALITY = 0.85
#: Smoothing of the quality, standard deviation in mm.
SMOOTHING = 1.0
#: Enclosed holes up to this volume in mm³ are filled.
MAX_HOLE = 300.0

log = logging.getLogger(__name__)


def reliable_mask(
    brain_mask: np.ndarray,
    quality: np.ndarray,
    *,
    voxel_size: Sequence[float],
    min_quality: float = MIN_QUALITY,
    max_hole: float = MAX_HOLE,
) -> np.ndarray:
    """Leave unreliable voxels at the edge out of the brain mask.

    Parameters
    ----------
    brain_mask : ndarray of bool, shape (x, y, z)
        Brain.
    quality : ndarray, shape (x, y, z)
        Agreement of the echoes, or quality of the phase, 0 to 1.
    voxel_size : sequence of 3 floats
        In mm.
    min_quality : float
        Voxels below are left out; 0 keeps all.
    max_hole : float
        Enclosed holes up to this volume in mm³ are filled.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
        One connected piece within `brain_mask`.
    """
    brain_mask, size = as_mask(brain_mask), np.asarray(voxel_size, float)
    inside = brain_mask.astype(np.float32)
    sigma = SMOOTHING / size
    local = ndimage.gaussian_filter(quality * inside, sigma)
    local /= np.maximum(ndimage.gaussian_filter(inside, sigma), 1e-3)
    reliable = largest_piece(brain_mask & (local >= min_quality))
    reliable = fill_small_holes(reliable, brain_mask, max_voxels=max_hole / size.prod())
    log.info(
        "reliable mask: %.1f %% of %d brain voxels", 100 * reliable.sum() / max(brain_mask.sum(), 1), brain_mask.sum()
    )
    return reliable


def fill_small_holes(mask: np.ndarray, allowed: np.ndarray, *, max_voxels: float) -> np.ndarray:
    """Fill holes that the mask encloses, where they are small and lie in `allowed`."""
    mask, allowed = as_mask(mask), as_mask(allowed)
    holes, count = ndimage.label(~mask)
    if count == 0:
        return mask
    sizes = np.bincount(holes.ravel(), minlength=count + 1)
    small = sizes <= max_voxels
    small[0] = False
    for axis in range(3):  # what reaches a face of the array is not enclosed
        for face in (0, -1):
            small[np.unique(np.take(holes, face, axis=axis))] = False
    return mask | (small[holes] & allowed)


def largest_piece(mask: np.ndarray) -> np.ndarray:
    """Return the largest connected piece of a mask."""
    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])


def phase_quality(phase: np.ndarray) -> np.ndarray:
    """Return the spatial quality of a wrapped phase, 0 to 1, from its second differences.

    Parameters
    ----------
    phase : ndarray, shape (x, y, z)
        Wrapped phase in rad.

    Returns
    -------
    ndarray, float32, shape (x, y, z)
        1 where the phase is locally linear; serves where there is one echo only.

    References
    ----------
    Abdul-Rahman et al. 2007, Appl Opt 46:6623, eqs. 1 and 2.
    """
    roughness = np.zeros(phase.shape, np.float32)
    for axis in range(3):
        size = phase.shape[axis]
        if size < 3:
            continue
        before, here, after = (np.take(phase, np.arange(i, size - 2 + i), axis=axis) for i in range(3))
        bend = after - 2 * here + before
        bend -= np.float32(2 * np.pi) * np.rint(bend / np.float32(2 * np.pi))
        middle = tuple(slice(1, -1) if a == axis else slice(None) for a in range(3))
        roughness[middle] = np.maximum(roughness[middle], np.abs(bend))
    return 1 - roughness / np.float32(np.pi)
