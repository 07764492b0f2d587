"""What is normal in a subject's own FLAIR and T1w: white matter, grey matter and fluid.

Each class has a median and a spread in both images. They start where the template's priors are surest and are
refined on the voxels that fit one class clearly; a constant density takes what fits none, lesions among it, as in Van
Leemput et al. (2001, IEEE Trans Med Imaging 20:677). What is left of the receive bias is taken out before: the mean of
white matter in a wide neighbourhood is brought to one level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from chiomics.core.errors import InputError

#: Order of the classes.
WHITE, GREY, FLUID = range(3)
#: Width in mm of the neighbourhood in which white matter is brought to one level, and the least weight of it there.
LEVEL_WIDTH, MIN_WEIGHT = 45.0, 0.02
#: Share of the brain, by prior, where a class starts.
CORE = 0.02
#: Share that every class keeps everywhere, as the folds of a head are not the template's.
MIN_PRIOR = 0.05
#: Share of voxels that fit no class before they are seen; their density is that of a class at this many spreads.
OUTLIER_SHARE, OUTLIER_DISTANCE = 0.02, 3.0
#: Posterior share above which a voxel refines its class, the fewest such voxels, and the rounds.
SURE_SHARE, MIN_VOXELS, ROUNDS = 0.9, 200, 5
#: A spread is never below this share of the image's own, so that images without noise can be read.
MIN_SPREAD = 1e-3


@dataclass(frozen=True)
class NormalTissue:
    """Median and spread of FLAIR and T1w in a subject's normal tissue.

    Attributes
    ----------
    centre, spread : ndarray, shape (3, 2)
        Of white matter, grey matter and fluid, in FLAIR and T1w, in the images' own units; the spread is on the scale
        of a standard deviation.
    """

    centre: np.ndarray
    spread: np.ndarray


def level_white_matter(image: np.ndarray, white: np.ndarray, voxel_size: np.ndarray) -> np.ndarray:
    """Bring white matter to one level by adding a smooth image.

    Parameters
    ----------
    image : ndarray, shape (x, y, z)
        FLAIR or T1w after correction of the receive bias.
    white : ndarray of bool, shape (x, y, z)
        Voxels that are most likely white matter.
    voxel_size : ndarray, shape (3,)
        In mm.

    Returns
    -------
    ndarray, shape (x, y, z)
        The image, its white matter at the same local mean everywhere.
    """
    inside = white.copy()
    for width in (4.0, 3.0):
        centre, spread = _centre_and_spread(image[inside][None])
        inside &= np.abs(image - centre) <= width * spread
    centre = np.median(image[inside])
    weight = wide_mean(inside.astype(np.float32), LEVEL_WIDTH, voxel_size)
    offset = wide_mean(np.where(inside, image - centre, 0).astype(np.float32), LEVEL_WIDTH, voxel_size)
    return image - offset / (np.maximum(weight, 0) + MIN_WEIGHT * weight.max())


def measure_tissue(flair: np.ndarray, t1w: np.ndarray, priors: np.ndarray) -> NormalTissue:
    """Measure what normal tissue looks like.

    Parameters
    ----------
    flair, t1w : ndarray, shape (n,)
        Intensities of the brain's voxels.
    priors : ndarray, shape (3, n)
        Prior fractions of white matter, grey matter and fluid.

    Returns
    -------
    NormalTissue

    Raises
    ------
    InputError
        Where fluid is not darkest in both images, or grey matter not darker than white in the T1w.
    """
    values = np.stack([flair, t1w]).astype(np.float64)
    priors = np.maximum(priors, MIN_PRIOR)
    priors = (1 - OUTLIER_SHARE) * priors / priors.sum(axis=0)
    centre, spread = np.empty((3, 2)), np.empty((3, 2))
    for k in (WHITE, GREY, FLUID):
        core = values[:, priors[k] >= np.quantile(priors[k], 1 - CORE)]
        if k == FLUID:  # beside narrow ventricles the core holds tissue
            core = core[:, core[1] <= np.median(core[1])]
        centre[k], spread[k] = _centre_and_spread(core)
    least = MIN_SPREAD * values.std(axis=1)
    spread = np.maximum(spread, least)
    for _ in range(ROUNDS):
        share = _posterior(values, NormalTissue(centre, spread), priors)
        for k in (WHITE, GREY):  # fluid keeps its core: sulci and choroid plexus are not pure
            sure = values[:, share[k] > SURE_SHARE]
            if sure.shape[1] >= MIN_VOXELS:
                centre[k], spread[k] = _centre_and_spread(sure)
        spread = np.maximum(spread, least)
    if not (centre[FLUID, 0] < centre[WHITE, 0] and centre[FLUID, 1] < centre[GREY, 1] < centre[WHITE, 1]):
        raise InputError(
            "the tissue has not the contrast of FLAIR and T1w",
            found=f"white, grey and fluid in FLAIR {centre[:, 0].round(2)}, in T1w {centre[:, 1].round(2)}",
            expected="fluid darkest in both, grey matter darker than white in T1w; priors that lie on the images",
        )
    return NormalTissue(centre, spread)


def wide_mean(image: np.ndarray, width: float, voxel_size: np.ndarray) -> np.ndarray:
    """Average twice over a box of `width` mm, at a cost that does not grow with it; 0 outside the image."""
    size = np.round(width / np.asarray(voxel_size) / 2).astype(int) * 2 + 1
    for _ in range(2):
        image = ndimage.uniform_filter(image, size, mode="constant")
    return image


def _centre_and_spread(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return median and scaled median deviation of each row."""
    centre = np.median(values, axis=1)
    return centre, 1.4826 * np.median(np.abs(values - centre[:, None]), axis=1)


def _posterior(values: np.ndarray, normal: NormalTissue, priors: np.ndarray) -> np.ndarray:
    """Return each voxel's probabilities of the three classes, shape (3, n); what is missing to 1 fits none."""
    density = np.empty(priors.shape)
    for k in range(3):
        squared = sum(((values[i] - normal.centre[k, i]) / normal.spread[k, i]) ** 2 for i in range(2))
        density[k] = priors[k] * np.exp(-0.5 * squared) / normal.spread[k].prod()
    constant = np.exp(-0.5 * OUTLIER_DISTANCE**2) / np.median(normal.spread.prod(axis=1))
    return density / (density.sum(axis=0) + OUTLIER_SHARE * constant)
