"""Find the brain on a gradient echo's magnitude, say how, and refuse what cannot be a brain.

A brain that was cut out before is its own mask, and so is a bottle, which is told as one. A head's brain is found by
its intensity (`chiomics.qsm.masks.brain_mask`) and mended by the template; its volume must be that of an adult's
brain where the image holds all of it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.core.images import voxel_size
from chiomics.core.priors.plausible_brain import check_brain, is_cut
from chiomics.core.space.grids import coarsen
from chiomics.core.space.volume import Volume
from chiomics.qsm.masks.brain_mask import WORKING_EDGE, block_means, brain_mask, combined, enlarge
from chiomics.qsm.masks.surroundings import Alone, background_value, find_alone, share_of_air
from chiomics.qsm.masks.template_mask import mend_by_template

#: Volume in litres of an adult's brain on a gradient echo; the template leaves up to 6 mm of what lies around it.
VOLUMES = (0.9, 2.5)
#: What is smaller is no brain, whatever part of it the image holds, litres.
MIN_LITRES = 0.1
#: Share of a given mask that may be as dark as air: 0 on masks of heads, .44 where a whole image with its air is mask.
MAX_AIR = 0.25
#: Voxel in mm of the picture of what was refused.
PICTURE_RESOLUTION = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoundBrain:
    """What was found.

    Attributes
    ----------
    mask : ndarray of bool, shape (x, y, z)
        Brain without holes.
    source : str
        How it was found, for the sidecar.
    doubts : list of str
        What speaks against it without being certain, for the sidecar, the log and the picture.
    """

    mask: np.ndarray
    source: str
    doubts: list[str] = field(default_factory=list)


def find_brain(
    magnitude: np.ndarray,
    affine: np.ndarray,
    *,
    method: str = "template",
    volumes: tuple[float, float] = VOLUMES,
    picture: str | None = None,
    simulated: bool = False,
) -> FoundBrain:
    """Find the brain and check it.

    Parameters
    ----------
    magnitude : ndarray, shape (e, x, y, z)
        Magnitude of the echoes, any unit.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.
    method : {"template", "intensity"}
        Whether a head's mask by intensity is mended by a template.
    volumes : tuple of float
        Minimum and maximum litres of the brain of a head; the minimum counts where the image holds all of it.
    picture : str, optional
        PNG to write where what was found is refused.
    simulated : bool
        Whether the picture says that the subject is simulated.

    Returns
    -------
    FoundBrain

    Raises
    ------
    InputError
        For noise, and where what was found cannot be a brain.
    """
    size = np.asarray(voxel_size(affine), float)
    signal = combined(magnitude)
    factors = np.maximum(1, np.floor(WORKING_EDGE / size + 1e-6)).astype(int)
    alone = find_alone(block_means(signal, factors), size * factors)
    if alone is not None:
        return _alone(alone, signal, affine, factors, volumes)
    mask, source, doubts = brain_mask(magnitude, voxel_size=size), "intensity", []
    if mask.all():
        return FoundBrain(mask, "the whole image: it has no background")
    if method == "template":
        mask, fits = mend_by_template(mask, affine)
        source += ", mended by a template" if fits else ", the template did not fit"
        if not fits:
            doubts.append("the template does not fit: neck or scalp may be in the brain mask")
    check = check_brain(Volume(mask, affine), Volume(signal, affine), volumes=volumes, bright_fat=False)
    reason = check.reason
    if not reason and check.litres < MIN_LITRES:
        reason = f"its volume is {check.litres:.2f} l"
    if reason:
        where = ""
        if picture is not None:
            _draw(picture, signal, mask, affine, reason, simulated=simulated)
            where = f"look at {picture}; "
        raise InputError(
            "no brain of a plausible size in the magnitude", found=reason,
            expected=f"{where}a mask of yours (derivatives/NAME/.../..._desc-brain_mask.nii.gz), or, of a child, "
            "qsm.brain_volume in litres",
        )  # fmt: skip
    return FoundBrain(mask, source, doubts)


def check_given_mask(mask: np.ndarray, magnitude: np.ndarray, affine: np.ndarray, *, file: str) -> None:
    """Stop at a mask of the user's own that lies on air.

    Parameters
    ----------
    mask : ndarray of bool, shape (x, y, z)
        As it was drawn.
    magnitude : ndarray, shape (e, x, y, z)
        Magnitude of the echoes, any unit.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.
    file : str
        The mask's name, for the message.

    Raises
    ------
    InputError
        With the share that is air.
    """
    share = share_of_air(combined(magnitude), mask, voxel_size(affine))
    if share > MAX_AIR:
        raise InputError(
            "the brain mask lies on air", file=file, found=f"{100 * share:.0f} % of it as dark as the air in the "
            "magnitude", expected=f"{100 * MAX_AIR:.0f} % at most: a mask that was drawn on these images",
        )  # fmt: skip


def _alone(
    alone: Alone, signal: np.ndarray, affine: np.ndarray, factors: np.ndarray, volumes: tuple[float, float]
) -> FoundBrain:
    """Take an object with nothing around it as its own mask."""
    region = enlarge(alone.region, factors, signal.shape) if (factors > 1).any() else alone.region
    if alone.cut_out:  # every voxel that was not cut out, and the holes between them
        near = ndimage.binary_dilation(region, iterations=int(factors.max()))
        region = ndimage.binary_fill_holes((signal != background_value(signal)) & near)
    source = "the image's own: nothing but " + ("one value" if alone.cut_out else "air") + " around it"
    volume = Volume(region, affine)
    litres, doubts = float(region.sum() * volume.voxel_volume * 1e-6), []
    if litres < MIN_LITRES:
        raise InputError(
            "no brain of a plausible size in the magnitude", found=f"{litres:.2f} l with nothing but air around it",
            expected=f"{MIN_LITRES} l or more",
        )  # fmt: skip
    if alone.uniform:
        source += "; not a head: the same everywhere within"
        doubts.append("not a head but a bottle? No reference and no region of it can be trusted")
    elif litres > volumes[1] or (litres < volumes[0] and not is_cut(volume)):
        doubts.append(f"{litres:.2f} l were cut out, the brain of an adult has {volumes[0]:g} to {volumes[1]:g} l")
    return FoundBrain(region, source if alone.uniform else source + " (skull-stripped)", doubts)


def _draw(
    picture: str, signal: np.ndarray, mask: np.ndarray, affine: np.ndarray, reason: str, *, simulated: bool
) -> None:
    # Here, since matplotlib takes a second and few sessions need it.
    from chiomics.core.space.failure_figure import draw_failure

    small, outline = (
        coarsen(Volume(voxels.astype(np.float32), affine), PICTURE_RESOLUTION) for voxels in (signal, mask)
    )
    outlines = {"found": outline.like(outline.voxels > 0.5)}
    title = f"brain mask refused: {reason}"
    draw_failure(picture, {"magnitude": small}, outlines, title=title, simulated=simulated)
