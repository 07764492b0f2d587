"""Cut neck and shoulders off an image that holds much of them, which a network trained on heads takes for the head.

The top of the head is found in the image's own world, as the pose does, and what lies further below than a head is
high, or further aside than it is wide, is cut. An image that holds little else than the head is left as it is.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from chiomics.core.space.grids import coarsen, crop
from chiomics.core.space.volume import Volume

#: Voxel in mm on which the head is looked for; share of the 98th percentile above which a voxel is no air.
RESOLUTION, FOREGROUND = 6.0, 0.2
#: Least area in mm² of a slice of a head, and least volume in mm³ of what is no speck of noise.
MIN_SLICE, MIN_PIECE = 2000.0, 50_000.0
#: What is kept below the top of the head, and on each side of its middle, mm: the lowest part of a large head's
#: cerebellum lies 170 mm below the top of its scalp, with the head nodding by 20 degrees 190 mm.
BELOW, ASIDE = 200.0, 130.0
#: An image that reaches this far below the top is cut, mm; common fields of view are up to 256 mm high.
MUCH = 260.0
#: Height in mm below the top within which the head's middle is looked for: above the shoulders of everybody.
UPPER = 120.0


def cut_to_head(image: Volume) -> Volume:
    """Cut off neck and shoulders where an image holds much of them.

    Parameters
    ----------
    image : Volume
        T1w with its skull, its world upright to within some 30 degrees.

    Returns
    -------
    Volume
        The head's part of the grid, or the image itself.
    """
    small = coarsen(image, RESOLUTION)
    voxels = ndimage.gaussian_filter(small.voxels, 1.0)
    inside = voxels > FOREGROUND * np.percentile(voxels, 98)
    pieces, _ = ndimage.label(inside)
    body = inside & (np.bincount(pieces.ravel()) * small.voxel_volume > MIN_PIECE)[pieces]
    if not body.any():
        return image
    world = small.affine[:3, :3] @ np.indices(body.shape).reshape(3, -1) + small.affine[:3, 3:]
    of_body = world[:, body.ravel()]
    low = np.floor(of_body[2].min() / RESOLUTION)
    counts = np.bincount((np.floor(of_body[2] / RESOLUTION) - low).astype(int))
    areas = counts * abs(np.linalg.det(small.affine[:3, :3])) / RESOLUTION
    top = (np.flatnonzero(areas > MIN_SLICE).max(initial=0) + low + 1) * RESOLUTION
    if top - of_body[2].min() < MUCH:
        return image
    upper = of_body[:, of_body[2] > top - UPPER]
    middle = (np.percentile(upper, 2, axis=1) + np.percentile(upper, 98, axis=1)) / 2
    kept = (world[2] > top - BELOW) & (np.abs(world[:2] - middle[:2, None]) < ASIDE).all(axis=0)
    return crop(image, small.like(kept.reshape(body.shape)), 0.0)
