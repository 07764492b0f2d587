"""Changes of a susceptibility map that a robust feature should survive: noise, another reference or gain, blur.

Each is the identity at zero strength. Noise is white; that of a reconstructed map is coloured by the dipole inversion,
so texture suffers more here than from repeated scans (Zwanenburg et al. 2019, Assessing robustness of radiomic features
by image perturbation, Sci Rep 9:614, is the source of the idea of perturbing what one has).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from chiomics.core.images import voxel_size

#: Full width at half maximum of a Gaussian in standard deviations.
FWHM_IN_SD = 2 * np.sqrt(2 * np.log(2))


def add_noise(chi: np.ndarray, valid: np.ndarray, *, sd: float, rng: np.random.Generator) -> np.ndarray:
    """Add white Gaussian noise.

    Parameters
    ----------
    chi : ndarray of float32, shape (x, y, z)
        Susceptibility in ppm.
    valid : ndarray of bool, shape (x, y, z)
        Where the map holds values; voxels outside stay as they are.
    sd : float
        Standard deviation of the noise in ppm.
    rng : numpy.random.Generator
        Source of the noise; one number is drawn per voxel, so that its part in a region is that of the whole image.

    Returns
    -------
    ndarray of float32, shape (x, y, z)
        Susceptibility in ppm.
    """
    noise = rng.standard_normal(chi.shape, dtype=np.float32)
    return np.where(valid, chi + np.float32(sd) * noise, chi)


def change_scale(
    chi: np.ndarray,
    valid: np.ndarray,
    *,
    offset: float = 0.0,
    offset_sd: float = 0.0,
    scale: float = 1.0,
    scale_sd: float = 0.0,
    rng: np.random.Generator,
) -> np.ndarray:
    """Move a map to another reference value, and change its gain, as another reference region or inversion would.

    Parameters
    ----------
    chi, valid, rng
        As in `add_noise`.
    offset, scale : float
        Offset in ppm and factor, the same in every session.
    offset_sd, scale_sd : float
        Standard deviations, in ppm and as a fraction, of what each session's own offset and factor differ by.

    Returns
    -------
    ndarray of float32, shape (x, y, z)
        Susceptibility in ppm.
    """
    own_offset, own_scale = rng.standard_normal(2)
    factor = np.float32(scale + scale_sd * own_scale)
    return np.where(valid, chi * factor + np.float32(offset + offset_sd * own_offset), chi)


def smooth(chi: np.ndarray, valid: np.ndarray, affine: np.ndarray, *, fwhm: float) -> np.ndarray:
    """Blur with a Gaussian of given width in mm, from voxels that hold values alone.

    Parameters
    ----------
    chi, valid
        As in `add_noise`.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.
    fwhm : float
        Full width at half maximum in mm.

    Returns
    -------
    ndarray of float32, shape (x, y, z)
        Susceptibility in ppm.

    References
    ----------
    .. [1] Knutsson and Westin 1993, Normalized and differential convolution, CVPR, eq. 7.
    """
    if fwhm == 0:
        return chi
    sigma = fwhm / FWHM_IN_SD / voxel_size(affine)
    blurred = ndimage.gaussian_filter(np.where(valid, chi, 0).astype(np.float32), sigma)
    weight = ndimage.gaussian_filter(valid.astype(np.float32), sigma)
    return np.where(valid, blurred / np.where(valid, weight, 1), chi)
