"""The volume of Wang et al. 2020 (Data Processing, Figure 2): background cropped away, then resized to a cube.

The box is found on the FLAIR and cuts the lesion image too. Each section is resized, bilinear, and then the stack
along the third axis, since OpenCV, which the paper names, resizes sections and not volumes. Anisotropic, as published.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from chiomics.core.errors import InputError

#: Free margin around the brain in mm.
MARGIN = 2.0


def find_box(brain: np.ndarray, voxel_size: np.ndarray, *, margin: float = MARGIN) -> tuple[slice, slice, slice]:
    """Find the box of what is not background.

    Parameters
    ----------
    brain : ndarray of bool, shape (x, y, z)
        What is kept.
    voxel_size : ndarray, shape (3,)
        In mm.
    margin : float
        Kept around it, mm.

    Returns
    -------
    tuple of slice
        One per axis.
    """
    if not brain.any():
        raise InputError("the brain mask is empty", expected="a brain to crop to")
    box = []
    for axis in range(3):
        found = np.flatnonzero(brain.any(axis=tuple({0, 1, 2} - {axis})))
        reach = int(np.ceil(margin / voxel_size[axis]))
        box.append(slice(max(int(found[0]) - reach, 0), min(int(found[-1]) + reach + 1, brain.shape[axis])))
    return tuple(box)


def resize(voxels: np.ndarray, edge: int) -> np.ndarray:
    """Resize an array to a cube: bilinear in each section, then linear along the third axis.

    Parameters
    ----------
    voxels : ndarray, shape (x, y, z)
        Values.
    edge : int
        Voxels per edge.

    Returns
    -------
    ndarray, shape (edge, edge, edge)
        Float32. Centres of voxels are those of OpenCV: x' = (x + ½) n / edge − ½, the border repeated.
    """
    for axes in ((0, 1), (2,)):
        factor, offset, shape = np.ones(3), np.zeros(3), list(voxels.shape)
        for axis in axes:
            factor[axis] = voxels.shape[axis] / edge
            offset[axis] = factor[axis] / 2 - 0.5
            shape[axis] = edge
        voxels = ndimage.affine_transform(
            voxels.astype(np.float32), np.diag(factor), offset, tuple(shape), order=1, mode="nearest", output=np.float32
        )
    return voxels
