"""Read and write NIfTI images, and read the geometry that the physics needs.

Images keep the orientation they are stored in. The numerics work in voxel axes, so the direction of B0, which is the
scanner's z axis in world coordinates, is expressed in voxel axes here.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import nibabel as nib
import numpy as np
from isal import igzip, isal_zlib

from chiomics.core.errors import InputError, say_cause
from chiomics.core.files import atomic_write

#: The most that deflate packs into a byte (RFC 1951: 258 bytes in 2 bits): what claims more is not whole.
MAX_PACKED = 1032
#: Voxels of a volume beyond which a header is taken for broken or hostile: a whole head at 0.2 mm has 0.7e9.
MAX_VOXELS = 2**30
#: Bytes behind the voxels that a format's reader looks at: the footer of MGH.
MAX_FOOTER = 2**16
#: The file that was opened last, which the record of an unexpected error names.
LAST_READ = ""


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
    voxels, affine = load_voxels(path)
    if not np.isfinite(voxels).all():
        raise InputError(
            "the image holds NaN or infinite voxels",
            file=path,
            found=f"{np.count_nonzero(~np.isfinite(voxels))} voxels that are not finite",
            expected="finite values",
        )
    return voxels.astype(dtype, copy=False), affine


def load_voxels(
    path: str | Path, *, volumes: Sequence[int] | None = None, of: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read the scaled voxels of an image in their own type, and its affine.

    Parameters
    ----------
    path : path-like
        Any file that nibabel reads with an affine.
    volumes : sequence of int, optional
        Numbers of the volumes of a series that are wanted, ascending; the others are not kept in memory.
    of : int, optional
        How many volumes the series has to have.

    Returns
    -------
    voxels : ndarray
        Real numbers, NaN included; trailing axes of length 1 are dropped.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm: the sform, or the qform where the sform spans no volume.

    Raises
    ------
    InputError
        Where the file is not an image, is cut short, has no usable affine, or holds colours or complex numbers.
    """
    global LAST_READ
    LAST_READ = str(path)
    try:
        image = nib.load(path, keep_file_open=True)
        check_claim(image.shape, image.get_data_dtype().itemsize, path)
        if of is not None and image.shape[3:] != (of,):
            raise InputError(
                "the image has another number of volumes than its table", file=path,
                found=" x ".join(map(str, image.shape)), expected=f"{of} volumes",
            )  # fmt: skip
        voxels = read_to_the_end(image, path, volumes=volumes)
    except InputError:
        raise
    except (OSError, EOFError, zlib.error, ValueError, nib.filebasedimages.ImageFileError) as error:
        raise unreadable(path, error) from error
    except nib.spatialimages.HeaderDataError as error:
        raise InputError(
            "the image's header contradicts itself", file=path, found=str(error), expected="a finite scale and offset"
        ) from error
    if voxels.dtype.kind not in "biuf":
        raise InputError(
            "the voxels are complex or colour values", file=path, found=str(voxels.dtype),
            expected="one real number per voxel",
        )  # fmt: skip
    while voxels.ndim > 3 and voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    return voxels, _usable_affine(image, path)


def unreadable(path: str | Path, error: Exception) -> InputError:
    """Say why a file could not be read as an image; nibabel and SimpleITK have the same words for several causes.

    Parameters
    ----------
    path : path-like
        The file.
    error : Exception
        Of the reader.

    Returns
    -------
    InputError
        To be raised.
    """
    path = Path(path)
    if path.is_dir():
        return InputError("this is a folder", file=path, expected="an image")
    if not path.exists():
        return InputError("there is no such file", file=path)
    try:
        with path.open("rb") as file:
            head = file.read(352)
    except OSError as refused:
        return InputError("the file cannot be opened", file=path, found=say_cause(refused))
    if not head:
        return InputError("the file is empty", file=path)
    packed = head[:2] == b"\x1f\x8b"
    if path.name.lower().endswith((".gz", ".mgz")) and not packed:
        plain = head[344:347] in (b"n+1", b"ni1")  # NIfTI-1's mark, as it stands in a file that nobody compressed
        return InputError(
            "the file's name says that it is compressed by gzip, and it is not", file=path,
            found="plain NIfTI" if plain else "something else",
            expected=f"gzip {path}, or a name without .gz" if plain else "an image",
        )  # fmt: skip
    if path.suffix.lower() == ".nii" and packed:
        return InputError("the file is compressed by gzip", file=path, expected="a name that ends in .nii.gz")
    if isinstance(error, nib.filebasedimages.ImageFileError | RuntimeError) and not packed:
        return InputError("this is no image that can be read", file=path, expected="an image, e.g. NIfTI")
    return InputError("the image cannot be read, it may be cut short", file=path, found=say_cause(error))


