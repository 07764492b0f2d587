"""Images that are combined voxel by voxel have to lie on the same voxels."""

from __future__ import annotations

import numpy as np

from chiomics.anatomy.volume import Volume
from chiomics.core.errors import InputError

#: Corners of two grids may differ by this share of a voxel: what single precision in a header rounds off.
TOLERANCE = 0.02


def check_same_grid(first: Volume, *others: Volume) -> None:
    """Refuse volumes whose voxels lie elsewhere than those of the first.

    Parameters
    ----------
    first, *others : Volume
        Of any content.

    Raises
    ------
    InputError
        With the shapes, or the largest distance between corners in mm.
    """
    shape = first.voxels.shape[:3]
    corners = np.array([[i, j, k, 1] for i in (0, shape[0]) for j in (0, shape[1]) for k in (0, shape[2])], float).T
    for other in others:
        if other.voxels.shape[:3] != shape:
            raise InputError("images differ in shape", found=str(other.voxels.shape), expected=str(shape))
        distance = np.abs((other.affine - first.affine) @ corners).max()
        if distance > TOLERANCE * first.voxel_size.min():
            raise InputError("images lie on different voxels", found=f"corners {distance:.3g} mm apart", expected="0")
