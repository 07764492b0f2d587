"""Bring phase images to radians, by a rule that is named, never guessed.

Scanners and converters store phase as radians, as degrees, as Siemens integers (0..4095, or -4096..4094 after the DICOM
rescale slope of 2), as the full range of an unsigned integer, or as an arbitrary scale that is symmetric about zero. A
wrapped phase image that holds noise or at least one wrap reaches both ends of its scale, so the ends tell the scale.
Where they do not, the caller has to name the rule. All echoes are looked at together, since they share one scale.
"""

from __future__ import annotations

import logging

import numpy as np

from chiomics.core.errors import InputError

#: Share of the full scale that the found range must span before a rule is recognised.
FULL_SPAN = 0.95
#: Each outer twentieth of a symmetric scale must hold this share of the voxels. A phase that wraps is close to
#: uniform (1/20 each); the tails of an unwrapped or filtered field hold far fewer.
END_SHARE = 0.002
#: Share of a named scale that the phase must span. With noise or a wrap it spans all of it; one short echo at 1.5 T in
#: a masked brain a quarter (±0.8 rad); turns and 0..1, taken for radians, a sixth.
MIN_SPAN = 0.2
#: Share of the voxels at the lowest and at the highest value from which on the phase was clipped: wrapped phase has one
#: level's share there, .004 with eight bits; cut off at 2.9 rad it has .04. Air set to an end lies at one end alone.
MAX_CLIPPED = 0.02
#: Relative slack for rounding in conversion.
SLACK = 2e-3
#: Largest difference of the two ends of a symmetric scale, as a share of its width.
ASYMMETRY = 0.02
RULES = (
    "radians", "radians 0..2pi", "degrees", "degrees 0..360", "integers 0..4095", "integers -4096..4095", "unsigned",
    "symmetric",
)  # fmt: skip

log = logging.getLogger(__name__)


def phase_to_radians(phase: np.ndarray, *, rule: str = "auto", phase_sign: int = 1) -> tuple[np.ndarray, dict]:
    """Rescale wrapped phase to radians in [-π, π].

    Parameters
    ----------
    phase : ndarray
        Wrapped phase as stored; all echoes of a session in one array.
    rule : str
        How the stored values map to radians: one of `RULES`. "unsigned" is 0 to any full scale, "symmetric" minus to
        plus any. "auto" recognises the rule and stops where it cannot.
    phase_sign : {1, -1}
        -1 where the scanner's phase falls with a positive field shift.

    Returns
    -------
    radians : ndarray, float32, same shape
        Phase in rad, in which a positive field shift raises the phase.
    scale : dict
        ``PhaseRule``, ``PhaseRange`` as found, ``PhaseSlope`` and ``PhaseIntercept`` of the rescaling, ``PhaseSign``.

    Raises
    ------
    InputError
        Where no rule fits, the phase is constant or clipped, or a named rule contradicts the range or is hardly filled
        by it.
    """
    if phase_sign not in (1, -1):
        raise InputError("phase_sign is not a sign", found=str(phase_sign), expected="1 or -1")
    low, high = float(phase.min()), float(phase.max())
    if low == high:
        raise InputError("the phase image is constant", found=f"{low:g} everywhere", expected="wrapped phase")
    clipped = min(float(np.mean(phase == low)), float(np.mean(phase == high)))
    if clipped > MAX_CLIPPED:
        raise InputError(
            "the phase is cut off at both ends", found=f"{100 * clipped:.0f} % or more of the voxels at {low:g} and at "
            f"{high:g}", expected="phase as the scanner wraps it",
        )  # fmt: skip
    if rule == "auto":
        rule = _recognise(phase, low, high)
    slope, intercept = _scaling(rule, phase, low, high)
    log.info("phase range %g..%g, rule '%s'", low, high, rule)
    radians = phase.astype(np.float32)
    radians *= np.float32(slope * phase_sign)
    radians += np.float32(intercept * phase_sign)
    return radians, {
        "PhaseRule": rule,
        "PhaseRange": [low, high],
        "PhaseSlope": slope,
        "PhaseIntercept": intercept,
        "PhaseSign": phase_sign,
    }


