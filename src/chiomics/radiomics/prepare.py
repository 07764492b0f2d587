"""From an image and a label to a region: normalise, resample, cut and resegment as pyradiomics 3.0.1 does.

What depends on the mask alone is done once (`prepare`), so that several images of one session share the region with
its shape and neighbours. Resampling follows pyradiomics' grid, which starts at the image's corner, covers the label's
box and `padDistance` voxels round it; filters then see that piece only, as they do there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from chiomics.radiomics.features.shape import shape_features
from chiomics.radiomics.image_zyx import ImageZYX, as_image
from chiomics.radiomics.parameters import Settings
from chiomics.radiomics.region import Region, bounding_box

if TYPE_CHECKING:
    import SimpleITK

#: Voxels beyond a grid that interpolation at its edge may depend on: coefficients of a spline forget a distant voxel by
#: 0.27 per voxel at third order, pyradiomics' default, and by 0.43 at fifth; 0.27 to the 20th power is 4e-12.
CUBIC_SUPPORT, INTERPOLATION_SUPPORT = 20, 32
#: The same for an image of whole numbers, whose decimals ITK cuts off: 0.27 to the 28th power is 1e-16.
EXACT_SUPPORT = 28
#: Rounding of an interpolated value, relative to the largest of the image, and of a place, in voxels.
SAME_VALUE, SAME_PLACE = 1e-10, 1e-6


class RegionError(ValueError):
    """A region from which no features can be taken; the message is the reason that a table states."""


@dataclass(frozen=True)
class Prepared:
    """A label on the grid that features are taken from.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        On that grid.
    spacing : tuple of float
        Of that grid along z, y, x in mm.
    box : tuple of slice, optional
        The grid as a part of the image's own; the whole image where None.
    grid : ImageZYX, optional
        The grid that images are resampled to.
    """

    mask: np.ndarray
    spacing: tuple[float, float, float]
    box: tuple[slice, slice, slice] | None = None
    grid: ImageZYX | None = None
    _shape: dict = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def region(self) -> Region:
        """The label's voxels."""
        return Region.from_mask(self.mask, self.spacing)

    def shape(self, region: Region) -> dict:
        """Return the shape features of a region, from memory where it was asked for before."""
        key = id(region)
        if key not in self._shape:
            self._shape[key] = (region, shape_features(region))  # the region is kept, so that its id stays its own
        return self._shape[key][1]


def prepare(mask: ImageZYX, labels: tuple[int, ...], settings: Settings) -> Prepared:
    """Bring a label, or several as one, to the grid that features are taken from.

    Parameters
    ----------
    mask : ImageZYX
        Label image.
    labels : tuple of int
        Labels that make up the region.
    settings : Settings
        Resampling and cutting.

    Returns
    -------
    Prepared

    Raises
    ------
    RegionError
        Where the label is absent or too small.
    """
    chosen = mask.voxels == labels[0] if len(labels) == 1 else np.isin(mask.voxels, labels)
    box = bounding_box(chosen)
    if box[0].stop == 0:
        raise RegionError("the region is empty")
    padding = int(settings.get("padDistance"))
    spacing = settings.get("resampledPixelSpacing")
    if spacing is not None and settings.get("interpolator") is not None:
        resampled = _resampled_spacing(mask, box, spacing)
        if np.allclose(mask.spacing, resampled):
            prepared = _cut(chosen, mask.spacing, box, padding)
        else:
            grid = _resampling_grid(mask, box, resampled, padding)
            moved = _resample(replace(mask, voxels=chosen.astype(np.uint8), source=None), grid, "sitkNearestNeighbor")
            prepared = Prepared(moved.voxels == 1, grid.spacing, grid=grid)
    elif settings.get("preCrop"):
        prepared = _cut(chosen, mask.spacing, box, padding)
    else:
        prepared = Prepared(chosen, mask.spacing)
    check_size(prepared.region, settings)
    return prepared


def check_size(region: Region, settings: Settings) -> None:
    """Stop where a region is too small: pyradiomics' own conditions."""
    extended = sum(edge > 1 for edge in region.mask.shape)
    if region.n_voxels == 0:
        raise RegionError("the region is empty")
    if extended == 0:
        raise RegionError("too small: one voxel")
    if extended < settings.get("minimumROIDimensions"):
        raise RegionError(f"too small: extends along {extended} of {settings.get('minimumROIDimensions')} dimensions")
    if settings.get("minimumROISize") is not None and region.n_voxels <= settings.get("minimumROISize"):
        raise RegionError(f"too small: {region.n_voxels} voxels, more than {settings.get('minimumROISize')} asked for")


