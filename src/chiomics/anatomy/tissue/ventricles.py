"""Fluid of the lateral ventricles, and the susceptibility that it gives as a reference.

χ is known up to a constant; fluid of the lateral ventricles is a common zero (Straub et al. 2017, Magn Reson Med
78:204). The ventricles are the fluid on the T1w image that is connected with, and not far from, those of the template.
For the reference the voxels at their border are left out, those whose R2* is not that of fluid (choroid plexus, its
calcifications, veins) and those whose χ lies far from the rest. One region serves all echo sets of a session.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from chiomics.anatomy.tissue.tissue import FLUID, VENTRICLES
from chiomics.core.space.grids import check_same_grid
from chiomics.core.space.volume import Volume

#: Box around the bodies, horns and trigones of the lateral ventricles in template mm (low, high per axis).
BOX = ((-38.0, 38.0), (-50.0, 36.0), (-4.0, 30.0))
#: Within the former, the third ventricle and the cistern behind it, which open into them on the template.
MIDLINE = ((-4.0, 4.0), (-50.0, 6.0), (-4.0, 12.0))
#: A point in each of the two.
SEEDS = ((-10.0, 12.0, 14.0), (10.0, 12.0, 14.0))
#: Labels of `template_ventricles`.
LATERAL, OTHER = 1, 2
#: Ventricles hold a seed within this distance, mm.
SEED_REACH = 3.0
#: Fluid this far outside the template's ventricles still belongs to those of a patient, mm.
MARGIN = 6.0
#: Depth below the surface of the ventricles from which on a voxel is free of brain tissue, mm, at least one voxel.
DEPTH = 1.5
#: R2* of fluid lies below this, 1/s (Liu et al. 2018, Magn Reson Med 79:2795).
FLUID_R2STAR = 5.0
#: A reference needs this volume in mm³ and a spread below this in ppm; the same as those of the χ maps' own reference.
MIN_VOLUME, MAX_SPREAD = 250.0, 0.03
#: Voxels further from the median than this many scaled MADs are left out.
TRIM = 3.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Offset:
    """Susceptibility of ventricular fluid in one map.

    Attributes
    ----------
    value : float
        Median in ppm, to be subtracted; NaN without a voxel.
    spread : float
        Standard deviation in ppm.
    voxels : int
        Number of voxels after outliers are left out.
    trusted : bool
        Whether volume, spread and depth are enough.
    reason : str
        Why it is not trusted.
    """

    value: float
    spread: float
    voxels: int
    trusted: bool
    reason: str = ""

    def sidecar(self) -> dict:
        """Return the fields for a JSON sidecar."""
        return {
            "Reference": "ventricles",
            "ReferenceValue": self.value,
            "ReferenceSD": self.spread,
            "ReferenceVoxels": self.voxels,
            "ReferenceTrusted": self.trusted,
            "ReferenceReason": self.reason,
        }


def template_ventricles(fluid: Volume) -> Volume:
    """Find the lateral ventricles of the template.

    Parameters
    ----------
    fluid : Volume
        Share of fluid in template space.

    Returns
    -------
    Volume
        `LATERAL` in the ventricles, `OTHER` in all other fluid, uint8.
    """
    is_fluid = fluid.voxels > 0.5
    allowed = is_fluid.copy()
    voxels = np.argwhere(allowed)
    world = voxels @ fluid.affine[:3, :3].T + fluid.affine[:3, 3]
    allowed[tuple(voxels[~_within(world, BOX) | _within(world, MIDLINE)].T)] = False
    pieces, _ = ndimage.label(allowed)
    wanted = set()
    for seed in SEEDS:
        near = voxels[((world - seed) ** 2).sum(axis=1) <= SEED_REACH**2]
        wanted |= set(pieces[tuple(near.T)].tolist()) - {0}
    lateral = np.isin(pieces, sorted(wanted))
    return fluid.like(np.where(lateral, LATERAL, np.where(is_fluid, OTHER, 0)).astype(np.uint8))


def mark_ventricles(tissue: Volume, region: Volume, *, margin: float = MARGIN) -> Volume:
    """Return the fluid of a subject's lateral ventricles its own label.

    Parameters
    ----------
    tissue : Volume
        Labels of `chiomics.anatomy.tissue.tissue.CLASSES`.
    region : Volume
        From `template_ventricles`, carried to the same grid.
    margin : float
        Reach outside the template's ventricles in mm.

    Returns
    -------
    Volume
        Fluid that is connected with the template's ventricles has become ventricles, as far as the margin and no
        further than half the way to the template's other fluid: the third ventricle and the cisterns.
    """
    check_same_grid(tissue, region)
    if not (region.voxels == LATERAL).any():
        return tissue
    # Nothing further away than twice the margin can decide.
    reach = np.ceil(2 * margin / tissue.voxel_size).astype(int) + 1
    found = ndimage.find_objects((region.voxels == LATERAL).astype(np.uint8))[0]
    box = tuple(slice(max(part.start - n, 0), part.stop + n) for part, n in zip(found, reach, strict=True))
    fluid = np.isin(tissue.voxels[box], (FLUID, VENTRICLES))
    lateral, other = (region.voxels[box] == label for label in (LATERAL, OTHER))
    distance = ndimage.distance_transform_edt(~lateral, sampling=tissue.voxel_size)
    near = distance <= margin
    if other.any():
        near &= distance < ndimage.distance_transform_edt(~other, sampling=tissue.voxel_size)
    labels = tissue.voxels.copy()
    labels[box][ndimage.binary_propagation(fluid & lateral, mask=fluid & near)] = VENTRICLES
    return tissue.like(labels)


def reference_region(ventricles: Volume, valid_mask: Volume, *, r2star: Volume | None = None) -> tuple[Volume, str]:
    """Choose the voxels of the ventricles whose χ can serve as reference.

    Parameters
    ----------
    ventricles : Volume
        Not 0 in the lateral ventricles, in GRE space.
    valid_mask : Volume
        Not 0 where all χ maps hold values.
    r2star : Volume, optional
        In 1/s.

    Returns
    -------
    region : Volume
        Boolean.
    shortcoming : str
        Empty where the region is well inside the ventricles; otherwise why their border had to be taken as well.
    """
    others = (valid_mask,) if r2star is None else (valid_mask, r2star)
    check_same_grid(ventricles, *others)
    whole = (ventricles.voxels > 0) & (valid_mask.voxels > 0)
    if r2star is not None:
        whole &= r2star.voxels < FLUID_R2STAR
    size = ventricles.voxel_size
    depth = ndimage.distance_transform_edt(ventricles.voxels > 0, sampling=size)
    deep = whole & (depth > max(DEPTH, size.max()))
    volume = deep.sum() * ventricles.voxel_volume
    if volume >= MIN_VOLUME:
        return ventricles.like(deep), ""
    shortcoming = f"{volume:.0f} mm³ lie deeper than {max(DEPTH, size.max()):.1f} mm, {MIN_VOLUME:.0f} are needed"
    log.warning("ventricles as reference: %s; their border is taken as well", shortcoming)
    return ventricles.like(whole), shortcoming


def measure_offset(chi: Volume, region: Volume, shortcoming: str = "") -> Offset:
    """Take the susceptibility of the ventricles from one map.

    Parameters
    ----------
    chi : Volume
        In ppm.
    region : Volume
        From `reference_region`, the same for all maps of a session.
    shortcoming : str
        From `reference_region`.

    Returns
    -------
    Offset
        With a warning in the log where it is not to be trusted.
    """
    check_same_grid(chi, region)
    values = chi.voxels[region.voxels > 0].astype(np.float64)
    if not values.size:
        log.warning("ventricles as reference: no voxel")
        return Offset(float("nan"), float("nan"), 0, False, "no voxel of ventricular fluid")
    distance = np.abs(values - np.median(values))
    # A map of few distinct values has a MAD of 0, with all of its values in place.
    kept = values[distance <= max(TRIM * 1.4826 * np.median(distance), 1e-6)]
    spread, volume = float(kept.std()), kept.size * region.voxel_volume
    reasons = [shortcoming] if shortcoming else []
    if volume < MIN_VOLUME:
        reasons.append(f"{volume:.0f} mm³ of fluid, {MIN_VOLUME:.0f} are needed")
    if spread > MAX_SPREAD:
        reasons.append(f"χ varies by {spread:.3f} ppm, {MAX_SPREAD} are allowed")
    if reasons:
        log.warning("ventricles as reference: %s", "; ".join(reasons))
    return Offset(float(np.median(kept)), spread, int(kept.size), not reasons, "; ".join(reasons))


def _within(points: np.ndarray, box: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Tell which points, shape (N, 3), lie in a box."""
    low, high = np.array(box).T
    return ((points >= low) & (points <= high)).all(axis=1)
