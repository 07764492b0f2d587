"""Arrays as whoever imports one function of this stage holds them: taken where they mean one thing, refused otherwise.

NumPy itself asks nothing: a mask of 0 and 1 in uint8 is an index of two planes, a stack of echoes in another order
fits by its number of values, and what a masked array hides is read.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chiomics.core.errors import InputError
from chiomics.core.units import MAX_FIELD_STRENGTH

#: Echo times beyond this, in s, are taken to be in ms by mistake.
LATEST_ECHO = 0.5


def as_mask(mask: object, what: str = "mask") -> np.ndarray:
    """Return a mask as booleans.

    Parameters
    ----------
    mask : array-like
        Booleans, or numbers of which one besides 0 occurs.
    what : str
        What a message calls it.

    Returns
    -------
    ndarray of bool
        Of the same shape; the very array where it was one.

    Raises
    ------
    InputError
        For fractions, several labels and NaN: where to cut is not ours to guess.
    """
    if isinstance(mask, np.ma.MaskedArray):
        mask = mask.filled(0)
    mask = np.asarray(mask)
    if mask.dtype == bool:
        return mask
    inside = mask != 0
    values = mask[inside]
    if mask.dtype.kind not in "iuf" or (values != values[:1]).any():
        raise InputError(
            f"the {what} is none", found=f"{mask.dtype} with {np.unique(values).size} values besides 0",
            expected="booleans, or 0 and one other number; cut probabilities (> 0.5), choose a label (== 3)",
        )  # fmt: skip
    return inside


def as_values(values: object, what: str = "volume") -> np.ndarray:
    """Return real numbers as a plain array; NaN stands where a masked array hides its values.

    Raises
    ------
    InputError
        For complex numbers, and what are no numbers.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        values = values.astype(np.result_type(values.dtype, np.float32)).filled(np.nan)
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise InputError(f"the {what} holds no real numbers", found=str(values.dtype), expected="one number per voxel")
    return values


def in_mask(values: object, mask: np.ndarray, what: str = "volume") -> np.ndarray:
    """Return volumes that are finite in a mask; what is not finite outside it counts for nothing and becomes 0.

    Parameters
    ----------
    values : array-like, shape (..., x, y, z)
        Real numbers.
    mask : ndarray of bool, shape (x, y, z)
        Where a value is needed.
    what : str
        What a message calls the values.

    Returns
    -------
    ndarray, shape (..., x, y, z)
        The very array where all of it is finite.

    Raises
    ------
    InputError
        For another shape, complex numbers, and values in the mask that are not finite.
    """
    values = as_values(values, what)
    if values.shape[-mask.ndim :] != mask.shape:
        raise InputError(f"{what} and mask differ in shape", found=str(values.shape), expected=str(mask.shape))
    finite = np.isfinite(values)
    if finite.all():
        return values
    missing = int(np.count_nonzero(~finite & mask))
    if missing:
        raise InputError(
            f"the {what} is not finite in the mask", found=f"NaN or infinite in {missing} of {int(mask.sum())} voxels",
            expected="numbers, or a mask without these voxels",
        )  # fmt: skip
    return np.where(finite, values, values.dtype.type(0))


def as_voxel_size(voxel_size: Sequence[float]) -> tuple[float, float, float]:
    """Return a voxel size as three numbers in mm.

    Raises
    ------
    InputError
        Where it is not three finite numbers above 0.
    """
    sides = np.asarray(voxel_size, float)
    if sides.shape != (3,) or not np.isfinite(sides).all() or sides.min() <= 0:
        raise InputError("voxel_size is none", found=str(voxel_size), expected="three numbers above 0, in mm")
    return tuple(sides.tolist())


def check_field_strength(field_strength: float) -> None:
    """Stop where a field strength is not one in T."""
    if not 0 < field_strength <= MAX_FIELD_STRENGTH:
        raise InputError(
            "field_strength is none in T", found=f"{field_strength:g}",
            expected=f"a number above 0, at most {MAX_FIELD_STRENGTH:g}",
        )  # fmt: skip


def as_echo_times(echo_times: Sequence[float], echoes: int) -> np.ndarray:
    """Return echo times in s.

    Parameters
    ----------
    echo_times : sequence of float
        In s.
    echoes : int
        How many there should be.

    Returns
    -------
    ndarray, shape (echoes,)
        Rising.

    Raises
    ------
    InputError
        Where they are not as many, do not rise, or are not in s.
    """
    times = np.asarray(echo_times, float)
    if times.shape != (echoes,) or not np.isfinite(times).all() or np.any(np.diff(times) <= 0) or times[0] <= 0:
        raise InputError(
            "the echo times do not fit the echoes", found=f"{np.atleast_1d(times).tolist()} s for {echoes} echoes",
            expected="one rising time in s per echo",
        )  # fmt: skip
    if times[-1] > LATEST_ECHO:
        raise InputError(
            "the echo times are not in seconds", found=str(times.tolist()), expected=f"s, below {LATEST_ECHO:g}"
        )
    return times
