"""Phase that jumps from slice to slice: alternating sign, slices turned by half a turn, offsets of 2-D slices.

GE's real and imaginary images change sign from slice to slice where the shift of the Fourier transform was left out;
2-D acquisitions may start each slice with a phase of its own. Tissue has neither: the phase changes little from slice
to slice, and its change changes less. For neighbouring slices k and k+1 three statistics are taken over the voxels with
signal, weighted with the magnitudes:

- step: argument of Σ m_k·m_{k+1}·exp i(φ_{k+1} - φ_k). Over the whole image below .4 rad on clean heads, π where the
  sign alternates.
- kink: how far the step departs from the mean of the two steps beside it. Its median over the slices is below .06 rad
  on clean heads, and single slices stay below 1.1 rad; offsets drawn at random give 1.3 rad.
- likeness: correlation of the phase's in-plane gradients. Above .1 on clean heads (-.17 in one plane of a made-up one
  beside a strong source), -.2 to -.9 where one slice's phase runs backwards.

The figures are those of the simulated cohorts and of four real data sets (1.5 to 3 T, one to five echoes).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chiomics.core.errors import InputError

#: Mean step of an echo, in rad, beyond which its sign alternates; how far planes, and voxels within a pair of planes,
#: must agree on a step (length of the mean of unit vectors).
ALTERNATING, MIN_UNITY, MIN_AGREEMENT = 2.2, 0.8, 0.5
#: Median kink in rad beyond which slices have offsets of their own, and the kink of a single slice.
MAX_MEDIAN_KINK, MAX_KINK = 0.35, 1.6
#: Correlation of in-plane gradients below which one of two slices runs backwards: mean of the echoes, and of one echo
#: alone, where the field of a strong source may turn the gradients as well.
MIN_LIKENESS, MIN_OF_ONE = -0.2, -0.4
#: Fewest gradients: of 200 without any relation the correlation has a standard deviation of .07.
MIN_GRADIENTS = 200
#: Slices with less than this share of the fullest pair's voxels are not judged; nor are axes with fewer pairs.
MIN_FILLED, MIN_PAIRS = 0.3, 8
#: Voxels are thinned out in each plane to about this many along an edge; the statistics need no more.
EDGE = 48

log = logging.getLogger(__name__)


class _Steps(NamedTuple):
    """What is known of the steps between neighbouring planes along one axis, for one echo."""

    sums: np.ndarray  # complex, per pair
    weights: np.ndarray  # per pair
    filled: np.ndarray  # bool, per pair
    kinks: np.ndarray  # rad, per pair; 0 where it cannot be judged
    likeness: np.ndarray  # per pair

    @property
    def alternates(self) -> bool:
        """Whether the planes agree on a step of half a turn."""
        if self.agreeing.sum() < MIN_PAIRS:
            return False
        mean = (self.sums / np.maximum(np.abs(self.sums), 1e-20))[self.agreeing].mean()
        return bool(abs(mean) > MIN_UNITY and abs(np.angle(mean)) > ALTERNATING)

    @property
    def agreeing(self) -> np.ndarray:
        """Pairs in which the voxels agree on one step."""
        return self.filled & (np.abs(self.sums) > MIN_AGREEMENT * self.weights)

    @property
    def unanimous(self) -> np.ndarray:
        """Pairs in which the voxels agree on one step, however few they are."""
        return np.abs(self.sums) > MIN_AGREEMENT * np.maximum(self.weights, 1e-20)

    @property
    def has_offsets(self) -> bool:
        kinks = np.abs(self.kinks[self.agreeing])
        if len(kinks) < MIN_PAIRS:
            return False
        return bool(np.median(kinks) > MAX_MEDIAN_KINK or (kinks > MAX_KINK).sum() >= 2)


def mend_slices(
    magnitude: np.ndarray, phase: np.ndarray, *, echo_times: Sequence[float] | None = None
) -> tuple[np.ndarray, list[str]]:
    """Undo jumps of the phase between planes where that is certain.

    Parameters
    ----------
    magnitude, phase : ndarray, shape (e, x, y, z)
        Magnitude (any unit) and wrapped phase in rad.
    echo_times : sequence of float, optional
        In s, one per echo; without them, or with one echo, only jumps of half a turn can be undone.

    Returns
    -------
    phase : ndarray, float32, shape (e, x, y, z)
        The input itself where nothing was found.
    found : list of str
        What was undone, for the sidecar.

    Raises
    ------
    InputError
        Where planes run backwards, or have offsets that differ between the echoes.
    """
    found: list[str] = []
    for axis in range(3):
        if phase.shape[axis + 1] <= MIN_PAIRS:
            continue
        phase, words = _mend_axis(magnitude, phase, axis, echo_times)
        found += words
    for words in found:
        log.warning("%s", words)
    return phase, found


def _mend_axis(
    magnitude: np.ndarray, phase: np.ndarray, axis: int, echo_times: Sequence[float] | None
) -> tuple[np.ndarray, list[str]]:
    """Undo what is certain along one axis, and stop at the rest."""
    found: list[str] = []
    planes = np.arange(phase.shape[axis + 1])
    steps = [_steps(magnitude[e], phase[e], axis) for e in range(len(phase))]
    alternating = [e for e, s in enumerate(steps) if s.alternates]
    if alternating:
        phase = _add(phase, axis, alternating, np.where(planes % 2, np.pi, 0))
        found.append(f"{_echoes(alternating, len(phase))}: sign alternated along axis {'xyz'[axis]}, multiplied out")
        steps = [_steps(magnitude[e], phase[e], axis) for e in range(len(phase))]
    _refuse_backward(steps, axis)
    jumping = [e for e, s in enumerate(steps) if s.has_offsets]
    if not jumping:
        return phase, found
    halves = _add_half_turns(phase, steps, axis, jumping)
    if _is_smooth(magnitude, halves, axis, jumping):
        found.append(f"{_echoes(jumping, len(phase))}: planes along axis {'xyz'[axis]} turned by half a turn, undone")
        return halves, found
    if echo_times is not None and len(phase) > 1:
        offsets = _common_offsets(magnitude, phase, axis, np.asarray(echo_times, float))
        common = _add(phase, axis, range(len(phase)), -offsets)
        if _is_smooth(magnitude, common, axis, range(len(phase))):
            found.append(f"planes along axis {'xyz'[axis]} had phase offsets that all echoes share, removed")
            return common, found
    worst = max((steps[e] for e in jumping), key=lambda s: np.median(np.abs(s.kinks[s.agreeing])))
    raise InputError(
        f"the phase jumps from plane to plane along axis {'xyz'[axis]}",
        found=f"jumps of {np.median(np.abs(worst.kinks[worst.agreeing])):.2f} rad (median), "
        f"in {_echoes(jumping, len(phase))}",
        expected="phase that goes on from slice to slice: a 3-D acquisition, or 2-D slices with one receiver phase",
    )


def _is_smooth(magnitude: np.ndarray, phase: np.ndarray, axis: int, echoes: Sequence[int]) -> bool:
    steps = [_steps(magnitude[e], phase[e], axis) for e in echoes]
    return not any(s.has_offsets or s.alternates for s in steps)


def _refuse_backward(steps: list[_Steps], axis: int) -> None:
    """Stop where a plane runs backwards in all echoes together, or clearly in one."""
    filled = np.all([one.filled for one in steps], axis=0)
    likeness = [(np.mean([one.likeness for one in steps], axis=0), filled, MIN_LIKENESS, "all echoes")]
    likeness += [(one.likeness, one.filled, MIN_OF_ONE, f"echo {n}") for n, one in enumerate(steps, start=1)]
    for values, judged, least, where in likeness:
        backward = judged & (values < least)
        if backward.any():
            planes = ", ".join(str(plane + 1) for plane in np.flatnonzero(backward)[:5])
            raise InputError(
                f"the phase of some planes along axis {'xyz'[axis]} runs backwards (its sign is flipped)",
                found=f"in-plane gradients correlate at {values[backward].min():.2f} with the plane before, in "
                f"{where}, plane {planes}",
                expected="one sign of the phase in all slices",
            )


def _steps(magnitude: np.ndarray, phase: np.ndarray, axis: int) -> _Steps:
    """Compare every plane with the next one."""
    strength, angle = np.moveaxis(magnitude, axis, 0), np.moveaxis(phase, axis, 0)
    thin = (slice(None), *(slice(None, -1, max(1, n // EDGE)) for n in angle.shape[1:]))
    threshold = _bright_level(strength[thin])
    bright = strength[thin] > threshold
    both = bright[1:] & bright[:-1]
    weight = strength[thin][1:] * strength[thin][:-1] * both
    step = angle[thin][1:] - angle[thin][:-1]
    sums = np.einsum("kxy,kxy->k", weight, np.cos(step)) + 1j * np.einsum("kxy,kxy->k", weight, np.sin(step))
    counts = both.sum((1, 2))
    filled = counts > max(MIN_FILLED * counts.max(), 20)
    likeness = _likeness(angle, strength, thin, threshold)
    return _Steps(sums, weight.sum((1, 2)), filled, _kinks(sums, filled), likeness)


def _bright_level(strength: np.ndarray) -> float:
    above = strength[strength > strength.mean()]
    return 0.3 * float(np.percentile(above, 90)) if above.size else np.inf


def _kinks(sums: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """Angle between each step and the mean direction of the two beside it."""
    units = sums / np.maximum(np.abs(sums), 1e-20)
    kinks = np.zeros(len(sums))
    beside = units[:-2] + units[2:]
    known = filled[:-2] & filled[1:-1] & filled[2:]
    # Two opposite neighbours have no mean direction; the kink is then the one from the step before.
    apart = np.abs(beside) < 0.5
    beside[apart] = units[:-2][apart]
    kinks[1:-1] = np.where(known, np.angle(units[1:-1] * np.conj(beside)), 0)
    return kinks


def _likeness(angle: np.ndarray, strength: np.ndarray, thin: tuple, threshold: float) -> np.ndarray:
    """Correlation of the in-plane phase gradients of neighbouring planes; 1 where there are too few of them."""
    product, above, below, count = 0.0, 0.0, 0.0, 0
    for axis in (1, 2):
        ahead = tuple(slice(1, None, index.step) if a == axis else index for a, index in enumerate(thin))
        gradient = _wrap(angle[ahead] - angle[thin])
        # Steeper gradients may be wrapped, and then point anywhere.
        gradient *= (strength[ahead] > threshold) & (strength[thin] > threshold) & (np.abs(gradient) < np.pi / 2)
        both = (gradient[1:] != 0) & (gradient[:-1] != 0)
        upper, lower = gradient[1:] * both, gradient[:-1] * both
        product = product + np.einsum("kxy,kxy->k", upper, lower)
        above, below = above + np.einsum("kxy,kxy->k", upper, upper), below + np.einsum("kxy,kxy->k", lower, lower)
        count = count + both.sum((1, 2))
    return np.where(count > MIN_GRADIENTS, product / np.maximum(np.sqrt(above * below), 1e-20), 1.0)


def _add_half_turns(phase: np.ndarray, steps: list[_Steps], axis: int, echoes: list[int]) -> np.ndarray:
    """Add half a turn to the planes behind each step of half a turn."""
    judged = np.all([steps[echo].agreeing for echo in echoes], axis=0)
    half = {echo: np.abs(np.angle(steps[echo].sums)) > np.pi / 2 for echo in echoes}
    # The field adds least to the first echo, which therefore decides on the planes at the ends of the head, whose few
    # voxels are not judged otherwise, where the echoes jump together.
    first, together = echoes[0], all(np.array_equal(half[echoes[0]][judged], half[echo][judged]) for echo in echoes)
    for echo in echoes:
        turned = steps[echo].agreeing & half[echo]
        if together:
            turned = np.where(judged, turned, steps[first].unanimous & half[first])
        parity = np.concatenate([[0], np.cumsum(turned)]) % 2
        if parity.mean() > 0.5:
            parity = 1 - parity
        phase = _add(phase, axis, [echo], np.pi * parity)
    return phase


def _common_offsets(magnitude: np.ndarray, phase: np.ndarray, axis: int, times: np.ndarray) -> np.ndarray:
    """Offset of each plane at TE = 0: the first echo's step less what the field adds until then."""
    thin = tuple(slice(None, None, 1 if a == axis else max(1, n // EDGE)) for a, n in enumerate(phase.shape[1:]))
    first, second = (np.moveaxis(phase[e][thin], axis, 0) for e in (0, 1))
    strength = np.moveaxis(magnitude[0][thin] * magnitude[1][thin], axis, 0)
    evolved = second - first
    field_step = _wrap(evolved[1:] - evolved[:-1])
    step = first[1:] - first[:-1] - field_step * (times[0] / (times[1] - times[0]))
    weight = strength[1:] * strength[:-1]
    sums = np.einsum("kxy,kxy->k", weight, np.cos(step)) + 1j * np.einsum("kxy,kxy->k", weight, np.sin(step))
    return np.concatenate([[0.0], np.cumsum(np.angle(sums))])


def _add(phase: np.ndarray, axis: int, echoes: Sequence[int], offsets: np.ndarray) -> np.ndarray:
    """Add an offset in rad per plane to some echoes, wrapped."""
    phase = phase.copy()
    offsets = offsets.reshape([-1 if a == axis else 1 for a in range(3)])
    for echo in echoes:
        phase[echo] = _wrap(phase[echo] + offsets)
    return phase


def _wrap(angle: np.ndarray) -> np.ndarray:
    return angle - 2 * np.pi * np.rint(angle / (2 * np.pi))


def _echoes(chosen: Sequence[int], count: int) -> str:
    if len(chosen) == count:
        return "all echoes" if count > 1 else "the phase"
    return "echo " + ", ".join(str(e + 1) for e in chosen)
