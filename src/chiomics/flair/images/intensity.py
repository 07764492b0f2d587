"""One scale of intensity for all scanners.

Neither paper gives one. Values are counted from the median of normal-appearing white matter in units of the
interquartile range over the brain, which spans fluid, white and grey matter, so that a lesion stays apart from grey
matter whatever the image's noise; clipped, and 0 outside the brain.
"""

from __future__ import annotations

import numpy as np

from chiomics.core.errors import InputError

CLIP = 5.0
#: Fewest voxels of white matter that a median is taken from.
MIN_WHITE_MATTER = 1000


def scale_intensity(flair: np.ndarray, brain: np.ndarray, white_matter: np.ndarray) -> tuple[np.ndarray, dict]:
    """Bring a FLAIR to the common scale.

    Parameters
    ----------
    flair : ndarray, shape (x, y, z)
        Any unit.
    brain, white_matter : ndarray of bool, shape (x, y, z)
        Masks; lesions are no part of the white matter.

    Returns
    -------
    scaled : ndarray, shape (x, y, z)
        Float32, within ±`CLIP`.
    record : dict
        ``WhiteMatterMedian`` and ``BrainInterquartileRange`` in the image's unit.

    Raises
    ------
    InputError
        Where there is hardly any white matter, or the image is constant.
    """
    if (count := int(white_matter.sum())) < MIN_WHITE_MATTER:
        raise InputError(
            "too little white matter to scale the FLAIR by", found=f"{count} voxels", expected=f"{MIN_WHITE_MATTER}"
        )
    median = float(np.median(flair[white_matter]))
    low, high = np.percentile(flair[brain], [25, 75])
    if not high > low:
        raise InputError("the FLAIR is constant in the brain", found=f"interquartile range {high - low:g}")
    scaled = np.clip((flair - median) / (high - low), -CLIP, CLIP)
    record = {"WhiteMatterMedian": median, "BrainInterquartileRange": float(high - low)}
    return np.where(brain, scaled, 0).astype(np.float32), record
