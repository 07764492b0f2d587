"""Phase offset at TE = 0 and the alternation of bipolar read-outs, estimated from the data and removed.

- Offset: MCPC-3D-S (Eckstein et al. 2018, Magn Reson Med 79:2996). Two echoes extrapolate the phase to TE = 0,
  φ0 = φ1 - TE1/(TE2-TE1)·(φ2-φ1); the transmit and receive phase that it holds is smooth, so it is smoothed as a
  complex number, which needs no unwrapping of its own. The difference φ2-φ1 has to be unwrapped only where
  TE1/(TE2-TE1) is not a whole number.
- Bipolar read-out: odd and even echoes differ by a smooth phase (eddy currents, gradient delays). Three consecutive
  echoes at one spacing give φ1 - 2φ2 + φ3, which is free of field and offset and holds four times the alternation.
"""

from __future__ import annotations

import logging

import numpy as np
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.qsm.unwrap_laplacian import wrap
from chiomics.qsm.unwrap_quality import unwrap_quality

#: Gaussian smoothing of the offset, standard deviation in mm (QSMxT: 10 voxels of about 1 mm).
SMOOTHING = 7.0
#: An echo-time ratio this close to a whole number needs no unwrapping.
WHOLE_RATIO = 1e-3
SPACING_SLACK = 0.02

log = logging.getLogger(__name__)


def remove_offset(
    magnitude: np.ndarray,
    phase: np.ndarray,
    mask: np.ndarray,
    *,
    echo_times: np.ndarray,
    voxel_size: np.ndarray,
    smoothing: float = SMOOTHING,
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the phase offset at TE = 0 and subtract it from every echo.

    Parameters
    ----------
    magnitude, phase : ndarray, shape (e, x, y, z)
        Magnitude (any unit) and wrapped phase in rad; with one echo nothing is removed.
    mask : ndarray of bool, shape (x, y, z)
        Voxels that the offset is estimated from.
    echo_times : array-like, shape (e,)
        In s, ascending.
    voxel_size : array-like, shape (3,)
        In mm.
    smoothing : float
        Standard deviation of the Gaussian in mm.

    Returns
    -------
    corrected : ndarray, float32, shape (e, x, y, z)
        Wrapped phase in rad without the offset.
    offset : ndarray, float32, shape (x, y, z)
        Offset in rad; zero for a single echo.

    References
    ----------
    Eckstein et al. 2018, Magn Reson Med 79:2996.
    """
    if len(phase) < 2:
        return phase.astype(np.float32), np.zeros(phase.shape[1:], np.float32)
    ratio = echo_times[0] / (echo_times[1] - echo_times[0])
    step = wrap(phase[1] - phase[0])
    strength = magnitude[0] * magnitude[1] * mask
    if abs(ratio - round(ratio)) > WHOLE_RATIO:
        step = unwrap_quality(step, mask, magnitude=np.sqrt(strength))
    offset = smooth_angle(phase[0] - np.float32(ratio) * step, strength, voxel_size=voxel_size, smoothing=smoothing)
    return wrap(phase - offset), offset


def remove_bipolar(
    magnitude: np.ndarray,
    phase: np.ndarray,
    mask: np.ndarray,
    *,
    echo_times: np.ndarray,
    voxel_size: np.ndarray,
    smoothing: float = SMOOTHING,
) -> np.ndarray:
    """Remove the phase that alternates between odd and even echoes.

    Parameters
    ----------
    magnitude, phase : ndarray, shape (e, x, y, z)
        Magnitude (any unit) and wrapped phase in rad; at least three echoes.
    mask : ndarray of bool, shape (x, y, z)
        Voxels that the alternation is estimated from.
    echo_times : array-like, shape (e,)
        In s, equally spaced over the first three.
    voxel_size : array-like, shape (3,)
        In mm.
    smoothing : float
        Standard deviation of the Gaussian in mm.

    Returns
    -------
    ndarray, float32, shape (e, x, y, z)
        Wrapped phase in rad.

    Raises
    ------
    InputError
        With fewer than three echoes, or unequal spacing of the first three.
    """
    if len(phase) < 3:
        raise InputError(
            "the bipolar correction needs three echoes", found=f"{len(phase)} echoes", expected="3 or more"
        )
    spacings = np.diff(echo_times[:3])
    if abs(spacings[1] / spacings[0] - 1) > SPACING_SLACK:
        raise InputError(
            "the bipolar correction needs equally spaced echoes",
            found=f"spacings {spacings[0]:g} and {spacings[1]:g} s",
        )
    curvature = wrap(phase[0] - 2 * phase[1] + phase[2])
    strength = magnitude[1] * np.sqrt(magnitude[0] * magnitude[2]) * mask
    smooth = smooth_angle(curvature, strength, voxel_size=voxel_size, smoothing=smoothing)
    quarter = unwrap_quality(smooth, np.ones_like(mask)) / 4
    signs = np.where(np.arange(len(phase)) % 2 == 0, 1, -1).astype(np.float32)
    return wrap(phase - signs[:, None, None, None] * quarter)


def smooth_angle(
    angle: np.ndarray, weight: np.ndarray, *, voxel_size: np.ndarray, smoothing: float = SMOOTHING
) -> np.ndarray:
    """Smooth an angle as the weighted complex number that it stands for.

    Parameters
    ----------
    angle, weight : ndarray, shape (x, y, z)
        Angle in rad and its non-negative weight.
    voxel_size : array-like, shape (3,)
        In mm.
    smoothing : float
        Standard deviation of the Gaussian in mm.

    Returns
    -------
    ndarray, float32, shape (x, y, z)
        Angle in rad.
    """
    sigma = smoothing / np.asarray(voxel_size, float)
    weight = weight.astype(np.float32)
    parts = (
        ndimage.gaussian_filter(weight * part, sigma, mode="constant", truncate=3)
        for part in (np.sin(angle), np.cos(angle))
    )
    return np.arctan2(*parts)
