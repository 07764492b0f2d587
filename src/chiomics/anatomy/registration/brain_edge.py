"""Edge of the brain by intensity, near where the template expects it.

Tissue brighter than fluid and bone, within a margin of the template's brain, is eroded until dura and scalp come off,
the piece with the centre kept, grown back into the tissue and closed over the sulci, as the morphological methods do
(Smith 2002, Hum Brain Mapp 17:143, for the thresholds; Shattuck et al. 2001, NeuroImage 13:856, for the erosion and the
growing).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from chiomics.anatomy.registration.settings import ExtractionSettings
from chiomics.core.space.grids import coarsen, crop
from chiomics.core.space.transforms import Chain, resample
from chiomics.core.space.volume import Volume


def find_edge(image: Volume, expected: Volume, *, settings: ExtractionSettings) -> Volume:
    """Bound the brain by its intensities near where the template expects it.

    Parameters
    ----------
    image : Volume
        T1w or FLAIR: fluid and bone are dark.
    expected : Volume
        The template's brain on the same grid, 0 to 1.
    settings : ExtractionSettings
        Thresholds and lengths.

    Returns
    -------
    Volume
        Booleans on the same grid.
    """
    near = expected.like(expected.voxels > 0.5)
    reach = settings.closing + settings.margin
    coarse, prior = (coarsen(crop(part, near, reach), settings.edge_resolution) for part in (image, expected))
    size = coarse.voxel_size
    inside = ndimage.distance_transform_edt(prior.voxels > 0.5, sampling=size)
    outside = ndimage.distance_transform_edt(prior.voxels <= 0.5, sampling=size)
    core = inside > settings.core
    level = max(np.median(coarse.voxels[core]), np.finfo(np.float32).tiny)
    relative = coarse.voxels / level
    tissue = (relative > settings.darkest) & (relative < settings.brightest) & (outside < settings.margin)
    depth = ndimage.distance_transform_edt(tissue | core, sampling=size)
    seeds = _largest(depth > settings.erosion)
    grown = ndimage.distance_transform_edt(~seeds, sampling=size) <= settings.erosion + size.max() / 2
    brain = (grown & tissue) | core
    closed = ndimage.distance_transform_edt(~brain, sampling=size) <= settings.closing
    # What lies beyond the grid is open, so that a brain that the grid cuts is not worn off there.
    closed = ndimage.distance_transform_edt(closed, sampling=size) > settings.closing
    mask = ndimage.binary_fill_holes(_largest(brain | (closed & (outside < settings.margin))))
    fine = resample(coarse.like(mask.astype(np.float32)), image, Chain())
    return image.like(fine.voxels > 0.5)


def _largest(mask: np.ndarray) -> np.ndarray:
    pieces, number = ndimage.label(mask)
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:]) if number else mask
