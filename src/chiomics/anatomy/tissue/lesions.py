"""White matter lesions from FLAIR and T1w, where a user has no mask of their own.

A logistic regression over the voxel's features, as LST's lesion prediction algorithm is (Schmidt 2017, dissertation,
LMU Munich, chapter 6), gives the evidence. It was fitted to simulated heads only (`benchmarks/lesion_training.py`) and
is a table of numbers beside this file. Because it knows that brightness means lesion, but not how bright a patient's
lesions are, it draws their edge too wide where they are bright. So the edge is put where FLAIR has fallen to a share of
the lesion's own brightness over white matter, the usual definition of a border in images blurred by their voxels.

What the regression cannot know is added to its log odds: where lesions lie (`chiomics.anatomy.tissue.lesion_prior`),
less the caps and lines that every FLAIR shows beside the ventricles, and how many this patient has. The last is
estimated from the same image: a faint band beside the ventricles is a cap in a head with few lesions and a lesion in
one with many (empirical Bayes). What the load adds makes lesions larger and finds no new ones.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import ndimage

from chiomics.anatomy.tissue.lesion_features import NAMES, lesion_features, surely_white
from chiomics.anatomy.tissue.lesion_settings import LesionSettings
from chiomics.anatomy.tissue.lesion_split import CORNERS, split_lesions
from chiomics.core.errors import InputError
from chiomics.core.space.grids import check_same_grid
from chiomics.core.space.volume import Volume

__all__ = ["LesionMap", "LesionSettings", "segment_lesions"]

#: Priors in the order of the features.
PRIORS = ("WM", "GM", "CSF")
#: Neighbourhood of a voxel in which the lesion's own brightness is looked for, and its smoothing, mm.
PEAK_REACH, PEAK_SMOOTHING = 4.0, 0.5
#: Evidence of a voxel whose brightness counts as a lesion's, and the least brightness of one.
SURE, MIN_PEAK = 0.5, 0.05
#: Share of the lesion's brightness at its edge. Half would be the edge of a large lesion; those of a few voxels do not
#: reach their full brightness, and experts draw into the blurred border.
EDGE = 0.35
#: Log odds outside the brain, and the probability whose volume is the load at first sight.
NOWHERE, CERTAIN = -30.0, 0.5
#: Floor of the relative density of lesions before its logarithm, and log odds that caps lose in a head without lesions.
DENSITY_FLOOR, CAPS_WEIGHT = 0.05, 3.0
#: The load adds the logarithm of its ratio to this many ml to the log odds, within a range; from this many ml on caps
#: lose half. A group of voxels needs one that is lesion without what the load added, this many times.
USUAL_LOAD, LOAD_RANGE, HALF_CAPS, SEED_FACTOR = 1.5, (-2.0, 2.5), 5.0, 1.3
#: Beside clear evidence (at most this far, mm) a voxel's own counts this many times: partial volume at small lesions.
HOLD_REACH, HOLD_GAIN = 2.0, 2.0
#: Noise of the FLAIR, as a share of white matter less fluid, from which on lesions are in doubt, and from which on they
#: are not told from it. With noise added to a simulated patient's FLAIR to 0.10, 0.13, 0.18 and 0.23 the overlap (Dice)
#: with the lesions of the clean one fell to 0.81, 0.74, 0.55 and 0.31, and at 0.34 they had fourteen times the volume.
#: The one real patient at hand has 0.07, and at 0.14 an overlap of 0.80 with his lesions as they are.
DOUBTFUL_NOISE, MAX_NOISE = 0.13, 0.22

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LesionMap:
    """Lesions on the grid of the FLAIR.

    Attributes
    ----------
    probability : Volume
        From 0 to 1, float32. It is an order of evidence, calibrated on simulated subjects only.
    labels : Volume
        One label per lesion, int32, the largest first.
    noise : float
        Robust SD of the FLAIR's noise in white matter, as a share of white matter less fluid.
    """

    probability: Volume
    labels: Volume
    noise: float = 0.0

    @property
    def mask(self) -> Volume:
        """All lesions as booleans."""
        return self.labels.like(self.labels.voxels > 0)


def segment_lesions(
    flair: Volume,
    t1w: Volume,
    brain_mask: Volume,
    priors: Mapping[str, Volume],
    *,
    settings: LesionSettings | None = None,
) -> LesionMap:
    """Find white matter lesions.

    Parameters
    ----------
    flair, t1w : Volume
        Corrected for the receive bias, on one grid. The FLAIR's own is best: it shows the lesions, and interpolation
        would blur the small ones.
    brain_mask : Volume
        Not 0 in the brain with its fluid.
    priors : mapping of str to Volume
        ``WM``, ``GM``, ``CSF``: probabilities from the template on the same grid; and, where wanted, ``lesions`` and
        ``caps``: `lesion_prior.lesion_density` and `lesion_prior.flair_caps`.
    settings : LesionSettings, optional
        By default those of the class.

    Returns
    -------
    LesionMap
        Without any lesion where the brain mask is empty.

    Raises
    ------
    InputError
        Where grids differ, the priors do not lie on the brain, the images have not the contrast of FLAIR and T1w, or
        the FLAIR is too noisy to tell lesions.
    """
    settings = settings or LesionSettings()
    check_same_grid(flair, t1w, brain_mask, *(priors[name] for name in PRIORS))
    probability = np.zeros(flair.voxels.shape, np.float32)
    sure = np.full(flair.voxels.shape, -np.inf, np.float32)
    brain, noise = brain_mask.voxels > 0, 0.0
    if brain.any():
        (box,) = ndimage.find_objects(brain.astype(np.uint8))
        places = {name: priors[name].voxels[box] for name in ("lesions", "caps") if name in priors}
        tissue = np.stack([priors[name].voxels[box] for name in PRIORS])
        probability[box], sure[box], brightness = lesion_probability(
            flair.voxels[box], t1w.voxels[box], brain[box], tissue, flair.voxel_size, places=places, settings=settings
        )
        noise = _check_noise(brightness, surely_white(brain[box], tissue))
    found = probability >= settings.threshold
    found = _with_seed(found, sure >= np.log(settings.threshold / (1 - settings.threshold)))
    kept = _without_small(found, settings.min_volume / flair.voxel_volume)
    labels = split_lesions(flair.like(np.where(kept, probability, 0)), settings=settings)
    log.info(
        "%d lesions, %.2f ml, in a brain of %.0f ml",
        labels.voxels.max(),
        kept.sum() * flair.voxel_volume / 1e3,
        brain.sum() * flair.voxel_volume / 1e3,
    )
    return LesionMap(flair.like(probability), labels, noise)


def _check_noise(brightness: np.ndarray, white: np.ndarray) -> float:
    """Return the robust SD of noise in white matter, by each voxel's six neighbours; refuse what hides lesions."""
    neighbours = ndimage.convolve(brightness, ndimage.generate_binary_structure(3, 1) / 6, mode="nearest")
    odd = (brightness - (neighbours - brightness / 6))[white]  # of noise alone its variance is 7/6 of a voxel's
    noise = 1.4826 * float(np.median(np.abs(odd - np.median(odd)))) / np.sqrt(7 / 6)
    if noise > MAX_NOISE:
        raise InputError(
            "the FLAIR is too noisy to tell lesions",
            found=f"a noise of {noise:.0%} of white matter's contrast to fluid", expected=f"at most {MAX_NOISE:.0%}",
        )  # fmt: skip
    return noise


