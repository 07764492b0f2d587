"""Read and write NIfTI images and their JSON sidecars, and read the geometry that the physics needs.

Images keep the orientation they are stored in. The numerics work in voxel axes, so the direction of B0, which is the
scanner's z axis in world coordinates, is expressed in voxel axes here.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np

from chiomics.core.errors import InputError


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
    with whole_file(path) as temporary:
        nib.save(image, temporary)


def read_sidecar(path: str | Path) -> dict:
    """Read a JSON file, naming it where it does not parse."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError("the sidecar cannot be read", file=path, found=str(error), expected="JSON") from error


def write_sidecar(path: str | Path, fields: dict) -> None:
    """Write a JSON file whole or not at all; NumPy numbers are accepted, NaN becomes null."""
    write_text(path, json.dumps(_plain(fields), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside `path` and rename it when the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = "".join(path.suffixes[-2:]) if path.name.endswith(".nii.gz") else path.suffix
    temporary = path.with_name(f".{path.name.removesuffix(suffix)}.{os.getpid()}{suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def voxel_size(affine: np.ndarray) -> np.ndarray:
    """Return the voxel edge lengths in mm, one per voxel axis."""
    return np.linalg.norm(np.asarray(affine, dtype=float)[:3, :3], axis=0)


def b0_direction(affine: np.ndarray) -> np.ndarray:
    """Return the unit vector of B0, the world z axis, in voxel axes."""
    rotation = np.asarray(affine, dtype=float)[:3, :3] / voxel_size(affine)
    return rotation.T @ np.array([0.0, 0.0, 1.0])


def _plain(value: object) -> object:
    """Turn NumPy values and paths into what JSON holds."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value
