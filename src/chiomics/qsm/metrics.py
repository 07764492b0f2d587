"""How near a susceptibility map is to the truth.

The error measures of the QSM challenge 2.0 (Milovic, Marques, Langkammer et al., QSM Challenge 2.0 Organization
Committee 2021, MRM 86:1241), XSIM (Milovic 2024, MRM 91:1014) and HFEN (Ravishankar & Bresler 2011, IEEE TMI 30:1028).
Every map is in ppm; every mask is a boolean volume of the same shape.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

#: Window edge in voxels and constants of XSIM for a dynamic range of 1 ppm: (0.01·L)² and (0.001·L)².
XSIM_WINDOW, XSIM_C1, XSIM_C2 = 5, 1e-4, 1e-6
#: Standard deviation of the Laplacian of Gaussian in voxels, and its cut in standard deviations.
HFEN_SIGMA, HFEN_TRUNCATE = 1.5, 5.0
#: Depth of the rim around a calcification in voxels.
STREAK_RIM = 4


def nrmse(chi: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Return the RMS error in percent of the truth's RMS, both after subtraction of their means in the mask."""
    x, t = _centred(chi, mask), _centred(truth, mask)
    return float(100 * np.linalg.norm(x - t) / np.linalg.norm(t))


def detrended_nrmse(chi: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Return :func:`nrmse` after the linear fit χ = a·truth + b is undone."""
    x, t = _centred(chi, mask), _centred(truth, mask)
    slope = np.dot(x, t) / np.dot(t, t)
    return float(100 * np.linalg.norm(x / slope - t) / np.linalg.norm(t))


def region_slope_error(chi: np.ndarray, truth: np.ndarray, regions: np.ndarray, labels: tuple[int, ...]) -> float:
    """Return |1 − slope| in percent of the line through the region means of χ against those of the truth (DGM)."""
    index = [label for label in labels if np.any(regions == label)]
    x, t = (np.asarray(ndimage.mean(volume, regions, index), dtype=float) for volume in (chi, truth))
    slope = np.dot(x - x.mean(), t - t.mean()) / np.dot(t - t.mean(), t - t.mean())
    return float(100 * abs(1 - slope))


def calcification(
    chi: np.ndarray, truth: np.ndarray, lesion: np.ndarray, mask: np.ndarray
) -> Mapping[str, float]:
    """Return how well a strong source is recovered.

    Parameters
    ----------
    chi, truth : ndarray, shape (nx, ny, nz)
        Maps in ppm.
    lesion, mask : ndarray of bool, shape (nx, ny, nz)
        The source, and the voxels with a map.

    Returns
    -------
    dict
        ``moment_error``: difference of the moment, number of voxels times mean χ, in ppm·voxels; ``streak``: standard
        deviation of the residual, after the linear fit of χ to the truth over the mask is undone, in the rim of 4
        voxels around the source, relative to the source's mean true |χ|.
    """
    x, t = _centred(chi, mask), _centred(truth, mask)
    slope = np.dot(x, t) / np.dot(t, t)
    rim = ndimage.binary_dilation(lesion, iterations=STREAK_RIM) & ~lesion & mask
    residual = chi[rim].astype(np.float64) / slope - truth[rim]
    moment = float(np.sum(chi[lesion], dtype=np.float64) - np.sum(truth[lesion], dtype=np.float64))
    return {
        "moment_error": abs(moment),
        "streak": float(residual.std() / abs(np.mean(truth[lesion], dtype=np.float64))),
    }


def xsim(chi: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Return the structural similarity of susceptibility maps, averaged over the mask; 1 for equal maps."""
    x, t = (np.where(mask, volume, 0).astype(np.float64) for volume in (chi, truth))
    mean_x, mean_t = ndimage.uniform_filter(x, XSIM_WINDOW), ndimage.uniform_filter(t, XSIM_WINDOW)
    # Sample moments, as in SSIM's reference code.
    count = XSIM_WINDOW**3
    sample = count / (count - 1)
    variance_x = sample * (ndimage.uniform_filter(x * x, XSIM_WINDOW) - mean_x**2)
    variance_t = sample * (ndimage.uniform_filter(t * t, XSIM_WINDOW) - mean_t**2)
    covariance = sample * (ndimage.uniform_filter(x * t, XSIM_WINDOW) - mean_x * mean_t)
    similarity = ((2 * mean_x * mean_t + XSIM_C1) * (2 * covariance + XSIM_C2)) / (
        (mean_x**2 + mean_t**2 + XSIM_C1) * (variance_x + variance_t + XSIM_C2)
    )
    return float(similarity[mask].mean())


def hfen(chi: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Return the high-frequency error norm in percent: both maps masked, then their Laplacians of Gaussian compared."""
    x, t = (
        ndimage.gaussian_laplace(np.where(mask, volume, 0).astype(np.float64), HFEN_SIGMA, truncate=HFEN_TRUNCATE)
        for volume in (chi, truth)
    )
    return float(100 * np.linalg.norm((x - t)[mask]) / np.linalg.norm(t[mask]))


def _centred(volume: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the masked values in float64, less their mean."""
    values = volume[mask].astype(np.float64)
    return values - values.mean()
