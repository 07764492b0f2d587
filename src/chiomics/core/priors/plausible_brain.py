"""Whether a mask can be a brain: its volume, what the image holds inside it, and whether its rim is scalp.

An adult's brain with its fluid has some 1.1 to 1.8 l (intracranial volume of 1.1 to 1.9 l in Buckner et al. 2004,
NeuroImage 23:724).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from chiomics.core.space.volume import Volume

#: Volume in litres of an adult's brain with its fluid.
VOLUMES = (0.9, 2.0)
#: Depth in mm of the rim; share of the rim that may be brighter than nearly all (this quantile) of the brain below it.
RIM, BRIGHT_QUANTILE, MAX_BRIGHT = 4.0, 0.99, 0.15
#: Area in mm² on one face of the image from which on the image cuts the brain: its volume then has no lower limit.
CUT_AREA = 1500.0


@dataclass(frozen=True)
class BrainCheck:
    """What was measured.

    Parameters
    ----------
    litres : float
        Volume.
    bright_rim : float
        Share of the rim that is brighter than nearly all of the brain below it; NaN where it was not asked for.
    cut : bool
        Whether the image ends inside the mask.
    reasons : tuple of str
        Why it cannot be a brain; empty where it can.
    """

    litres: float = float("nan")
    bright_rim: float = float("nan")
    cut: bool = False
    reasons: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """All reasons in one line."""
        return "; ".join(self.reasons)


def check_brain(
    mask: Volume, image: Volume, *, volumes: tuple[float, float] = VOLUMES, bright_fat: bool = True
) -> BrainCheck:
    """Check a mask.

    Parameters
    ----------
    mask, image : Volume
        On one grid.
    volumes : tuple of float
        Minimum and maximum litres. The minimum does not count where the image ends inside the mask.
    bright_fat : bool
        Whether a bright rim is scalp, as on images with their skull.

    Returns
    -------
    BrainCheck
        `reasons` is empty for a brain.
    """
    inside = mask.voxels > 0
    litres = float(inside.sum() * mask.voxel_volume * 1e-6)
    cut = is_cut(mask)
    reasons, bright = [], float("nan")
    low, high = volumes
    if litres > high or (litres < low and not cut):
        reasons.append(f"its volume is {litres:.2f} l, that of an adult is {low:g} to {high:g} l")
    if not inside.any():
        return BrainCheck(litres, bright, cut, ("it is empty",))
    if not np.median(image.voxels[inside]) > 0:
        reasons.append("most of what it holds is 0 in the image")
    elif bright_fat:
        depth = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=mask.voxel_size)[1:-1, 1:-1, 1:-1]
        deep, rim = depth > 2 * RIM, (depth > 0) & (depth <= RIM)
        if deep.any():
            bright = float(np.mean(image.voxels[rim] > np.quantile(image.voxels[deep], BRIGHT_QUANTILE)))
            if bright > MAX_BRIGHT:
                reasons.append(
                    f"{100 * bright:.0f} % of its rim are as bright as scalp ({100 * MAX_BRIGHT:.0f} % at most)"
                )
    return BrainCheck(litres, bright, cut, tuple(reasons))


def is_cut(mask: Volume) -> bool:
    """Tell whether the image ends inside a mask: a slab, or a head that fills the image."""
    inside, edges = mask.voxels > 0, mask.voxel_size
    for axis in range(3):
        area = edges.prod() / edges[axis]
        if any(np.take(inside, place, axis).sum() * area > CUT_AREA for place in (0, -1)):
            return True
    return False
