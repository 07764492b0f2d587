"""Combine the local fields of single echoes into one, as the published pipelines do.

Each echo has been unwrapped and freed of its background on its own (Laplacian, V-SHARP); the fields are then averaged
over the echo set. Weights after Biondetti et al. 2022, Magn Reson Med 88:2101: the echo time, or the inverse variance
of the field, (TE·m)².
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chiomics.core.errors import InputError

WEIGHTS = ("TE", "SNR")


def combine_local_fields(
    local_fields: np.ndarray, magnitude: np.ndarray, *, echo_times: Sequence[float], weights: str = "TE"
) -> np.ndarray:
    """Average local fields over echoes.

    Parameters
    ----------
    local_fields, magnitude : ndarray, shape (e, x, y, z)
        Local fields in ppm and magnitudes in any unit, of the echoes in the set.
    echo_times : sequence of float
        In s, one per echo.
    weights : {"TE", "SNR"}
        "TE": the echo time; "SNR": (TE·m)², voxel by voxel.

    Returns
    -------
    ndarray, float32, shape (x, y, z)
        Local field in ppm.

    Raises
    ------
    InputError
        For an unknown weight.

    References
    ----------
    Biondetti et al. 2022, Magn Reson Med 88:2101.
    """
    if weights not in WEIGHTS:
        raise InputError("unknown weights of the echoes", found=repr(weights), expected=" or ".join(WEIGHTS))
    above = np.zeros(local_fields.shape[1:], np.float32)
    below = np.zeros_like(above)
    for field, signal, time in zip(local_fields, magnitude, echo_times, strict=True):
        weight = np.float32(time) if weights == "TE" else (np.float32(time) * signal) ** 2
        above += weight * field
        below += weight
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
