"""Laws of the forward field: analytic solutions, symmetries, geometry."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.core.errors import InputError
from chiomics.qsm.dipole import dipole_field

RADIUS, CHI = 8.0, 0.5


def coordinates(shape, voxel_size):
    return np.meshgrid(*[(np.arange(n) - n // 2) * h for n, h in zip(shape, voxel_size, strict=True)], indexing="ij")


@pytest.mark.parametrize("voxel_size", [(1.0, 1.0, 1.0), (1.0, 0.8, 1.6)])
@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.3, -0.5, 0.8)])
def test_a_sphere_has_its_analytic_field(direction, voxel_size):
    """Outside, Δχ/3·(a/r)³·(3cos²θ − 1); inside 0 (Lorentz corrected)."""
    shape = tuple(2 * round(32 / h) for h in voxel_size)
    x, y, z = coordinates(shape, voxel_size)
    r = np.sqrt(x**2 + y**2 + z**2)
    b = np.asarray(direction) / np.linalg.norm(direction)
    field = dipole_field(CHI * (r <= RADIUS), voxel_size=voxel_size, b0_direction=direction)
    # The voxels' sphere has a slightly other volume than the ideal one.
    volume = np.count_nonzero(r <= RADIUS) * np.prod(voxel_size)
    cosine = (x * b[0] + y * b[1] + z * b[2]) / np.maximum(r, 1e-6)
    exact = CHI * volume / (4 * np.pi) / np.maximum(r, 1) ** 3 * (3 * cosine**2 - 1)
    far = (r > 1.5 * RADIUS) & (r < 3.5 * RADIUS)
    # Stairs of the voxelised surface, and ringing along B0 because the continuous kernel of an oblique direction breaks
    # off at the highest frequency: 0.5 % of the surface field on average. A wrong axis would make 30 %.
    surface_field = 2 * CHI / 3
    assert np.sqrt(np.mean((field - exact)[far] ** 2)) < 0.01 * surface_field
    assert np.abs(field - exact)[far].max() < 0.08 * surface_field
    assert np.abs(field[r < 0.5 * RADIUS].mean()) < 0.01 * surface_field


def test_the_field_is_linear():
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, 12, 14, 16)).astype(np.float32)
    geometry = {"voxel_size": (1, 1, 2), "b0_direction": (0.1, 0.2, 0.9)}
    both = dipole_field(2 * one - 3 * other, **geometry)
    separate = 2 * dipole_field(one, **geometry) - 3 * dipole_field(other, **geometry)
    np.testing.assert_allclose(both, separate, atol=1e-5)  # float32 FFT


def test_axes_have_no_names():
    rng = np.random.default_rng(1)
    chi = rng.standard_normal((10, 12, 14)).astype(np.float32)
    direction = np.array([0.3, -0.4, 0.866])
    field = dipole_field(chi, voxel_size=(1.0, 1.5, 2.0), b0_direction=direction)
    turned = dipole_field(
        chi.transpose(2, 0, 1)[:, ::-1], voxel_size=(2.0, 1.0, 1.5), b0_direction=direction[[2, 0, 1]] * (1, -1, 1)
    )
    # White noise fills the highest frequencies, where a kernel that is not symmetric would show.
    np.testing.assert_allclose(turned, field.transpose(2, 0, 1)[:, ::-1], atol=1e-5)


def test_the_sign_of_b0_does_not_matter():
    rng = np.random.default_rng(2)
    chi = rng.standard_normal((8, 8, 8)).astype(np.float32)
    up = dipole_field(chi, voxel_size=(1, 1, 1), b0_direction=(0.1, 0.5, 0.8))
    down = dipole_field(chi, voxel_size=(1, 1, 1), b0_direction=(-0.1, -0.5, -0.8))
    np.testing.assert_allclose(up, down, atol=1e-6)


def test_padding_keeps_the_periodic_copies_away():
    """A ball near one face: its field near the opposite face is that of the ball and not of the copy beyond."""
    shape = (40, 24, 24)
    x, y, z = coordinates(shape, (1, 1, 1))
    ball = (x + 14) ** 2 + y**2 + z**2 <= 5**2
    exact = -np.count_nonzero(ball) / (4 * np.pi * 31**3)  # at x = 17, 31 voxels across B0
    padded, periodic = (
        dipole_field(ball, voxel_size=(1, 1, 1), b0_direction=(0, 0, 1), padding=padding)[37, 12, 12]
        for padding in (None, 0.0)
    )
    # With the default padding the nearest copy is 49 voxels away, (31/49)³ = 0.25 of the field; without it, 9 voxels.
    assert abs(padded - exact) < 0.5 * abs(exact)
    assert abs(periodic - exact) > 5 * abs(exact)


@pytest.mark.parametrize("direction", [(0, 0, 0), (0, 1), (np.nan, 0, 1)])
def test_a_direction_that_is_none_is_an_error(direction):
    with pytest.raises(InputError, match="direction"):
        dipole_field(np.zeros((4, 4, 4)), voxel_size=(1, 1, 1), b0_direction=direction)
