"""Perturbations of the user's own: each a name, and a way to change the map or the regions of a session.

In the configuration, ``{noise2ppb: {kind: noise, sd: 0.002}, erode1mm: {kind: erosion, distance: 1.0}}``. Features of
the unperturbed session and of each perturbation then stand side by side, and their agreement is measured as that of the
echo sets is (Fiscone et al. 2023; perturbing in place of scanning again: Zwanenburg et al. 2019, Sci Rep 9:614).
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Real

import numpy as np

from chiomics.core.errors import SettingError
from chiomics.robustness.perturb_image import add_noise, change_scale, smooth
from chiomics.robustness.perturb_mask import centre_of, dilate, draw_motion, erode, move

#: What each kind is set by, with the value that changes nothing; strengths are not negative but for those in `SIGNED`.
KINDS: dict[str, dict[str, float | str]] = {
    "noise": {"sd": 0.0, "relative_sd": 0.0},  # ppm; fraction of the standard deviation of χ in the region
    "intensity": {"offset": 0.0, "offset_sd": 0.0, "scale": 1.0, "scale_sd": 0.0},  # ppm, ppm, factor, fraction
    "smoothing": {"fwhm": 0.0},  # mm
    "erosion": {"distance": 0.0},  # mm
    "dilation": {"distance": 0.0},  # mm
    "jitter": {"translation_sd": 0.0, "rotation_sd": 0.0, "interpolation": "nearest"},  # mm, degrees
}
SIGNED = ("offset",)
INTERPOLATIONS = ("nearest", "linear")
#: Kinds that change the regions and leave the map.
OF_MASKS = ("erosion", "dilation", "jitter")
#: Kinds that draw: only these differ from one repeat to the next.
RANDOM = ("noise", "intensity", "jitter")
#: Name of the session as it is.
UNPERTURBED = "none"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Perturbation:
    """One perturbation.

    Parameters
    ----------
    name : str
        The user's, and what the table of features calls it.
    kind : str
        One of `KINDS`.
    settings : dict
        All settings of the kind.
    repeats : int
        How many times it is drawn.
    """

    name: str
    kind: str
    settings: dict[str, float | str]
    repeats: int = 1


def read_perturbations(configured: Mapping[str, Mapping]) -> list[Perturbation]:
    """Read the perturbations of a configuration.

    Parameters
    ----------
    configured : mapping of str to mapping
        Name to ``kind``, its settings (see `KINDS`), and ``repeats`` (1 by default).

    Returns
    -------
    list of Perturbation
        In the configuration's order.

    Raises
    ------
    SettingError
        For a kind or setting that is not known, or a strength that cannot be.
    """
    perturbations = []
    for name, options in configured.items():
        options = dict(options)
        kind, repeats = options.pop("kind", None), options.pop("repeats", 1)
        if name == UNPERTURBED:
            raise SettingError(f"a perturbation is called {UNPERTURBED}, which names the session as it is")
        if kind not in KINDS:
            raise SettingError(f"perturbation {name}: kind", found=str(kind), expected=", ".join(KINDS))
        for key, value in options.items():
            _check_setting(f"perturbation {name}: {key}", kind, key, value)
        if not isinstance(repeats, int) or repeats < 1 or (repeats > 1 and kind not in RANDOM):
            expected = "a whole number from 1" if kind in RANDOM else f"1, for {kind} draws nothing"
            raise SettingError(f"perturbation {name}: repeats", found=str(repeats), expected=expected)
        perturbations.append(Perturbation(name, kind, KINDS[kind] | options, repeats))
    return perturbations


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
) -> Iterator[tuple[str, int, Hashable, object]]:
    """Take the features of each region, of the session as it is and under each perturbation.

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
    name : str
        Of the perturbation; `UNPERTURBED` first.
    repeat : int
        From 1; 0 for the session as it is.
    region : hashable
        Key of `masks`.
    found : object
        What `features` returned.
    """
    valid = np.ones(chi.shape, dtype=bool) if valid is None else valid
    for region, mask in masks.items():
        yield UNPERTURBED, 0, region, features(chi, mask & valid)
    centre = centre_of(list(masks.values()), affine)
    for perturbation in perturbations:
        for repeat in range(1, perturbation.repeats + 1):
            log.info("%s, repeat %d of %d", perturbation.name, repeat, perturbation.repeats)
            shared = None
            for region, mask in masks.items():
                rng = generator(seed, session, perturbation.name, repeat)
                if shared is None:
                    changed, region_mask = perturb(
                        chi, mask, affine, perturbation, rng=rng, valid=valid, centre=centre
                    )  # fmt: skip
                    shared = changed if _same_map_for_all(perturbation) else None
                else:
                    changed, region_mask = shared, mask & valid
                _tell_if_unchanged(perturbation, region, mask & valid, region_mask)
                yield perturbation.name, repeat, region, features(changed, region_mask)


def generator(seed: int, session: str, name: str, repeat: int) -> np.random.Generator:
    """Give the random numbers of one session, perturbation and repeat: the same on each run, others for each."""
    return np.random.default_rng([seed, zlib.crc32(session.encode()), zlib.crc32(name.encode()), repeat])


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


def _check_setting(what: str, kind: str, key: str, value: object) -> None:
    if key not in KINDS[kind]:
        raise SettingError(f"{what} is not a setting of {kind}", expected=", ".join([*KINDS[kind], "repeats"]))
    if key == "interpolation":
        if value not in INTERPOLATIONS:
            raise SettingError(what, found=str(value), expected=" or ".join(INTERPOLATIONS))
    elif not isinstance(value, Real) or isinstance(value, bool) or not np.isfinite(value):
        raise SettingError(what, found=repr(value), expected="a number")
    elif value < 0 and key not in SIGNED:
        raise SettingError(what, found=f"{value:g}", expected="0 or more")