def read_to_the_end(
    image: nib.spatialimages.SpatialImage, path: str | Path, *, volumes: Sequence[int] | None = None
) -> np.ndarray:
    """Read voxels, and of a compressed file what follows them: its checksum stands at the end.

    Without it a flipped bit changes voxels and nobody is told.

    Parameters
    ----------
    image : nibabel image
        Loaded with ``keep_file_open=True``, so that nothing is read twice.
    path : path-like
        Its file.
    volumes : sequence of int, optional
        As for `load_voxels`.

    Returns
    -------
    ndarray
        Scaled voxels.

    Raises
    ------
    OSError, EOFError, zlib.error
        Where the content is not what was compressed.
    """
    packed = str(path).lower().endswith((".gz", ".mgz"))
    if packed and volumes is None and hasattr(type(image), "from_bytes"):
        return np.asanyarray(type(image).from_bytes(unpack(path, size_of(image))).dataobj)
    if volumes is None:
        voxels = np.asanyarray(image.dataobj)
    else:
        voxels = np.stack([np.asanyarray(image.dataobj[..., number]) for number in volumes], axis=-1)
    if packed:
        opener = getattr(image.dataobj, "_opener", None)
        with nullcontext(opener) if opener is not None else gzip.open(path) as stream:
            while stream.read(2**20):
                pass
    return voxels


def size_of(image: nib.spatialimages.SpatialImage) -> int:
    """Return the bytes of an image's header, voxels, and what may stand behind them and be needed (`MAX_FOOTER`)."""
    return int(image.dataobj.offset) + math.prod(image.shape) * image.get_data_dtype().itemsize + MAX_FOOTER


def unpack(path: str | Path, size: int) -> bytes:
    """Decompress a gzip file, by ISA-L in a third of zlib's time, and check its length and checksum.

    Parameters
    ----------
    path : path-like
        One gzip member or several.
    size : int
        Bytes that are wanted; what follows is read, for the checksum, and not kept: it may be of any length.

    Returns
    -------
    bytes
        What was compressed, up to `size`.

    Raises
    ------
    OSError, EOFError
        Where the content is not what was compressed.
    """
    try:
        with igzip.open(path) as stream:
            whole = stream.read(size)
            while stream.read(2**20):
                pass
    except isal_zlib.error as error:  # type: ignore[misc]  # its stubs declare an instance
        raise OSError(f"the compressed file is damaged: {error}") from error
    if not whole:
        raise EOFError("the compressed file is empty")
    return whole


def check_claim(shape: tuple[int, ...], item_size: int, path: str | Path) -> None:
    """Refuse a header that claims more voxels than its file can hold, before memory is asked for them.

    Parameters
    ----------
    shape : tuple of int
        Of the voxels.
    item_size : int
        Bytes of a voxel.
    path : path-like
        Holds header and voxels.

    Raises
    ------
    InputError
        Also for a volume of more than `MAX_VOXELS`.
    """
    if (volume := math.prod(shape[:3])) > MAX_VOXELS:
        raise InputError(
            "the image is larger than any head", file=path, found=f"{volume} voxels", expected=f"at most {MAX_VOXELS}"
        )
    kind, held = Path(path).suffix.lower(), Path(path).stat().st_size
    factor = {".gz": MAX_PACKED, ".mgz": MAX_PACKED, ".nii": 1, ".mgh": 1}.get(kind, math.inf)
    if (claimed := math.prod(shape) * item_size) > factor * held:
        raise InputError(
            "the image cannot be read, it is cut short", file=path, found=f"{held} bytes",
            expected=f"{claimed} bytes of voxels" + ", packed" * (factor > 1),
        )  # fmt: skip


def _usable_affine(image: nib.spatialimages.SpatialImage, path: str | Path) -> np.ndarray:
    """Return the affine of an image, of NIfTI the qform where the sform spans no volume."""
    affine = image.affine
    if affine is not None and not _spans(affine) and hasattr(image, "get_qform"):
        affine = image.get_qform(coded=True)[0]
    if affine is None or not _spans(affine):
        raise InputError("the image's affine spans no volume", file=path, expected="a sform or qform that is finite")
    return affine


def _spans(affine: np.ndarray) -> bool:
    """Tell whether an affine is finite and has three axes that differ."""
    return bool(np.isfinite(affine).all() and (voxel_size(affine) > 0).all() and abs(np.linalg.det(affine)) > 1e-12)


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


def scanner_affine(path: str | Path) -> np.ndarray:
    """Return the affine that leads to the scanner's axes, which B0 follows.

    Parameters
    ----------
    path : path-like
        NIfTI file.

    Returns
    -------
    ndarray, shape (4, 4)
        The qform where it alone says "scanner" (code 1), as after a co-registration that wrote the sform anew; else
        the form that NIfTI prefers.
    """
    image = nib.load(path)
    try:
        sform, qform = int(image.header["sform_code"]), int(image.header["qform_code"])
    except (KeyError, ValueError, IndexError):
        sform = qform = 0
    return image.header.get_qform() if qform == 1 and sform != 1 else _usable_affine(image, path)
