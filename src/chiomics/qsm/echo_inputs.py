"""Bring what a session has into the form that the phase chain takes, and stop where it does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from chiomics.core.errors import InputError
from chiomics.qsm.arrays import as_echo_times

#: Largest field in Hz that a field map may hold, and the longest time in s at which its phase is looked at.
MAX_FIELD_MAP, EARLY = 5000.0, 0.0025


def check_echoes(
    magnitude: np.ndarray, phase: np.ndarray, mask: np.ndarray, times: np.ndarray, echo_sets: Mapping
) -> None:
    """Stop where the inputs of the phase chain do not belong together.

    Parameters
    ----------
    magnitude, phase : ndarray
        Should be of shape (e, x, y, z).
    mask : ndarray of bool
        Should be of shape (x, y, z), with voxels.
    times : ndarray
        Echo times, should be rising and in s.
    echo_sets : mapping of str to sequence of int
        Should hold different echo numbers from 1.

    Raises
    ------
    InputError
        Where one does not.
    """
    if magnitude.ndim != 4 or magnitude.shape != phase.shape or phase.shape[1:] != mask.shape:
        raise InputError(
            "magnitude, phase and mask differ in shape",
            found=f"{magnitude.shape}, {phase.shape} and {mask.shape}",
            expected="(echo, x, y, z) twice and (x, y, z)",
        )
    as_echo_times(times, len(phase))
    if not mask.any():
        raise InputError("the brain mask is empty", expected="a mask with voxels")
    for name, echoes in echo_sets.items():
        missing = [echo for echo in echoes if not 1 <= echo <= len(times)]
        if missing or not echoes or len(set(echoes)) < len(echoes):
            raise InputError(
                f"echo set '{name}' does not fit the session",
                found=f"echoes {list(echoes)} of {len(times)}",
                expected=f"different numbers from 1 to {len(times)}",
            )


def phase_difference_as_echo(
    magnitude: np.ndarray, phase_difference: np.ndarray, *, echo_times: Sequence[float]
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Turn two magnitudes and a phase difference into one echo whose time is the spacing.

    Parameters
    ----------
    magnitude : ndarray, shape (2, x, y, z) or (1, x, y, z)
        Magnitudes of the two echoes, or of one of them.
    phase_difference : ndarray, shape (x, y, z)
        Phase of the second echo less that of the first, in rad.
    echo_times : sequence of 2 floats
        In s.

    Returns
    -------
    magnitude, phase : ndarray, shape (1, x, y, z)
        Magnitude of equal phase noise, and the phase difference.
    echo_times : list of 1 float
        The spacing in s. The field is Δφ/(2π·ΔTE).
    """
    spacing = float(echo_times[1] - echo_times[0])
    if len(magnitude) == 1:
        return magnitude.astype(np.float32), phase_difference[None].astype(np.float32), [spacing]
    first, second = magnitude[0].astype(np.float32), magnitude[1].astype(np.float32)
    combined = first * second / np.maximum(np.hypot(first, second), np.finfo(np.float32).tiny)
    return combined[None], phase_difference[None].astype(np.float32), [spacing]


def field_map_as_echo(field: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Turn a field map into the phase that it gives at a time so early that nothing wraps.

    Parameters
    ----------
    field : ndarray, shape (1, x, y, z)
        In Hz.

    Returns
    -------
    phase : ndarray, float32, shape (1, x, y, z)
        In rad, at most half of π.
    echo_times : list of 1 float
        In s; the field is φ/(2π·TE).

    Raises
    ------
    InputError
        For a constant map, and one that is no field in Hz: beyond 5 kHz, 30 ppm at 3 T.
    """
    largest = float(np.abs(field).max())
    if field.min() == field.max() or largest > MAX_FIELD_MAP:
        raise InputError(
            "the field map does not hold a field in Hz", found=f"{field.min():g}..{field.max():g}",
            expected=f"values that differ, at most {MAX_FIELD_MAP:g} Hz",
        )  # fmt: skip
    time = min(0.25 / largest, EARLY)
    return (2 * np.pi * time * field).astype(np.float32), [time]
