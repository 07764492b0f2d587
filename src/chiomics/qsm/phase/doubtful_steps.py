"""Voxels whose unwrapping is a guess: nothing but steps near half a turn leads from them to the rest of the brain.

Above the sinuses and the ear canals the field changes by more than half a turn of the shortest echo spacing from voxel
to voxel. Unwrapping takes the shorter way round there, and whole patches behind end up some turns off, wrong alike in
all echoes: their agreement is perfect, and the background removal takes them for strong sources. What tells them is the
way that leads there: every path crosses steps near π. So voxels with such a step are cut out, and what then hangs
together with the largest piece can be relied on.

Of the others some are right all the same, in and around a calcification for instance. The echoes tell where their times
are no multiples of one spacing: of 4, 12, 20 and 28 ms a field that is one turn of 8 ms off turns every echo by π. Two
turns off would go unnoticed, but who gets there crosses voxels that are one turn off.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from chiomics.qsm.masks.reliable_mask import largest_piece

#: Share of half a turn from which a step is doubtful. The error of χ with 0.7, 0.8 and 0.9 is 39.5, 39.5 and 39.7 % for
#: a head at 3 T and 2 mm (39.7 % without), and 36.5 % with 0.8 for one at 7 T and 1 mm (45.5 % without). With one echo
#: (7 T, 2 mm) 0.8 finds 391 of the 498 voxels that are turns off at 12 ms, and 1,479 others: the error of χ falls from
#: 65.5 to 50.3 % and the largest from 1.5 to 0.24 ppm; at 20 ms from 98.5 to 52.8 % and 2.4 to 0.26 ppm.
MAX_STEP = 0.8
#: Turns that a field is tried to be off by.
TRIED_TURNS = (-3, -2, -1, 1, 2, 3)
#: Mean cosine of what a wrong turn does to the echoes' phases below which they can tell it.
TELLING = 0.5
#: Share of the squared signal of voxels that nobody doubts above which, if the echoes speak for an odd number of turns
#: there, they cannot be relied on: for noise, or for an offset that was not removed. Simulated heads of SNR 80 and more
#: have less than 0.01 %; one of SNR 15 (7.5, 13.5, 26.5 ms) has 0.6 %, and an error of χ of 57.1 % without and 57.4 %
#: with this step.
MAX_WRONG = 0.001


def doubtful_voxels(unwrapped: np.ndarray, mask: np.ndarray, *, max_step: float = MAX_STEP) -> np.ndarray:
    """Find the voxels whose number of turns is a guess.

    Parameters
    ----------
    unwrapped : ndarray, shape (x, y, z)
        Unwrapped phase of the shortest echo spacing in rad.
    mask : ndarray of bool, shape (x, y, z)
        Brain.
    max_step : float
        Share of π that two neighbours may differ by.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
        Voxels with a larger step to a neighbour, and those that are connected with the largest piece by such alone.
    """
    limit = np.float32(max_step * np.pi)
    calm = mask.copy()
    for axis in range(mask.ndim):
        lower = tuple(slice(None, -1) if a == axis else slice(None) for a in range(mask.ndim))
        upper = tuple(slice(1, None) if a == axis else slice(None) for a in range(mask.ndim))
        large = np.abs(unwrapped[upper] - unwrapped[lower]) > limit
        large &= mask[upper] & mask[lower]
        calm[lower] &= ~large
        calm[upper] &= ~large
    return mask & ~largest_piece(calm)


def halve_spacing(
    magnitude: np.ndarray,
    phase: np.ndarray,
    rate: np.ndarray,
    mask: np.ndarray,
    doubtful: np.ndarray,
    *,
    echo_times: Sequence[float],
    spacing: float,
) -> np.ndarray | None:
    """Take the phase of half the echo spacing, whose steps from voxel to voxel are half as large.

    The echoes tell by how many turns of the spacing the rate is off, and whether these are even is all that the phase
    of half the spacing needs.

    Parameters
    ----------
    magnitude, phase : ndarray, shape (e, x, y, z)
        Magnitude (any unit) and offset-free phase in rad, wrapped or not.
    rate : ndarray, shape (x, y, z)
        Unwrapped phase of `spacing` over its time, in rad/s, right but for whole turns.
    mask, doubtful : ndarray of bool, shape (x, y, z)
        Brain, and its voxels from `doubtful_voxels`.
    echo_times : sequence of float, shape (e,)
        In s.
    spacing : float
        In s.

    Returns
    -------
    ndarray, float32, shape (x, y, z), or None
        Wrapped phase in rad that evolves in half the spacing, 0 outside the mask; None where the echoes cannot tell, as
        when all times are multiples of the spacing.
    """
    agreements, told = _agreements(magnitude[:, mask], phase[:, mask], rate[mask], echo_times, spacing)
    odd = [turns for turns in agreements if turns % 2]
    if np.median(told[1]) >= TELLING:
        return None
    even = np.max([agreements[turns] for turns in agreements if turns not in odd], axis=0)
    wrong = np.max([agreements[turns] for turns in odd], axis=0) > even
    trust = np.einsum("ev,ev->v", magnitude[:, mask], magnitude[:, mask]) * ~doubtful[mask]
    if trust[wrong].sum() > MAX_WRONG * trust.sum():
        return None
    angle = np.zeros(mask.shape, np.float32)
    half = rate[mask] * np.float32(spacing / 2) + np.float32(np.pi) * wrong
    angle[mask] = np.angle(np.exp(1j * half))
    return angle


def settled_voxels(
    doubtful: np.ndarray,
    magnitude: np.ndarray,
    phase: np.ndarray,
    rate: np.ndarray,
    *,
    echo_times: Sequence[float],
    spacing: float,
) -> np.ndarray:
    """Find the doubtful voxels whose number of turns the echoes confirm.

    Parameters
    ----------
    doubtful : ndarray of bool, shape (x, y, z)
        From `doubtful_voxels`.
    magnitude, phase : ndarray, shape (e, x, y, z)
        Magnitude (any unit) and offset-free phase in rad, wrapped or not.
    rate : ndarray, shape (x, y, z)
        Unwrapped phase of `spacing` over its time, in rad/s.
    echo_times : sequence of float, shape (e,)
        In s.
    spacing : float
        In s.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
        Connected pieces of doubtful voxels in all of which the echoes could tell one turn more or less and speak for
        none; nothing where all echo times are multiples of the spacing.
    """
    agreements, told = _agreements(magnitude[:, doubtful], phase[:, doubtful], rate[doubtful], echo_times, spacing)
    otherwise = np.zeros(np.count_nonzero(doubtful), bool)
    for turns, share in told.items():
        otherwise |= (share < TELLING) & (agreements[turns] > agreements[0])
    otherwise |= told[1] >= TELLING
    pieces, count = ndimage.label(doubtful)
    refuted = np.zeros(count + 1, bool)
    refuted[0] = True
    refuted[pieces[doubtful][otherwise]] = True
    return ~refuted[pieces]


def _agreements(
    magnitude: np.ndarray, phase: np.ndarray, rate: np.ndarray, echo_times: Sequence[float], spacing: float
) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
    """Return for each number of turns how well the echoes agree with a rate that has these more, and with none."""
    tried = (0, *TRIED_TURNS)
    agreements = {turns: np.zeros(rate.shape, np.float32) for turns in tried}
    told = {turns: np.zeros(rate.shape, np.float32) for turns in TRIED_TURNS}
    total = np.maximum(np.einsum("ev,ev->v", magnitude, magnitude), 1e-20)
    for strength, angle, time in zip(magnitude, phase, echo_times, strict=True):
        share = strength * strength / total
        rest = angle - rate * np.float32(time)
        along, across = share * np.cos(rest), share * np.sin(rest)
        for turns in tried:
            turned = 2 * np.pi * turns * time / spacing
            agreements[turns] += along * np.float32(np.cos(turned)) + across * np.float32(np.sin(turned))
            if turns:
                told[turns] += share * np.float32(np.cos(turned))
    return agreements, told
