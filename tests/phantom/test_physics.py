"""Laws of the forward physics: dipole field, k-space cropping and gradient-echo signal."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.core.units import radians_per_ppm
from chiomics.phantom.head.tissue import relative_r2star
from chiomics.phantom.scanner.field import dipole_field, shim
from chiomics.phantom.scanner.kspace import crop_kspace, finer_grid
from chiomics.phantom.scanner.signal import add_noise, echo_signals, steady_state, wrapped_phase


def sphere(shape, voxel_size, radius):
    """Distances (mm) from the grid's centre as vectors, and a sphere smoothed by eight-fold subsampling."""
    axes = [(np.arange(n) - n // 2) * h for n, h in zip(shape, voxel_size, strict=True)]
    position = np.stack(np.meshgrid(*axes, indexing="ij"))
    inside = np.zeros(shape)
    offsets = (np.arange(4) - 1.5) / 4
    for i in offsets:
        for j in offsets:
            for k in offsets:
                shifted = position + np.multiply([i, j, k], voxel_size)[:, None, None, None]
                inside += (np.square(shifted).sum(0) < radius**2) / 64
    return position, inside


@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 0, 0), (0.3, -0.4, 0.866)])
@pytest.mark.parametrize("voxel_size", [(1, 1, 1), (1, 1.2, 1.6)])
def test_sphere_has_its_analytic_field(direction, voxel_size):
    direction = np.array(direction) / np.linalg.norm(direction)
    radius, delta_chi = 10.0, 1.0
    position, inside = sphere((64, 60, 48), voxel_size, radius)
    field = dipole_field(delta_chi * inside, voxel_size=voxel_size, b0_direction=direction, padding=2)
    r = np.sqrt(np.square(position).sum(0))
    cosine = np.tensordot(direction, position, 1) / np.maximum(r, 1e-6)
    expected = np.where(r < radius, 0, delta_chi / 3 * (radius / np.maximum(r, 1)) ** 3 * (3 * cosine**2 - 1))
    away = np.abs(r - radius) > 2.5 * max(voxel_size)  # the discretised surface rings within two voxels
    error = (field - expected)[away & (r < 24)]
    # 3 % of the largest field (2/3 ppm): the ringing of the discretised surface decays slowly along its normal
    assert np.abs(error - np.median(error)).max() < 0.03 * 2 / 3
    assert np.sqrt(np.mean(error**2)) < 0.004


def test_uniform_space_has_no_field_whatever_the_exterior():
    chi = np.full((20, 24, 28), 9.2, np.float32)
    field = dipole_field(chi, voxel_size=(1, 1, 1), b0_direction=(0, 0, 1), exterior=9.2)
    assert np.abs(field).max() == 0


def test_field_is_linear_and_turns_with_the_axes():
    rng = np.random.default_rng(0)
    chi = rng.standard_normal((16, 18, 20)).astype(np.float32)
    along_z = dipole_field(chi, voxel_size=(1, 1, 2), b0_direction=(0, 0, 1))
    turned = dipole_field(chi.transpose(2, 1, 0), voxel_size=(2, 1, 1), b0_direction=(1, 0, 0))
    np.testing.assert_allclose(turned.transpose(2, 1, 0), along_z, atol=2e-6)  # float32 rounding
    np.testing.assert_allclose(
        dipole_field(3 * chi, voxel_size=(1, 1, 2), b0_direction=(0, 0, 1)), 3 * along_z, atol=1e-5
    )


def test_shim_removes_harmonics_and_nothing_else():
    shape = (20, 20, 20)
    x, y, z = (np.indices(shape) - 9.5) / 10
    mask = np.ones(shape, bool)
    harmonic = 0.3 + x - 2 * y + x * y + 0.5 * (2 * z**2 - x**2 - y**2)
    assert np.abs(shim(harmonic, mask, voxel_size=(2, 2, 2))).max() < 1e-4  # float32 rounding
    assert shim(x * y * z, mask, voxel_size=(2, 2, 2)).std() == pytest.approx((x * y * z).std(), rel=1e-3)


def test_cropping_keeps_the_mean_and_every_low_frequency():
    rng = np.random.default_rng(1)
    volume = rng.standard_normal((18, 20, 15)).astype(np.float32)
    cropped = crop_kspace(volume, (12, 15, 9))
    assert cropped.mean() == pytest.approx(volume.mean(), abs=1e-6)
    x = np.arange(18)[:, None, None] / 18
    wave = np.broadcast_to(np.cos(2 * np.pi * 3 * x + 0.4), (18, 20, 15)).astype(np.float32)
    expected = np.cos(2 * np.pi * 3 * np.arange(12) / 12 + 0.4)
    np.testing.assert_allclose(crop_kspace(wave, (12, 15, 9))[:, 0, 0], expected, atol=1e-5)


