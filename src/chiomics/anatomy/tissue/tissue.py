"""White matter, grey matter and fluid from a T1w image and the template's tissue maps.

A mixture of one Gaussian per class, whose prior in each voxel is the template's map and what its neighbours are (Zhang
et al. 2001, IEEE TMI 20:45, mean-field form; spatial priors after Ashburner and Friston 1997, NeuroImage 6:209), learnt
by expectation maximisation. The classes share one variance, that of noise and bias: what makes fluid and grey matter
wider on T1w is voxels that hold two tissues, and a wide class would take its neighbours' share of those. ANTs' Atropos
(Avants et al. 2011, Neuroinformatics 9:381) is there by ``method="atropos"``; it takes some ten times as long.

The white matter is what MRtrix's 5ttgen takes from FreeSurfer labels: that of the cerebrum, of the cerebellum and the
brain stem. Unlike there, every known deep nucleus is taken out, those of midbrain and cerebellum too: their iron must
not enter the white matter. Lesions of multiple sclerosis look grey on T1w; where a mask of them is known they are put
back to the white matter, which the normal-appearing one then leaves out.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from chiomics.core.errors import InputError, SettingError
from chiomics.core.space.grids import check_same_grid
from chiomics.core.space.volume import Volume

FLUID, GREY, WHITE, VENTRICLES, DEEP_GREY, HYPOINTENSITY = range(1, 7)
#: Name and abbreviation of each class; the last comes from labels of FreeSurfer only.
CLASSES = {
    FLUID: ("cerebrospinal fluid", "CSF"),
    GREY: ("grey matter", "GM"),
    WHITE: ("white matter", "WM"),
    VENTRICLES: ("lateral ventricles", "LV"),
    DEEP_GREY: ("deep grey nuclei", "DGM"),
    HYPOINTENSITY: ("white matter hypointensity", "WMHYPO"),
}
#: Names of the priors, in the order of the classes.
PRIORS = ("CSF", "GM", "WM")
METHODS = ("em", "atropos")
#: Added to each prior, so that the template rules out no class: patients differ from it.
PRIOR_FLOOR = 0.02
#: Weight of Atropos' own neighbourhood term, as antsAtroposN4.sh sets it; it is not on the scale of `mrf_weight`.
ATROPOS_MRF = 0.1
#: A class needs this many voxels.
MIN_VOXELS = 50

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TissueSettings:
    """How tissue is told apart.

    Parameters
    ----------
    method : str
        ``em`` or ``atropos``.
    prior_weight : float
        Power of the template's maps; 0 leaves all to intensity.
    mrf_weight : float
        Of ``em``: gain in log probability of a voxel all of whose neighbours have the same class.
    iterations : int
        Of the expectation maximisation.
    """

    method: str = "em"
    prior_weight: float = 1.0
    mrf_weight: float = 1.0
    iterations: int = 8

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise SettingError(
                "unknown method of tissue segmentation", found=self.method, expected=" or ".join(METHODS)
            )
        if self.prior_weight < 0 or self.mrf_weight < 0 or self.iterations < 1:
            raise SettingError("tissue segmentation: weights must not be negative, iterations 1 or more")


def segment_tissue(
    t1w: Volume,
    brain_mask: Volume,
    priors: Mapping[str, Volume],
    *,
    settings: TissueSettings | None = None,
    lesions: Volume | None = None,
    nuclei: Volume | None = None,
) -> Volume:
    """Return the tissue of each voxel of the brain.

    Parameters
    ----------
    t1w : Volume
        T1-weighted image, corrected for bias.
    brain_mask : Volume
        Not 0 inside the brain, on the grid of `t1w`.
    priors : mapping of str to Volume
        ``CSF``, ``GM``, ``WM``: probabilities from 0 to 1 on the grid of `t1w`; outside the template all are 0.
    settings : TissueSettings, optional
        By default those of the class.
    lesions, nuclei : Volume, optional
        Not 0 in lesions and in deep nuclei: the classes are learnt without them, then `relabel` is applied.

    Returns
    -------
    Volume
        Labels of `CLASSES` as uint8, 0 outside the brain.

    Raises
    ------
    InputError
        Where grids differ, the brain is empty, or the classes do not get brighter from fluid to white matter.
    """
    settings = settings or TissueSettings()
    known = [volume for volume in (lesions, nuclei) if volume is not None]
    check_same_grid(t1w, brain_mask, *priors.values(), *known)
    brain = brain_mask.voxels > 0
    learnt = brain & ~np.logical_or.reduce([volume.voxels > 0 for volume in known] or [np.zeros_like(brain)])
    if learnt.sum() < MIN_VOXELS * len(PRIORS):
        raise InputError("the brain mask leaves nothing to segment", found=f"{learnt.sum()} voxels")
    probabilities = np.stack([np.clip(priors[name].voxels[brain], 0, 1) for name in PRIORS]) + np.float32(PRIOR_FLOOR)
    probabilities /= probabilities.sum(axis=0)
    if settings.method == "em":
        box = ndimage.find_objects(brain.astype(np.uint8))[0]
        found = _expectation_maximisation(t1w.voxels[brain], probabilities, brain[box], learnt[brain], settings)
    else:
        found = _atropos(t1w, brain, probabilities, settings)
    labels = np.zeros(brain.shape, np.uint8)
    labels[brain] = found
    _check_order(t1w.voxels, labels, learnt)
    return relabel(t1w.like(labels), lesions=lesions, nuclei=nuclei)


def relabel(tissue: Volume, *, lesions: Volume | None = None, nuclei: Volume | None = None) -> Volume:
    """Make known nuclei deep grey and put known lesions outside them back to white matter, inside the brain only.

    Parameters
    ----------
    tissue : Volume
        Labels of `CLASSES`.
    lesions, nuclei : Volume, optional
        Not 0 in lesions and in nuclei, on the same grid.

    Returns
    -------
    Volume
        The changed labels.
    """
    check_same_grid(tissue, *(volume for volume in (lesions, nuclei) if volume is not None))
    labels, brain = tissue.voxels.copy(), tissue.voxels > 0
    if lesions is not None:
        labels[brain & (lesions.voxels > 0)] = WHITE
    if nuclei is not None:
        labels[brain & (nuclei.voxels > 0)] = DEEP_GREY
    return tissue.like(labels)


def white_matter_mask(tissue: Volume) -> Volume:
    """Return the white matter of the cerebrum, the cerebellum and the brain stem, lesions included, nuclei not."""
    return tissue.like(tissue.voxels == WHITE)


def _expectation_maximisation(
    intensity: np.ndarray, probabilities: np.ndarray, brain: np.ndarray, learnt: np.ndarray, settings: TissueSettings
) -> np.ndarray:
    """Return the most probable class, from 1, of each voxel of the brain; shapes (N,), (3, N), (x, y, z), (N,)."""
    intensity = intensity.astype(np.float32)
    log_prior = np.float32(settings.prior_weight) * np.log(probabilities)
    neighbours: np.ndarray | float = 0.0
    posterior = probabilities
    for _ in range(settings.iterations):
        # Squares, as voxels between two tissues would draw the means together.
        weight = posterior**2 * learnt
        size = weight.sum(axis=1, dtype=float)
        mean = (weight @ intensity).astype(float) / size
        deviation = (intensity - mean[:, None].astype(np.float32)) ** 2
        variance = float(np.einsum("kn,kn->", weight, deviation, dtype=float) / size.sum())
        posterior = deviation * np.float32(-0.5 / variance)
        posterior += log_prior + neighbours
        posterior -= posterior.max(axis=0)
        np.exp(posterior, out=posterior)
        posterior /= posterior.sum(axis=0)
        if settings.mrf_weight:
            neighbours = np.float32(settings.mrf_weight) * _neighbourhood(posterior, brain)
    log.info(
        "tissue: means %s, standard deviations %s", np.round(mean, 1).tolist(), np.sqrt(variance).round(1).tolist()
    )
    return 1 + posterior.argmax(axis=0).astype(np.uint8)


def _neighbourhood(posterior: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Average the posteriors over the voxels around each one."""
    average = np.empty_like(posterior)
    for row, values in zip(average, posterior, strict=True):
        image = np.zeros(brain.shape, np.float32)
        image[brain] = values
        row[:] = ndimage.uniform_filter(image, 3)[brain]
    return average