def normalise(image: ImageZYX, settings: Settings) -> ImageZYX:
    """Centre the whole image on its mean and divide it by its standard deviation, where asked for."""
    if not settings.get("normalize"):
        return image
    import SimpleITK as sitk  # noqa: N813

    normed = sitk.Normalize(image.to_sitk())
    limit = settings.get("removeOutliers")
    voxels = sitk.GetArrayFromImage(normed)
    if limit is not None:
        voxels = np.clip(voxels, -limit, limit)
    return replace(image, voxels=voxels * voxels.dtype.type(settings.get("normalizeScale")), source=None)


def bring(image: ImageZYX, prepared: Prepared, settings: Settings) -> ImageZYX:
    """Cut or resample an image to the grid of a region."""
    if prepared.grid is not None:
        return _resample(image, prepared.grid, settings.get("interpolator"))
    return image if prepared.box is None else image.cut(prepared.box)


def resegment(image: ImageZYX, prepared: Prepared, settings: Settings) -> tuple[Region, Region]:
    """Leave voxels outside a range of intensities out, where asked for.

    Returns
    -------
    region, shape_region : Region
        For the intensities, and for shape. pyradiomics cuts the shape's mask to the box of what is left, even where the
        shape is not to be resegmented.
    """
    limits = settings.get("resegmentRange")
    if limits is None:
        return prepared.region, prepared.region
    values = prepared.region.values(image.voxels)
    mode = settings.get("resegmentMode")
    thresholds = sorted(limits)
    if mode == "relative":
        thresholds = [values.max() * limit for limit in thresholds]
    elif mode == "sigma":
        thresholds = [values.mean() + values.std() * limit for limit in thresholds]
    kept = values >= thresholds[0]
    if len(thresholds) == 2:
        kept &= values <= thresholds[1]
    if np.count_nonzero(kept) <= 1:
        raise RegionError("too small: resegmentation leaves one voxel at most")
    mask = np.zeros_like(prepared.mask)
    mask[prepared.mask] = kept
    region = Region.from_mask(mask, prepared.spacing)
    check_size(region, settings)
    if settings.get("resegmentShape"):
        return region, region
    return region, Region.from_mask(prepared.mask[region.box], prepared.spacing)


def _cut(chosen: np.ndarray, spacing: tuple, box: tuple[slice, ...], padding: int) -> Prepared:
    wide = tuple(
        slice(max(side.start - padding, 0), min(side.stop + padding, size))
        for side, size in zip(box, chosen.shape, strict=True)
    )
    return Prepared(chosen[wide], spacing, box=wide)


def _resampled_spacing(mask: ImageZYX, box: tuple[slice, ...], spacing: list) -> tuple[float, ...]:
    """Spacing along z, y, x; 0 keeps the image's own, and so does an axis along which the label is one slice."""
    return tuple(
        own if new == 0 or side.stop - side.start == 1 else float(new)
        for new, own, side in zip(spacing[::-1], mask.spacing, box, strict=True)
    )


def _resampling_grid(mask: ImageZYX, box: tuple[slice, ...], spacing: tuple[float, ...], padding: int) -> ImageZYX:
    own, new = np.array(mask.spacing[::-1]), np.array(spacing[::-1])
    start = np.array([side.start for side in box[::-1]])
    stop = np.array([side.stop for side in box[::-1]])
    ratio = own / new
    first = np.maximum(np.floor((start - 0.5) * ratio - padding), 0)
    last = np.minimum(np.ceil((stop - 0.5) * ratio + padding), np.ceil(np.array(mask.voxels.shape[::-1]) * ratio) - 1)
    # The corner of the image stays where it is; the first centre moves by half the difference of the spacings.
    index = 0.5 * (new - own) / own + first / ratio
    import SimpleITK as sitk  # noqa: N813

    frame = sitk.Image(1, 1, 1, sitk.sitkUInt8)
    frame.SetSpacing(mask.spacing[::-1])
    frame.SetOrigin(mask.origin)
    frame.SetDirection(mask.direction)
    origin = frame.TransformContinuousIndexToPhysicalPoint(index.tolist())
    size = (last - first + 1).astype(int)
    return ImageZYX(np.empty(size[::-1], dtype=np.uint8), spacing, tuple(origin), mask.direction)


