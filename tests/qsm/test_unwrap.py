"""Unwrapping undoes wraps, whatever whole turns the input carries."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.qsm.phase.doubtful_steps import doubtful_voxels, halve_spacing, settled_voxels
from chiomics.qsm.phase.unwrap_laplacian import unwrap_cosine, unwrap_fourier, wrap
from chiomics.qsm.phase.unwrap_quality import unwrap_quality

SHAPE = (40, 36, 30)
X, Y, Z = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij", sparse=True)
TRUE = (9 * np.exp(-3 * (X**2 + Y**2 + Z**2)) + 6 * X * Y + 5 * Z).astype(np.float32)
WRAPPED = wrap(TRUE.copy())
BALL = X**2 + Y**2 + Z**2 < 0.8
SIZE = (1.0, 1.2, 2.0)


def quality(phase: np.ndarray) -> np.ndarray:
    return unwrap_quality(phase, BALL)


def cosine(phase: np.ndarray) -> np.ndarray:
    return unwrap_cosine(phase, BALL, voxel_size=SIZE)


def fourier(phase: np.ndarray) -> np.ndarray:
    return unwrap_fourier(phase, voxel_size=SIZE) * BALL


@pytest.mark.parametrize("unwrap", [quality, cosine, fourier])
def test_whole_turns_do_not_matter(unwrap) -> None:
    turns = np.random.default_rng(3).integers(-3, 4, SHAPE) * 2 * np.pi
    difference = unwrap((WRAPPED + turns).astype(np.float32)) - unwrap(WRAPPED)
    # Rounding of float32 phases of up to seven turns; the Laplacian solvers amplify it.
    assert np.abs(difference[BALL] - np.median(difference[BALL])).max() < 5e-3


def test_quality_guided_result_is_exact() -> None:
    found = unwrap_quality(WRAPPED, BALL)
    difference = (found - TRUE)[BALL]
    assert np.abs(difference - np.round(np.median(difference) / (2 * np.pi)) * 2 * np.pi).max() < 1e-4
    assert not found[~BALL].any()


def test_least_squares_result_is_exact_up_to_a_constant() -> None:
    difference = (unwrap_cosine(WRAPPED, voxel_size=SIZE) - TRUE).ravel()
    assert np.ptp(difference) < 5e-3  # float32 transforms


def test_fourier_result_differs_by_a_harmonic_field() -> None:
    difference = unwrap_fourier(WRAPPED, voxel_size=(1, 1, 1)) - TRUE
    laplacian = sum(np.gradient(np.gradient(difference, axis=a), axis=a) for a in range(3))
    true_laplacian = sum(np.gradient(np.gradient(TRUE, axis=a), axis=a) for a in range(3))
    inner = (slice(6, -6),) * 3
    # The spectral and the discrete Laplacian differ by the fourth derivative, a few percent of this smooth phase.
    assert np.abs(laplacian[inner]).std() < 0.1 * true_laplacian[inner].std()


def test_quality_guides_around_noise() -> None:
    """A sheet of noise with a gap: the growth must go through the gap and not through the noise."""
    noisy, magnitude = WRAPPED.copy(), np.ones(SHAPE, np.float32)
    sheet = np.zeros(SHAPE, bool)
    sheet[20, :, :] = True
    sheet[20, 15:20, 12:18] = False
    noisy[sheet] = np.random.default_rng(4).uniform(-np.pi, np.pi, sheet.sum())
    magnitude[sheet] = 0.02
    found = unwrap_quality(noisy, BALL, magnitude=magnitude)
    difference = (found - TRUE)[BALL & ~sheet]
    assert np.ptp(difference) < 1e-3


def test_parts_that_do_not_touch_are_each_unwrapped() -> None:
    mask = BALL.copy()
    mask[19:22] = False
    difference = unwrap_quality(WRAPPED, mask) - TRUE
    for side in (slice(None, 19), slice(22, None)):
        assert np.ptp(difference[side][mask[side]]) < 1e-3


def test_a_smooth_phase_is_not_doubted() -> None:
    assert not doubtful_voxels(unwrap_quality(WRAPPED, BALL), BALL).any()


def test_a_patch_behind_steps_near_half_a_turn_is_doubted_as_a_whole() -> None:
    """A rise of more than half a turn per voxel leaves what lies behind it some turns off, smooth as it is."""
    mask = np.ones((30, 12, 12), bool)
    steps = np.full(29, 0.1 * np.pi)
    steps[20:25] = np.pi * np.array([0.6, 0.9, 1.15, 1.1, 0.7])
    rise = np.concatenate([[0], np.cumsum(steps)]).astype(np.float32)
    true = np.broadcast_to(rise[:, None, None], mask.shape)
    unwrapped = unwrap_quality(wrap(true.copy()), mask)
    turns = np.rint((unwrapped - true) / (2 * np.pi))[:, 0, 0]
    assert (turns[:23] == turns[0]).all()
    assert (turns[24:] != turns[0]).all(), "the case must be one that fools the unwrapping"
    doubted = doubtful_voxels(unwrapped, mask)
    # Both voxels of a step are doubted: the first doubtful one leads from voxel 21 to 22.
    assert doubted[21:].all()
    assert not doubted[:21].any()


#: A field that rises by more than half a turn of 8 ms from voxel to voxel at one place, and its echoes.
TIMES = np.array([0.004, 0.012, 0.020, 0.028])
STEEP_MASK = np.ones((30, 12, 12), bool)


def steep_echoes(times: np.ndarray, steepest: float = 1.15) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the true rate in rad/s, the wrapped echoes, and the rate as unwrapping over 8 ms has it."""
    steps = np.full(29, 0.1 * np.pi)
    steps[20:25] = np.pi * np.minimum([0.6, 0.9, 1.15, 1.1, 0.7], steepest)
    rise = np.concatenate([[0], np.cumsum(steps)]).astype(np.float32) / np.float32(0.008)
    rate = np.broadcast_to(rise[:, None, None], STEEP_MASK.shape)
    phase = wrap((rate * np.asarray(times, np.float32).reshape(-1, 1, 1, 1)).astype(np.float32))
    unwrapped = unwrap_quality(wrap((rate * np.float32(0.008)).copy()), STEEP_MASK)
    unwrapped -= unwrapped[0, 0, 0]  # turns of the whole image go with the offset
    return rate, phase, unwrapped / np.float32(0.008)


