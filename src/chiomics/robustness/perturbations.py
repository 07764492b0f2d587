"""Features under perturbations of the map or of the regions, a stand-in for scanning again.

They stand beside those of the session as it is, and their agreement is measured as that of the echo sets is (Fiscone et
al. 2023; the idea: Zwanenburg et al. 2019, Assessing robustness of radiomic features by image perturbation, Sci Rep
9:614).
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Hashable, Iterator, Mapping

import numpy as np

from chiomics.core.logs import Progress
from chiomics.robustness.perturb_image import add_noise, change_scale, smooth
from chiomics.robustness.perturb_mask import centre_of, dilate, draw_motion, erode, move
from chiomics.robustness.perturbation_settings import Perturbation

#: Kinds that change the regions and leave the map.
OF_MASKS = ("erosion", "dilation", "jitter")

log = logging.getLogger(__name__)


def perturb(
    chi: np.ndarray,
    mask: np.ndarray,
    affine: np.ndarray,
    perturbation: Perturbation,
    *,
    rng: np.random.Generator,
    valid: np.ndarray | None = None,
    centre: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Perturb a map or a region.

    Parameters
    ----------
    chi : ndarray, shape (x, y, z)
        Susceptibility in ppm.
    mask : ndarray of bool, shape (x, y, z)
        The region.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.
    perturbation : Perturbation
        What to do.
    rng : numpy.random.Generator
        Source of what is drawn, see `generator`.
    valid : ndarray of bool, shape (x, y, z), optional
        Where the map holds values; a region does not leave it. Everywhere by default.
    centre : ndarray, shape (3,), optional
        World coordinates in mm that a rotation leaves in place; the region's centre by default.

    Returns
    -------
    chi : ndarray, shape (x, y, z)
        Susceptibility in ppm.
    mask : ndarray of bool, shape (x, y, z)
        The region, which may be empty.
    """
    valid = np.ones(chi.shape, dtype=bool) if valid is None else valid
    if perturbation.kind in OF_MASKS:
        return chi, _changed_mask(mask, affine, perturbation, rng, centre) & valid
    return _changed_map(chi, mask, affine, perturbation, rng, valid), mask & valid


def perturb_session(
    chi: np.ndarray,
    masks: Mapping[Hashable, np.ndarray],
    affine: np.ndarray,
    perturbations: list[Perturbation],
    features: Callable[[np.ndarray, np.ndarray], object],
    *,
    session: str,
    seed: int = 0,
    valid: np.ndarray | None = None,
) -> Iterator[tuple[str, Hashable, object]]:
    """Take the features of each region under each perturbation.

    All regions of a session see the same noise and the same motion, as they would in a second scan.

    Parameters
    ----------
    chi, affine, valid
        As in `perturb`.
    masks : mapping of hashable to ndarray of bool
        Regions by what the caller calls them.
    perturbations : list of Perturbation
        From `read_perturbations`.
    features : callable
        Takes a map and a region, which may be empty, and returns what is wanted of them.
    session : str
        Its name: every session draws its own, the same on each run.
    seed : int
        Of the whole study.

    Yields
    ------
    draw : str
        One of the perturbation's `draws`.
    region : hashable
        Key of `masks`.
    found : object
        What `features` returned.
    """
    valid = np.ones(chi.shape, dtype=bool) if valid is None else valid
    centre = centre_of(list(masks.values()), affine)
    progress = Progress(sum(len(perturbation.draws) for perturbation in perturbations))
    for perturbation in perturbations:
        for draw in perturbation.draws:
            shared = None
            for region, mask in masks.items():
                changed, inside = shared, mask & valid
                if shared is None:
                    rng = generator(seed, session, draw)
                    changed, inside = perturb(chi, mask, affine, perturbation, rng=rng, valid=valid, centre=centre)
                    shared = changed if _same_map_for_all(perturbation) else None
                _tell_if_unchanged(perturbation, region, mask & valid, inside)
                yield draw, region, features(changed, inside)
            progress.step(draw)


def generator(seed: int, session: str, draw: str) -> np.random.Generator:
    """Return the random numbers of one draw in one session: the same on each run, others for each."""
    return np.random.default_rng([seed, zlib.crc32(session.encode()), zlib.crc32(draw.encode())])


def _changed_map(
    chi: np.ndarray,
    mask: np.ndarray,
    affine: np.ndarray,
    perturbation: Perturbation,
    rng: np.random.Generator,
    valid: np.ndarray,
) -> np.ndarray:
    settings = perturbation.settings
    if perturbation.kind == "noise":
        inside = chi[mask & valid]
        own_sd = settings["relative_sd"] * float(inside.std(dtype=float)) if inside.size else 0.0
        return add_noise(chi, valid, sd=float(np.hypot(settings["sd"], own_sd)), rng=rng)
    if perturbation.kind == "intensity":
        return change_scale(chi, valid, **settings, rng=rng)
    return smooth(chi, valid, affine, **settings)


def _changed_mask(
    mask: np.ndarray,
    affine: np.ndarray,
    perturbation: Perturbation,
    rng: np.random.Generator,
    centre: np.ndarray | None,
) -> np.ndarray:
    settings = dict(perturbation.settings)
    if perturbation.kind == "erosion":
        return erode(mask, affine, **settings)
    if perturbation.kind == "dilation":
        return dilate(mask, affine, **settings)
    interpolation = settings.pop("interpolation")
    centre = centre_of([mask], affine) if centre is None else centre
    return move(mask, affine, draw_motion(centre, **settings, rng=rng), interpolation=interpolation)


def _same_map_for_all(perturbation: Perturbation) -> bool:
    return perturbation.kind not in OF_MASKS and not perturbation.settings.get("relative_sd")


def _tell_if_unchanged(perturbation: Perturbation, region: Hashable, before: np.ndarray, after: np.ndarray) -> None:
    """Say where a change of the outline is too small for the voxels to show it."""
    asked = any(perturbation.settings.get(key) for key in ("distance", "translation_sd", "rotation_sd"))
    if perturbation.kind in OF_MASKS and asked and np.array_equal(before, after):
        log.warning("%s leaves region %s as it is: voxels are too large for it", perturbation.name, region)
