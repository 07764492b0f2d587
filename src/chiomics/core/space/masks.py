"""Read masks and label images as people bring them, whole, or say by name why one cannot be used.

Values are looked at before any cast, for every program writes them in its own way: 0 and 1, 0 and 255, 0 and 0.9999
(after a rescaled save), probabilities, lesions by number, -1 as background, a whole-brain segmentation in which one
label is lesion. What is certain is read and said; what could be two things is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chiomics.core.errors import InputError
from chiomics.core.images import load_voxels
from chiomics.core.space.volume import Volume

#: A probability from here on belongs to a mask.
THRESHOLD = 0.5
#: Probabilities further than this from 0 and 1 are an edge; one of a mask that was interpolated is two voxels wide at
#: most. Of a simulated head a mask smoothed over five voxels and cut at one half changed the map by 13 ppb.
VAGUE, WIDEST_EDGE = 0.1, 2.2
#: Values that differ by this share of the largest are one value: 255/255.00003, eight bits after a rescaled save.
ONE_VALUE = 0.02
#: Distance from a whole number that a rescaled save leaves: a share of the value, between a least and a most.
OFF_WHOLE, MIN_OFF, MAX_OFF = 1e-3, 2e-3, 0.1
#: Cubic interpolation of a mask swings this far below 0 and above 1, at corners, in three dimensions.
OVERSHOOT = 0.5
#: Label by which SAMSEG calls lesions, and labels of white matter in FreeSurfer's numbers.
SAMSEG_LESION, WHOLE_BRAIN = 99, (2, 41)
#: Minimum share of white matter in such a segmentation: numbered lesions may hold these numbers too.
WHITE_SHARE = 0.2
#: A label whose voxels have this many times more neighbours of other labels than of their own is the rim that an
#: interpolation leaves between two others; this share of such labels, and at least so many, mark an interpolated image.
MIXED, MIXED_SHARE, FEWEST_MIXED = 2.0, 0.3, 5
#: Share of a lesion image's voxels that lie between a smaller and a larger value along an axis. Lesions by number lie
#: apart, and where two touch few voxels are so; of an interpolated one it is every rim.
RAMP_SHARE = 0.2
#: Plausible volumes in litres. Lesions of 0.1 l are the heaviest loads of multiple sclerosis that studies report.
VOLUMES = {"brain": (0.1, 3.0), "lesion": (0.0, 0.4)}


class EmptyMaskError(InputError):
    """A brain mask without a voxel: nothing was drawn."""


@dataclass(frozen=True)
class Drawn:
    """A mask or a label image that was understood.

    Attributes
    ----------
    volume : Volume
        Booleans for a mask, int32 for labels.
    notes : dict
        For a sidecar: what the values were, the threshold where one was needed, voxels and volume in the file.
    """

    volume: Volume
    notes: dict = field(default_factory=dict)


def read_mask(path: str | Path, *, role: str = "", threshold: float = THRESHOLD) -> Drawn:
    """Read a mask.

    Parameters
    ----------
    path : path-like
        Binary with any two values, probabilities from 0 to 1, or numbered parts that are taken together.
    role : str
        ``brain`` or ``lesion``, whose volume must be plausible, or what else a message should call it.
    threshold : float
        Probability from which on a voxel belongs to the mask.

    Returns
    -------
    Drawn
        Booleans.

    Raises
    ------
    InputError
        Where the file is not one 3-D image, its values are no mask's, or its volume is not plausible; as
        `EmptyMaskError` where a brain mask has no voxel.
    """
    found = _read(path, role, threshold)
    mask = found.volume.like(found.volume.voxels > 0)
    if role == "brain" and (width := found.notes.get("EdgeWidthInVoxels", 0)) > WIDEST_EDGE:
        raise InputError(
            "the brain mask's edge is too vague to be cut, and the map near it depends on the cut", file=path,
            found=f"probabilities from {VAGUE:g} to {1 - VAGUE:g} over {width:.1f} voxels",
            expected=f"at most {WIDEST_EDGE:g} voxels, or 0 and 1",
        )  # fmt: skip
    litres = float(mask.voxels.sum()) * mask.voxel_volume * 1e-6
    least, most = VOLUMES.get(role, (0.0, np.inf))
    if role == "brain" and not mask.voxels.any():
        raise EmptyMaskError("the brain mask is empty", file=path, expected="voxels above zero")
    if not (least <= litres <= most or (role == "brain" and mask.voxels.all())):
        raise InputError(
            f"the {role} mask has an implausible volume", file=path, found=f"{litres:.3g} l",
            expected=f"{least:g} to {most:g} l",
        )  # fmt: skip
    return Drawn(mask, found.notes | {"VoxelsInFile": int(mask.voxels.sum()), "VolumeMlInFile": round(1e3 * litres, 4)})


def read_labels(path: str | Path, *, role: str = "", threshold: float = THRESHOLD) -> Drawn:
    """Read a label image; a mask counts as one with label 1.

    Parameters
    ----------
    path, role, threshold
        As for `read_mask`.

    Returns
    -------
    Drawn
        Int32, 0 for the background.

    Raises
    ------
    InputError
        As `read_mask`, and for labels that an interpolation mixed.
    """
    found = _read(path, role, threshold, keep_number=True)
    voxels = found.volume.voxels
    litres = float((voxels > 0).sum()) * found.volume.voxel_volume * 1e-6
    if role in VOLUMES and litres > VOLUMES[role][1]:
        raise InputError(
            f"the {role} labels have an implausible volume", file=path, found=f"{litres:.3g} l",
            expected=f"up to {VOLUMES[role][1]:g} l",
        )  # fmt: skip
    notes = {"VoxelsInFile": int((voxels > 0).sum()), "VolumeMlInFile": round(1e3 * litres, 4)}
    return Drawn(found.volume.like(voxels.astype(np.int32)), found.notes | notes)


def interpret(
    voxels: np.ndarray, *, role: str = "", threshold: float = THRESHOLD, keep_number: bool = False
) -> tuple[np.ndarray, dict]:
    """Tell what the values of a mask or label image mean.

    Parameters
    ----------
    voxels : ndarray, shape (x, y, z)
        As they are stored, scaled.
    role : str
        For messages; of ``lesion`` labels in a whole-brain segmentation, only lesions are taken.
    threshold : float
        For probabilities.
    keep_number : bool
        Whether a single whole number, such as 255, stays one; else it becomes 1, as a mask's.

    Returns
    -------
    labels : ndarray of int32, shape (x, y, z)
        0 for the background, 1 for a mask, else the labels.
    notes : dict
        ``Values``, and what had to be done.

    Raises
    ------
    InputError
        Where they are no mask's and no labels', without the file's name.
    """
    name, notes = f"{role} mask".strip(), {}
    values = np.asarray(voxels)
    if values.dtype == bool:
        return values.astype(np.int32), {"Values": "true and false"}
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        if np.isinf(values).any():
            raise InputError(f"the {name} holds infinite values", expected="finite ones")
        notes["NaNAsBackground"] = int(np.isnan(values).sum())
        values = np.nan_to_num(values)
    values = _without_negative(values, name, notes)
    inside = values > 0
    if not inside.any() and "NaNAsBackground" in notes:
        raise InputError(
            f"the {name} holds NaN and no value above 0", found=f"{notes['NaNAsBackground']} voxels that are NaN",
            expected="a value above 0 inside; NaN counts as background",
        )  # fmt: skip
    if not inside.any():
        return np.zeros(values.shape, np.int32), notes | {"Values": "0 everywhere"}
    if role in VOLUMES and not inside.all() and inside[np.ix_(*[(0, -1)] * 3)].all():
        raise InputError(
            f"the {name} looks inverted", found="values above 0 in all eight corners and 0 inside",
            expected="0 outside, above 0 inside",
        )  # fmt: skip
    present = np.unique(values[inside]).astype(float)
    largest = float(present[-1])
    whole = np.abs(present - np.rint(present)) <= np.clip(OFF_WHOLE * present, MIN_OFF, MAX_OFF)
    if (present.size > 1 or keep_number) and (whole & (present > 0.5)).all():
        return _of_labels(np.rint(values).astype(np.int32), role, name, notes)
    if ((present >= (1 - ONE_VALUE) * largest) | (present <= ONE_VALUE * largest)).all():
        return (values > 0.5 * largest).astype(np.int32), notes | {"Values": f"0 and {largest:g}"}
    if largest <= 1 + OVERSHOOT:
        return _of_probabilities(values, threshold, name, notes)
    raise InputError(
        f"the {name} holds decimals, as an interpolated label image or a grey image does",
        found=f"{present.size} values from {present[0]:.4g} to {largest:.4g}",
        expected="0 and one other value, whole numbers, or probabilities from 0 to 1; resample labels to the nearest",
    )


def _read(path: str | Path, role: str, threshold: float, *, keep_number: bool = False) -> Drawn:
    """Read one 3-D image and understand its values."""
    voxels, affine = load_voxels(path)
    if voxels.ndim != 3:
        raise InputError(
            f"the {role or 'mask'} image holds several volumes".replace("  ", " "), file=path,
            found=" x ".join(map(str, voxels.shape)), expected="one 3-D image",
        )  # fmt: skip
    try:
        labels, notes = interpret(voxels, role=role, threshold=threshold, keep_number=keep_number)
    except InputError as error:
        raise InputError(error.problem, file=path, found=error.found, expected=error.expected) from None
    return Drawn(Volume(labels, affine), {"File": Path(path).name} | notes)


def _without_negative(values: np.ndarray, name: str, notes: dict) -> np.ndarray:
    """Take one negative value as background, and the swings of an interpolation as 0 and 1."""
    if values.dtype.kind == "u" or not (below := values < 0).any():
        return values
    levels = np.unique(values[below])
    if levels.size == 1 and (levels[0] <= -ONE_VALUE or (values > 0).any()):
        if not (values > 0).any():
            raise InputError(
                f"the {name} holds no value above 0", found=f"{levels[0]:g} and 0", expected="above 0 inside"
            )
        notes["Background"] = float(levels[0])
    elif values.min() < -OVERSHOOT or values.max() > 1 + OVERSHOOT:
        raise InputError(
            f"the {name} holds several negative values", found=f"{levels.size} from {levels[0]:.4g}",
            expected="0, or one negative value, as background",
        )  # fmt: skip
    return np.where(below, 0, values)


def _of_labels(labels: np.ndarray, role: str, name: str, notes: dict) -> tuple[np.ndarray, dict]:
    """Check whole numbers, and take the lesions of a whole-brain segmentation."""
    present = np.unique(labels[labels > 0])
    white = np.isin(labels, WHOLE_BRAIN)
    whole_brain = np.isin(WHOLE_BRAIN, present).all() and white.sum() > WHITE_SHARE * (labels > 0).sum()
    if role == "lesion" and whole_brain:
        if SAMSEG_LESION not in present:
            raise InputError(
                "a whole-brain segmentation is given as lesion mask", found=f"{present.size} labels, none of lesions",
                expected=f"label {SAMSEG_LESION} for lesions, as SAMSEG's, or a mask of lesions",
            )  # fmt: skip
        notes = notes | {"Values": f"whole-brain segmentation, lesions are its label {SAMSEG_LESION}"}
        return (labels == SAMSEG_LESION).astype(np.int32), notes
    mixed = _mixed(labels, present)
    ramp = _ramp_share(labels) if role == "lesion" and present.size > 1 else 0.0
    if ramp > RAMP_SHARE or mixed >= max(FEWEST_MIXED, MIXED_SHARE * present.size):
        raise InputError(
            f"the {name} looks interpolated, or is a grey image",
            found=f"{present.size} values; {mixed} occur only between others, {ramp:.0%} of the voxels lie on a ramp",
            expected="labels that were resampled to the nearest neighbour",
        )
    return labels, notes | {"Values": f"{present.size} labels from {present[0]} to {present[-1]}"}


def _mixed(labels: np.ndarray, present: np.ndarray) -> int:
    """Count the labels that lie between others, as an interpolation leaves them."""
    if present.size < FEWEST_MIXED:
        return 0
    own, other = np.zeros(present.size, int), np.zeros(present.size, int)
    for axis in range(3):
        one, two = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        both = (one > 0) & (two > 0)
        first, second = (np.searchsorted(present, side[both]) for side in (one, two))
        same = first == second
        own += np.bincount(first[same], minlength=present.size)
        for side in (first, second):
            other += np.bincount(side[~same], minlength=present.size)
    return int((other > 2 * MIXED * np.maximum(own, 0.5)).sum())


def _ramp_share(labels: np.ndarray) -> float:
    """Return the share of the labelled voxels that lie between a smaller and a larger value along some axis."""
    ramp = np.zeros(labels.shape, bool)
    for axis in range(3):
        moved = np.moveaxis(labels, axis, 0)
        before, here, after = moved[:-2], moved[1:-1], moved[2:]
        np.moveaxis(ramp, axis, 0)[1:-1] |= ((before < here) & (here < after)) | ((before > here) & (here > after))
    inside = labels > 0
    return float(ramp[inside].mean())


def _of_probabilities(values: np.ndarray, threshold: float, name: str, notes: dict) -> tuple[np.ndarray, dict]:
    """Cut probabilities at the threshold."""
    mask = values >= threshold
    if not mask.any():
        raise InputError(
            f"no voxel of the {name} reaches the threshold", found=f"probabilities up to {values.max():.3g}",
            expected=f"{threshold:g} or more somewhere",
        )  # fmt: skip
    vague = int(((values > VAGUE) & (values < 1 - VAGUE)).sum())
    faces = sum(int(np.count_nonzero(np.diff(mask, axis=axis))) for axis in range(3))
    notes = notes | {
        "Values": "probabilities", "Threshold": threshold,
        # Faces of voxels overstate a smooth surface by half.
        "EdgeWidthInVoxels": round(1.5 * vague / max(faces, 1), 2),
        "SumOfProbabilitiesOverVoxels": round(float(values.clip(0, 1).sum() / mask.sum()), 4),
    }  # fmt: skip
    return mask.astype(np.int32), notes
