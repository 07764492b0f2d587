"""Derived images: wavelet and Laplacian of Gaussian on a piece that suffices, equal to those of the whole image.

Wavelet: one level of the stationary transform per level asked for (PyWavelets' ``swtn``), periodic at the image's
edge, odd edges made even by one wrapped slice, as in pyradiomics 3.0.1. A coefficient depends on half a filter to
either side, so along each axis where the region and that reach lie inside the image the piece is cut, else the axis
is kept whole. Inside the piece PyWavelets adds the same numbers in the same order: the result is bit for bit that of
the whole image.

LoG: SimpleITK's recursive Gaussian. Its memory of a distant voxel fades as exp(-1.8 d / sigma), so a piece with a
margin of `LOG_SUPPORT` sigma differs from the whole image by less than the rounding of the filter itself.

Every other image type is taken from pyradiomics, on the whole image, for some scale with the image's maximum.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from chiomics.core.errors import InputError
from chiomics.radiomics.image_zyx import ImageZYX
from chiomics.radiomics.parameters import Settings
from chiomics.radiomics.region import Region

#: Margin in sigma: exp(-1.8 x 22) is 6e-18, below half a unit in the last place of float64.
LOG_SUPPORT = 22.0


def derived_images(
    image: ImageZYX, region: Region, image_type: str, settings: Settings
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each image of a type as its name and its voxels in the region's box.

    Parameters
    ----------
    image : ImageZYX
        On the region's grid.
    region : Region
        Where features will be taken.
    image_type : str
        pyradiomics' name, e.g. ``Wavelet``.
    settings : Settings
        Filter settings.

    Yields
    ------
    name : str
        As in pyradiomics' feature names, e.g. ``wavelet-LLH``.
    voxels : ndarray
        Of the shape of the region's box.
    """
    own = {**settings.parameters, **settings.image_types[image_type]}
    if image_type == "Original":
        yield "original", image.voxels[region.box]
    elif image_type == "Wavelet":
        yield from _wavelet_images(image, region, own, settings.flat_axis)
    elif image_type == "LoG":
        yield from _log_images(image, region, own)
    else:
        yield from _images_of_pyradiomics(image, region, image_type, own)


def image_names(image_type: str, settings: Settings) -> list[str]:
    """List the names of the images of a type, in the order in which `derived_images` yields them."""
    own = {**settings.parameters, **settings.image_types[image_type]}
    if image_type == "Wavelet":
        return [_wavelet_name(level, band) for level, band in _wavelet_bands(own, settings.flat_axis)]
    if image_type == "LoG":
        return [_log_name(sigma) for sigma in own.get("sigma", [])]
    if image_type == "LBP3D":
        return [f"lbp-3D-m{level + 1}" for level in range(own.get("lbp3DLevels", 2))] + ["lbp-3D-k"]
    return ["lbp-2D" if image_type == "LBP2D" else image_type.lower()]


def _wavelet_bands(own: dict, flat_axis: int | None) -> list[tuple[int, str]]:
    """List level and band (a: low, d: high) of each wavelet image, the last level's approximation last."""
    n_axes, n_levels = 3 if flat_axis is None else 2, own.get("level", 1)
    bands = ["".join(letters) for letters in product("ad", repeat=n_axes)]
    return [(level + 1, band) for level in range(n_levels) for band in bands[1:]] + [(n_levels, bands[0])]


def _wavelet_name(level: int, band: str) -> str:
    return f"wavelet{level if level > 1 else ''}-{band.replace('a', 'L').replace('d', 'H')}"


def _log_name(sigma: float) -> str:
    return f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D"


def _wavelet_images(
    image: ImageZYX, region: Region, own: dict, flat_axis: int | None
) -> Iterator[tuple[str, np.ndarray]]:
    import pywt

    wavelet = pywt.Wavelet(own.get("wavelet", "coif1"))
    start, n_levels = own.get("start_level", 0), own.get("level", 1)
    axes = tuple(axis for axis in (2, 1, 0) if axis != flat_axis)  # x first, as pyradiomics names the bands
    reach = (start + n_levels) * wavelet.dec_len
    box = []
    for axis, (side, size) in enumerate(zip(region.box, image.voxels.shape, strict=True)):
        first, last = side.start - reach, side.stop + reach
        last += (last - first) % 2  # the transform needs an even length
        inside = axis in axes and first >= 0 and last <= size
        box.append(slice(first, last) if inside else slice(0, size))
    piece = image.voxels[tuple(box)]
    piece = np.pad(piece, [(0, edge % 2) for edge in piece.shape], mode="wrap")
    inner = tuple(
        slice(side.start - cut.start, side.stop - cut.start) for side, cut in zip(region.box, box, strict=True)
    )

    low = "a" * len(axes)
    for _ in range(start):
        piece = pywt.swtn(piece, wavelet, level=1, start_level=0, axes=axes)[0][low]
    levels = []
    for _ in range(n_levels):
        levels.append(pywt.swtn(piece, wavelet, level=1, start_level=0, axes=axes)[0])
        piece = levels[-1][low]
    for level, band in _wavelet_bands(own, flat_axis):
        yield _wavelet_name(level, band), levels[level - 1][band][inner]


def _log_images(image: ImageZYX, region: Region, own: dict) -> Iterator[tuple[str, np.ndarray]]:
    import SimpleITK as sitk  # noqa: N813

    size, spacing = np.array(image.voxels.shape), np.array(image.spacing)
    for sigma in own.get("sigma", []):
        if not sigma > 0:
            raise InputError("LoG sigma", found=str(sigma), expected="a positive number of mm")
        if size.min() < 4 or np.any(size < np.ceil(sigma / spacing) + 1):
            raise InputError(
                f"the image is too small for a LoG of {sigma} mm",
                found=f"{size[::-1].tolist()} voxels",
                expected="at least 4, and sigma and one more, along each axis",
            )
        reach = np.ceil(LOG_SUPPORT * sigma / spacing).astype(int)
        box = tuple(
            slice(max(side.start - r, 0), min(side.stop + r, edge))
            for side, r, edge in zip(region.box, reach, size, strict=True)
        )
        piece = sitk.GetImageFromArray(image.voxels[box])
        piece.SetSpacing(image.spacing[::-1])
        laplacian = sitk.LaplacianRecursiveGaussianImageFilter()
        laplacian.SetNormalizeAcrossScale(True)
        laplacian.SetSigma(sigma)
        filtered = sitk.GetArrayFromImage(laplacian.Execute(piece))
        inner = tuple(
            slice(side.start - cut.start, side.stop - cut.start) for side, cut in zip(region.box, box, strict=True)
        )
        yield _log_name(sigma), filtered[inner]


def _images_of_pyradiomics(
    image: ImageZYX, region: Region, image_type: str, own: dict
) -> Iterator[tuple[str, np.ndarray]]:
    try:
        import SimpleITK as sitk  # noqa: N813
        from radiomics import imageoperations
    except ImportError as error:
        raise InputError(
            f"image type {image_type} needs pyradiomics", expected="pip install pyradiomics==3.0.1"
        ) from error

    mask = np.zeros(image.voxels.shape, dtype=np.uint8)
    mask[region.box] = region.mask
    label = sitk.GetImageFromArray(mask)
    whole = image.to_sitk()
    label.CopyInformation(whole)
    made = False
    for filtered, name, _ in getattr(imageoperations, f"get{image_type}Image")(whole, label, **{**own, "label": 1}):
        made = True
        yield name, sitk.GetArrayFromImage(filtered)[region.box]
    if not made:
        raise InputError(f"pyradiomics made no image of type {image_type}", expected="the packages that it needs")
