"""Read and write NIfTI images, and read the geometry that the physics needs.

Images keep the orientation they are stored in. The numerics work in voxel axes, so the direction of B0, which is the
scanner's z axis in world coordinates, is expressed in voxel axes here.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import nibabel as nib
import numpy as np

from chiomics.core.errors import InputError
from chiomics.core.files import atomic_write


def read_image(path: str | Path, *, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Read the scaled voxels and the affine of an image.

    Parameters
    ----------
    path : path-like
        NIfTI file.
    dtype : type
        Type of the returned voxels.

    Returns
    -------
    voxels : ndarray
        Scaled values, as stored on disk; a trailing axis of length 1 is dropped.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.

    Raises
    ------
    InputError
        Where the file is not an image, is cut short, or holds values that are not finite.
    """
    try:
        image = nib.load(path)
        voxels = np.asanyarray(image.dataobj)
    except (OSError, EOFError, zlib.error, ValueError, nib.filebasedimages.ImageFileError) as error:
        raise InputError(
            "the image cannot be read, it may be cut short", file=path, found=str(error) or type(error).__name__
        ) from error
    while voxels.ndim > 3 and voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    if not np.isfinite(voxels).all():
        raise InputError(
            "the image holds NaN or infinite voxels",
            file=path,
            found=f"{np.count_nonzero(~np.isfinite(voxels))} voxels that are not finite",
            expected="finite values",
        )
    return voxels.astype(dtype, copy=False), image.affine


def write_image(path: str | Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    """Write an image whole or not at all; floats as float32, booleans and small integers as they fit.

    Parameters
    ----------
    path : path-like
        Ends in ``.nii`` or ``.nii.gz``; missing folders are made.
    voxels : ndarray
        Voxels, 3-D or 4-D.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.
    """
    if voxels.dtype == bool:
        voxels = voxels.astype(np.uint8)
    elif voxels.dtype.kind == "f":
        voxels = voxels.astype(np.float32, copy=False)
    elif voxels.dtype.kind == "i":
        voxels = voxels.astype(np.int16 if np.abs(voxels).max(initial=0) < 2**15 else np.int32)
    image = nib.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    with atomic_write(path) as temporary:
        nib.save(image, temporary)


def voxel_size(affine: np.ndarray) -> np.ndarray:
    """Return the voxel size in mm, one per voxel axis."""
    return np.linalg.norm(np.asarray(affine, dtype=float)[:3, :3], axis=0)


def b0_direction(affine: np.ndarray) -> np.ndarray:
    """Return the unit vector of B0, the world z axis, in voxel axes."""
    rotation = np.asarray(affine, dtype=float)[:3, :3] / voxel_size(affine)
    return rotation.T @ np.array([0.0, 0.0, 1.0])
