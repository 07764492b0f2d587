"""Small copies of volumes for the pages' viewer: cropped to the brain, at most 1.5 million voxels, 8 or 16 bit.

Values are rounded to a step (2 ppb for χ and fields); a page says which. Masks and labels are never averaged.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
from dataclasses import dataclass

import nibabel as nib
import numpy as np

from chiomics.core.images import voxel_size
from chiomics.core.space.volume import Volume

#: Most voxels of a preview: more take a browser without a graphics card tens of seconds.
MAX_VOXELS = 1_500_000
#: Voxels that stay around the brain.
MARGIN = 2
#: Step of χ and of fields, ppm.
CHI_STEP = 0.002
#: Highest of the levels of an image without a unit.
LEVELS = 255


@dataclass(frozen=True)
class Grid:
    """Where a preview's voxels lie in the volume that it is of.

    Parameters
    ----------
    start, stop : tuple of int
        Corners of the box that is kept, in voxels; `stop` is outside.
    factor : tuple of int
        Voxels along each axis that one of the preview stands for.
    """

    start: tuple[int, ...]
    stop: tuple[int, ...]
    factor: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels of the preview along each axis."""
        return tuple(
            -(-(stop - start) // factor) for start, stop, factor in zip(self.start, self.stop, self.factor, strict=True)
        )

    def affine(self, affine: np.ndarray) -> np.ndarray:
        """Return where the preview's voxels lie, mm; `affine` (4, 4) is that of the volume."""
        factor = np.array(self.factor, float)
        shifted = np.array(affine, float)
        shifted[:3, 3] = affine[:3, :3] @ (np.array(self.start) + (factor - 1) / 2) + affine[:3, 3]
        shifted[:3, :3] = affine[:3, :3] * factor
        return shifted

    def blocks(self, voxels: np.ndarray, fill: float = 0) -> np.ndarray:
        """Cut a volume into the blocks of voxels that one of the preview stands for.

        Parameters
        ----------
        voxels : ndarray, shape (x, y, z)
            The volume.
        fill : float
            Of blocks that reach beyond the box.

        Returns
        -------
        ndarray, shape (*shape, block)
            Values of each block.
        """
        box = voxels[tuple(slice(*edges) for edges in zip(self.start, self.stop, strict=True))]
        short = [(0, n * f - have) for n, f, have in zip(self.shape, self.factor, box.shape, strict=True)]
        box = np.pad(box, short, constant_values=fill)
        split = [size for n, f in zip(self.shape, self.factor, strict=True) for size in (n, f)]
        return box.reshape(split).transpose(0, 2, 4, 1, 3, 5).reshape(*self.shape, -1)


def plan_grid(mask: np.ndarray, affine: np.ndarray, *, max_voxels: int = MAX_VOXELS, margin: int = MARGIN) -> Grid:
    """Choose the box around a brain, and how many voxels are taken together.

    Parameters
    ----------
    mask : ndarray of bool, shape (x, y, z)
        What has to be seen; an empty one keeps everything.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates, mm.
    max_voxels : int
        Voxels of the preview.
    margin : int
        Voxels around the mask.

    Returns
    -------
    Grid
        The axis of the smallest voxels is made coarser first.
    """
    if mask.any():
        spans = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
        start = tuple(max(int(span[0]) - margin, 0) for span in spans)
        stop = tuple(min(int(span[-1]) + 1 + margin, n) for span, n in zip(spans, mask.shape, strict=True))
    else:
        start, stop = (0, 0, 0), tuple(mask.shape)
    factor, size = [1, 1, 1], voxel_size(affine)
    while np.prod(Grid(start, stop, tuple(factor)).shape) > max_voxels:
        factor[int(np.argmin(size * factor))] += 1
    return Grid(start, stop, tuple(factor))


def preview_image(image: Volume, grid: Grid, *, step: float | None = None) -> nib.Nifti1Image:
    """Make the small copy of an image, each voxel the mean of its block.

    Parameters
    ----------
    image : Volume
        Values; what is not finite becomes 0.
    grid : Grid
        Of `plan_grid`.
    step : float, optional
        Step of the values; without one they get `LEVELS` levels up to their 99.9th percentile, which is all that a
        picture without a unit needs.

    Returns
    -------
    nibabel.Nifti1Image
        int8 where all values fit, else int16; uint8 without a step.
    """
    values = np.nan_to_num(grid.blocks(image.voxels.astype(np.float32))).mean(axis=-1)
    if step is None:
        inside = values[values > 0]
        top = float(np.percentile(inside, 99.9)) if inside.size else 1.0
        step, kind = top / LEVELS, np.uint8
        steps = np.clip(np.rint(values / step), 0, LEVELS)
    else:
        steps = np.rint(values / step)
        kind = np.int8 if np.abs(steps).max(initial=0) <= np.iinfo(np.int8).max else np.int16
        steps = np.clip(steps, np.iinfo(kind).min, np.iinfo(kind).max)
    return _nifti(steps.astype(kind), grid.affine(image.affine), step)


def preview_labels(labels: Volume, grid: Grid, *, min_share: float = 0.5) -> nib.Nifti1Image:
    """Make the small copy of a label image.

    Parameters
    ----------
    labels : Volume
        Whole numbers, 0 where there is nothing.
    grid : Grid
        Of `plan_grid`.
    min_share : float
        Share of a block from which it gets the most frequent label that is not 0; 0 lets a single voxel be seen.

    Returns
    -------
    nibabel.Nifti1Image
        uint8, or uint16 where a label is above 255.
    """
    blocks = grid.blocks(np.rint(labels.voxels).astype(np.int32))
    found, most = np.zeros(grid.shape, np.int32), np.zeros(grid.shape, np.int32)
    for label in np.unique(blocks[blocks > 0]) if blocks.shape[-1] > 1 else ():
        count = (blocks == label).sum(axis=-1)
        found[count > most] = label
        most = np.maximum(most, count)
    if blocks.shape[-1] == 1:
        found = blocks[..., 0]
    else:
        found[(blocks > 0).sum(axis=-1) < min_share * blocks.shape[-1]] = 0
    kind = np.uint8 if found.max(initial=0) <= np.iinfo(np.uint8).max else np.uint16
    return _nifti(found.astype(kind), grid.affine(labels.affine), 1.0)


def join_masks(masks: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[int, tuple[str, ...]]]:
    """Bring masks that overlap into one label image: every combination that occurs is a label of its own.

    Parameters
    ----------
    masks : dict of str to ndarray of bool, shape (x, y, z)
        By name, at most 62.

    Returns
    -------
    labels : ndarray of int, shape (x, y, z)
        0 where no mask is.
    names : dict of int to tuple of str
        The masks that each label stands for.
    """
    bits = sum(mask.astype(np.int64) << place for place, mask in enumerate(masks.values()))
    found, labels = np.unique(bits, return_inverse=True)
    shift = 0 if found.size and found[0] == 0 else 1
    names = {
        number + shift: tuple(name for place, name in enumerate(masks) if found[number] >> place & 1)
        for number in range(found.size)
        if found[number]
    }
    return (labels + shift).reshape(np.shape(bits)), names


def values_of(image: nib.Nifti1Image) -> np.ndarray:
    """Return the values of a preview that is in memory, where nibabel gives its steps; shape (x, y, z)."""
    return np.asarray(image.dataobj) * float(image.header["scl_slope"])


def script_of(key: str, image: nib.Nifti1Image) -> str:
    """Write a volume as a script that hands it to the page: pages in a folder may load scripts, but no other files.

    Parameters
    ----------
    key : str
        How the page calls the volume.
    image : nibabel.Nifti1Image
        The volume.

    Returns
    -------
    str
        JavaScript; the volume is compressed without a time of its own, so that a re-run gives the same text.
    """
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
        file.write(image.to_bytes())
    content = base64.b64encode(packed.getvalue()).decode()
    return f'chiomics.receive({json.dumps(key)}, "{content}");\n'


def _nifti(voxels: np.ndarray, affine: np.ndarray, slope: float) -> nib.Nifti1Image:
    image = nib.Nifti1Image(voxels, affine)
    image.header.set_slope_inter(slope, 0)
    image.header.set_xyzt_units("mm")
    return image