@pytest.mark.parametrize("factor", [1.5, (2, 1, 1.3)])
def test_the_finer_grid_has_the_same_world(factor):
    affine = np.array([[1.2, 0.1, 0, -5], [-0.1, 1.2, 0.3, 4], [0, -0.3, 2, 8], [0, 0, 0, 1.0]])
    grid = finer_grid((20, 18, 12), affine, factor=factor, margin=((0, 0), (0, 2), (3, 5)))
    assert grid.extended_shape == (20, 20, 20)
    index = np.indices(grid.shape).reshape(3, -1)
    world = grid.affine[:3, :3] @ index + grid.affine[:3, 3:]
    height = world[2].reshape(grid.shape)
    blob = np.exp(-np.square((world - [[8], [14], [25]]) / 4).sum(0)).reshape(grid.shape)
    coarse_index = np.indices((20, 18, 12)).reshape(3, -1)
    coarse_world = affine[:3, :3] @ coarse_index + affine[:3, 3:]
    expected = np.exp(-np.square((coarse_world - [[8], [14], [25]]) / 4).sum(0)).reshape(20, 18, 12)
    # A Gaussian of 2.8 mm has no power beyond the coarse grid's Nyquist frequency to 1 %.
    np.testing.assert_allclose(grid.to_acquisition(blob), expected, atol=0.012)
    nearest = grid.nearest(height)
    assert np.abs(nearest - coarse_world[2].reshape(20, 18, 12)).max() < 2.5  # half a finer voxel, all axes
    assert grid.voxel_means(np.ones(grid.shape, np.float32)) == pytest.approx(1, abs=1e-6)


def test_phase_and_decay_follow_the_model():
    field = np.linspace(-0.5, 0.5, 24, dtype=np.float32).reshape(2, 3, 4)
    times = [0.004, 0.012, 0.03]
    echoes = list(
        echo_signals(
            field,
            np.full(field.shape, 0.7, np.float32),
            np.full(field.shape, 25, np.float32),
            echo_times=times,
            field_strength=3.0,
            phase_offset=0.6,
        )
    )
    for echo, time in zip(echoes, times, strict=True):
        np.testing.assert_allclose(np.abs(echo), 0.7 * np.exp(-25 * time), rtol=1e-5)
        expected = 0.6 + radians_per_ppm(3.0, time) * field
        np.testing.assert_allclose(np.angle(echo * np.exp(-1j * expected)), 0, atol=2e-5)


def test_opposite_sign_is_the_conjugate():
    field = np.linspace(-1, 1, 27, dtype=np.float32).reshape(3, 3, 3)
    ones = np.ones_like(field)
    plus, minus = (
        next(echo_signals(field, ones, ones, echo_times=[0.01], field_strength=3, phase_offset=0.3, phase_sign=sign))
        for sign in (1, -1)
    )
    np.testing.assert_allclose(plus, minus.conj(), atol=1e-6)


def test_noise_has_the_asked_standard_deviation():
    noisy = add_noise(np.zeros((60, 60, 60), np.complex64), 0.02, np.random.default_rng(3))
    # 216,000 samples per part: the standard error of the SD is 0.02 / sqrt(2 n) = 3e-5
    assert noisy.real.std() == pytest.approx(0.02, abs=1.5e-4)
    assert noisy.imag.std() == pytest.approx(0.02, abs=1.5e-4)


@pytest.mark.parametrize(("flavour", "low", "high"), [("siemens", 0, 4095), ("milliradians", -3142, 3141)])
def test_vendor_integers_decode_to_the_phase(flavour, low, high):
    phase = np.linspace(-np.pi, np.pi, 5001)[:-1]
    stored = wrapped_phase(np.exp(1j * phase).astype(np.complex64), flavour=flavour)
    assert stored.dtype == np.int16
    assert stored.min() >= low
    assert stored.max() <= high
    step = 2 * np.pi / 4096 if flavour == "siemens" else 1e-3
    decoded = (stored * step - np.pi) if flavour == "siemens" else stored * step
    assert np.abs(np.angle(np.exp(1j * (decoded - phase)))).max() < step * 1.01  # one quantisation step


def test_decay_follows_the_field_strength():
    # Peters et al. (2007): T2* of white matter at 1.5, 3 and 7 T; ratios are kept to a hundredth.
    for strength, milliseconds in ((1.5, 66.2), (3.0, 53.2), (7.0, 26.8)):
        assert relative_r2star(strength) == pytest.approx(53.2 / milliseconds, abs=0.006)
    strengths = np.array([0.3, 1.0, 1.5, 2.9, 3.0, 4.7, 7.0, 9.4])
    assert (np.diff([relative_r2star(strength) for strength in strengths]) > 0).all()


def test_the_ernst_angle_gives_most_signal():
    ernst = np.rad2deg(np.arccos(np.exp(-0.05 / 0.84)))
    signals = [
        steady_state(np.ones(1), np.full(1, 0.84), repetition_time=0.05, flip_angle=angle)[0]
        for angle in (ernst - 4, ernst, ernst + 4)
    ]
    assert np.argmax(signals) == 1
