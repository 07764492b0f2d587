"""Images with their axes in another order: the right-anterior-superior one of pictures, or that of another image."""

from __future__ import annotations

import nibabel as nib
import numpy as np

from chiomics.core.images import voxel_size
from chiomics.core.space.volume import Volume


class NearestRAS:
    """Permutes and flips the voxel axes of one grid to the nearest right-anterior-superior order.

    Parameters
    ----------
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm, as stored.
    shape : tuple of int
        Of the grid.

    Attributes
    ----------
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm, in the new order.
    voxel_size : ndarray, shape (3,)
        Voxel size in mm, in the new order.
    """

    def __init__(self, affine: np.ndarray, shape: tuple[int, ...]) -> None:
        self._codes = nib.orientations.io_orientation(affine)
        self.affine = affine @ nib.orientations.inv_ornt_aff(self._codes, shape)
        self.voxel_size = voxel_size(self.affine)

    def __call__(self, voxels: np.ndarray) -> np.ndarray:
        """Bring an image on that grid to the new order."""
        return np.asarray(nib.orientations.apply_orientation(voxels, self._codes))


def closest_canonical(image: Volume) -> Volume:
    """Permute and flip the axes of an image to the nearest right-anterior-superior order; no value is interpolated.

    Parameters
    ----------
    image : Volume
        With its axes in any order and direction.

    Returns
    -------
    Volume
    """
    order = NearestRAS(image.affine, image.voxels.shape[:3])
    return Volume(np.ascontiguousarray(order(image.voxels)), order.affine)


def in_order_of(image: Volume, affine: np.ndarray) -> Volume:
    """Permute and flip the axes of an image to the order in which another one stores them; no value is interpolated.

    Parameters
    ----------
    image : Volume
        On the same axes as the other image, in any order and direction.
    affine : ndarray, shape (4, 4)
        Of the other image, voxel to world coordinates in mm.

    Returns
    -------
    Volume
    """
    codes = nib.orientations.io_orientation(np.linalg.inv(affine) @ image.affine)
    moved = image.affine @ nib.orientations.inv_ornt_aff(codes, image.voxels.shape)
    return Volume(np.ascontiguousarray(nib.orientations.apply_orientation(image.voxels, codes)), moved)
