"""Echo fit, phase offset, bipolar read-out, R2* and the combination of echoes recover what was put in."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.core.errors import InputError
from chiomics.core.units import radians_per_ppm
from chiomics.qsm.data_weight import echo_agreement, inversion_weight
from chiomics.qsm.phase.combine_echoes import combine_local_fields
from chiomics.qsm.phase.fit_echoes import echo_product, fit_field, unwrap_over_echoes
from chiomics.qsm.phase.phase_offset import remove_bipolar, remove_offset
from chiomics.qsm.phase.unwrap_laplacian import wrap
from chiomics.qsm.r2star import fit_r2star

SHAPE = (48, 40, 32)
TIMES = np.array([0.005, 0.011, 0.017, 0.023])
X, Y, Z = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij", sparse=True)
RATE = (150 * X * Y + 80 * Z + 60).astype(np.float32)  # rad/s
MASK = X**2 + Y**2 + Z**2 < 0.9
MAGNITUDE = np.exp(-25 * TIMES).reshape(-1, 1, 1, 1).astype(np.float32) * np.ones(SHAPE, np.float32)
OFFSET = (0.9 + 0.7 * X - 0.4 * Y**2 + 0.5 * X * Z).astype(np.float32)
COLUMN = TIMES.reshape(-1, 1, 1, 1).astype(np.float32)


def test_offset_is_recovered() -> None:
    phase = wrap(OFFSET + COLUMN * RATE)
    corrected = remove_offset(MAGNITUDE, phase, RATE, MASK, echo_times=TIMES, voxel_size=(1.5, 1.5, 1.5))
    rest = wrap(corrected - COLUMN * RATE)[:, MASK]
    # Smoothing bends the steep offset at the mask's edge; 0.05 rad at 23 ms are 3 ppb at 3 T.
    assert np.abs(rest).max() < 0.15
    assert np.sqrt(np.mean(rest**2)) < 0.03


def test_bipolar_alternation_is_removed() -> None:
    alternation = (0.6 * X).astype(np.float32)
    signs = np.array([1, -1, 1, -1], np.float32).reshape(-1, 1, 1, 1)
    phase = wrap(OFFSET + COLUMN * RATE + signs * alternation)
    corrected = remove_bipolar(MAGNITUDE, phase, MASK, echo_times=TIMES, voxel_size=(1.5, 1.5, 1.5))
    bend = wrap(corrected[0] - 2 * corrected[1] + corrected[2])[MASK]
    # Before: 4 · 0.6 rad at the sides, RMS 1 rad. What smoothing bends at the ends of the ramp is left.
    assert np.sqrt(np.mean(bend**2)) < 0.05
    with pytest.raises(InputError, match="needs three echoes"):
        remove_bipolar(MAGNITUDE[:2], phase[:2], MASK, echo_times=TIMES[:2], voxel_size=(1, 1, 1))
    with pytest.raises(InputError, match="equally spaced"):
        remove_bipolar(MAGNITUDE, phase, MASK, echo_times=[0.005, 0.011, 0.02, 0.03], voxel_size=(1, 1, 1))


def test_echoes_are_unwrapped_over_time_exactly() -> None:
    phase = wrap(COLUMN * RATE * 8)  # several turns at the last echo
    angle, strength, spacing = echo_product(MAGNITUDE, phase, echo_times=TIMES)
    assert spacing == pytest.approx(0.006)
    assert np.allclose(wrap(angle - np.float32(spacing) * RATE * 8), 0, atol=1e-3)
    assert np.allclose(strength, (MAGNITUDE[1:] * MAGNITUDE[:-1]).sum(axis=0), rtol=1e-4)
    unwrapped, quality = unwrap_over_echoes(
        MAGNITUDE, phase, RATE * 8 * np.float32(1.02), MASK, echo_times=TIMES, start_spacing=spacing
    )
    assert np.allclose(unwrapped[:, MASK], (COLUMN * RATE * 8)[:, MASK], atol=1e-3)
    assert quality[MASK].min() > 0.9999
    assert not unwrapped[:, ~MASK].any()


def test_consistency_finds_voxels_whose_echoes_disagree() -> None:
    phase = wrap(COLUMN * RATE)
    wrong = np.zeros(SHAPE, bool)
    wrong[20:24, 18:22, 14:18] = True
    phase[:, wrong] = np.random.default_rng(1).uniform(-np.pi, np.pi, phase[:, wrong].shape)
    _, quality = unwrap_over_echoes(MAGNITUDE, phase, RATE, MASK, echo_times=TIMES, start_spacing=0.006)
    assert np.median(quality[wrong]) < 0.8 < quality[MASK & ~wrong].min()


def test_noise_of_the_field_is_known_and_near_the_least() -> None:
    """The inverse SD is that of the field; the weights m²·TE² would have the least noise, some 2 % less."""
    noise = np.random.default_rng(7).standard_normal((4, *SHAPE)).astype(np.float32) / MAGNITUDE / 100
    unwrapped = COLUMN * RATE + noise
    rate = radians_per_ppm(3.0, 1.0)
    field, inverse_sd = fit_field(MAGNITUDE, unwrapped, echo_times=TIMES, radians_per_second_per_ppm=rate)
    error = field - RATE / np.float32(rate)
    # 61,440 samples: the standard deviation is known to 0.3 %.
    assert error.std() * inverse_sd.mean() * 100 == pytest.approx(1, rel=0.02)
    least = np.sqrt((MAGNITUDE**2 * COLUMN**2).sum(axis=0)).mean() * rate
    assert 1 <= least / inverse_sd.mean() < 1.05


def test_field_of_a_mixed_voxel_is_nearer_its_mean() -> None:
    """A third of the voxel has another field and decays faster: the later the echo, the less it tells of that part."""
    rate = radians_per_ppm(3.0, 1.0)
    share, fields, decays = np.array([2 / 3, 1 / 3]), np.array([0.0, 0.09]), np.array([20.0, 80.0])
    signal = (share * np.exp((1j * rate * fields - decays) * TIMES[:, None])).sum(axis=1).reshape(-1, 1, 1, 1)
    magnitude, phase = np.abs(signal).astype(np.float32), np.angle(signal).astype(np.float32)
    field, _ = fit_field(magnitude, phase, echo_times=TIMES, radians_per_second_per_ppm=rate)
    least_noise = (magnitude**2 * COLUMN * phase).sum() / (magnitude**2 * COLUMN**2).sum() / rate
    assert abs(field.item() - 0.03) < 0.9 * abs(least_noise - 0.03)


def test_single_echo_is_phase_over_time() -> None:
    field, _ = fit_field(MAGNITUDE[:1], COLUMN[:1] * RATE, echo_times=TIMES[:1], radians_per_second_per_ppm=800.0)
    assert np.allclose(field, RATE / 800, rtol=1e-5)


def test_r2star_is_recovered_over_its_range() -> None:
    truth = np.linspace(2, 150, SHAPE[0])[:, None, None] * np.ones(SHAPE)
    magnitude = 300 * np.exp(-COLUMN * truth)
    found = fit_r2star(magnitude.astype(np.float32), MASK, echo_times=TIMES)
    assert np.allclose(found[MASK], truth[MASK], rtol=1e-3)  # float32 logarithms
    noisy = np.abs(magnitude + np.random.default_rng(2).standard_normal(magnitude.shape))
    found = fit_r2star(noisy.astype(np.float32), MASK, echo_times=TIMES)
    slow = MASK & (truth < 60)
    assert np.median(found[slow] - truth[slow]) == pytest.approx(0, abs=0.5)  # no bias at SNR above 75
    with pytest.raises(InputError, match="R2\\* needs three echoes"):
        fit_r2star(magnitude[:2], MASK, echo_times=TIMES[:2])


def test_combination_weights() -> None:
    fields = np.stack([np.full(SHAPE, value, np.float32) for value in (1.0, 2.0, 4.0)])
    times, signal = [0.01, 0.02, 0.03], np.stack([np.full(SHAPE, m, np.float32) for m in (3.0, 2.0, 1.0)])
    by_time = combine_local_fields(fields, signal, echo_times=times, weights="TE")
    assert np.allclose(by_time, (0.01 * 1 + 0.02 * 2 + 0.03 * 4) / 0.06)
    by_noise = combine_local_fields(fields, signal, echo_times=times, weights="SNR")
    assert np.allclose(by_noise, (9 * 1 + 16 * 2 + 9 * 4) / 34)
    with pytest.raises(InputError, match="unknown weights"):
        combine_local_fields(fields, signal, echo_times=times, weights="magnitude")


def test_data_weight_falls_with_noise_and_disagreement() -> None:
    inverse_sd = np.full(SHAPE, 5.0, np.float32)
    quality = np.ones(SHAPE, np.float32)
    quality[10:20], inverse_sd[30:] = 0.98, 2.5
    agreement = echo_agreement(quality, MASK, voxel_size=(2, 2, 2), quality_scale=0.02, edge_factor=0.5)
    weight = inversion_weight(inverse_sd, agreement, MASK)
    assert weight[MASK].mean() == pytest.approx(1, rel=1e-5)
    assert not weight[~MASK].any()
    plain = weight[24, 20, 16]
    assert weight[15, 20, 16] / plain == pytest.approx(np.exp(-1), rel=1e-4)
    assert weight[32, 20, 16] / plain == pytest.approx(0.5)
    edge = MASK & ~np.roll(MASK, 1, axis=1)
    assert np.allclose(agreement[edge & (quality == 1)], 0.5)


@pytest.mark.parametrize(("voxel", "layers"), [(3.0, 1), (2.0, 1), (1.0, 1), (0.5, 3)])
def test_the_edge_is_as_deep_in_fine_voxels(voxel: float, layers: int) -> None:
    """1.5 mm from the surface, and never less than the outermost layer; a face of the array is no edge."""
    slab = np.zeros((24, 8, 8), bool)
    slab[8:] = True
    agreement = echo_agreement(np.ones(slab.shape, np.float32), slab, voxel_size=(voxel,) * 3, edge_factor=0.5)
    assert agreement[:, 4, 4].tolist() == [0.0] * 8 + [0.5] * layers + [1.0] * (16 - layers)


def test_noise_alone_costs_no_weight() -> None:
    """The scale follows the median inconsistency, so that noisy echoes are not mistaken for disagreeing ones."""
    inconsistency = 0.1 * np.random.default_rng(3).chisquare(3, SHAPE) / 3
    agreement = echo_agreement((1 - inconsistency).astype(np.float32), MASK, voxel_size=(2, 2, 2), edge_factor=1.0)
    # The 95th percentile of χ²₃ exceeds the median by 2.3 medians, which three medians as the scale turn into 0.46.
    assert np.quantile(agreement[MASK], 0.05) > 0.45
