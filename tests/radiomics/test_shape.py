"""Shape: known bodies, every pair of points tried, and pyradiomics' own code."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.radiomics.features.cubes import _polygons, _triangles, surface
from chiomics.radiomics.features.diameters import largest_diameters
from chiomics.radiomics.features.shape import principal_variances, shape_features
from chiomics.radiomics.region import Region

SPACINGS = [(1.0, 1.0, 1.0), (0.7, 1.9, 0.31)]


def random_mask(seed):
    rng = np.random.default_rng(seed)
    return rng.random(rng.integers(1, 10, 3)) < rng.choice([0.1, 0.5, 0.9, 1.0])


@pytest.mark.parametrize("seed", range(30))
def test_mesh_and_diameters_equal_pyradiomics_code(seed):
    """Area and volume to rounding, diameters to the last digit."""
    c = pytest.importorskip("radiomics").cShape
    mask = np.pad(random_mask(seed), 1)
    for spacing in SPACINGS:
        area, volume, diameters = c.calculate_coefficients(mask, np.array(spacing))
        # Rounding of a sum of signed volumes grows with the box.
        np.testing.assert_allclose(surface(mask, spacing), (area, volume), rtol=1e-12, atol=1e-12 * mask.size)
        assert largest_diameters(mask, spacing) == tuple(diameters)


def test_every_kind_of_cube_equals_pyradiomics_code():
    c = pytest.importorskip("radiomics").cShape
    for cube in range(1, 256):
        corners = np.array([bool(cube >> k & 1) for k in range(8)])
        mask = np.pad(corners.reshape(2, 2, 2), 1)
        area, volume, _ = c.calculate_coefficients(mask, np.array([0.7, 1.9, 0.31]))
        np.testing.assert_allclose(surface(mask, (0.7, 1.9, 0.31)), (area, volume), rtol=1e-12)


def test_polygons_of_a_cube_close_and_use_each_crossed_edge_once():
    from chiomics.radiomics.features.cubes import EDGES

    for cube in range(1, 128):
        crossed = {k for k, (a, b) in enumerate(EDGES) if (cube >> a & 1) != (cube >> b & 1)}
        used = [edge for polygon in _polygons(cube) for edge in polygon]
        assert sorted(used) == sorted(crossed)
    cubes, triangles = _triangles()
    assert len(cubes) == len(triangles)


@pytest.mark.parametrize("seed", range(10))
def test_diameters_equal_the_search_over_all_pairs(seed):
    mask = np.pad(random_mask(seed + 100), 1)
    spacing = np.array([0.8, 1.3, 2.1])
    points = []
    for axis in range(3):
        here, there = np.moveaxis(mask, axis, 0)[:-1], np.moveaxis(mask, axis, 0)[1:]
        crossing = np.argwhere(np.moveaxis(here != there, 0, axis)).astype(float)
        crossing[:, axis] += 0.5
        points.append(crossing * spacing)
    points = np.concatenate(points)
    if len(points) == 0:
        return
    squares = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    expected = [np.sqrt((squares * (points[:, None, k] == points[None, :, k])).max()) for k in range(3)]
    np.testing.assert_allclose(largest_diameters(mask, tuple(spacing)), [*expected, np.sqrt(squares.max())], rtol=1e-12)


def test_ball_has_the_measures_of_a_ball():
    radius, edge = 12.0, 0.5
    z, y, x = np.ogrid[-15:15:61j, -15:15:61j, -15:15:61j]
    features = shape_features(Region.from_mask(x**2 + y**2 + z**2 <= radius**2, (edge,) * 3))
    assert features["VoxelVolume"] == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.01)  # staircase of 24 steps
    assert features["Maximum3DDiameter"] == pytest.approx(2 * radius, abs=edge)
    for axis in ("MajorAxisLength", "MinorAxisLength", "LeastAxisLength"):
        assert features[axis] == pytest.approx(2 * radius * 2 / np.sqrt(5), rel=0.01)
    assert features["Elongation"] == pytest.approx(1, rel=0.01)


def test_measures_scale_with_the_voxel_and_do_not_depend_on_the_pose():
    mask = random_mask(3)
    here = shape_features(Region.from_mask(np.pad(mask, ((3, 0), (0, 5), (1, 1))), (1.0, 2.0, 0.5)))
    there = shape_features(Region.from_mask(mask.transpose(2, 0, 1)[::-1], (1.0, 2.0, 4.0)))
    for name in ("MeshVolume", "SurfaceArea", "Maximum3DDiameter", "MajorAxisLength"):
        power = {"MeshVolume": 3, "SurfaceArea": 2}.get(name, 1)
        half = shape_features(Region.from_mask(mask, (0.5, 1.0, 0.25)))[name]
        assert here[name] == pytest.approx(half * 2**power, rel=1e-9)
    turned = shape_features(Region.from_mask(mask.transpose(2, 0, 1), (0.5, 1.0, 2.0)))
    assert turned["MeshVolume"] == pytest.approx(here["MeshVolume"], rel=1e-9)
    assert turned["MajorAxisLength"] == pytest.approx(here["MajorAxisLength"], rel=1e-9)
    assert there["VoxelVolume"] == pytest.approx(8 * here["VoxelVolume"], rel=1e-12)


def test_a_flat_region_has_exactly_no_thickness():
    mask = np.zeros((3, 20, 20), bool)
    mask[1, 3:17, 2:15] = True
    assert principal_variances(Region.from_mask(mask, (2.7, 0.47, 0.47)))[0] == 0
