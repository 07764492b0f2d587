"""Tell from the echoes whether the read-out alternated its direction.

Three echoes at one spacing give c = φ1 - 2φ2 + φ3, which is free of field and offset; it holds four times what
alternates between odd and even echoes, a smooth phase (eddy currents, gradient delays). In monopolar data c is noise
about zero. With four echoes the next triple must show the opposite sign, which neither flow nor several pools in a
voxel do. The statistic is the RMS of c over blocks of about 8 mm, weighted with the signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chiomics.core.compiled import compiled

#: Relative slack within which echo spacings count as equal.
SPACING_SLACK = 0.02
#: RMS of c in rad above which the read-out is bipolar. Monopolar: .02 to .06 on the simulated cohorts and the real data
#: at hand. A quarter of it, what is left in the phase of each echo, is then below .05 rad.
MIN_ALTERNATION = 0.2
#: The part of c that alternates must exceed the part that does not by this factor.
MIN_RATIO = 1.5
#: Edge of the blocks in mm.
BLOCK = 8.0


class Bipolar(NamedTuple):
    """What the echoes say about the read-out."""

    found: bool
    alternation: float | None  # RMS of φ1 - 2φ2 + φ3 in rad; None where the echoes cannot tell
    reason: str


def find_bipolar(
    magnitude: np.ndarray,
    phase: np.ndarray,
    mask: np.ndarray,
    *,
    echo_times: Sequence[float],
    voxel_size: Sequence[float],
) -> Bipolar:
    """Test whether odd and even echoes differ by a smooth phase.

    Parameters
    ----------
    magnitude, phase : ndarray, shape (e, x, y, z)
        Magnitude (any unit) and wrapped phase in rad.
    mask : ndarray of bool, shape (x, y, z)
        Voxels that are looked at.
    echo_times : sequence of float
        In s, ascending.
    voxel_size : sequence of 3 floats
        In mm.

    Returns
    -------
    Bipolar
        Without three echoes at one spacing nothing is found, and the reason says so.
    """
    if len(phase) < 3:
        return Bipolar(False, None, "fewer than three echoes cannot tell")
    spacings = np.diff(echo_times)
    if abs(spacings[1] / spacings[0] - 1) > SPACING_SLACK:
        return Bipolar(False, None, "the first three echoes are not equally spaced and cannot tell")
    first = _curvature(magnitude, phase, mask, 0, voxel_size)
    second = None
    if len(phase) > 3 and abs(spacings[2] / spacings[1] - 1) <= SPACING_SLACK:
        second = _curvature(magnitude, phase, mask, 1, voxel_size)
    weight = np.abs(first)
    if not weight.any():
        return Bipolar(False, None, "no signal")
    if second is None:
        alternating, same = _rms(np.angle(first), weight), 0.0
    else:
        weight = np.sqrt(weight * np.abs(second))
        alternating = _rms(np.angle(first * np.conj(second)) / 2, weight)
        same = _rms(np.angle(first * second) / 2, weight)
    found = alternating > max(MIN_ALTERNATION, MIN_RATIO * same)
    return Bipolar(found, alternating, "odd and even echoes differ" if found else "odd and even echoes agree")


def _curvature(
    magnitude: np.ndarray, phase: np.ndarray, mask: np.ndarray, start: int, voxel_size: Sequence[float]
) -> np.ndarray:
    """Sum m·exp(i·c) over blocks, c from three echoes."""
    three = slice(start, start + 3)
    return _sum_curvature(magnitude[three], phase[three], mask, block_steps(voxel_size))


def block_steps(voxel_size: Sequence[float]) -> np.ndarray:
    """Return the voxels along each axis of a block of about 8 mm; voxel size in mm."""
    return np.array([max(1, round(BLOCK / edge)) for edge in voxel_size])


@compiled
def _sum_curvature(magnitude: np.ndarray, phase: np.ndarray, mask: np.ndarray, steps: np.ndarray) -> np.ndarray:
    nx, ny, nz = mask.shape
    sums = np.zeros(((nx - 1) // steps[0] + 1, (ny - 1) // steps[1] + 1, (nz - 1) // steps[2] + 1), np.complex128)
    for i, j, k in np.ndindex(mask.shape):
        if mask[i, j, k]:
            bend = phase[0, i, j, k] - 2 * phase[1, i, j, k] + phase[2, i, j, k]
            strength = magnitude[1, i, j, k] * np.sqrt(magnitude[0, i, j, k] * magnitude[2, i, j, k])
            sums[i // steps[0], j // steps[1], k // steps[2]] += strength * complex(np.cos(bend), np.sin(bend))
    return sums


def _rms(values: np.ndarray, weight: np.ndarray) -> float:
    return float(np.sqrt(np.sum(weight * values**2) / np.sum(weight)))
