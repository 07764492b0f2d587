"""Mend a brain mask that was found by intensity: cut off neck and eyes, close what a bright coil left open.

The MNI152 brain that nilearn bundles is laid over the mask by an affine registration of the two masks (antspyx). It
looks at the upper head only, where the skull separates brain from scalp and the intensity mask can be trusted. Far
outside the template nothing is brain, deep inside everything is; in between the intensity decides.
"""

from __future__ import annotations

import logging
from tempfile import TemporaryDirectory

import numpy as np
from scipy import ndimage

from chiomics.core.files import plain_folder
from chiomics.core.images import voxel_size
from chiomics.core.space.template import template_mask
from chiomics.qsm.masks.near_distance import dilate, erode

#: Resolution of the registration and standard deviation of the smoothing of both masks, in mm.
RESOLUTION, SMOOTHING = 4, 4.0
#: Below this height in MNI coordinates, in mm, the registration does not look: there the mask may hold the neck.
LOWEST = -20.0
#: The template may miss this much of a brain, and it may hold this much that is not brain, in mm.
OUTER_MARGIN, INNER_MARGIN = 6.0, 8.0
#: A registration counts where the masks overlap by this Dice coefficient, and no axis is scaled by more than the range:
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
    # Here, since it takes seconds and a mask of the user's own needs none of it.
    from chiomics.core.space.ants_images import ants, to_ants

    template = template_mask(RESOLUTION)
    brain = template.voxels.astype(np.float32)
    height = template.affine[2, 3] + template.affine[2, 2] * np.arange(brain.shape[2])
    upper_head = np.broadcast_to(height >= LOWEST, brain.shape)
    fixed, moving, grid = to_ants(brain, template.affine), to_ants(mask, affine), to_ants(mask, affine)
    fixed, moving = (
        ants.smooth_image(image, SMOOTHING, sigma_in_physical_coordinates=True) for image in (fixed, moving)
    )
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
        carried = (
            ants.apply_transforms(grid, image, path, whichtoinvert=inverse).numpy() > 0.5
            for image in (to_ants(brain, template.affine), options["mask"])
        )
        expected, above = carried
        scales = np.linalg.svd(ants.read_transform(path[0]).parameters[:9].reshape(3, 3), compute_uv=False)
    overlap = 2 * (expected & mask & above).sum() / max((expected & above).sum() + (mask & above).sum(), 1)
    log.info("template brain: overlap %.3f, scales %s", overlap, np.round(scales, 2).tolist())
    if overlap < MIN_DICE or not SCALES[0] <= scales.min() <= scales.max() <= SCALES[1]:
        return None
    size = voxel_size(affine)
    allowed, demanded = dilate(expected, size, OUTER_MARGIN), erode(expected, size, INNER_MARGIN)
    mended = ndimage.binary_fill_holes((mask & allowed) | demanded)
    pieces, _ = ndimage.label(mended)
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