def magnitude_and_phase(real: np.ndarray, imaginary: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn real and imaginary images into magnitude and phase in rad.

    Parameters
    ----------
    real, imaginary : ndarray, same shape
        The two parts on one scale.

    Returns
    -------
    magnitude, phase : ndarray, float32
        Magnitude in the input's unit and phase in rad.

    Raises
    ------
    InputError
        Where a part holds no negative value, which the part of a complex image does, or the shapes differ.
    """
    if real.shape != imaginary.shape:
        raise InputError("real and imaginary parts differ in shape", found=f"{real.shape} and {imaginary.shape}")
    for name, part in (("real", real), ("imaginary", imaginary)):
        if part.min() >= 0:
            raise InputError(
                f"the {name} part holds no negative value",
                found=f"{part.min():g}..{part.max():g}",
                expected="a signed image, without an offset",
            )
    real, imaginary = real.astype(np.float32), imaginary.astype(np.float32)
    return np.hypot(real, imaginary), np.arctan2(imaginary, real)


def _recognise(phase: np.ndarray, low: float, high: float) -> str:
    """Return the one rule that the range fits."""
    span = high - low
    whole = bool(np.array_equal(phase, np.rint(phase)))
    if span >= FULL_SPAN * 2 * np.pi:
        for rule, lowest in (("radians", -np.pi), ("radians 0..2pi", 0.0)):
            if low >= lowest - SLACK * np.pi and high <= lowest + (2 + SLACK) * np.pi:
                return rule
    if whole:
        for rule, lowest, width in (("integers 0..4095", 0, 4096), ("integers -4096..4095", -4096, 8192)):
            if low >= lowest and high <= lowest + width and span >= FULL_SPAN * width:
                return rule
    if low >= 0 and span >= FULL_SPAN * high and min(_end_shares(phase, low, high)) >= END_SHARE:
        if FULL_SPAN * 360 <= high <= 360 * (1 + SLACK):
            return "degrees 0..360"
        if FULL_SPAN <= high <= 1 or _full_scale(high) is not None:
            return "unsigned"
    largest = max(-low, high)
    if low < 0 < high and abs(high + low) <= 0.01 * span:
        # A phase in radians that never wraps, or an unwrapped field, is not told apart from a scale by symmetry alone.
        ends = [float(np.mean(side > 0.9 * largest)) for side in (phase, -phase)]
        if min(ends) >= END_SHARE:
            return "symmetric"
        detail = f"{low:g}..{high:g} with {100 * min(ends):.2g} % of the voxels at an end"
    else:
        detail = f"{low:g}..{high:g}" + (" in whole numbers" if whole else " in decimals")
    raise InputError(
        "the scale of the phase cannot be recognised; name it with `phase_scale`",
        found=detail,
        expected="wrapped phase in radians, 0..4095, -4096..4094, 0..360 degrees, 0..1, the full range of an "
        "unsigned integer, or a full scale symmetric about zero",
    )


def _end_shares(phase: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Share of the voxels in the lowest and in the highest twentieth of the range."""
    margin = 0.05 * (high - low)
    return float(np.mean(phase < low + margin)), float(np.mean(phase > high - margin))


def _full_scale(high: float) -> int | None:
    """Return the power of two whose integers end at `high`, give or take 2 %; None where there is none."""
    return next((2**bits for bits in range(7, 17) if 0.98 * (2**bits - 1) <= high <= 2**bits), None)


def _scaling(rule: str, phase: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Return slope and intercept to radians; stops where the range exceeds the rule's, or fills one half of it only."""
    whole = bool(np.array_equal(phase, np.rint(phase))) if rule == "unsigned" else False
    full = (_full_scale(high) or high + 1) if whole else high
    largest = max(-low, high)
    limits = {
        "radians": (-np.pi, np.pi, 1.0, 0.0),
        "radians 0..2pi": (0.0, 2 * np.pi, 1.0, -np.pi),
        "degrees": (-180.0, 180.0, np.pi / 180, 0.0),
        "degrees 0..360": (0.0, 360.0, np.pi / 180, -np.pi),
        "integers 0..4095": (0.0, 4096.0, 2 * np.pi / 4096, -np.pi),
        "integers -4096..4095": (-4096.0, 4096.0, np.pi / 4096, 0.0),
        "unsigned": (0.0, full, 2 * np.pi / full, -np.pi),
        "symmetric": (-largest, largest, np.pi / largest, 0.0),
    }
    if rule not in limits:
        raise InputError("unknown phase scale", found=rule, expected="one of " + ", ".join(("auto", *RULES)))
    lowest, highest, slope, intercept = limits[rule]
    slack = SLACK * (highest - lowest)
    one_sided = rule != "radians" and not low < (lowest + highest) / 2 < high
    uneven = rule == "symmetric" and abs(low + high) > ASYMMETRY * (high - low)
    if low < lowest - slack or high > highest + slack or one_sided or uneven:
        raise InputError(
            f"the phase does not fit the named scale '{rule}'",
            found=f"{low:g}..{high:g}",
            expected="the same range below and above zero" if uneven else f"{lowest:g}..{highest:g}",
        )
    if high - low < MIN_SPAN * (highest - lowest):
        raise InputError(
            f"the phase fills too little of the named scale '{rule}'",
            found=f"{low:g}..{high:g}",
            expected=f"wrapped phase, which reaches from {lowest:g} to {highest:g}; or the name of another scale",
        )
    return slope, intercept
