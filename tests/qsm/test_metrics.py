"""Map metrics against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.qsm import metrics


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    truth = 0.05 * rng.standard_normal((20, 22, 24))
    mask = np.zeros(truth.shape, bool)
    mask[2:-2, 3:-3, 4:-4] = True
    return truth, truth + 0.01 * rng.standard_normal(truth.shape), mask


def test_nrmse_by_hand():
    truth, chi = np.array([[[1.0, 2.0, 3.0, 9.0]]]), np.array([[[2.0, 2.0, 5.0, -7.0]]])
    mask = np.array([[[True, True, True, False]]])
    # Means 2 and 3: residuals (−1+1, −1−0, 2−1) = (0, −1, 1); truth (−1, 0, 1).
    assert metrics.nrmse(chi, truth, mask) == pytest.approx(100.0)
    # Slope of (−1, −1, 2) against (−1, 0, 1) is 1.5; (−2/3, −2/3, 4/3) − (−1, 0, 1) = (1/3, −2/3, 1/3).
    assert metrics.detrended_nrmse(chi, truth, mask) == pytest.approx(100 * np.sqrt(1 / 3))


def test_equal_maps(maps):
    truth, _, mask = maps
    assert metrics.nrmse(truth, truth, mask) == 0
    assert metrics.detrended_nrmse(truth, truth, mask) == pytest.approx(0, abs=1e-12)
    assert metrics.xsim(truth, truth, mask) == pytest.approx(1)
    assert metrics.hfen(truth, truth, mask) == 0


def test_a_reference_shift_changes_no_error_and_a_slope_only_the_plain_one(maps):
    truth, chi, mask = maps
    assert metrics.nrmse(chi + 0.3, truth, mask) == pytest.approx(metrics.nrmse(chi, truth, mask))
    assert metrics.detrended_nrmse(3 * chi - 1, truth, mask) == pytest.approx(metrics.detrended_nrmse(chi, truth, mask))
    assert metrics.nrmse(2 * truth, truth, mask) == pytest.approx(100)
    assert metrics.nrmse(0 * truth, truth, mask) == pytest.approx(100)


def test_what_lies_outside_the_mask_does_not_count(maps):
    truth, chi, mask = maps
    other = np.where(mask, chi, 7.0)
    for metric in (metrics.nrmse, metrics.detrended_nrmse, metrics.xsim, metrics.hfen):
        assert metric(other, truth, mask) == pytest.approx(metric(chi, truth, mask))


def test_region_slope():
    regions = np.repeat([1, 2, 3, 9], 4).reshape(4, 2, 2)
    truth = np.choose(np.minimum(regions, 4), [0, 0.1, 0.2, 0.3, 5.0])
    assert metrics.region_slope_error(0.8 * truth + 0.4, truth, regions, (1, 2, 3, 4)) == pytest.approx(0.2)


def test_xsim_of_constant_maps():
    """Without variance the structure term is 1, and the mean term (2ab + c1)/(a² + b² + c1) remains."""
    mask = np.zeros((15, 15, 15), bool)
    mask[7, 7, 7] = True
    a, b, whole = np.full(mask.shape, 0.02), np.full(mask.shape, 0.01), np.ones(mask.shape, bool)
    expected = (2 * 0.02 * 0.01 + 1e-4) / (0.02**2 + 0.01**2 + 1e-4)
    assert metrics.xsim(a, b, whole) == pytest.approx(expected)


def test_xsim_of_one_window():
    rng = np.random.default_rng(5)
    x, t = rng.standard_normal((2, 5, 5, 5))
    whole = np.ones(x.shape, bool)
    covariance = np.mean(x * t) - x.mean() * t.mean()
    centre = ((2 * x.mean() * t.mean() + 1e-4) * (2 * covariance + 1e-6)) / (
        (x.mean() ** 2 + t.mean() ** 2 + 1e-4) * (x.var() + t.var() + 1e-6)
    )
    values = [_windowed(x, t, i, j, k) for i in range(5) for j in range(5) for k in range(5)]
    assert values[62] == pytest.approx(centre)
    assert metrics.xsim(x, t, whole) == pytest.approx(np.mean(values))


def _windowed(x, t, *place):
    window = tuple(slice(max(0, p - 2), p + 3) for p in place)
    a, b = x[window], t[window]
    covariance = np.mean(a * b) - a.mean() * b.mean()
    return ((2 * a.mean() * b.mean() + 1e-4) * (2 * covariance + 1e-6)) / (
        (a.mean() ** 2 + b.mean() ** 2 + 1e-4) * (a.var() + b.var() + 1e-6)
    )


def test_hfen_sees_detail_and_not_trends():
    x, y, z = np.meshgrid(*[np.arange(32.0)] * 3, indexing="ij")
    truth = np.cos(2 * np.pi * x / 8)
    mask = np.zeros(truth.shape, bool)
    mask[10:22, 10:22, 10:22] = True
    # Far from every face the Laplacian of Gaussian of a plane is 0; masking first would give it edges.
    whole = np.ones(truth.shape, bool)
    with_trend = metrics.hfen(truth + 0.001 * (x + y + z), truth, whole)
    assert with_trend < 2
    assert metrics.hfen(1.1 * truth, truth, mask) == pytest.approx(10)


def test_calcification():
    truth = np.zeros((40, 40, 40))
    lesion = np.zeros(truth.shape, bool)
    lesion[18:22, 18:22, 18:22] = True
    truth[lesion] = -2.0
    rng = np.random.default_rng(1)
    noise = 0.01 * rng.standard_normal(truth.shape)
    exact = metrics.calcification(truth, truth, lesion)
    assert exact == {"moment_error": 0.0, "streak": 0.0}
    noisy = metrics.calcification(0.75 * truth + noise, truth, lesion)
    # 64 voxels · 0.5 ppm are missing; the sum of 64 noise values has an SD of 0.08. The noise's SD is 0.01 of 1.5.
    assert noisy["moment_error"] == pytest.approx(32, abs=0.3)
    assert noisy["streak"] == pytest.approx(0.01 / 1.5, rel=0.05)
    lost = metrics.calcification(0 * truth, truth, lesion)
    assert lost["moment_error"] == 128
    assert np.isnan(lost["streak"])