def _resample(image: ImageZYX, grid: ImageZYX, interpolator: str) -> ImageZYX:
    decimals = image.voxels.dtype.kind == "f"
    if interpolator == "sitkNearestNeighbor":
        voxels = _nearest(image, grid)
    elif interpolator == "sitkBSpline":
        voxels = _interpolate(image, grid, interpolator, CUBIC_SUPPORT if decimals else EXACT_SUPPORT)
    else:
        # Sums of a few neighbours are often just a whole number: ITK does them fast enough on the whole image.
        plain = decimals and interpolator != "sitkLabelGaussian"
        voxels = _interpolate(image, grid, interpolator, INTERPOLATION_SUPPORT) if plain else None
    if voxels is None:
        return as_image(_resampler(grid, interpolator).Execute(image.to_sitk()))
    return replace(grid, voxels=voxels, source=None)


def _resampler(grid: ImageZYX, interpolator: str) -> SimpleITK.ResampleImageFilter:
    import SimpleITK as sitk  # noqa: N813

    resampler = sitk.ResampleImageFilter()
    resampler.SetOutputSpacing(grid.spacing[::-1])
    resampler.SetOutputDirection(grid.direction)
    resampler.SetOutputOrigin(grid.origin)
    resampler.SetSize(grid.voxels.shape[::-1])
    resampler.SetInterpolator(getattr(sitk, interpolator))
    return resampler


def _nearest(image: ImageZYX, grid: ImageZYX) -> np.ndarray | None:
    """Take the nearest voxels; None where two are so near that ITK's last digit on the whole image decides."""
    if grid.direction != image.direction:
        return None
    shift = np.linalg.solve(np.reshape(image.direction, (3, 3)), np.subtract(grid.origin, image.origin))
    places, inside = [], []
    for axis in range(3):
        size, own = image.voxels.shape[axis], image.spacing[axis]
        index = shift[2 - axis] / own + np.arange(grid.voxels.shape[axis]) * (grid.spacing[axis] / own)
        if (np.abs(index - np.floor(index) - 0.5) < SAME_PLACE).any():
            return None
        nearest = np.rint(index).astype(int)
        inside.append((nearest >= 0) & (nearest < size))
        places.append(nearest.clip(0, size - 1))
    voxels = image.voxels[np.ix_(*places)]
    for axis, known in enumerate(inside):
        np.moveaxis(voxels, axis, 0)[~known] = 0
    return voxels


def _interpolate(image: ImageZYX, grid: ImageZYX, interpolator: str, support: int) -> np.ndarray | None:
    """Interpolate in a part of an image; None where the decimals that ITK cuts off a whole number are not certain."""
    kind, piece = image.voxels.dtype, _piece_for(image, grid, support)
    found = as_image(_resampler(grid, interpolator).Execute(piece)).voxels
    if kind.kind == "f":
        return found
    limits = np.iinfo(kind)
    error = SAME_VALUE * max(float(image.voxels.max()), -float(image.voxels.min()))
    least, most = (np.trunc(found + step).clip(limits.min, limits.max) for step in (-error, error))
    return least.astype(kind) if np.array_equal(least, most) else None


def _piece_for(image: ImageZYX, grid: ImageZYX, support: int) -> SimpleITK.Image:
    """Cut the part of an image that resampling to a grid can depend on, with decimals."""
    import SimpleITK as sitk  # noqa: N813

    frame = sitk.Image(1, 1, 1, sitk.sitkUInt8)
    frame.SetSpacing(image.spacing[::-1])
    frame.SetOrigin(image.origin)
    frame.SetDirection(image.direction)
    size = np.array(image.voxels.shape[::-1])
    axes = np.reshape(grid.direction, (3, 3)) * grid.spacing[::-1]
    corners = np.array(list(product(*((0, edge - 1) for edge in grid.voxels.shape[::-1]))))
    points = (np.array(grid.origin) + corners @ axes.T).tolist()
    index = [frame.TransformPhysicalPointToContinuousIndex(point) for point in points]
    first = np.clip(np.floor(np.min(index, axis=0)).astype(int) - support, 0, size - 1)
    last = np.clip(np.ceil(np.max(index, axis=0)).astype(int) + support, first, size - 1)
    piece = image.voxels[tuple(slice(a, b + 1) for a, b in zip(first[::-1], last[::-1], strict=True))]
    cut = sitk.GetImageFromArray(piece.astype(piece.dtype if piece.dtype.kind == "f" else np.float64))
    cut.SetSpacing(image.spacing[::-1])
    cut.SetDirection(image.direction)
    cut.SetOrigin(frame.TransformContinuousIndexToPhysicalPoint(first.astype(float).tolist()))
    return cut


def resample_mask(mask: ImageZYX, image: ImageZYX) -> ImageZYX:
    """Bring a label image to the voxels of an image, each taking the label of the nearest voxel."""
    grid = ImageZYX(image.voxels, image.spacing, image.origin, image.direction)
    return _resample(mask, grid, "sitkNearestNeighbor").on(image)
