"""Mend a brain mask that was found by intensity: cut off neck and eyes, close what a bright coil left open.

The MNI152 brain that nilearn bundles is laid over the mask by an affine alignment of the two masks. That looks at the
upper head only, where the skull separates brain from scalp and the intensity mask can be trusted. Far
outside the template nothing is brain, deep inside everything is; in between the intensity decides.
"""

from __future__ import annotations

import logging

import numpy as np
from scipy import ndimage

from chiomics.core.images import voxel_size
from chiomics.core.space.grids import coarsen
from chiomics.core.space.template import template_mask
from chiomics.core.space.volume import Volume
from chiomics.qsm.masks.align_masks import align_masks
from chiomics.qsm.masks.near_distance import dilate, erode

#: Resolution of the alignment in mm.
RESOLUTION = 4.0
#: Below this height in MNI coordinates, in mm, the alignment does not look: there the mask may hold the neck.
LOWEST = -20.0
#: The template may miss this much of a brain, and it may hold this much that is not brain, in mm.
OUTER_MARGIN, INNER_MARGIN = 6.0, 8.0
#: An alignment counts where the masks overlap by this Dice coefficient, and no axis is scaled by more than the range:
#: adult heads differ by some 15 %.
MIN_DICE, SCALES = 0.9, (0.75, 1.35)
#: A head that the template does not fit is tried again enlarged by these factors, as a child's, and margins with it.
GROWTHS = (1.25, 1.5)

log = logging.getLogger(__name__)


def mend_by_template(mask: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, bool]:
    """Limit a brain mask to what the template's brain allows, and fill what it demands.

    Parameters
    ----------
    mask : ndarray of bool, shape (x, y, z)
        Brain by intensity.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.

    Returns
    -------
    mended : ndarray of bool, shape (x, y, z)
        The mended mask, or the given one where the registration failed.
    succeeded : bool
        Whether the template fitted; a warning in the log says why not.
    """
    for growth in (1.0, *GROWTHS):
        mended = _mend(mask, np.diag([growth, growth, growth, 1.0]) @ affine)
        if mended is not None:
            return mended, True
    log.warning("the template does not fit the brain mask, which stays as the intensity gave it")
    return mask, False


def _mend(mask: np.ndarray, affine: np.ndarray) -> np.ndarray | None:
    """Mend a mask; None where the template does not fit it."""
    template = template_mask(RESOLUTION)
    height = template.affine[2, 3] + template.affine[2, 2] * np.arange(template.voxels.shape[2])
    upper_head = np.broadcast_to(height >= LOWEST, template.voxels.shape)
    given = Volume(mask, affine)
    onto_mask = align_masks(template, coarsen(given, RESOLUTION), upper_head)
    expected, above = (_carry(voxels, template, given, onto_mask) for voxels in (template.voxels, upper_head))
    scales = np.linalg.svd(onto_mask[:3, :3], compute_uv=False)
    overlap = 2 * (expected & mask & above).sum() / max((expected & above).sum() + (mask & above).sum(), 1)
    log.info("template brain: overlap %.3f, scales %s", overlap, np.round(scales, 2).tolist())
    if overlap < MIN_DICE or not SCALES[0] <= scales.min() <= scales.max() <= SCALES[1]:
        return None
    size = voxel_size(affine)
    allowed, demanded = dilate(expected, size, OUTER_MARGIN), erode(expected, size, INNER_MARGIN)
    mended = ndimage.binary_fill_holes((mask & allowed) | demanded)
    pieces, _ = ndimage.label(mended)
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])


def _carry(voxels: np.ndarray, template: Volume, onto: Volume, template_onto: np.ndarray) -> np.ndarray:
    """Bring a mask on the template's grid to another grid, given the map between their worlds."""
    matrix = np.linalg.inv(template_onto @ template.affine) @ onto.affine
    shape = onto.voxels.shape
    return ndimage.affine_transform(voxels.astype(np.float32), matrix[:3, :3], matrix[:3, 3], shape, order=1) > 0.5
