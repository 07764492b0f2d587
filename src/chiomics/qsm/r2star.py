"""R2* from the magnitudes of three or more echoes: log-linear fit with the weights of the fitted signal.

ln m_e = ln m_0 - R2*·TE_e. The logarithm of a magnitude with noise σ has noise σ/m, so the weights are m², first of the
measured and then of the fitted magnitudes, which keeps late echoes at the noise floor from bending the fit
(iteratively weighted least squares; compared with ARLO by Pei et al. 2015, Magn Reson Med 73:843).
"""

from __future__ import annotations

import numpy as np

from chiomics.core.errors import InputError
from chiomics.qsm.arrays import as_echo_times, as_mask, in_mask

#: Physiological ceiling in 1/s; above it the signal is gone by the first echoes.
MAX_R2STAR = 1000.0
#: Fits after the first, each weighted by the one before.
REWEIGHTINGS = 2


def fit_r2star(magnitude: np.ndarray, mask: np.ndarray, *, echo_times: np.ndarray) -> np.ndarray:
    """Fit R2*.

    Parameters
    ----------
    magnitude : ndarray, shape (e, x, y, z)
        At least three echoes, any unit.
    mask : ndarray of bool, shape (x, y, z)
        Voxels to fit.
    echo_times : array-like, shape (e,)
        In s.

    Returns
    -------
    ndarray, float32, shape (x, y, z)
        R2* in 1/s, within 0 and 1000; zero outside the mask.

    Raises
    ------
    InputError
        With fewer than three echoes, echo times that are not one rising time in s for each, and magnitudes that are not
        finite in the mask.

    References
    ----------
    Pei et al. 2015, Magn Reson Med 73:843.
    """
    if len(magnitude) < 3:
        raise InputError("R2* needs three echoes", found=f"{len(magnitude)} echoes", expected="3 or more")
    mask = as_mask(mask)
    echo_times = as_echo_times(echo_times, len(magnitude))
    signal = in_mask(magnitude, mask, "magnitude")[:, mask].astype(np.float32)
    signal /= max(float(signal.max(initial=0)), np.finfo(np.float32).tiny)
    logs = np.log(np.maximum(signal, 1e-6))
    times = echo_times.astype(np.float32)[:, None]
    weight = signal**2
    for _ in range(1 + REWEIGHTINGS):
        intercept, rate = _weighted_line(logs, times, weight)
        weight = np.exp(2 * (intercept - np.clip(rate, 0, MAX_R2STAR) * times))
    r2star = np.zeros(mask.shape, np.float32)
    r2star[mask] = np.clip(rate, 0, MAX_R2STAR)
    return r2star


def _weighted_line(logs: np.ndarray, times: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intercept and decay rate of the weighted least-squares line through each voxel's logarithms."""
    total = weight.sum(axis=0) + np.float32(1e-20)
    time = (weight * times).sum(axis=0) / total
    level = (weight * logs).sum(axis=0) / total
    spread = (weight * (times - time) ** 2).sum(axis=0)
    rate = -(weight * (times - time) * (logs - level)).sum(axis=0) / np.maximum(spread, 1e-20)
    return level + rate * time, rate
