"""Images as the engine sees them: voxels in the order z, y, x, as in SimpleITK's arrays and pyradiomics.

The order stays inside this stage: what enters and leaves it is in the order x, y, z, as a `Volume` is.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chiomics.core.errors import InputError
from chiomics.core.images import check_claim, read_to_the_end, size_of, unpack, unreadable, voxel_size
from chiomics.core.space.volume import Volume

if TYPE_CHECKING:
    import SimpleITK

AXES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class ImageZYX:
    """An image of the engine.

    Parameters
    ----------
    voxels : ndarray, shape (z, y, x)
        In the image's own type.
    spacing : tuple of float
        Voxel size along z, y, x in mm.
    origin : tuple of float
        Of the first voxel's centre, x, y, z in mm, in SimpleITK's (LPS) axes.
    direction : tuple of float
        Direction cosines, row by row, as SimpleITK gives them.
    """

    voxels: np.ndarray
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = AXES
    source: object = field(default=None, repr=False, compare=False)  # the SimpleITK image of the same voxels, if any

    def __post_init__(self) -> None:
        """Refuse what has no one real number per voxel, and bring others to a type that the compiled loops know.

        Raises
        ------
        InputError
            For complex numbers and colours, and a voxel size that is none.
        """
        if self.voxels.dtype.kind not in "biuf" or self.voxels.ndim != 3:
            raise InputError(
                "the voxels are complex or colour values",
                found=f"{self.voxels.dtype} in {self.voxels.ndim} dimensions", expected="one real number per voxel",
            )  # fmt: skip
        if not all(math.isfinite(edge) and edge > 0 for edge in self.spacing):
            raise InputError(
                "the voxel size is none", found=" x ".join(f"{edge:g}" for edge in self.spacing[::-1]) + " mm",
                expected="three numbers above 0",
            )  # fmt: skip
        plain = _plain_type(self.voxels.dtype)
        if type(self.voxels) is not np.ndarray or self.voxels.dtype != plain:
            object.__setattr__(self, "voxels", _unmasked(self.voxels).astype(plain, copy=False))

    @property
    def affine(self) -> np.ndarray:
        """Voxel (along x, y, z) to world coordinates in mm, in nibabel's (RAS) axes; shape (4, 4)."""
        affine = np.eye(4)
        affine[:3, :3] = np.reshape(self.direction, (3, 3)) * self.spacing[::-1]
        affine[:3, 3] = self.origin
        return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along x, y, z, as the affine counts them."""
        return self.voxels.shape[::-1]

    def on(self, grid: ImageZYX) -> ImageZYX:
        """Take the geometry of an image that shares the voxels: headers may differ by what they round off."""
        if (self.spacing, self.origin, self.direction) == (grid.spacing, grid.origin, grid.direction):
            return self
        return ImageZYX(self.voxels, grid.spacing, grid.origin, grid.direction)

    def to_sitk(self) -> SimpleITK.Image:
        """Return the image as a SimpleITK image."""
        import SimpleITK as sitk  # noqa: N813

        if self.source is not None:
            return self.source
        voxels = self.voxels.astype(np.uint8) if self.voxels.dtype == bool else self.voxels
        image = sitk.GetImageFromArray(voxels)
        image.SetSpacing(self.spacing[::-1])
        image.SetOrigin(self.origin)
        image.SetDirection(self.direction)
        return image

    def cut(self, box: tuple[slice, slice, slice]) -> ImageZYX:
        """Return the part of the image in `box`; its origin is not moved, for no filter looks at it."""
        return replace(self, voxels=self.voxels[box], source=None)


def _plain_type(kind: np.dtype) -> np.dtype:
    """Return the native type of at least float32 and at most float64 that holds the same numbers."""
    if kind.kind == "f" and kind.itemsize not in (4, 8):
        return np.dtype(np.float32 if kind.itemsize < 4 else np.float64)
    return kind.newbyteorder("=")


def _unmasked(voxels: np.ndarray) -> np.ndarray:
    """Return the numbers of a masked array, NaN for those that it hides; others as they are."""
    if not np.ma.is_masked(voxels):
        return np.asarray(voxels)
    return np.ma.filled(voxels.astype(np.result_type(voxels.dtype, np.float32)), np.nan)


def as_image(image: object, spacing: tuple[float, float, float] | None = None) -> ImageZYX:
    """Accept an image in any of the forms that a user may hold.

    Parameters
    ----------
    image : Volume, SimpleITK.Image, nibabel image, ndarray of shape (x, y, z) or (x, y), or path-like
        An array is in the order that nibabel and the rest of this package use. A 2-D image is one slice.
    spacing : tuple of float, optional
        Voxel size in mm along the array's axes; for an array only.

    Returns
    -------
    ImageZYX

    Raises
    ------
    InputError
        For an image of other dimensions, or an array without spacing.
    """
    if isinstance(image, ImageZYX):
        return image
    if isinstance(image, (str, Path)):
        return read_image_zyx(image)
    if isinstance(image, np.ndarray):
        _check_3d(max(image.ndim, 3))
        if spacing is None or np.shape(spacing) != (image.ndim,):
            raise InputError("an array needs its spacing", found=str(spacing), expected="a voxel size in mm per axis")
        if image.ndim == 2:
            image, spacing = image[:, :, None], (*spacing, 1.0)
        _check_3d(image.ndim)
        return ImageZYX(image.T, tuple(float(edge) for edge in spacing[::-1]))
    if hasattr(image, "GetPixelIDTypeAsString"):
        if image.GetDimension() == 2:
            import SimpleITK as sitk  # noqa: N813

            image = sitk.JoinSeries([image])  # one slice, 1 mm thick
        _check_3d(image.GetDimension())
        return ImageZYX(
            np.asarray(_Pixels(image)),
            tuple(image.GetSpacing()[::-1]),
            tuple(image.GetOrigin()),
            tuple(image.GetDirection()),
            source=image,
        )
    if isinstance(image, Volume) or hasattr(image, "dataobj"):
        voxels = image.voxels if isinstance(image, Volume) else np.asanyarray(image.dataobj)
        while voxels.ndim > 3 and voxels.shape[-1] == 1:
            voxels = voxels[..., 0]
        voxels = voxels[..., None] if voxels.ndim == 2 else voxels
        _check_3d(voxels.ndim)
        size = voxel_size(image.affine)
        flip = np.array([-1.0, -1.0, 1.0])  # nibabel's axes point right and forward, SimpleITK's left and back
        direction = flip[:, None] * image.affine[:3, :3] / size
        return ImageZYX(
            voxels.T,
            tuple(size[::-1].tolist()),
            tuple((flip * image.affine[:3, 3]).tolist()),
            tuple(direction.ravel().tolist()),
        )
    raise InputError("not an image", found=type(image).__name__, expected="Volume, SimpleITK, nibabel, array or path")


class _Pixels:
    """The pixels of a SimpleITK image without a copy. SimpleITK's own view does not keep the image alive; this does."""

    def __init__(self, image: SimpleITK.Image) -> None:
        import SimpleITK as sitk  # noqa: N813

        self.image = image
        self.__array_interface__ = sitk.GetArrayViewFromImage(image).__array_interface__


