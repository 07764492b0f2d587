"""Check the images of one run against each other: sidecars and headers, no voxels."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

from chiomics.core.errors import InputError
from chiomics.core.units import MAX_FIELD_STRENGTH
from chiomics.index.forms import form_warnings
from chiomics.index.gre import GreInput
from chiomics.index.headers import Header, check_box, shared_grid
from chiomics.index.names import NamedFile

#: Default of the fewest voxels along any axis: a thinner slab does not hold the dipole field that an inversion needs.
MINIMUM_SLICES = 20
#: Voxel size in mm from which deep grey nuclei and lesions are no longer resolved.
MAX_VOXEL = 4.0
#: An echo time above this many seconds is in milliseconds: T2* of tissue is 0.01 to 0.1 s.
LONGEST_ECHO_TIME = 1.0
#: Magnitude and phase of an echo share its echo time to within this many seconds, the rounding of converters.
ECHO_TIME_TOLERANCE = 1e-5
#: Resonance of protons in MHz per T, which ImagingFrequency stands for.
MEGAHERTZ_PER_TESLA = 42.577
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


def check_gre(
    gre: GreInput,
    read_sidecar: Callable[[NamedFile], dict],
    read: Callable[[NamedFile], Header],
    minimum_slices: int = MINIMUM_SLICES,
) -> Facts:
    """Check one run and return its facts.

    Parameters
    ----------
    gre : GreInput
        The images, from `assemble`.
    read_sidecar, read : callable
        Give the inherited sidecar fields and the header of an image.
    minimum_slices : int
        Fewest voxels along any axis.

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
    header = _common_grid(gre.files, read)
    times = _echo_times(gre, fields, header.volumes)
    if gre.kind == "field_map":
        _check_units(gre.phase[0], fields)
    field_strength, warnings = _field_strength(gre.files, fields)
    stacked = len(gre.echoes) == 1 and len(times) == header.volumes
    shape, size = check_grid(header, gre.files[0], minimum_slices, stacked=stacked)
    warnings += form_warnings(header, gre.files[0])
    makers = sorted({str(entry["Manufacturer"]) for entry in fields.values() if entry.get("Manufacturer")})
    return Facts(times, field_strength, shape, size, " ".join(makers), warnings, header)


def check_grid(
    header: Header, file: NamedFile, minimum_slices: int = MINIMUM_SLICES, *, stacked: bool = False
) -> tuple[list[int], list[float]]:
    """Check that a volume is 3-D (or its echoes stacked), thick and fine enough; return its shape and voxel size."""
    if header.volumes > 1 and not stacked:
        raise InputError(
            "a 4-D image, of which the sidecar does not say what its volumes are", file=file.path,
            found=f"{header.volumes} volumes",
            expected="one 3-D file per echo (echo-<n>), or all echoes in one file and EchoTime the list of their times",
        )  # fmt: skip
    if min(header.shape) < minimum_slices:
        raise InputError(
            "too few slices", file=file.path, found=" x ".join(map(str, header.shape)),
            expected=f"at least {minimum_slices} along each axis (index.minimum_slices)",
        )  # fmt: skip
    size = [round(edge, 5) for edge in header.voxel_size]
    if max(size) >= MAX_VOXEL:
        raise InputError(
            "the voxels are too large", file=file.path, found=f"{' x '.join(f'{edge:g}' for edge in size)} mm",
            expected=f"a voxel size below {MAX_VOXEL:g} mm",
        )  # fmt: skip
    check_box(header, file)
    return list(header.shape), size


def _check_units(file: NamedFile, fields: dict[str, dict]) -> None:
    """Stop where a field map is not said to be in Hz."""
    units = str(fields[file.path].get("Units", ""))
    if units.lower() not in ("hz", "hertz"):
        raise InputError(
            "the field map is not said to be in Hz", file=file.path, found=f"Units {units!r}",
            expected='"Units": "Hz" in its JSON sidecar, and values in Hz',
        )  # fmt: skip


def _echo_times(gre: GreInput, fields: dict[str, dict], volumes: int) -> list[float]:
    """Echo times in s, checked within and between the echoes; none of a field map."""
    if gre.kind == "field_map":
        return []
    if gre.kind == "phase_difference":
        difference = fields[gre.phase[0].path]
        both = len(gre.magnitude) == 2
        given = [[_echo_time(difference, gre.phase[0], f"EchoTime{n}")] for n in (1, 2)]
        for file, pair in zip(gre.magnitude, given, strict=False) if both else ():
            pair.append(_echo_time(fields[file.path], file))
        names = gre.magnitude if both else gre.phase * 2
    elif volumes > 1 and len(gre.echoes) == 1:
        return _stacked_times(gre, fields, volumes)
    else:
        names = gre.magnitude or gre.real
        others = gre.phase or gre.imaginary
        given = [[_echo_time(fields[file.path], file) for file in both] for both in zip(names, others, strict=True)]
    times = []
    for file, pair in zip(names, given, strict=True):
        known = [time for time in pair if time is not None]
        if not known:
            missing = "EchoTime1 or EchoTime2 is" if gre.kind == "phase_difference" else "EchoTime is"
            raise InputError(f"{missing} missing", file=file.path, expected="the time in s in its JSON sidecar")
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


