"""Read a structural image (T1w, FLAIR, UNIT1) in whatever unit it is stored, its air at 0 and its tissue near 1000.

Programs write such images z-scored with negative air, as fractions, as integers or with NaN around the head. Contrast
does not depend on that, so all that follows sees one scale: any image a * x + b, a > 0, is read as x is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.core.images import load_voxels
from chiomics.core.space.volume import Volume

#: Percentiles of the image that stand for air and for bright tissue, and what the latter becomes.
DARK, BRIGHT, SCALE = 0.1, 99.0, 1000.0
#: One exact value in this share of the voxels is what a program filled the background with.
FILLED = 0.2
#: Share of the head's voxels that may be NaN: single bad voxels, not a hole.
MAX_HOLE = 1e-3


def read_structural(path: str | Path) -> tuple[Volume, dict]:
    """Read a structural image.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    image : Volume
        Float32, 0 or more: air at 0, the 99th percentile at 1000.
    notes : dict
        What had to be done, for a sidecar: ``NaNAsBackground`` (voxels), ``IntensityOffset``, ``IntensityScale``.

    Raises
    ------
    InputError
        Where the file is not one 3-D image of real numbers with a place in space, is constant, or has NaN in the head.
    """
    voxels, affine = load_voxels(path)
    if voxels.ndim != 3:
        raise InputError(
            "the image holds several volumes", file=path, found=" x ".join(map(str, voxels.shape)),
            expected="one 3-D image; choose or average the volumes (inversions, echoes) first",
        )  # fmt: skip
    try:
        image, notes = standardise(voxels)
    except InputError as error:
        raise InputError(error.problem, file=path, found=error.found, expected=error.expected) from None
    return Volume(image, affine), notes


def standardise(voxels: np.ndarray) -> tuple[np.ndarray, dict]:
    """Bring intensities to one scale; parameters, result and errors as for `read_structural`, without a file."""
    voxels = np.asarray(voxels, np.float64 if voxels.dtype.itemsize > 4 else np.float32)
    finite, notes = np.isfinite(voxels), {}
    if not finite.any():
        raise InputError("no voxel of the image is finite")
    if not finite.all():
        notes["NaNAsBackground"] = int((~finite).sum())
        _check_holes(voxels, finite)
    known = voxels[finite]
    fill = _filled_with(known)
    seen = known if fill is None else known[known != fill]
    if not seen.size or (np.ptp(seen) == 0 and fill is None):
        raise InputError("the image is constant", found=f"{known[0]:g} everywhere", expected="an image of a head")
    low, high = np.percentile(seen, DARK), np.percentile(known, BRIGHT)
    if fill is not None:
        low = min(low, fill)
    if high <= low:
        high = seen.max()
    if high <= low:
        raise InputError("the image is constant but for its background", found=f"{low:g} and {high:g}")
    # What is dark by its nature stays so: only air that is not at 0 is moved there.
    scaled = np.clip((voxels - low) * (SCALE / (high - low)), 0, None)
    scaled[~finite] = 0
    if fill is not None:
        scaled[voxels == fill] = 0
    return scaled.astype(np.float32), notes | {"IntensityOffset": float(low), "IntensityScale": float(high - low)}


def _filled_with(known: np.ndarray) -> float | None:
    """Return the value that fills the background, None where no value does."""
    values, counts = np.unique(known[:: max(known.size // 1_000_000, 1)], return_counts=True)
    most = counts.argmax()
    return float(values[most]) if counts[most] > FILLED * counts.sum() and values.size > 1 else None


def _check_holes(voxels: np.ndarray, finite: np.ndarray) -> None:
    """Refuse NaN inside the head; around it they are background."""
    known = voxels[finite]
    low, high = np.percentile(known, [DARK, BRIGHT])
    head = finite & (np.where(finite, voxels, low) > low + 0.15 * (high - low))
    closed = ndimage.binary_fill_holes(ndimage.binary_opening(head))
    holes = int((closed & ~finite).sum())
    if holes > MAX_HOLE * max(closed.sum(), 1):
        raise InputError(
            "the image holds NaN or infinite voxels inside the head", found=f"{holes} voxels",
            expected="finite values; around the head NaN counts as background",
        )  # fmt: skip
