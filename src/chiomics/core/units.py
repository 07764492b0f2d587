"""Conversions between phase, frequency and relative field.

χ and fields are in ppm of B0, frequencies in Hz, phases in rad, echo times in s, field strengths in T.
"""

from __future__ import annotations

import math

#: Proton gyromagnetic ratio divided by 2π, in Hz/T (CODATA 2018, shielded value of water rounded to five digits).
GYROMAGNETIC_RATIO = 42.576e6

#: Field strengths in T above this are in another unit; the strongest human scanner has 11.7 T.
MAX_FIELD_STRENGTH = 25.0


def hz_per_ppm(field_strength: float) -> float:
    """Return the frequency in Hz of a field shift of 1 ppm at `field_strength` T."""
    return GYROMAGNETIC_RATIO * field_strength * 1e-6


def radians_per_ppm(field_strength: float, echo_time: float) -> float:
    """Return the phase in rad that a field of 1 ppm gives at `echo_time` s and `field_strength` T."""
    return 2 * math.pi * echo_time * hz_per_ppm(field_strength)