def _stacked_times(gre: GreInput, fields: dict[str, dict], volumes: int) -> list[float]:
    """Echo times of 4-D images that hold all echoes, from the lists in the sidecars; none where there is no list."""
    lists = [(file, fields[file.path]["EchoTime"]) for file in gre.files if "EchoTime" in fields[file.path]]
    lists = [(file, times) for file, times in lists if isinstance(times, list)]
    if not lists:
        return []
    file, given = lists[0]
    times = [_echo_time({"EchoTime": time}, file) or 0.0 for time in given]
    if len(times) != volumes:
        raise InputError(
            "the 4-D image and its list of echo times differ in length", file=file.path,
            found=f"{volumes} volumes, {len(times)} times", expected="one time in s for each volume",
        )  # fmt: skip
    for other, others in lists[1:]:
        if others != given:
            raise InputError("images of one run disagree in EchoTime", file=other.path, found=f"{others} and {given} s")
    if any(later <= earlier for earlier, later in itertools.pairwise(times)):
        raise InputError("the echo times do not ascend with the volumes", file=file.path, found=f"{times} s")
    return times


def _echo_time(fields: dict, file: NamedFile, key: str = "EchoTime") -> float | None:
    time = fields.get(key)
    if time is None:
        return None
    if not _is_number(time):
        raise InputError(f"{key} is not a number", file=file.path, found=_shown(time), expected="one number in s")
    if time > LONGEST_ECHO_TIME:
        unit, factor = ("microseconds", 1e6) if time / 1e3 > LONGEST_ECHO_TIME else ("milliseconds", 1e3)
        raise InputError(
            f"{key} is in {unit}", file=file.path, found=f"{time:g}", expected=f"seconds, as BIDS: {time / factor:g}"
        )
    if time <= 0:
        raise InputError(f"{key} is not positive", file=file.path, found=f"{time:g} s")
    return float(time)


def _field_strength(files: list[NamedFile], fields: dict[str, dict]) -> tuple[float, list[str]]:
    """Field strength in T that all images of the run agree on, and a warning where the frequency has to tell it."""
    known: dict[str, float] = {}
    warnings: list[str] = []
    for file in files:
        strength = fields[file.path].get("MagneticFieldStrength")
        frequency = fields[file.path].get("ImagingFrequency")
        by_frequency = None if frequency is None else _by_frequency(frequency, file)
        if strength is None and by_frequency is not None:
            strength = by_frequency
            if not warnings:
                found = f"{strength:g} T from ImagingFrequency {frequency:g} MHz"
                warnings.append(f"{file.path}: no MagneticFieldStrength; {found}")
        if strength is None:
            continue
        if not _is_number(strength) or not 0 < strength <= MAX_FIELD_STRENGTH:
            raise InputError(
                "MagneticFieldStrength is not a field strength in T", file=file.path, found=_shown(strength),
                expected=f"a number above 0, at most {MAX_FIELD_STRENGTH:g}",
            )  # fmt: skip
        if by_frequency is not None and abs(strength - by_frequency) > FIELD_TOLERANCE:
            raise InputError(
                "MagneticFieldStrength and ImagingFrequency disagree", file=file.path,
                found=f"{strength:g} T and {frequency:g} MHz, which is {by_frequency:g} T",
                expected=f"one field strength, to within {FIELD_TOLERANCE:g} T",
            )  # fmt: skip
        known[file.path] = float(strength)
    if not known:
        raise InputError(
            "the field strength is missing", file=files[0].path,
            expected="MagneticFieldStrength in T, or ImagingFrequency in MHz, in a sidecar",
        )  # fmt: skip
    low, high = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    if known[high] - known[low] > FIELD_TOLERANCE:
        raise InputError(
            "images of one run disagree in field strength", file=high, found=f"{known[high]:g} T",
            expected=f"{known[low]:g} T as in {low}",
        )  # fmt: skip
    return next(iter(known.values())), warnings


def _by_frequency(frequency: object, file: NamedFile) -> float:
    """Field strength in T of a proton frequency in MHz."""
    if not _is_number(frequency) or not 0 < frequency <= MAX_FIELD_STRENGTH * MEGAHERTZ_PER_TESLA:  # type: ignore[operator]
        raise InputError(
            "ImagingFrequency is not a frequency in MHz", file=file.path, found=_shown(frequency),
            expected=f"a number above 0, at most {MAX_FIELD_STRENGTH * MEGAHERTZ_PER_TESLA:.0f}",
        )  # fmt: skip
    return round(frequency / MEGAHERTZ_PER_TESLA, 4)  # type: ignore[operator]


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


def _shown(value: object) -> str:
    return "NaN" if isinstance(value, float) and math.isnan(value) else repr(value)


def _shape(header: Header) -> str:
    shape = " x ".join(map(str, header.shape))
    return shape if header.volumes == 1 else f"{shape}, {header.volumes} volumes"


def _rows(header: Header) -> str:
    return str([[round(value, 3) for value in row] for row in header.affine])