def _atropos(t1w: Volume, brain: np.ndarray, probabilities: np.ndarray, settings: TissueSettings) -> np.ndarray:
    """Let Atropos find the class of each voxel of the brain."""
    from chiomics.core.space.ants_images import ants, to_ants

    maps = []
    for share in probabilities:
        image = np.zeros(brain.shape, np.float32)
        image[brain] = share
        maps.append(to_ants(image, t1w.affine))
    found = ants.atropos(
        a=to_ants(t1w.voxels, t1w.affine),
        x=to_ants(brain, t1w.affine),
        i=maps,
        m=f"[{ATROPOS_MRF},1x1x1]",
        c=f"[{settings.iterations},0]",
        # It raises the likelihood to what is left of the weight, so that 0.5 means as much as 1 here.
        priorweight=settings.prior_weight / (1 + settings.prior_weight),
    )
    return np.rint(found["segmentation"].numpy()[brain]).astype(np.uint8)


def _check_order(t1w: np.ndarray, labels: np.ndarray, learnt: np.ndarray) -> None:
    """Refuse an image that is not T1-weighted, or a brain in which a class is missing."""
    regions = [learnt & (labels == label) for label in (FLUID, GREY, WHITE)]
    sizes = [int(region.sum()) for region in regions]
    if min(sizes) < MIN_VOXELS:
        raise InputError(
            "a tissue was not found on the T1w image",
            found="voxels of CSF, GM, WM: " + ", ".join(map(str, sizes)),
            expected=f"{MIN_VOXELS} or more of each",
        )
    medians = [float(np.median(t1w[region])) for region in regions]
    if not medians[0] < medians[1] < medians[2]:
        raise InputError(
            "the image does not have the contrast of a T1w",
            found="medians of CSF, GM, WM: " + ", ".join(f"{median:.4g}" for median in medians),
            expected="fluid darker than grey matter, grey matter darker than white",
        )
