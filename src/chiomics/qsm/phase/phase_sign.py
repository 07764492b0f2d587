"""Tell from the finished map whether the phase had the wrong sign.

Iron-rich nuclei and veins are paramagnetic and lose signal fast, so the voxels that are darkest against their
surroundings at the last echo must have a higher χ than the rest of the brain. With the wrong sign they have a lower
one. On twelve simulated heads (0.5 to 3 mm, one to five echoes, SNR 15 to 100) the difference was 0.38 to 1.9 times the
spread of χ; R2* itself and the asymmetry of χ's tails separated less well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from chiomics.qsm.arrays import as_mask
from chiomics.qsm.masks.near_distance import erode

#: Only voxels this deep in the mask count, in mm: at the edge the signal is lost to air and χ to the edge.
DEPTH = 8.0
#: Width of the surroundings, standard deviation in mm, and share of the voxels that are called dark.
SURROUNDINGS, DARK_SHARE = 6.0, 0.02
#: Difference in units of the spread (scaled MAD) below which the sign is called wrong.
WRONG_BELOW = -0.2
#: Below this the sign is not told: brains have 0.38 and more, water without veins and iron has about 0.
TOLD_FROM = 0.2


def check_phase_sign(
    chi: np.ndarray, magnitude: np.ndarray, mask: np.ndarray, *, voxel_size: Sequence[float]
) -> tuple[float, str | None]:
    """Compare χ in dark voxels with χ in the rest of the brain.

    Parameters
    ----------
    chi : ndarray, shape (x, y, z)
        Susceptibility in ppm.
    magnitude : ndarray, shape (x, y, z)
        Magnitude of the last echo, any unit.
    mask : ndarray of bool, shape (x, y, z)
        Voxels with a valid χ.
    voxel_size : sequence of 3 floats
        In mm.

    Returns
    -------
    contrast : float
        Median χ of the dark voxels less that of the brain, over the scaled MAD of χ; NaN where no voxel is deep.
    warning : str or None
        What to tell the user where the sign seems wrong, or where nothing tells it.
    """
    mask = as_mask(mask)
    deep = erode(mask, voxel_size, DEPTH)
    if not deep.any():
        return float("nan"), None
    sigma = SURROUNDINGS / np.asarray(voxel_size, float)
    inside = mask.astype(np.float32)
    around = ndimage.gaussian_filter(magnitude * inside, sigma) / np.maximum(
        ndimage.gaussian_filter(inside, sigma), 1e-3
    )
    relative = magnitude[deep] / np.maximum(around[deep], np.finfo(np.float32).tiny)
    values = chi[deep].astype(np.float64)
    middle = np.median(values)
    spread = 1.4826 * np.median(np.abs(values - middle))
    dark = relative < np.quantile(relative, DARK_SHARE)
    if spread == 0 or not dark.any():
        return float("nan"), None
    contrast = float((np.median(values[dark]) - middle) / spread)
    if contrast >= TOLD_FROM:
        return contrast, None
    if contrast >= WRONG_BELOW:
        return contrast, (
            f"dark voxels have about the same χ as the rest (difference {contrast:.2f} times its spread, below "
            f"{TOLD_FROM}): neither veins nor iron tell the sign of the phase; is this a brain?"
        )
    return contrast, (
        f"dark voxels (veins, iron) have a lower χ than the brain, by {-contrast:.1f} times its spread: "
        "the phase probably has the opposite sign; set `phase_sign: -1`"
    )
