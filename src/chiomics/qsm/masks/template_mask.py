"""Mend a brain mask that was found by intensity: cut off neck and eyes, close what a bright coil left open.

The MNI152 brain that nilearn bundles is laid over the mask by an affine map of the one mask to the other. It looks at
the upper head only, where the skull separates brain from scalp and the intensity mask can be trusted. Far outside the
template nothing is brain, deep inside everything is; in between the intensity decides.

A head that lies in the image whole and fits well is laid over by `align_masks`, in a second; any other (a slab, a mask
with much neck) by the registration of antspyx, which takes four.
"""

from __future__ import annotations

import logging
from tempfile import TemporaryDirectory

import numpy as np
from scipy import ndimage

from chiomics.core.files import plain_folder
from chiomics.core.images import voxel_size
from chiomics.core.space.grids import coarsen
from chiomics.core.space.template import template_mask
from chiomics.core.space.volume import Volume
from chiomics.qsm.masks.align_masks import align_masks
from chiomics.qsm.masks.near_distance import dilate, erode

#: Resolution of the alignment, and standard deviation of the smoothing of both masks before the registration, in mm.
RESOLUTION, SMOOTHING = 4.0, 4.0
#: Below this height in MNI coordinates, in mm, the alignment does not look: there the mask may hold the neck.
LOWEST = -20.0
#: The template may miss this much of a brain, and it may hold this much that is not brain, in mm.
OUTER_MARGIN, INNER_MARGIN = 6.0, 8.0
#: An alignment counts where the masks overlap by this Dice coefficient, and no axis is scaled by more than the range:
#: adult heads differ by some 15 %.
MIN_DICE, SCALES = 0.9, (0.75, 1.35)
#: The quick alignment counts above this overlap and with this share of the template's upper head inside the image. On
#: a 3 T head with much neck it stretched the template over its edges: .92 and .94 there, .96 and 1.00 on whole heads.
SURE_DICE, MIN_INSIDE = 0.95, 0.99
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
    for lay, dice in ((_align, SURE_DICE), (_register, MIN_DICE)):
        expected, above, scales = lay(Volume(mask, affine), template, upper_head)
        overlap = 2 * (expected & mask & above).sum() / max((expected & above).sum() + (mask & above).sum(), 1)
        log.info("template brain, %s: overlap %.3f, scales %s", lay.__name__[1:], overlap, np.round(scales, 2).tolist())
        if overlap >= dice and SCALES[0] <= scales.min() <= scales.max() <= SCALES[1]:
            break
    else:
        return None
    size = voxel_size(affine)
    allowed, demanded = dilate(expected, size, OUTER_MARGIN), erode(expected, size, INNER_MARGIN)
    mended = ndimage.binary_fill_holes((mask & allowed) | demanded)
    pieces, _ = ndimage.label(mended)
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])


def _align(mask: Volume, template: Volume, upper_head: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lay the template over a mask quickly; where its upper head leaves the image, over nothing.

    Returns the template's brain and its upper head on the mask's grid, and by how much each axis is scaled.
    """
    onto = align_masks(template, coarsen(mask, RESOLUTION), upper_head)
    to_voxels = np.linalg.inv(mask.affine) @ onto @ template.affine
    where = to_voxels[:3, :3] @ np.argwhere(template.voxels & upper_head).T + to_voxels[:3, 3:]
    inside = ((where > -0.5) & (where < np.array(mask.voxels.shape)[:, None] - 0.5)).all(0).mean()
    back = np.linalg.inv(to_voxels)
    expected, above = (
        ndimage.affine_transform(
            voxels.astype(np.float32), back[:3, :3], back[:3, 3], output_shape=mask.voxels.shape, order=1
        )
        > 0.5
        for voxels in (template.voxels, upper_head)
    )
    return expected & (inside >= MIN_INSIDE), above, np.linalg.svd(onto[:3, :3], compute_uv=False)


def _register(mask: Volume, template: Volume, upper_head: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lay the template over a mask by antspyx; returns as `_align` does."""
    # Here, since it takes seconds and most masks need none of it.
    from chiomics.core.space.ants_images import ants, to_ants

    brain = to_ants(template.voxels.astype(np.float32), template.affine)
    grid = to_ants(mask.voxels, mask.affine)
    fixed, moving = (ants.smooth_image(image, SMOOTHING, sigma_in_physical_coordinates=True) for image in (brain, grid))
    options = {
        "mask": to_ants(upper_head, template.affine), "aff_metric": "meansquares", "random_seed": 1,
        "aff_iterations": (200, 100), "aff_shrink_factors": (3, 1), "aff_smoothing_sigmas": (2, 0),
    }  # fmt: skip
    with TemporaryDirectory() as own, plain_folder(own) as folder:
        rigid = ants.registration(
            fixed, moving, type_of_transform="Similarity", outprefix=str(folder / "rigid"), **options
        )
        path = ants.registration(
            fixed, moving, type_of_transform="Affine", initial_transform=rigid["fwdtransforms"][0],
            outprefix=str(folder / "affine"), **options,
        )["fwdtransforms"]  # fmt: skip
        inverse = [True] * len(path)
        expected, above = (
            ants.apply_transforms(grid, image, path, whichtoinvert=inverse).numpy() > 0.5
            for image in (brain, options["mask"])
        )
        scales = np.linalg.svd(ants.read_transform(path[0]).parameters[:9].reshape(3, 3), compute_uv=False)
    return expected, above, scales