def read_image_zyx(path: str | Path) -> ImageZYX:
    """Read an image file in the type that it is stored in."""
    import SimpleITK as sitk  # noqa: N813

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        voxels = _plain_voxels(path) if reader.GetDimension() == 3 else None
        if voxels is None or voxels.shape[::-1] != tuple(reader.GetSize()):
            return as_image(reader.Execute())
    except RuntimeError as error:
        raise unreadable(path, RuntimeError(str(error).strip().splitlines()[-1])) from error
    return ImageZYX(voxels, tuple(reader.GetSpacing()[::-1]), tuple(reader.GetOrigin()), tuple(reader.GetDirection()))


def _plain_voxels(path: str | Path) -> np.ndarray | None:
    """Read the voxels of a NIfTI file that are stored as they are meant, in their own type; None of any other file.

    ITK reads what is not finite as 0, gives zeros for what is damaged or cut short, and is half as fast.
    """
    import nibabel as nib

    if not str(path).endswith((".nii", ".nii.gz")):
        return None
    try:
        image = nib.load(path, keep_file_open=True)
        kind = image.get_data_dtype()
        check_claim(image.shape, kind.itemsize, path)
        plain = image.ndim == 3 and image.dataobj.slope == 1 and image.dataobj.inter == 0 and kind.kind in "iuf"
        if plain and str(path).endswith(".gz"):  # as unpacked, without a copy, which costs half as much again
            count = int(np.prod(image.shape))
            voxels = np.frombuffer(unpack(path, size_of(image)), kind, count, int(image.dataobj.offset)).reshape(
                image.shape, order="F"
            )
        else:  # of any other image too: ITK gives zeros for what a damaged file lacks, and says nothing
            voxels = read_to_the_end(image, path)
    except InputError:
        raise
    except (OSError, EOFError, zlib.error, ValueError, nib.filebasedimages.ImageFileError) as error:
        raise unreadable(path, error) from error
    if not plain:
        return None
    voxels = voxels.T
    return voxels if kind.isnative else voxels.astype(kind.newbyteorder("="))


def _check_3d(dimension: int) -> None:
    if dimension != 3:
        raise InputError("the image is neither 2-D nor 3-D", found=f"{dimension} dimensions", expected="2 or 3")
