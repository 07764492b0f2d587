"""The noise of a field is found below its texture, and regularisation follows it."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.qsm.inversions.tv import tv
from chiomics.qsm.phase.field_noise import DOUBLING_NOISE, field_noise, scaled_regularisation
from tests.qsm.heads import B0, VOXEL_SIZE, Head, nrmse


@pytest.fixture(scope="module")
def head() -> Head:
    return Head()


def test_white_noise_is_found(head: Head) -> None:
    noise = np.random.default_rng(1).normal(0, 0.004, head.mask.shape)
    # 30 thousand voxels with correlated differences: the median's standard error is below 2 %.
    assert field_noise(noise, head.mask) == pytest.approx(0.004, rel=0.05)


def test_what_varies_smoothly_and_edges_do_not_count(head: Head) -> None:
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in head.mask.shape], indexing="ij", sparse=True)
    smooth = 3 * x**2 + y * z + (x > 0.1) * 0.5
    noise = np.random.default_rng(1).normal(0, 0.004, head.mask.shape)
    assert field_noise(smooth + noise, head.mask) == pytest.approx(field_noise(noise, head.mask), rel=0.05)


def test_scale_and_offset(head: Head) -> None:
    noise = np.random.default_rng(2).normal(0, 1, head.mask.shape)
    assert field_noise(3 * noise + 7, head.mask) == pytest.approx(3 * field_noise(noise, head.mask), rel=1e-4)


def test_voxels_outside_the_mask_do_not_count(head: Head) -> None:
    noise = np.random.default_rng(3).normal(0, 1, head.mask.shape)
    assert field_noise(np.where(head.mask, noise, 1e6), head.mask) == field_noise(noise, head.mask)


def test_a_mask_without_inner_voxels_has_no_estimate(head: Head) -> None:
    sheet = np.zeros_like(head.mask)
    sheet[30] = True
    assert field_noise(head.local_field, sheet) == 0


@pytest.mark.parametrize("doubling", [(), (0.0012,)])
def test_regularisation_is_as_given_without_noise_and_doubles_where_it_is_said(doubling: tuple) -> None:
    assert scaled_regularisation(1e-4, 0.0, *doubling) == 1e-4
    assert scaled_regularisation(1e-4, *(doubling or (DOUBLING_NOISE,)), *doubling) == pytest.approx(2e-4)


def test_a_noisy_field_is_inverted_better_when_its_noise_is_known(head: Head) -> None:
    noise = np.random.default_rng(4).normal(0, 0.01, head.mask.shape).astype(np.float32)
    field = np.where(head.mask, head.local_field + noise, 0)
    estimate = field_noise(field, head.mask)
    known, unknown = (
        nrmse(tv(field, head.mask, voxel_size=VOXEL_SIZE, b0_direction=B0, noise=level), head.chi, head.mask)
        for level in (estimate, 0.0)
    )
    assert known < unknown
