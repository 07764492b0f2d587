"""The two forms of a NIfTI header: refuse what they contradict, and say which one B0 follows.

A co-registration writes the sform anew (code 2, "aligned", or more) and leaves the qform of the scanner (code 1). B0
then has the direction of the qform's z axis; `core.images.scanner_affine` takes it by the same rule.
"""

from __future__ import annotations

import math

from chiomics.core.errors import InputError
from chiomics.index.headers import Header
from chiomics.index.names import NamedFile

#: Largest angle in degrees between the z axes of the two forms, and largest difference of their voxel sizes, that
#: rounding leaves.
MAX_TILT, MAX_STRETCH = 1.0, 0.01
#: Distance of the image's middle in the two forms, in voxels, from which a structural image is warned of.
MAX_SHIFT = 1.0


def form_warnings(header: Header, file: NamedFile) -> list[str]:
    """Compare the sform with the qform, and say where the direction of B0 is not sure.

    Parameters
    ----------
    header : Header
        Of an image.
    file : NamedFile
        The image.

    Returns
    -------
    list of str
        Warnings.

    Raises
    ------
    InputError
        Where the forms differ in voxel size or handedness, or in B0 while both or neither say "scanner".
    """
    warnings = [*header.notes, *_compare(header, file)]
    if header.in_template_space and (header.qform is None or header.codes[1] != 1):
        warnings.append(f"{file.path}: the affine leads to a template space, so B0 may not be along its z axis")
    return warnings


def structural_warnings(header: Header, file: NamedFile) -> list[str]:
    """Compare the forms of a structural image; as for `form_warnings`, but all its axes count, and no B0.

    The sform is what all programs read; where one form alone says "scanner", the other is a co-registration.
    """
    warnings = [*header.notes, *_compare(header, file, axes=(0, 1, 2), of="where the head points")]
    if header.qform is not None and not warnings:
        middle = [(length - 1) / 2 for length in header.shape]
        places = [
            [row[3] + sum(a * b for a, b in zip(row, middle, strict=False)) for row in form]
            for form in (header.affine, header.qform)
        ]
        if (apart := math.dist(*places)) > MAX_SHIFT * max(header.voxel_size):
            warnings = [f"{file.path}: sform and qform are {apart:.0f} mm apart; the sform is taken"]
    return warnings


def _compare(
    header: Header, file: NamedFile, *, axes: tuple[int, ...] = (2,), of: str = "the direction of B0"
) -> list[str]:
    if header.qform is None:
        return []
    forms = [[list(row[:3]) for row in form] for form in (header.affine, header.qform)]
    sizes = [[math.hypot(*(row[axis] for row in form)) for axis in range(3)] for form in forms]
    if any(abs(one - other) > MAX_STRETCH * other for one, other in zip(*sizes, strict=True)):
        raise InputError(
            "sform and qform disagree about the voxel size", file=file.path,
            found=" and ".join(" x ".join(f"{side:.4g}" for side in size) for size in sizes) + " mm",
            expected="one size in both forms of the header",
        )  # fmt: skip
    if _determinant(forms[0]) * _determinant(forms[1]) < 0:
        raise InputError(
            "sform and qform disagree which side is left", file=file.path,
            expected="forms that are not mirror images of each other",
        )  # fmt: skip
    tilt = max(_degrees_apart(forms[0], forms[1], axis) for axis in axes)
    if tilt <= MAX_TILT:
        return []
    scanner = [name for name, code in zip(("sform", "qform"), header.codes, strict=True) if code == 1]
    if len(scanner) != 1:
        raise InputError(
            f"sform and qform disagree about {of}", file=file.path,
            found=f"{tilt:.0f} degrees between them, codes {header.codes[0]} and {header.codes[1]}",
            expected='one form with code 1, "scanner"; the other one set to it, or to code 0',
        )  # fmt: skip
    which = f"B0 follows the {scanner[0]} (the scanner's)" if axes == (2,) else "the sform is taken"
    return [f"{file.path}: sform and qform are {tilt:.0f} degrees apart; {which}"]


def _degrees_apart(one: list[list[float]], other: list[list[float]], axis: int) -> float:
    """Return the angle between the directions in which a world axis lies in the voxels of two forms."""
    first, second = (
        [value / math.hypot(*(row[i] for row in form)) for i, value in enumerate(form[axis])] for form in (one, other)
    )
    cosine = sum(a * b for a, b in zip(first, second, strict=True)) / math.hypot(*first) / math.hypot(*second)
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def _determinant(m: list[list[float]]) -> float:
    return sum(
        m[0][i] * (m[1][(i + 1) % 3] * m[2][(i + 2) % 3] - m[1][(i + 2) % 3] * m[2][(i + 1) % 3]) for i in range(3)
    )
