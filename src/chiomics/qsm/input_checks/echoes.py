"""Echoes that are not what they say: constant, copied from another echo, wrapped at the end of an integer type."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from chiomics.core.compiled import compiled
from chiomics.core.errors import InputError
from chiomics.qsm.phase.bipolar import block_steps

#: Share of the bright voxels that may hold one and the same value, or the value of another echo. On clean heads it is
#: below .02 with 4096 grey levels, and below .2 for magnitudes of eight bits.
MAX_SHARE = 0.5
#: Share of the voxels below the largest value from which on these alone tell copies.
MIN_WHOLE = 0.1
#: Negative magnitude in units of the bright level (99th percentile) that interpolation may leave.
MIN_MAGNITUDE = -0.1
#: Share of the brightest 2 % of the range that may lie at its very end before the image counts as cut off there.
MAX_PILE = 0.2
#: Median agreement of the echoes below which they are refused.
MIN_MEDIAN_QUALITY = 0.85
#: Median ratio of the magnitudes of an echo and the one before. Signal decays: it is below 1 on clean heads, .2 to .95.
MAX_RISE = 1.1
#: RMS of an echo's phase about the line of all echoes, in rad, over blocks of 8 mm, weighted with the signal. Up to .03
#: on simulated heads and a real crop, .05 with a signal-to-noise ratio of 5, .07 with all air in the mask; .2 and more
#: where one echo is shifted, mirrored, halved in scale, another echo with noise, or has half its time.
MAX_DEPARTURE = 0.15
#: Share of its own phase by which an echo departs from the line of all echoes in proportion to the field: up to .004 on
#: a simulated head and a real crop, .016 on a head in voxels of 3.3 mm; .02 to .03 where one of three echo times is 5 %
#: off.
MAX_PROPORTION = 0.02
#: Voxels are taken from an image until this many.
SAMPLE = 400_000

log = logging.getLogger(__name__)


def check_magnitude(magnitude: np.ndarray, files: Sequence[str] = ()) -> None:
    """Stop at magnitudes that cannot be any.

    Parameters
    ----------
    magnitude : ndarray, shape (e, x, y, z)
        As stored.
    files : sequence of str
        Their names, for the message.

    Raises
    ------
    InputError
        For negative voxels, echoes without signal, one echo that is the copy of another, and magnitudes that rise
        with the echo time, which swapped echoes do.
    """
    for echo, volume in enumerate(magnitude):
        lowest, bright = float(volume.min()), float(np.percentile(np.abs(_sample(volume)), 99))
        if float(volume.max()) == lowest:
            raise InputError(
                "the magnitude is constant", file=_file(files, echo), found=f"{lowest:g} everywhere",
                expected="an image",
            )  # fmt: skip
        if lowest < MIN_MAGNITUDE * bright:
            share = np.mean(volume < 0)
            raise InputError(
                "the magnitude holds negative voxels: bright voxels wrapped at the end of the integer type, or this is "
                "no magnitude",
                file=_file(files, echo), found=f"{100 * share:.2g} % negative, down to {lowest:g}",
                expected="0 or more; convert again with an unsigned or floating type",
            )  # fmt: skip
        wrapped = _wrapped_share(volume)
        if wrapped is not None:
            raise InputError(
                "the magnitude wrapped: voxels at the end of the integer range lie beside voxels at its start",
                file=_file(files, echo), found=f"largest value {float(volume.max()):g}, {100 * wrapped:.2g} % of the "
                "voxels beside such a jump",
                expected="convert again with a wider integer or a floating type",
            )  # fmt: skip
    bright = _bright(magnitude)
    _refuse_copies(magnitude, bright, "magnitude", files)
    _refuse_rise(magnitude, bright, files)


def check_phase_echoes(magnitude: np.ndarray, phase: np.ndarray, files: Sequence[str] = ()) -> None:
    """Stop at phase images that are constant where there is signal, or the copy of another echo's.

    Parameters
    ----------
    magnitude, phase : ndarray, shape (e, x, y, z)
        Any units; the magnitude tells where signal is.
    files : sequence of str
        Names of the phase images, for the message.

    Raises
    ------
    InputError
        Where an echo is constant, or copies another one (its sign turned as well).
    """
    bright = _bright(magnitude)
    for echo, volume in enumerate(phase):
        values = volume[bright] if bright.any() else volume.ravel()
        value, share = _most_common(values)
        if share > MAX_SHARE:
            raise InputError(
                "the phase is constant", file=_file(files, echo),
                found=f"{value:g} in {100 * share:.0f} % of the voxels with signal", expected="wrapped phase",
            )  # fmt: skip
    _refuse_copies(phase, bright, "phase", files)


def check_agreement(quality: np.ndarray, mask: np.ndarray, echoes: int) -> None:
    """Stop where the phases of three or more echoes do not lie on one line in time: one of them is no such phase.

    Parameters
    ----------
    quality : ndarray, shape (x, y, z)
        Agreement of the echoes with the line, 0 to 1. Its median is .99 or more on clean heads, about .75 where one of
        three or four echoes holds noise or another scale.
    mask : ndarray of bool, shape (x, y, z)
        Brain.
    echoes : int
        Their number; fewer than three always agree.

    Raises
    ------
    InputError
        With the median found.
    """
    if echoes < 3:
        return
    median = float(np.median(quality[mask]))
    if median < MIN_MEDIAN_QUALITY:
        raise InputError(
            "the phases of the echoes do not rise evenly with the echo time", found=f"median agreement {median:.2f}",
            expected=f"{MIN_MEDIAN_QUALITY} or more: each echo's own wrapped phase, all on one scale, in the order "
            "of the echo times, and a mask without air",
        )  # fmt: skip


def check_departures(
    magnitude: np.ndarray,
    unwrapped: np.ndarray,
    mask: np.ndarray,
    *,
    echo_times: Sequence[float],
    voxel_size: Sequence[float],
) -> str | None:
    """Stop where one echo departs from the line of all echoes over whole blocks, which noise and air do not.

    What departs in proportion to the field is an echo time that is not the echo's.

    Parameters
    ----------
    magnitude, unwrapped : ndarray, shape (e, x, y, z)
        Magnitude (any unit), and phase in rad without offset and wraps.
    mask : ndarray of bool, shape (x, y, z)
        Brain.
    echo_times : sequence of float
        In s; fewer than three always agree.
    voxel_size : sequence of 3 floats
        In mm.

    Returns
    -------
    str or None
        What to tell the user where an echo time seems wrong by some percent.

    Raises
    ------
    InputError
        With the departure of each echo.
    """
    if len(unwrapped) < 3:
        return None
    times = np.asarray(echo_times, np.float32)
    departures, proportions = [], []
    sums, rates, signals = _sum_departures(magnitude, unwrapped, mask, times, block_steps(voxel_size))
    for of_echo, rate, signal, time in zip(sums, rates, signals, times, strict=True):
        weight, angle = np.abs(of_echo), np.angle(of_echo)
        departures.append(float(np.sqrt((weight * angle**2).sum() / max(weight.sum(), 1e-20))))
        line = time * rate / np.maximum(signal, 1e-20)
        line -= (weight * line).sum() / max(weight.sum(), 1e-20)
        proportions.append(float((weight * line * angle).sum() / max((weight * line**2).sum(), 1e-20)))
    if max(departures) > MAX_DEPARTURE:
        raise InputError(
            "the phase of an echo departs from what the other echoes and the echo times predict",
            found=f"{', '.join(f'{value:.2f}' for value in departures)} rad in echoes 1 to {len(departures)} "
            "(RMS over blocks of 8 mm)",
            expected=f"{MAX_DEPARTURE} or less: each echo's own phase and time, all echoes on one scale and grid, "
            "and `bipolar: true` where the read-out alternates its direction",
        )
    if max(map(abs, proportions)) <= MAX_PROPORTION:
        return None
    shares = ", ".join(f"{100 * share:+.1f}" for share in proportions)
    text = (
        f"an echo time seems wrong by some percent: the phase of echoes 1 to {len(proportions)} is {shares} % off the "
        f"line of all echoes ({100 * MAX_PROPORTION:g} % at most); compare the sidecars with the protocol"
    )
    log.warning("%s", text)
    return text


@compiled
def _sum_departures(
    magnitude: np.ndarray, unwrapped: np.ndarray, mask: np.ndarray, times: np.ndarray, steps: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum m·exp(i·residual), m·rate and m of each echo over blocks, about the line of all echoes through the origin."""
    echoes, (nx, ny, nz) = len(times), mask.shape
    blocks = (echoes, (nx - 1) // steps[0] + 1, (ny - 1) // steps[1] + 1, (nz - 1) // steps[2] + 1)
    sums, rates, signals = np.zeros(blocks, np.complex128), np.zeros(blocks), np.zeros(blocks)
    for i, j, k in np.ndindex(mask.shape):
        if not mask[i, j, k]:
            continue
        above, below = 0.0, 1e-20
        for echo in range(echoes):
            weight = magnitude[echo, i, j, k] ** 2 * times[echo]
            above += weight * unwrapped[echo, i, j, k]
            below += weight * times[echo]
        rate, bi, bj, bk = np.float32(above / below), i // steps[0], j // steps[1], k // steps[2]
        for echo in range(echoes):
            signal, residual = magnitude[echo, i, j, k], unwrapped[echo, i, j, k] - rate * times[echo]
            sums[echo, bi, bj, bk] += signal * complex(np.cos(residual), np.sin(residual))
            rates[echo, bi, bj, bk] += signal * rate
            signals[echo, bi, bj, bk] += signal
    return sums, rates, signals


def _refuse_copies(volumes: np.ndarray, bright: np.ndarray, name: str, files: Sequence[str]) -> None:
    values = volumes[:, bright] if bright.any() else volumes.reshape(len(volumes), -1)
    for one, other in combinations(range(len(volumes)), 2):
        for sign in (1, -1) if name == "phase" else (1,):
            equal = values[one] == sign * values[other]
            # Bright tissue that was cut off at the end of the range is equal in two echoes that are none the less two.
            whole = values[one] < values[one].max() if name == "magnitude" else np.ones(len(equal), bool)
            share = float(np.mean(equal[whole] if np.mean(whole) > MIN_WHOLE else equal))
            if share > MAX_SHARE:
                raise InputError(
                    f"the {name} of echo {other + 1} is a copy of echo {one + 1}" + (", sign turned" * (sign < 0)),
                    file=_file(files, other), found=f"{100 * share:.0f} % of the voxels with signal are equal",
                    expected="one image per echo",
                )  # fmt: skip


def _refuse_rise(magnitude: np.ndarray, bright: np.ndarray, files: Sequence[str]) -> None:
    if not bright.any():
        return
    for echo in range(1, len(magnitude)):
        before = np.maximum(magnitude[echo - 1][bright], np.finfo(np.float32).tiny)
        rise = float(np.median(magnitude[echo][bright] / before))
        if rise > MAX_RISE:
            raise InputError(
                f"the magnitude rises from echo {echo} to echo {echo + 1}", file=_file(files, echo),
                found=f"{rise:.2f} times the echo before (median of the voxels with signal)",
                expected="signal that decays: the echoes in the order of their echo times, all on one scale",
            )  # fmt: skip


def _bright(magnitude: np.ndarray) -> np.ndarray:
    """Voxels with signal in the first echo, thinned out to a sample."""
    first = magnitude[0]
    bright = first > 0.3 * np.percentile(_sample(first), 95)
    count = int(bright.sum())
    if count > SAMPLE:
        where = np.flatnonzero(bright)
        bright = np.zeros(bright.shape, bool)
        bright.ravel()[where[:: count // SAMPLE + 1]] = True
    return bright


def _sample(volume: np.ndarray) -> np.ndarray:
    return volume.ravel()[:: max(1, volume.size // SAMPLE)]


def _most_common(values: np.ndarray) -> tuple[float, float]:
    """Most common value and its share."""
    found, counts = np.unique(values, return_counts=True)
    most = int(counts.argmax())
    return float(found[most]), float(counts[most] / len(values))


def _wrapped_share(volume: np.ndarray) -> float | None:
    """Share of the voxels beside a jump over most of an integer range that the image fills; None where it is small.

    A value that wraps falls from the top of the range to its bottom from one voxel to the next. Values that were cut
    off at the end of the range instead pile up there, and lie beside air as well.
    """
    largest = float(volume.max())
    ends = [2**bits - 1 for bits in (8, 10, 12, 14, 15, 16) if 0.98 * (2**bits - 1) <= largest <= 2**bits]
    if not ends:
        return None
    high = volume[volume > 0.98 * largest]
    if np.mean(high == largest) > MAX_PILE:
        return None
    jumps = sum(int(np.count_nonzero(np.abs(np.diff(volume, axis=axis)) > 0.85 * ends[0])) for axis in range(3))
    share = jumps / volume.size
    return share if share > 5e-4 else None


def _file(files: Sequence[str], echo: int) -> str | None:
    return files[echo] if echo < len(files) else None
