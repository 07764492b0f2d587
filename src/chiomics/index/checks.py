"""Check the images of one run against each other: sidecars and headers, no voxels."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

from chiomics.core.errors import InputError
from chiomics.index.gre import GreInput
from chiomics.index.headers import Header, shared_grid
from chiomics.index.names import NamedFile

#: Fewest voxels along any axis: a thinner slab does not hold the dipole field that an inversion needs.
MINIMUM_SLICES = 20
#: Voxel edge in mm from which deep grey nuclei and lesions are no longer resolved.
LARGEST_VOXEL = 4.0
#: An echo time above this many seconds is in milliseconds: T2* of tissue is 0.01 to 0.1 s.
LONGEST_ECHO_TIME = 1.0
#: Magnitude and phase of an echo share its echo time to within this many seconds, the rounding of converters.
ECHO_TIME_TOLERANCE = 1e-5
#: Field strengths in T above this are in another unit; the strongest human scanner has 11.7 T.
LARGEST_FIELD = 25.0
#: Field strengths in T of one session agree to within this; scanners write 3, 2.9 and 2.89362 for one magnet.
FIELD_TOLERANCE = 0.2


class Facts(NamedTuple):
    """What is known of a run beside its files."""

    echo_times: list[float]  # s
    field_strength: float | None  # T
    shape: list[int]
    voxel_size: list[float]  # mm
    manufacturer: str
    warnings: list[str]
    header: Header | None


def check_gre(gre: GreInput, read_sidecar: Callable[[NamedFile], dict], read: Callable[[NamedFile], Header]) -> Facts:
    """Check one run and return its facts.

    Parameters
    ----------
    gre : GreInput
        The images, from `assemble`.
    read_sidecar, read : callable
        Give the inherited sidecar fields and the header of an image.

    Returns
    -------
    Facts
        Echo times in s, field strength in T, shape, voxel size in mm.

    Raises
    ------
    InputError
        At the first fact that is missing, out of range or contradicted by another image of the run.
    """
    fields = {file.path: read_sidecar(file) for file in gre.files}
    times = _echo_times(gre, fields)
    field_strength = _field_strength(gre.files, fields)
    header = _common_grid(gre.files, read)
    shape, size = check_grid(header, gre.files[0])
    warnings = template_warning(header, gre.files[0])
    makers = sorted({str(entry["Manufacturer"]) for entry in fields.values() if entry.get("Manufacturer")})
    return Facts(times, field_strength, shape, size, " ".join(makers), warnings, header)


def check_grid(header: Header, file: NamedFile) -> tuple[list[int], list[float]]:
    """Check that a volume is 3-D, thick and fine enough; return its shape and voxel size."""
    if header.volumes > 1:
        raise InputError(
            "a 4-D image: uncombined coils or stacked echoes", file=file.path, found=f"{header.volumes} volumes",
            expected="one 3-D file per echo (echo-<n>), its coils combined (adaptive combine, MCPC-3D-S, ASPIRE)",
        )  # fmt: skip
    if min(header.shape) < MINIMUM_SLICES:
        raise InputError(
            "too few slices", file=file.path, found=" x ".join(map(str, header.shape)),
            expected=f"at least {MINIMUM_SLICES} along each axis",
        )  # fmt: skip
    size = [round(edge, 5) for edge in header.voxel_size]
    if max(size) >= LARGEST_VOXEL:
        raise InputError(
            "the voxels are too large", file=file.path, found=f"{' x '.join(f'{edge:g}' for edge in size)} mm",
            expected=f"edges below {LARGEST_VOXEL:g} mm",
        )  # fmt: skip
    return list(header.shape), size


def template_warning(header: Header, file: NamedFile) -> list[str]:
    """Say that the direction of B0 is not sure where the sform leads to a template."""
    if not header.in_template_space:
        return []
    return [f"{file.path}: the affine leads to a template space, so B0 may not be along its z axis"]


def _echo_times(gre: GreInput, fields: dict[str, dict]) -> list[float]:
    """Echo times in s, checked within and between the echoes."""
    if gre.kind == "phase_difference":
        difference = fields[gre.phase[0].path]
        given = [
            [_echo_time(difference, gre.phase[0], f"EchoTime{n}"), _echo_time(fields[file.path], file)]
            for n, file in zip((1, 2), gre.magnitude, strict=True)
        ]
        names = gre.magnitude
    else:
        names = gre.magnitude or gre.real
        others = gre.phase or gre.imaginary
        given = [[_echo_time(fields[file.path], file) for file in both] for both in zip(names, others, strict=True)]
    times = []
    for file, pair in zip(names, given, strict=True):
        known = [time for time in pair if time is not None]
        if not known:
            raise InputError("EchoTime is missing", file=file.path, expected="EchoTime in s in its JSON sidecar")
        if max(known) - min(known) > ECHO_TIME_TOLERANCE:
            raise InputError(
                "the images of one echo disagree in EchoTime",
                file=file.path,
                found=f"{known[0]:g} s and {known[1]:g} s",
            )
        times.append(known[0])
    if any(later <= earlier for earlier, later in itertools.pairwise(times)):
        raise InputError(
            "the echo times do not ascend with the echo numbers", file=names[0].path,
            found=", ".join(f"{time:g}" for time in times) + " s",
        )  # fmt: skip
    return times


def _echo_time(fields: dict, file: NamedFile, key: str = "EchoTime") -> float | None:
    time = fields.get(key)
    if time is None:
        return None
    if not _is_number(time):
        raise InputError(f"{key} is not a number", file=file.path, found=repr(time), expected="one number in s")
    if time > LONGEST_ECHO_TIME:
        raise InputError(
            f"{key} is in milliseconds",
            file=file.path,
            found=f"{time:g}",
            expected=f"seconds, as BIDS: {time / 1000:g}",
        )
    if time <= 0:
        raise InputError(f"{key} is not positive", file=file.path, found=f"{time:g} s")
    return float(time)


def _field_strength(files: list[NamedFile], fields: dict[str, dict]) -> float:
    """Field strength in T that all images of the run agree on."""
    known: dict[str, float] = {}
    for file in files:
        strength = fields[file.path].get("MagneticFieldStrength")
        if strength is None:
            continue
        if not _is_number(strength) or not 0 < strength <= LARGEST_FIELD:
            raise InputError(
                "MagneticFieldStrength is not a field strength in T", file=file.path, found=repr(strength),
                expected=f"a number above 0, at most {LARGEST_FIELD:g}",
            )  # fmt: skip
        known[file.path] = float(strength)
    if not known:
        raise InputError(
            "the field strength is missing", file=files[0].path, expected="MagneticFieldStrength in T in a sidecar"
        )
    low, high = min(known, key=known.get), max(known, key=known.get)
    if known[high] - known[low] > FIELD_TOLERANCE:
        raise InputError(
            "images of one run disagree in field strength", file=high, found=f"{known[high]:g} T",
            expected=f"{known[low]:g} T as in {low}",
        )  # fmt: skip
    return next(iter(known.values()))


def _common_grid(files: list[NamedFile], read: Callable[[NamedFile], Header]) -> Header:
    """Header of the first image, once all others share its shape and affine."""
    first = read(files[0])
    for file in files[1:]:
        header = read(file)
        if header.shape != first.shape or header.volumes != first.volumes:
            raise InputError(
                "images of one run differ in shape", file=file.path, found=_shape(header),
                expected=f"{_shape(first)} as in {files[0].path}",
            )  # fmt: skip
        if not shared_grid(first, header):
            raise InputError(
                "images of one run differ in position or orientation", file=file.path,
                found=f"affine {_rows(header)}", expected=f"{_rows(first)} as in {files[0].path}",
            )  # fmt: skip
    return first


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _shape(header: Header) -> str:
    shape = " x ".join(map(str, header.shape))
    return shape if header.volumes == 1 else f"{shape}, {header.volumes} volumes"


def _rows(header: Header) -> str:
    return str([[round(value, 3) for value in row] for row in header.affine])
