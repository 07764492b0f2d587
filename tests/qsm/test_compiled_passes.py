"""Compiled passes do what SciPy or operations of arrays do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from chiomics.qsm.background.descent import CompiledDescent, Descent
from chiomics.qsm.dipole import dipole_field, dipole_kernel
from chiomics.qsm.fourier import Grid
from chiomics.qsm.inversions import tv as tv_module
from chiomics.qsm.inversions.tv import Splits, total_variation
from chiomics.qsm.masks.near_distance import dilate, erode, near_distance
from chiomics.qsm.phase.smoothing import gaussian_filter

SHAPE, VOXEL_SIZE, B0 = (24, 20, 18), (1.0, 1.5, 2.0), (0.1, -0.3, 0.95)


@pytest.fixture(scope="module")
def ball() -> dict:
    """A ball of tissue with three sources, and its field with noise."""
    rng = np.random.default_rng(3)
    x, y, z = np.meshgrid(*((np.arange(n) - n / 2) * h for n, h in zip(SHAPE, VOXEL_SIZE, strict=True)), indexing="ij")
    mask = x**2 + y**2 + z**2 < 110
    chi = 0.1 * ((x - 3) ** 2 + y**2 + z**2 < 12) - 0.06 * ((x + 4) ** 2 + (y - 2) ** 2 + z**2 < 14) + 0.05 * (z > 4)
    field = dipole_field(chi * mask, voxel_size=VOXEL_SIZE, b0_direction=B0) * mask
    noisy = (field + 0.002 * rng.standard_normal(SHAPE) * mask).astype(np.float32)
    return {"mask": mask, "field": noisy, "weight": (0.5 + rng.random(SHAPE)).astype(np.float32) * mask}


def test_smoothing_is_scipys() -> None:
    """To float32 rounding of sums of a hundred products; also where the kernel is wider than an axis."""
    volume = np.random.default_rng(1).random((23, 31, 9)).astype(np.float32)
    for sigma in ((3.0, 0.1, 5.5), (0.7, 9.0, 1.2)):
        expected = ndimage.gaussian_filter(volume, sigma, mode="constant", truncate=3)
        np.testing.assert_allclose(gaussian_filter(volume, sigma), expected, atol=1e-6)
        np.testing.assert_array_equal(gaussian_filter(np.asfortranarray(volume), sigma), gaussian_filter(volume, sigma))


@pytest.mark.parametrize("voxel_size", [(0.5, 0.5, 1.5), (1.0, 1.0, 1.0), (3.0, 0.9, 2.0)])
def test_near_distances_are_those_of_a_distance_transform(voxel_size: tuple) -> None:
    """Exact up to float32 rounding within the limit, infinite beyond it."""
    mask = ndimage.gaussian_filter(np.random.default_rng(2).random((30, 26, 21)), 2) > 0.53
    expected, limit = ndimage.distance_transform_edt(~mask, sampling=voxel_size), 2.6
    assert 0.02 < mask.mean() < 0.5 and (expected > limit).any()
    found = near_distance(mask, voxel_size=voxel_size, limit=limit)
    np.testing.assert_allclose(found, np.where(expected <= limit, expected, np.inf), rtol=1e-6)
    turned = near_distance(np.asfortranarray(mask), voxel_size=voxel_size, limit=limit)  # as images are read
    np.testing.assert_array_equal(turned, found)


def test_compiled_total_variation_is_that_of_array_operations(ball: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve iterations enlarge float32 rounding to some 1e-6 of the largest value."""
    grid = Grid(ball["mask"], voxel_size=VOXEL_SIZE)
    given = [grid.embed(ball["field"]), grid.embed(ball["weight"]), dipole_kernel(grid, B0)]
    settings = {"regularisation": 2e-4, "outside": 0.1, "gradient_penalty": 100.0, "iterations": 12}
    compiled = total_variation(grid, *given, **settings)
    monkeypatch.setattr(tv_module, "_CompiledPasses", tv_module._ArrayPasses)
    expected = total_variation(grid, *given, **settings)
    np.testing.assert_allclose(compiled, expected, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("kind", ["_CompiledPasses", "_ArrayPasses"])
def test_total_variation_goes_on_where_it_ended(ball: dict, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Five iterations and seven more are twelve, to float32 rounding; seven from nothing are not."""
    monkeypatch.setattr(tv_module, "_CompiledPasses", getattr(tv_module, kind))
    grid, splits = Grid(ball["mask"], voxel_size=VOXEL_SIZE), Splits()
    given = [grid, grid.embed(ball["field"]), grid.embed(ball["weight"]), dipole_kernel(grid, B0)]
    settings = {"regularisation": 2e-4, "outside": 0.1, "gradient_penalty": 100.0}
    whole = total_variation(*given, iterations=12, **settings)
    total_variation(*given, iterations=5, splits=splits, **settings)
    limit = 2e-5 * np.abs(whole).max()
    np.testing.assert_allclose(total_variation(*given, iterations=7, splits=splits, **settings), whole, atol=limit)
    assert np.abs(total_variation(*given, iterations=7, **settings) - whole).max() > 100 * limit


def test_compiled_descent_is_that_of_array_operations() -> None:
    """Each pass, to float32 rounding."""
    rng = np.random.default_rng(4)
    grid = Grid(np.ones((7, 9, 5), bool), voxel_size=(4.0, 4.0, 4.0))
    weight, scale, *volumes = (rng.random(grid.shape).astype(np.float32) for _ in range(6))
    results = []
    for kind in (Descent, CompiledDescent):
        passes, (a, b, c, d) = kind(grid, weight, scale), (volume.copy() for volume in volumes)
        sizes = [passes.weigh(a), passes.precondition(b)]
        passes.lessen(c, a, 0.3)
        passes.turn(d, c, 0.7, b, 0.2)
        results.append([*sizes, a, b, c, d])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("voxel_size", [(1, 1, 1), (0.7, 0.7, 2.0), (2.5, 1.25, 0.5)])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.9, 1.0])
def test_erosion_and_dilation_are_those_of_a_distance_transform(voxel_size: tuple, share: float) -> None:
    generator = np.random.default_rng(7)
    mask = np.zeros((23, 18, 14), bool)
    mask[5:, 4:15] = generator.random((18, 11, 14)) < share  # reaches three faces of the array
    mask = mask if share < 1 else np.ones_like(mask)
    for radius in (0.5, 2.0, 5.0, 40.0):
        # The transform of a mask that leaves out nothing, or of nothing, is measured from a voxel outside the array.
        eroded = ndimage.distance_transform_edt(mask, sampling=voxel_size) > radius if not mask.all() else mask
        dilated = ndimage.distance_transform_edt(~mask, sampling=voxel_size) <= radius if mask.any() else mask
        np.testing.assert_array_equal(erode(mask, voxel_size, radius), eroded)
        np.testing.assert_array_equal(dilate(mask, voxel_size, radius), dilated)