def test_echoes_that_tell_turns_apart_allow_steps_twice_as_large() -> None:
    rate, phase, found = steep_echoes(TIMES)
    magnitude = np.ones_like(phase)
    doubted = doubtful_voxels(found * np.float32(0.008), STEEP_MASK)
    assert (np.abs(found - rate)[doubted] * 0.008 > np.pi).any(), "the case must be one that fools the unwrapping"
    finer = halve_spacing(magnitude, phase, found, STEEP_MASK, doubted, echo_times=TIMES, spacing=0.008)
    turns = unwrap_quality(finer, STEEP_MASK)
    difference = turns - rate * np.float32(0.004)
    assert np.ptp(difference) < 1e-3  # float32 phases of some turns
    assert wrap(difference).max() < 1e-3
    assert not doubtful_voxels(turns, STEEP_MASK).any()


@pytest.mark.parametrize("steepest", [0.95, 1.15])
def test_echoes_settle_doubts_where_they_confirm_the_turns_alone(steepest: float) -> None:
    rate, phase, found = steep_echoes(TIMES, steepest)
    doubted = doubtful_voxels(found * np.float32(0.008), STEEP_MASK)
    assert doubted.any()
    right = (np.abs(found - rate) * np.float32(0.008) < np.pi).all()
    assert right == (steepest < 1)
    settled = settled_voxels(doubted, np.ones_like(phase), phase, found, echo_times=TIMES, spacing=0.008)
    assert (settled == doubted).all() if right else not (settled & (np.abs(found - rate) * 0.008 > np.pi)).any()


def test_echoes_at_multiples_of_the_spacing_or_in_noise_tell_nothing() -> None:
    times = np.array([0.008, 0.016, 0.024])
    _, phase, found = steep_echoes(times)
    doubted = doubtful_voxels(found * np.float32(0.008), STEEP_MASK)
    magnitude = np.ones_like(phase)
    settings = {"echo_times": times, "spacing": 0.008}
    assert halve_spacing(magnitude, phase, found, STEEP_MASK, doubted, **settings) is None
    assert not settled_voxels(doubted, magnitude, phase, found, **settings).any()
    _, phase, found = steep_echoes(TIMES)
    noisy = wrap(phase + np.random.default_rng(5).normal(0, 1.5, phase.shape).astype(np.float32))
    settings = {"echo_times": TIMES, "spacing": 0.008}
    assert halve_spacing(np.ones_like(phase), noisy, found, STEEP_MASK, doubted, **settings) is None
