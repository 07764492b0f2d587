"""Draw each nucleus where χ and R2* show it, near to where the atlas puts it.

Around a nucleus the voxels are a mixture of two normal distributions, of the nucleus and of what surrounds it; how much
of each is expected where is what the atlas says, blurred by the uncertainty of the registration. The mixture is fitted
by expectation maximisation with the atlas as its prior (Ashburner and Friston 2005, NeuroImage 26:839), in which
neighbours tend to agree, as a mean field (Zhang et al. 2001, IEEE TMI 20:45). Where a nucleus is not brighter
on χ than its surroundings, does not stand out from them, or would change too much in volume, the atlas is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from chiomics.anatomy.atlases.description import STRUCTURES
from chiomics.anatomy.atlases.on_grid import BoxedFraction
from chiomics.core.errors import SettingError

#: Neighbours through a face, each with the same weight.
NEIGHBOURS = ndimage.generate_binary_structure(3, 1).astype(np.float32) / 6
NEIGHBOURS[1, 1, 1] = 0
#: The prior's odds stay within these, so that no voxel in reach is decided before it is seen.
MIN_PRIOR = 1e-4
#: Standard deviation of a normal distribution over its median absolute deviation.
MAD_TO_SD = 1.4826
#: Floor of a class's variance, as a share of that of all voxels around: a quarter of their standard deviation. Without
#: it a nucleus in a smooth image would be so narrow a class that the mixed voxels at its edge fall out of it.
MIN_VARIANCE = 0.06
#: Fewest voxels from which a class is told.
MIN_VOXELS = 5

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RefineSettings:
    """How far a nucleus may depart from the atlas.

    Parameters
    ----------
    nuclei : tuple of str
        Which are refined.
    uncertainty : float
        Standard deviation in mm of the registration's error at a nucleus' edge, the blur of the prior.
    reach : float
        Farthest from the atlas' nucleus in mm that the refined one can lie.
    agreement : float
        Log odds that six agreeing neighbours add.
    min_contrast : float
        Distance between nucleus and surroundings in standard deviations, below which the atlas is kept.
    max_change : float
        Factor by which the volume may grow or shrink.
    iterations : int
        Of expectation and maximisation.
    """

    nuclei: tuple[str, ...] = STRUCTURES["dgm"]
    uncertainty: float = 1.0
    reach: float = 3.0
    agreement: float = 1.5
    min_contrast: float = 1.0
    max_change: float = 2.0
    iterations: int = 10

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.nuclei) - set(STRUCTURES["dgm"])):
            raise SettingError("unknown nuclei to refine", found=", ".join(unknown), expected=str(STRUCTURES["dgm"]))
        if min(self.uncertainty, self.reach, self.iterations) <= 0 or self.max_change < 1 or self.agreement < 0:
            raise SettingError("the refinement of nuclei has a setting out of range", found=str(self))


def refine_nuclei(
    fractions: Mapping[tuple[str, str], BoxedFraction],
    images: Sequence[np.ndarray],
    valid: np.ndarray,
    *,
    voxel_size: np.ndarray,
    settings: RefineSettings,
) -> tuple[dict[tuple[str, str], BoxedFraction], dict[tuple[str, str], str]]:
    """Move the nuclei's edges to where the images change.

    Parameters
    ----------
    fractions : dict of (nucleus, hemisphere) to BoxedFraction
        Of `chiomics.anatomy.atlases.on_grid.fractions_on_grid`.
    images : sequence of ndarray, shape (x, y, z)
        χ in ppm first, then R2* in 1/s or a magnitude where there is one, any units.
    valid : ndarray of bool, shape (x, y, z)
        Where the images hold a value; elsewhere the atlas is kept.
    voxel_size : ndarray, shape (3,)
        In mm.
    settings : RefineSettings
        Which nuclei, and how far.

    Returns
    -------
    fractions : dict of (nucleus, hemisphere) to BoxedFraction
        Probability of each voxel to belong to the nucleus.
    kept : dict of (nucleus, hemisphere) to str
        Where the atlas was kept, and why.
    """
    voxel_size = np.asarray(voxel_size, float)
    cores = np.zeros(valid.shape, np.uint8)
    for number, (box, fraction) in enumerate(fractions.values(), start=1):
        cores[box][fraction > 0.5] = number
    refined, kept = dict(fractions), {}
    margin = np.ceil(settings.reach / voxel_size).astype(int) + 1
    for number, (key, boxed) in enumerate(fractions.items(), start=1):
        if key[0] not in settings.nuclei:
            kept[key] = "not asked for"
            continue
        if not (boxed.fraction > 0).any():
            kept[key] = "outside the image"
            continue
        wide, fraction = _widened(boxed, margin, valid.shape)
        near = ndimage.distance_transform_edt(fraction < fraction.max() / 2, sampling=voxel_size) <= settings.reach
        fraction = np.where(near, fraction, 0)
        around = (cores[wide] == 0) | (cores[wide] == number)
        seen = near & valid[wide]
        compared = [
            np.count_nonzero(seen & side & around)
            for side in (fraction > fraction.max() / 2, fraction <= fraction.max() / 2)
        ]
        if min(compared) < MIN_VOXELS:
            kept[key] = f"only {compared[0]} voxels inside and {compared[1]} around it to compare"
            continue
        probability, contrast, brighter = _fit(
            fraction, [image[wide] for image in images], seen, around, voxel_size, settings
        )
        change = float(probability.sum() / fraction.sum())
        if not brighter:
            kept[key] = "not brighter on χ than its surroundings"
        elif contrast < settings.min_contrast:
            kept[key] = f"contrast {contrast:.1f}"
        elif not 1 / settings.max_change <= change <= settings.max_change:
            kept[key] = f"volume would change by a factor of {change:.2f}"
        else:
            refined[key] = BoxedFraction(wide, probability)
    if kept:
        log.info("atlas kept: %s", "; ".join(f"{name} {side}: {why}" for (name, side), why in kept.items()))
    return refined, kept


def _widened(boxed: BoxedFraction, by: np.ndarray, shape: tuple[int, ...]) -> tuple[tuple[slice, ...], np.ndarray]:
    """Grow a box within the grid."""
    wide = tuple(
        slice(max(edge.start - int(n), 0), min(edge.stop + int(n), length))
        for edge, n, length in zip(boxed.box, by, shape, strict=True)
    )
    fraction = np.zeros([edge.stop - edge.start for edge in wide], np.float32)
    inner = tuple(slice(b.start - w.start, b.stop - w.start) for b, w in zip(boxed.box, wide, strict=True))
    fraction[inner] = boxed.fraction
    return wide, fraction


def _fit(
    fraction: np.ndarray,
    images: list[np.ndarray],
    seen: np.ndarray,
    around: np.ndarray,
    voxel_size: np.ndarray,
    settings: RefineSettings,
) -> tuple[np.ndarray, float, bool]:
    """Return the probability of the nucleus, its contrast, and whether it is brighter than what surrounds it."""
    prior = ndimage.gaussian_filter(fraction, settings.uncertainty / voxel_size)[seen]
    prior = np.clip(prior, MIN_PRIOR, 1 - MIN_PRIOR)
    expected = np.log(prior / (1 - prior))
    values = np.stack([image[seen] for image in images]).astype(float)
    values /= np.maximum(values.std(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    own, others, half = fraction[seen], around[seen], fraction.max() / 2
    inside, outside = (_robust_normal(values[:, where]) for where in (own > half, (own <= half) & others))
    field = np.zeros(fraction.shape, np.float32)
    for iteration in range(settings.iterations):
        if iteration:
            inside, outside = _normal(values, own), _normal(values, (1 - own) * others)
        field[seen] = own
        agreeing = 2 * ndimage.convolve(field, NEIGHBOURS, mode="constant")[seen] - 1
        odds = expected + settings.agreement * agreeing
        odds += _log_density(values, *inside) - _log_density(values, *outside)
        own = (0.5 + 0.5 * np.tanh(odds / 2)).astype(np.float32)
    (mean_in, spread_in), (mean_out, spread_out) = inside, outside
    apart = mean_in - mean_out
    contrast = float(np.sqrt(apart @ np.linalg.solve((spread_in + spread_out) / 2, apart)))
    probability = fraction.copy()
    probability[seen] = own
    return _one_piece(probability), contrast, bool(apart[0] > 0)


def _robust_normal(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return median and spread of values, shape (images, voxels): a start that a displaced edge does not spoil."""
    centre = np.median(values, axis=1)
    spread = MAD_TO_SD * np.median(np.abs(values - centre[:, None]), axis=1)
    return centre, np.diag(spread**2 + MIN_VARIANCE)


def _normal(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of weighted values, shape (images, voxels)."""
    total = max(float(weights.sum()), 1.0)
    mean = values @ weights / total
    centred = values - mean[:, None]
    return mean, (weights * centred) @ centred.T / total + MIN_VARIANCE * np.eye(len(values))


def _log_density(values: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return the logarithm of a normal density, up to a constant."""
    centred = values - mean[:, None]
    return -0.5 * ((centred * np.linalg.solve(spread, centred)).sum(axis=0) + np.linalg.slogdet(spread)[1])


def _one_piece(probability: np.ndarray) -> np.ndarray:
    """Keep the largest connected part of what is likely, and the unlikely that touches it."""
    parts, count = ndimage.label(probability > 0.5)
    if count < 2:
        return probability
    largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    return np.where((parts == 0) | (parts == largest), probability, 0)
