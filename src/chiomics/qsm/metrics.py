"""How near a susceptibility map is to the truth.

The error measures of the QSM challenge 2.0 (QSM Challenge 2.0 Organization Committee 2021, MRM 86:1241), XSIM (Milovic,
Tejos, Silva, Shmueli, Irarrazaval 2025, MRM 93:411) and HFEN (Ravishankar & Bresler 2011, IEEE TMI 30:1028).
Every map is in ppm; every mask is a boolean volume of the same shape.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from chiomics.qsm.arrays import as_mask

#: Window edge in voxels and constants of XSIM for a dynamic range of 1 ppm: (0.01·L)² and (0.001·L)².
XSIM_WINDOW, XSIM_C1, XSIM_C2 = 5, 1e-4, 1e-6
#: Standard deviation of the Laplacian of Gaussian in voxels, and its cut in standard deviations.
HFEN_SIGMA, HFEN_TRUNCATE = 1.5, 5.0
#: Margins in voxels around a calcification: where it is looked for, the rim that is judged, and the shell beyond it.
CUBE, RIM, OUTER = 3, 4, 4


def nrmse(chi: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Return the RMS error in percent of the truth's RMS, both after subtraction of their means in the mask."""
    x, t = _centred(chi, mask), _centred(truth, mask)
    return float(100 * np.linalg.norm(x - t) / np.linalg.norm(t))


def detrended_nrmse(chi: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Return :func:`nrmse` after the linear fit χ = a·truth + b is undone (the tissue, DGM and blood errors)."""
    x, t = _centred(chi, mask), _centred(truth, mask)
    slope = np.dot(x, t) / np.dot(t, t)
    return float(100 * np.linalg.norm(x / slope - t) / np.linalg.norm(t))


def region_slope_error(chi: np.ndarray, truth: np.ndarray, regions: np.ndarray, labels: Sequence[int]) -> float:
    """Return |1 − slope| of the line through the region means of χ against those of the truth (DGM linearity)."""
    index = [label for label in labels if np.any(regions == label)]
    x, t = (np.asarray(ndimage.mean(volume, regions, index), dtype=float) for volume in (chi, truth))
    slope = np.dot(x - x.mean(), t - t.mean()) / np.dot(t - t.mean(), t - t.mean())
    return float(abs(1 - slope))


def calcification(chi: np.ndarray, truth: np.ndarray, lesion: np.ndarray) -> dict[str, float]:
    """Return how well a strong diamagnetic source is recovered and what it does to its surroundings.

    The source is looked for in χ itself: voxels in the lesion's bounding box, 3 voxels larger on each side, that lie
    below every voxel of the 8-voxel shell around that box (and below 0).

    Parameters
    ----------
    chi, truth : ndarray, shape (nx, ny, nz)
        Maps in ppm.
    lesion : ndarray of bool, shape (nx, ny, nz)
        The true source.

    Returns
    -------
    dict
        ``moment_error``, ppm·voxels: difference to the true moment, number of voxels times mean χ. ``streak``:
        standard deviation over the shell's inner 4 voxels of what the linear fit of χ to the truth leaves there,
        relative to the source's mean |χ|; NaN where no source is found.
    """
    lesion = as_mask(lesion, "lesion")
    cube, rim, outer = (_box(lesion, margin) for margin in (CUBE, CUBE + RIM, CUBE + RIM + OUTER))
    found = chi[cube & (chi < min(0.0, float(chi[outer & ~cube].min())))].astype(np.float64)
    moment_error = abs(float(found.sum() - np.sum(truth[lesion], dtype=np.float64)))
    if found.size == 0:
        return {"moment_error": moment_error, "streak": float("nan")}
    rim &= ~cube
    x, t = _centred(chi, rim), _centred(truth, rim)
    slope = np.dot(x, t) / np.dot(t, t) if t.any() else 0.0
    return {"moment_error": moment_error, "streak": float(np.std(x - slope * t) / abs(found.mean()))}


def xsim(chi: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Return the structural similarity of susceptibility maps, averaged over the mask; 1 for equal maps."""
    mask = as_mask(mask)
    x, t = (np.where(mask, volume, 0).astype(np.float64) for volume in (chi, truth))
    inside = _window_mean(np.ones_like(x))  # windows are cut at the volume's faces
    mean_x, mean_t, mean_xx, mean_tt, mean_xt = (_window_mean(a) / inside for a in (x, t, x * x, t * t, x * t))
    similarity = ((2 * mean_x * mean_t + XSIM_C1) * (2 * (mean_xt - mean_x * mean_t) + XSIM_C2)) / (
        (mean_x**2 + mean_t**2 + XSIM_C1) * (mean_xx - mean_x**2 + mean_tt - mean_t**2 + XSIM_C2)
    )
    return float(similarity[mask].mean())


def hfen(chi: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Return the high-frequency error norm in percent: both maps masked, then their Laplacians of Gaussian compared."""
    mask = as_mask(mask)
    x, t = (
        ndimage.gaussian_laplace(np.where(mask, volume, 0).astype(np.float64), HFEN_SIGMA, truncate=HFEN_TRUNCATE)
        for volume in (chi, truth)
    )
    return float(100 * np.linalg.norm((x - t)[mask]) / np.linalg.norm(t[mask]))


def _centred(volume: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the masked values in float64, less their mean."""
    values = volume[as_mask(mask)].astype(np.float64)
    return values - values.mean()


def _window_mean(volume: np.ndarray) -> np.ndarray:
    """Return the mean over XSIM's window, zeros outside the volume."""
    return ndimage.uniform_filter(volume, XSIM_WINDOW, mode="constant")


def _box(lesion: np.ndarray, margin: int) -> np.ndarray:
    """Return the bounding box of a lesion as a mask, larger by `margin` voxels on each side."""
    box = np.zeros(lesion.shape, bool)
    box[tuple(slice(max(0, part.min() - margin), part.max() + margin + 1) for part in np.nonzero(lesion))] = True
    return box
