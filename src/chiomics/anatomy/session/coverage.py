"""How much of the brain each image of a session saw: FLAIR, T1w, gradient echo and diffusion.

Points of the template (brain, white matter, nuclei, tracts) are carried into each image's world and looked up there, so
that what an image did not see counts although no other image saw it either.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from chiomics.core.space.template import template_mask, template_priors
from chiomics.core.space.transforms import Chain
from chiomics.core.space.volume import Volume

#: Voxel of the template in mm whose middles are looked up, and the most points of one structure.
RESOLUTION, POINTS = 3.0, 3000
#: Share of the white matter below which a session is warned of.
MIN_SEEN = 0.95
#: Gaps in mm that are closed: single dark voxels.
CLOSING = 3.0
#: Share from which a voxel of a map belongs to a structure.
INSIDE = 0.5


def seen_by(image: Volume) -> Volume:
    """Mark what an image saw: its field of view without the parts that a program left empty.

    Parameters
    ----------
    image : Volume
        0 where there is nothing.

    Returns
    -------
    Volume
        Booleans; enclosed dark fluid counts as seen. Air does not, which does not matter inside a brain.
    """
    steps = max(round(CLOSING / float(image.voxel_size.min())), 1)
    padded = np.pad(image.voxels > 0, steps, mode="edge")
    closed = ndimage.binary_closing(padded, iterations=steps)[(slice(steps, -steps),) * 3]
    return image.like(ndimage.binary_fill_holes(closed))


def template_points() -> dict[str, np.ndarray]:
    """Return points of the template's brain and white matter, each of shape (3, n), in its world, mm."""
    maps = {"brain": template_mask(RESOLUTION), "white matter": template_priors(RESOLUTION)["WM"]}
    return {name: _points(volume) for name, volume in maps.items()}


def structure_points(structures: Mapping[tuple[str, str], Volume], to_template: Chain) -> np.ndarray:
    """Return points of an atlas' structures, all as one, in the template's world; shape (3, n), mm."""
    return to_template.map_points(np.concatenate([_points(volume) for volume in structures.values()], axis=1))


def measure_coverage(
    points: Mapping[str, np.ndarray], seen: Mapping[str, tuple[Volume, Chain]]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Measure which share of each structure each image saw.

    Parameters
    ----------
    points : mapping of str to ndarray of shape (3, n)
        By structure, in the template's world.
    seen : mapping of str to (Volume, Chain)
        By image: what it saw (`seen_by`), and the way from the template to its world.

    Returns
    -------
    shares : dict of str to dict of str to float
        By image, then by structure, 0 to 1.
    warnings : list of str
        One per image that saw less than `MIN_SEEN` of the white matter.
    """
    shares, warnings = {}, []
    for image, (mask, chain) in seen.items():
        back = np.linalg.inv(mask.affine)
        found = {}
        for structure, there in points.items():
            here = chain.map_points(there)
            index = back[:3, :3] @ here + back[:3, 3:]
            # Half a voxel at the rim is still inside the field of view.
            held = ((index > -0.5) & (index < np.array(mask.voxels.shape)[:, None] - 0.5)).all(axis=0)
            nearest = np.rint(index[:, held]).astype(int)
            held[held] = mask.voxels[tuple(nearest)] > 0
            found[structure] = round(float(held.mean()), 4)
        shares[image] = found
        if found["white matter"] < MIN_SEEN:
            warnings.append(
                f"the {image} saw {found['white matter']:.0%} of the white matter and {found['brain']:.0%} of the brain"
            )
    return shares, warnings


def _points(volume: Volume) -> np.ndarray:
    """World points of the voxels of a structure, at most `POINTS`."""
    index = np.argwhere(volume.voxels > INSIDE * float(volume.voxels.max()))
    index = index[:: max(len(index) // POINTS, 1)].T
    return volume.affine[:3, :3] @ index + volume.affine[:3, 3:]
