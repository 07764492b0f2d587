"""Turns around a strong compact source are found from its dipole, and nothing is claimed where that is not sure."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.core.units import radians_per_ppm
from chiomics.qsm.dipole import dipole_field
from chiomics.qsm.phase.doubtful_steps import doubtful_voxels
from chiomics.qsm.phase.unwrap_laplacian import wrap
from chiomics.qsm.phase.unwrap_quality import unwrap_quality
from chiomics.qsm.strong_sources import turns_around_sources

SHAPE, SIZE, SPACING, FINER = (46, 44, 40), (1.0, 1.0, 1.2), 0.004, 3
RATE = radians_per_ppm(7.0, 1.0)
TURN = 2 * np.pi / (RATE * SPACING)
PLACE = np.moveaxis(np.indices(SHAPE), 0, -1) * np.asarray(SIZE)
CENTRE = np.array([22.3, 21.6, 23.5])
MASK = np.sum(((PLACE - PLACE.reshape(-1, 3).mean(axis=0)) / (21, 20, 22)) ** 2, axis=-1) < 1


def field_of_ball(radius: float, chi: float, direction: tuple[float, float, float]) -> np.ndarray:
    """Return the mean field in each voxel, from a ball on a finer grid, a smooth background, and noise."""
    size = [edge / FINER for edge in SIZE]
    axes = [(np.arange(n * FINER) + 0.5) * edge / FINER - edge / 2 for n, edge in zip(SHAPE, SIZE, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    ball = (x - CENTRE[0]) ** 2 + (y - CENTRE[1]) ** 2 + (z - CENTRE[2]) ** 2 < radius**2
    field = dipole_field((chi * ball).astype(np.float32), voxel_size=size, b0_direction=direction)
    field = field.reshape(SHAPE[0], FINER, SHAPE[1], FINER, SHAPE[2], FINER).mean(axis=(1, 3, 5))
    offset = PLACE - CENTRE
    smooth = 0.004 * offset[..., 0] - 0.0002 * offset[..., 1] ** 2
    return (field + smooth + np.random.default_rng(3).normal(0, 0.002, SHAPE)).astype(np.float32)


def unwrapped(true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the field as unwrapping has it, and the doubtful voxels."""
    phase = unwrap_quality(wrap((true * RATE * SPACING).astype(np.float32)), MASK)
    turns = np.rint(np.median((phase - true * RATE * SPACING)[MASK]) / (2 * np.pi))
    field = np.where(MASK, (phase - 2 * np.pi * turns) / (RATE * SPACING), 0).astype(np.float32)
    return field, doubtful_voxels(phase, MASK)


def found_turns(field: np.ndarray, doubtful: np.ndarray, direction: tuple[float, float, float]) -> tuple:
    ones = MASK.astype(np.float32)
    return turns_around_sources(field, ones, ones, doubtful, MASK, turn=TURN, voxel_size=SIZE, b0_direction=direction)


@pytest.mark.parametrize(
    ("radius", "chi", "direction", "sure"),
    [
        (2.6, -3.3, (0.0, 0.0, 1.0), True),
        (2.6, 3.3, (0.0, 0.6, 0.8), False),
        (3.4, -3.3, (0.0, 0.0, 1.0), False),
    ],
)
def test_turns_around_a_ball_are_all_right_or_nothing_is_claimed(radius, chi, direction, sure) -> None:
    true = field_of_ball(radius, chi, direction)
    field, doubtful = unwrapped(true)
    assert (np.abs(field - true)[MASK] > TURN / 2).any(), "the case must be one that fools the unwrapping"
    turns, settled = found_turns(field, doubtful, direction)
    assert settled.any() or not sure
    assert (np.abs(field + TURN * turns - true)[MASK].max() < TURN / 2) == settled.any()


def test_a_doubtful_piece_without_a_strong_source_stays_doubted() -> None:
    field, doubtful = unwrapped(field_of_ball(3.4, 0.05, (0.0, 0.0, 1.0)))
    assert not doubtful.any()
    piece = np.linalg.norm(PLACE - CENTRE, axis=-1) < 3
    turns, settled = found_turns(field, piece, (0.0, 0.0, 1.0))
    assert not settled.any()
    assert not turns.any()
