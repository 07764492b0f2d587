"""Bias field of the receive coil, by N4.

Tustison et al. (2010, IEEE TMI 29:1310), applied to the acquired images as Zhang et al. (2022) do. The field is smooth,
so it is estimated on coarse voxels and divided out at the image's own.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from chiomics.anatomy.registration.settings import BiasSettings
from chiomics.core.space.grids import coarsen
from chiomics.core.space.transforms import itk_image
from chiomics.core.space.volume import Volume

#: Share of the 98th percentile above which a voxel is no air.
FOREGROUND = 0.15
#: Convergence threshold of N4, ANTs' default.
TOLERANCE = 1e-7


def correct_bias(image: Volume, *, settings: BiasSettings, mask: Volume | None = None) -> Volume:
    """Divide the bias field out of an image.

    Parameters
    ----------
    image : Volume
        T1w, FLAIR or magnitude; not negative where it matters.
    settings : BiasSettings
        Resolution and iterations.
    mask : Volume, optional
        Where the field is estimated, on the grid of `image`; best the brain. By default all that is no air.

    Returns
    -------
    Volume
        Float32, with the median over the mask that `image` has.
    """
    from chiomics.core.space.ants_images import ants

    coarse = coarsen(image, settings.resolution)
    if mask is None:
        inside = coarse.voxels > FOREGROUND * np.percentile(coarse.voxels, 98)
    else:
        inside = coarsen(mask, settings.resolution).voxels > 0.5
    field = ants.n4_bias_field_correction(
        itk_image(coarse.like(np.maximum(coarse.voxels, 0))),
        mask=itk_image(coarse.like(inside)),
        shrink_factor=1,
        convergence={"iters": list(settings.iterations), "tol": TOLERANCE},
        spline_param=settings.spline_distance,
        return_bias_field=True,
    ).numpy()
    bias = np.exp(_on_grid(coarse.like(np.log(np.maximum(field, 1e-3))), image))
    corrected = image.voxels / bias
    seen = mask.voxels > 0 if mask is not None else image.voxels > FOREGROUND * np.percentile(image.voxels, 98)
    if seen.any() and (level := np.median(corrected[seen])) > 0:
        corrected *= np.float32(np.median(image.voxels[seen]) / level)
    return Volume(corrected.astype(np.float32), image.affine)


def _on_grid(coarse: Volume, image: Volume) -> np.ndarray:
    """Interpolate a coarse image on the finer grid it was made from, whose axes it shares."""
    to_coarse = np.linalg.inv(coarse.affine) @ image.affine
    return ndimage.affine_transform(
        coarse.voxels,
        np.diag(np.diag(to_coarse[:3, :3])),
        to_coarse[:3, 3],
        image.voxels.shape,
        order=1,
        mode="nearest",
        output=np.float32,
    )
