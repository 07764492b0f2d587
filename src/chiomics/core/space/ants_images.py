"""Hand images to ANTs, which counts world coordinates to the left and posterior, NIfTI to the right and anterior.

Import antspyx through this module: it takes seconds, and ITK reads the number of its threads once, at the first use.
One thread, because the sums of several come in another order at every call, and so would the registrations.
"""

from __future__ import annotations

import os

import numpy as np

os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
import ants

#: World coordinates of NIfTI (right, anterior, superior) in those of ANTs (left, posterior, superior).
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])


def to_ants(voxels: np.ndarray, affine: np.ndarray) -> ants.ANTsImage:
    """Make an ANTs image.

    Parameters
    ----------
    voxels : ndarray, shape (x, y, z)
        Values, taken as float32.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm, any orientation without shear.

    Returns
    -------
    ants.ANTsImage
        The same image.
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    return ants.from_numpy(
        np.ascontiguousarray(voxels, dtype=np.float32),
        origin=(RAS_TO_LPS @ affine[:3, 3]).tolist(),
        spacing=spacing.tolist(),
        direction=RAS_TO_LPS @ affine[:3, :3] / spacing,
    )
