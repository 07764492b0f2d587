"""Where a map can be relied on, and why not elsewhere: labels of the voxels, their share, and a warning.

The labels say what the chain did with a voxel. Its echoes disagree (dephasing, veins, motion; of one echo the phase is
rough), or nothing but steps near half a turn leads to it, so that the number of its turns is a guess: it then has
little or no weight, and its local field is filled from the model of the background removal. χ in such voxels is an
interpolation.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from chiomics.qsm.arrays import as_mask
from chiomics.qsm.data_weight import echo_agreement

RELIABLE, DISAGREEING, GUESSED = 1, 2, 3
NAMES = {
    RELIABLE: "reliable",
    DISAGREEING: "echoes disagree, or the phase of the one echo is rough: little weight, filled from the model",
    GUESSED: "the number of turns is a guess: no weight, filled from the model",
}
#: Share of the map's voxels that are not reliable from which a warning is given.
MAX_SHARE = 0.1

log = logging.getLogger(__name__)


def label_quality(
    quality: np.ndarray,
    mask: np.ndarray,
    *,
    voxel_size: Sequence[float],
    quality_scale: float,
    min_agreement: float,
) -> np.ndarray:
    """Label the voxels of a mask by what can be said of their field.

    Parameters
    ----------
    quality : ndarray, shape (x, y, z)
        Agreement of the echoes, 0 to 1, and 0 where the number of turns is a guess, from `estimate_total_fields`.
    mask : ndarray of bool, shape (x, y, z)
        Voxels with a field.
    voxel_size : sequence of 3 floats
        In mm.
    quality_scale, min_agreement : float
        Of the preset; voxels whose agreement (`echo_agreement`) is below the latter are filled.

    Returns
    -------
    ndarray, uint8, shape (x, y, z)
        `RELIABLE`, `DISAGREEING` or `GUESSED`; 0 outside the mask.
    """
    mask = as_mask(mask)
    # The outermost voxels have less weight in any case, whatever their echoes say: that is no mark of theirs.
    agreement = echo_agreement(quality, mask, voxel_size=voxel_size, quality_scale=quality_scale, edge_factor=1.0)
    labels = np.where(mask, np.uint8(RELIABLE), np.uint8(0))
    labels[mask & (agreement < min_agreement)] = DISAGREEING
    labels[mask & (quality <= 0)] = GUESSED
    return labels


def describe_quality(labels: np.ndarray) -> dict:
    """Return the share of voxels that are not reliable, for the sidecar, and a warning where it is large.

    Parameters
    ----------
    labels : ndarray of int, shape (x, y, z)
        From `label_quality`.

    Returns
    -------
    dict
        ``UnreliableShare`` of the labelled voxels, and ``QualityWarning``, None where there is no need.
    """
    share = float((labels > RELIABLE).sum() / max((labels > 0).sum(), 1))
    warning = None
    if share > MAX_SHARE:
        warning = f"{100 * share:.0f} % of the voxels have no reliable field, and are filled from the model"
        log.warning("%s", warning)
    return {"UnreliableShare": round(share, 5), "QualityWarning": warning}
