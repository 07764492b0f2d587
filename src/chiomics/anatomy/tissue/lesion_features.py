"""What a voxel shows that tells lesion from normal tissue: brightness on FLAIR, contrast, T1w, surroundings, priors.

Every feature is free of the scanner's scale. The unit of brightness is the subject's own difference between white
matter and fluid, with white matter at 0 and fluid at -1; deviations are in the spread of white or grey matter.
The set follows the covariates of the lesion belief map of Schmidt et al. (2012, NeuroImage 59:3774) and of BIANCA
(Griffanti et al. 2016, NeuroImage 141:191): intensity, local average, tissue and spatial priors.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from chiomics.anatomy.tissue.lesion_intensity import FLUID, GREY, WHITE, level_white_matter, measure_tissue, wide_mean
from chiomics.core.errors import InputError

NAMES = (
    "brightness_low", "brightness_high", "brightness_mean", "above_white", "above_grey", "contrast_wide",
    "contrast_near", "t1w", "t1w_of_grey", "fluid_near", "white_near", "depth", "prior_white", "prior_grey",
    "prior_fluid", "log_prior_white", "log_prior_fluid", "log_prior_grey", "brightness_in_white",
    "brightness_in_grey", "brightness_at_depth", "contrast_in_fluid",
)  # fmt: skip
#: Prior above which a voxel levels the white matter, and the fewest such voxels.
SURE_WHITE, MIN_VOXELS = 0.8, 500
#: Brightness below which a voxel is left out of its neighbours' mean: fluid and its partial volume.
DARK = -0.4
#: Widths of the boxes (averaged twice) whose mean is the background of the two contrasts, mm.
WIDE, NEAR = 14.0, 8.0
#: Standard deviations of Gaussian means, mm: brightness, fluid and priors, fluid and white matter around.
FINE, MIDDLE, COARSE = 1.0, 1.5, 3.0
#: Depth below the edge of the brain at which nothing changes any more, mm.
DEEP = 12.0
#: Minimum prior of a class by T1w alone, minimum spread there, and the prior added before its logarithm.
T1W_PRIOR, T1W_SPREAD, PRIOR_FLOOR = 0.1, 0.05, 0.03


def lesion_features(
    flair: np.ndarray, t1w: np.ndarray, brain: np.ndarray, priors: np.ndarray, voxel_size: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the features of the brain's voxels.

    Parameters
    ----------
    flair, t1w : ndarray, shape (x, y, z)
        On one grid, corrected for the receive bias, any units.
    brain : ndarray of bool, shape (x, y, z)
        Brain with its fluid.
    priors : ndarray, shape (3, x, y, z)
        Probabilities of white matter, grey matter and fluid from the template, 0 to 1.
    voxel_size : ndarray, shape (3,)
        In mm.

    Returns
    -------
    features : ndarray of float32, shape (n, 22)
        One row per voxel of the brain, columns as in `NAMES`.
    brightness : ndarray of float32, shape (x, y, z)
        FLAIR with white matter at 0 and fluid at -1; -1 outside the brain.

    Raises
    ------
    InputError
        Where the priors leave no white matter in the brain, or the tissue has not the contrast of FLAIR and T1w.
    """
    white = surely_white(brain, priors)
    if white.sum() < MIN_VOXELS:
        raise InputError(
            "the priors leave no white matter inside the brain mask",
            found=f"{white.sum()} voxels with a prior above {SURE_WHITE}",
            expected=f"{MIN_VOXELS} or more",
        )
    flair, t1w = (level_white_matter(np.float32(image), white, voxel_size) for image in (flair, t1w))
    normal = measure_tissue(flair[brain], t1w[brain], priors[:, brain])
    unit = normal.centre[WHITE] - normal.centre[FLUID]
    centre, spread = (normal.centre - normal.centre[WHITE]) / unit, normal.spread / unit
    brightness = np.where(brain, (flair - normal.centre[WHITE, 0]) / unit[0], -1).astype(np.float32)
    relative_t1w = np.where(brain, (t1w - normal.centre[WHITE, 1]) / unit[1], -1).astype(np.float32)

    def blur(image: np.ndarray, sigma: float) -> np.ndarray:
        return ndimage.gaussian_filter(image, sigma / voxel_size, truncate=3)

    fractions = np.empty_like(priors, dtype=np.float32)
    for k in range(3):
        sd = max(spread[k, 1], T1W_SPREAD)
        fractions[k] = np.maximum(priors[k], T1W_PRIOR) * np.exp(-0.5 * ((relative_t1w - centre[k, 1]) / sd) ** 2) / sd
    fractions *= brain / (fractions.sum(axis=0) + 1e-6)
    bright = (brain & (brightness > DARK)).astype(np.float32)
    clipped = np.clip(brightness, DARK, 1) * bright

    def background(width: float) -> np.ndarray:
        return wide_mean(clipped, width, voxel_size) / np.maximum(wide_mean(bright, width, voxel_size), 0.05)

    fluid_around, white_around = blur(fractions[FLUID], COARSE)[brain], blur(fractions[WHITE], COARSE)[brain]
    fluid_near = blur(fractions[FLUID], MIDDLE)[brain]
    mean = blur(np.clip(brightness, -1, 1.2), FINE)[brain]
    contrast_near = np.clip(mean - background(NEAR)[brain], -0.5, 1)
    contrast_wide = np.clip((brightness - background(WIDE))[brain], -0.5, 1)
    inside = ndimage.distance_transform_edt(np.pad(brain, 1), sampling=voxel_size)[1:-1, 1:-1, 1:-1][brain]
    depth = (np.minimum(inside, DEEP) / DEEP).astype(np.float32)
    prior_white, prior_grey, prior_fluid = (blur(np.float32(prior), MIDDLE)[brain] for prior in priors)
    level, t1w_level = brightness[brain], relative_t1w[brain]
    columns = (
        np.clip(level, 0.1, 0.3) - 0.1,
        np.clip(level, 0.3, 0.6) - 0.3,
        mean,
        np.clip(level / spread[WHITE, 0], -3, 8),
        np.clip((level - centre[GREY, 0]) / spread[GREY, 0], -3, 5),
        contrast_wide,
        contrast_near,
        np.clip(t1w_level, -1, 0.3),
        np.clip(t1w_level / abs(centre[GREY, 1]), -2, 0.5),
        fluid_near,
        white_around,
        depth,
        prior_white,
        prior_grey,
        prior_fluid,
        np.log(prior_white + PRIOR_FLOOR),
        np.log(prior_fluid + PRIOR_FLOOR),
        np.log(prior_grey + PRIOR_FLOOR),
        mean * prior_white,
        mean * prior_grey,
        mean * depth,
        contrast_near * fluid_around,
    )
    return np.stack(columns, axis=1).astype(np.float32), brightness


def surely_white(brain: np.ndarray, priors: np.ndarray) -> np.ndarray:
    """Return where the template is sure of white matter; parameters as for `lesion_features`."""
    return brain & (priors[WHITE] > SURE_WHITE)