def lesion_probability(
    flair: np.ndarray,
    t1w: np.ndarray,
    brain: np.ndarray,
    priors: np.ndarray,
    voxel_size: np.ndarray,
    *,
    places: Mapping[str, np.ndarray] | None = None,
    settings: LesionSettings | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each voxel's probability of lesion.

    Parameters
    ----------
    flair, t1w, brain, priors, voxel_size
        As `lesion_features.lesion_features` takes them.
    places : mapping of str to ndarray, optional
        ``lesions`` and ``caps`` of `segment_lesions`, shape (x, y, z).
    settings : LesionSettings, optional
        By default those of the class.

    Returns
    -------
    probability : ndarray of float32, shape (x, y, z)
        From 0 to 1.
    sure : ndarray of float32, shape (x, y, z)
        Log odds without what the patient's load added.
    brightness : ndarray of float32, shape (x, y, z)
        Of `lesion_features.lesion_features`.
    """
    settings, places = settings or LesionSettings(), places or {}
    features, brightness = lesion_features(flair, t1w, brain, priors, voxel_size)
    coefficients, intercept = coefficients_of_model()
    odds = np.full(brain.shape, NOWHERE, np.float32)
    odds[brain] = features.astype(np.float64) @ coefficients + intercept
    if "lesions" in places:
        odds += np.float32(settings.prior_weight) * np.log(places["lesions"] + np.float32(DENSITY_FLOOR))
    caps = np.float32(CAPS_WEIGHT) * places["caps"] if "caps" in places else np.float32(0)
    probability = _from_odds(odds - caps, brightness, voxel_size)
    if not settings.adapt_to_load:
        return probability, odds - caps, brightness
    load = float((probability >= CERTAIN).sum() * np.prod(voxel_size)) * 1e-3
    added = float(np.clip(np.log(max(load, 1e-3) / USUAL_LOAD), *LOAD_RANGE))
    odds = odds - caps / np.float32(1 + load / HALF_CAPS) + np.float32(added)
    log.info("lesions: %.2f ml at first sight, which add %.2f to the log odds", load, added)
    return _from_odds(odds, brightness, voxel_size), odds - np.float32(SEED_FACTOR * max(added, 0.0)), brightness


def _from_odds(odds: np.ndarray, brightness: np.ndarray, voxel_size: np.ndarray) -> np.ndarray:
    """Turn log odds into probabilities whose edge follows the lesions' own brightness."""
    evidence = 1 / (1 + np.exp(-np.clip(odds, NOWHERE, -NOWHERE)))
    return np.minimum(
        np.minimum(_local_maximum(evidence, HOLD_REACH, voxel_size), HOLD_GAIN * evidence),
        edge_at_share(brightness, evidence, voxel_size),
    ).astype(np.float32)


def edge_at_share(brightness: np.ndarray, evidence: np.ndarray, voxel_size: np.ndarray) -> np.ndarray:
    """Return 0.5 where brightness is the share `EDGE` of the lesion's own, rising to 1 and falling to 0 linearly.

    Parameters
    ----------
    brightness : ndarray, shape (x, y, z)
        FLAIR, white matter at 0.
    evidence : ndarray, shape (x, y, z)
        Of lesion, from 0 to 1.
    voxel_size : ndarray, shape (3,)
        In mm.

    Returns
    -------
    ndarray of float32, shape (x, y, z)
        0 far from any lesion.
    """
    smooth = ndimage.gaussian_filter(np.clip(brightness, -1, 1.5), PEAK_SMOOTHING / voxel_size, truncate=3)
    peak = _local_maximum(np.where(evidence > SURE, smooth, 0), PEAK_REACH, voxel_size)
    share = np.divide(smooth, np.maximum(peak, MIN_PEAK), out=np.zeros_like(smooth), where=peak > 0)
    return np.where(peak > 0, np.clip(share + 0.5 - EDGE, 0, 1), 0)


@lru_cache(maxsize=1)
def coefficients_of_model() -> tuple[np.ndarray, float]:
    """Read the regression: a coefficient per feature in the order of `lesion_features.NAMES`, and the intercept."""
    lines = (Path(__file__).parent / "lesion_model.tsv").read_text(encoding="utf-8").splitlines()[1:]
    table = {name: float(value) for name, value in (line.split("\t") for line in lines)}
    return np.array([table[name] for name in NAMES]), table["intercept"]


def _local_maximum(image: np.ndarray, reach: float, voxel_size: np.ndarray) -> np.ndarray:
    """Return the largest value in a box that reaches `reach` mm to each side, at least one voxel."""
    steps = np.maximum(np.round(reach / voxel_size).astype(int), 1)
    return ndimage.maximum_filter(image, tuple(2 * steps + 1), mode="nearest")


def _with_seed(mask: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Keep the connected groups that hold a seed."""
    groups, number = ndimage.label(mask, CORNERS)
    keep = np.zeros(number + 1, bool)
    keep[groups[seeds & mask]] = True
    return keep[groups] & mask


def _without_small(mask: np.ndarray, min_voxels: float) -> np.ndarray:
    """Drop connected groups of fewer voxels."""
    groups, _ = ndimage.label(mask, CORNERS)
    keep = np.bincount(groups.ravel()) >= min_voxels
    keep[0] = False
    return keep[groups]
