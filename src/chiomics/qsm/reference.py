"""Zero reference of χ: cerebrospinal fluid found by R2* and geometry, the whole brain, or none.

χ is known up to a constant. The fluid of the lateral ventricles has a low R2* and lies near the middle of the brain:
voxels with R2* < 5 1/s at 3 T, deep in the brain, are grouped and the largest groups within a sphere around the centre
are taken (Liu et al. 2018, MEDI+0, Magn Reson Med 79:2795). The threshold follows the field strength as R2* of tissue
does, for fields around air and iron dephase the signal of fluid, too, the faster the stronger B0. The value is the
median after outliers (choroid plexus, veins) are trimmed. R2* needs three echoes. Without it, or where too few voxels
are found, the whole brain is the reference and the result says that it is not to be trusted.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from chiomics.core.errors import InputError, SettingError
from chiomics.qsm.arrays import as_mask, as_voxel_size, check_field_strength, in_mask
from chiomics.qsm.masks.near_distance import erode

#: R2* of fluid is below this in 1/s at 3 T (MEDI, SEPIA), and below this multiple of it at other field strengths in T:
#: R2* of white matter relative to 3 T (Peters et al. 2007, Magn Reson Imaging 25:748).
CSF_R2STAR = 5.0
RELATIVE_R2STAR = ((1.5, 3.0, 7.0), (0.80, 1.0, 1.98))
#: Radius of the central sphere and depth below the brain's surface, in mm (MEDI: 30 and 10).
CENTRAL_RADIUS, DEPTH = 30.0, 10.0
#: Groups of voxels taken inside the sphere (MEDI).
GROUPS = 3
#: A region needs this volume in mm³, and a spread below this in ppm, to be trusted.
MIN_VOLUME, MAX_SPREAD = 250.0, 0.03
#: Voxels further from the median than this many scaled MADs are left out of the mean.
TRIM = 3.0
METHODS = ("csf", "whole_brain", "none")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reference:
    """The reference value of one map and how far to trust it.

    Attributes
    ----------
    method : str
        What was done: csf, whole_brain or none.
    value : float
        In ppm, to be subtracted from χ.
    voxels : int
        Voxels that the value was taken from.
    spread : float
        Standard deviation of χ in them, ppm.
    trusted : bool
        False for a fallback, a small region, or a large spread.
    mask : ndarray of bool, shape (x, y, z)
        The voxels.
    """

    method: str
    value: float
    voxels: int
    spread: float
    trusted: bool
    mask: np.ndarray = field(repr=False)

    def sidecar(self) -> dict:
        """Return the fields for the JSON sidecar."""
        return {
            "Reference": self.method,
            "ReferenceValue": self.value,
            "ReferenceVoxels": self.voxels,
            "ReferenceSD": self.spread,
            "ReferenceTrusted": self.trusted,
        }


def csf_r2star(field_strength: float) -> float:
    """Return the R2* below which a voxel may be fluid.

    Parameters
    ----------
    field_strength : float
        In T.

    Returns
    -------
    float
        In 1/s: 4 at 1.5 T, 5 at 3 T, 9.9 at 7 T, on straight lines between these and beyond 7 T, 4 below 1.5 T.

    References
    ----------
    Peters et al. 2007, Magn Reson Imaging 25:748.
    """
    (low, middle, high), ratios = RELATIVE_R2STAR
    if field_strength <= middle:
        return CSF_R2STAR * float(np.interp(field_strength, (low, middle), ratios[:2]))
    return CSF_R2STAR * (1 + (ratios[2] - 1) * (field_strength - middle) / (high - middle))


def csf_mask(
    r2star: np.ndarray, brain_mask: np.ndarray, *, voxel_size: Sequence[float], field_strength: float
) -> np.ndarray:
    """Find ventricular fluid by low R2* near the middle of the brain.

    Parameters
    ----------
    r2star : ndarray, shape (x, y, z)
        In 1/s.
    brain_mask : ndarray of bool, shape (x, y, z)
        Brain.
    voxel_size : sequence of 3 floats
        In mm.
    field_strength : float
        In T.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
        The fluid; empty where none is found.

    Raises
    ------
    InputError
        For shapes that differ, and a field strength or voxel size that is none.

    References
    ----------
    Liu et al. 2018, Magn Reson Med 79:2795.
    """
    brain_mask = as_mask(brain_mask)
    r2star = in_mask(r2star, brain_mask, "R2* map")
    check_field_strength(field_strength)
    size = np.asarray(as_voxel_size(voxel_size))
    deep = erode(brain_mask, size, DEPTH)
    candidates = deep & (r2star < csf_r2star(field_strength))
    groups, count = ndimage.label(candidates)
    if count == 0:
        return candidates
    centre = np.array(ndimage.center_of_mass(brain_mask))
    axes = np.ogrid[tuple(slice(n) for n in brain_mask.shape)]
    distance = sum(((axis - middle) * length) ** 2 for axis, middle, length in zip(axes, centre, size, strict=True))
    central = np.bincount(groups[distance <= CENTRAL_RADIUS**2], minlength=count + 1)
    central[0] = 0
    largest = np.argsort(central, kind="stable")[::-1][:GROUPS]
    region = np.isin(groups, largest[central[largest] > 0])
    # One voxel of erosion keeps partial volume out, unless nothing would be left.
    eroded = ndimage.binary_erosion(region)
    return eroded if eroded.sum() * size.prod() >= MIN_VOLUME else region


def find_reference(
    chi: np.ndarray,
    brain_mask: np.ndarray,
    *,
    voxel_size: Sequence[float],
    method: str = "csf",
    region: np.ndarray | None = None,
) -> Reference:
    """Take the reference value of a map.

    Parameters
    ----------
    chi : ndarray, shape (x, y, z)
        Susceptibility in ppm.
    brain_mask : ndarray of bool, shape (x, y, z)
        Voxels where χ is valid.
    voxel_size : sequence of 3 floats
        In mm.
    method : {"csf", "whole_brain", "none"}
        What to refer to.
    region : ndarray of bool, optional
        The fluid from `csf_mask`, one per session for all echo sets; needed for "csf".

    Returns
    -------
    Reference
        With ``trusted=False`` and a warning in the log where the fluid could not serve.

    Raises
    ------
    InputError
        For shapes that differ, an empty mask, and χ that is not finite in it.
    SettingError
        For an unknown method.
    """
    if method not in METHODS:
        raise SettingError("unknown reference", found=repr(method), expected=", ".join(METHODS))
    brain_mask = as_mask(brain_mask)
    if not brain_mask.any():
        raise InputError("the mask of the map is empty", expected="a mask with voxels")
    chi = in_mask(chi, brain_mask, "map")
    if method == "none":
        return Reference("none", 0.0, 0, 0.0, True, np.zeros_like(brain_mask))
    trusted = True
    if method == "csf":
        fluid = np.zeros_like(brain_mask) if region is None else as_mask(region) & brain_mask
        volume = float(fluid.sum() * np.prod(as_voxel_size(voxel_size)))
        if volume >= MIN_VOLUME:
            reference = _trimmed("csf", chi, fluid)
            if not reference.trusted:
                log.warning("χ varies by %.3f ppm (SD) in the reference region", reference.spread)
            return reference
        found = "no R2* map" if region is None else f"{volume:.0f} mm³ of fluid"
        log.warning("reference: %s, %.0f mm³ are needed; the whole brain is used", found, MIN_VOLUME)
        trusted = False
    values = chi[brain_mask].astype(np.float64)
    return Reference("whole_brain", float(values.mean()), values.size, float(values.std()), trusted, brain_mask)


def _trimmed(method: str, chi: np.ndarray, region: np.ndarray) -> Reference:
    """Median of the region without voxels that are more than TRIM scaled MADs away from it."""
    values = chi[region].astype(np.float64)
    median = np.median(values)
    scale = 1.4826 * np.median(np.abs(values - median))
    kept = region & (np.abs(chi - median) <= TRIM * max(scale, 1e-9))
    inside = chi[kept].astype(np.float64)
    spread = float(inside.std())
    return Reference(method, float(np.median(inside)), inside.size, spread, spread <= MAX_SPREAD, kept)
