"""Patches and measures of lesions whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.rims.lesions.contrasts import MEASURES, measure_contrasts, slice_depth
from chiomics.rims.lesions.patches import CHI_SCALE, SHAPE, cut_patch, scale_flair

VOXEL = (0.75, 0.75, 3.0)


def _ball(shape=(60, 60, 24), centre=(30, 30, 12), radius=(8, 8, 3)) -> np.ndarray:
    grid = np.indices(shape)
    return sum(((axis - c) / r) ** 2 for axis, c, r in zip(grid, centre, radius, strict=True)) <= 1


def test_the_centre_of_mass_lies_at_the_centre_wherever_the_lesion_is():
    rng = np.random.default_rng(0)
    chi, flair = rng.normal(0, 20, (2, 60, 60, 24)).astype(np.float32)
    first = cut_patch(chi, flair, _ball())
    moved = tuple(np.roll(image, (5, -7, 3), (0, 1, 2)) for image in (chi, flair, _ball()))
    second = cut_patch(*moved)
    np.testing.assert_array_equal(first.images, second.images)
    centre = np.mean(np.nonzero(first.mask), axis=1)
    assert np.abs(centre - np.array(SHAPE) // 2).max() <= 0.5
    assert not first.cropped
    assert first.mask.sum() == _ball().sum()


def test_other_voxels_are_zero_unless_the_surroundings_are_kept():
    chi, flair = np.full((60, 60, 24), 25.0), np.full((60, 60, 24), 3.0)
    masked = cut_patch(chi, flair, _ball())
    assert (masked.images[:, masked.mask == 0] == 0).all()
    np.testing.assert_allclose(masked.images[0][masked.mask > 0], 25 / CHI_SCALE)
    np.testing.assert_allclose(masked.images[1][masked.mask > 0], 3)
    kept = cut_patch(chi, flair, _ball(), surroundings=True)
    np.testing.assert_allclose(kept.images[0], 25 / CHI_SCALE)


def test_a_lesion_larger_than_the_patch_is_cropped_and_said_so():
    lesion = _ball(radius=(18, 8, 3))
    patch = cut_patch(np.ones(lesion.shape), np.ones(lesion.shape), lesion)
    assert patch.cropped
    assert patch.mask.sum() < lesion.sum()


def test_a_lesion_in_far_pieces_keeps_the_nearest_of_them():
    lesion = np.zeros((60, 60, 24), bool)
    lesion[2, 2, 2] = lesion[57, 57, 21] = lesion[53, 54, 20] = True
    patch = cut_patch(np.ones(lesion.shape), np.ones(lesion.shape), lesion)
    # the centre of mass at 37, 38, 14 is 16 voxels from the nearest, half of a patch: that one takes the centre
    assert patch.cropped
    assert patch.mask[16, 16, 8] == 1
    assert patch.mask.sum() == 2
    ring = np.zeros((60, 60, 24), bool)
    ring[20:40, 20, 12] = ring[20:40, 39, 12] = True  # no voxel at the centre, all in the patch
    assert cut_patch(np.ones(ring.shape), np.ones(ring.shape), ring).mask.sum() == 40


def test_a_lesion_at_the_image_border_is_padded_with_zeros():
    lesion = np.zeros((20, 20, 6), bool)
    lesion[:3, :3, :2] = True
    patch = cut_patch(np.ones(lesion.shape), np.ones(lesion.shape), lesion, surroundings=True)
    assert patch.mask.sum() == lesion.sum()
    assert not patch.cropped
    assert (patch.images[0] > 0).sum() <= lesion.size


def test_flair_is_in_units_of_the_spread_of_white_matter():
    rng = np.random.default_rng(1)
    flair = rng.normal(100, 10, (40, 40, 40))
    white = np.ones(flair.shape, bool)
    scaled = scale_flair(flair, white)
    assert np.subtract(*np.percentile(scaled, [75, 25])) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(scale_flair(7 * flair + 3, white), scaled, atol=1e-4)  # float32
    with pytest.raises(ValueError, match="no spread"):
        scale_flair(np.ones_like(flair), white)


def test_depth_is_taken_in_the_slice():
    lesion = np.zeros((9, 9, 3), bool)
    lesion[2:7, 2:7, 0] = lesion[4, 4, 2] = True
    depth = slice_depth(lesion, VOXEL)
    assert depth[4, 4, 0] == pytest.approx(3 * 0.75)
    assert depth[2, 2, 0] == depth[4, 4, 2] == pytest.approx(0.75)
    assert depth[~lesion].max() == 0


def test_measures_of_a_rim_and_of_a_flat_lesion():
    lesion = _ball()
    rim = lesion & (slice_depth(lesion, VOXEL) <= 1.6)
    with_rim = measure_contrasts(np.where(rim, 30.0, -10.0), lesion, voxel_size=VOXEL)
    flat = measure_contrasts(np.full(lesion.shape, 12.0), lesion, voxel_size=VOXEL)
    assert tuple(with_rim) == MEASURES
    assert with_rim["chi_edge_minus_core"] == with_rim["chi_edge_p75_minus_core"] == pytest.approx(40)
    assert with_rim["volume_mm3"] == pytest.approx(lesion.sum() * 0.75 * 0.75 * 3)
    assert with_rim["chi_edge_correlation"] > 0.5
    depth = slice_depth(lesion, VOXEL)
    assert with_rim["edge_bright_fraction"] == pytest.approx(rim.sum() / (lesion & (depth <= 0.6 * depth.max())).sum())
    assert flat["chi_mean"] == flat["chi_max"] == pytest.approx(12)
    assert flat["chi_sd"] == flat["chi_edge_correlation"] == flat["edge_bright_fraction"] == 0


def test_contrasts_do_not_change_with_the_reference_of_the_map():
    chi = np.random.default_rng(2).normal(0, 20, (60, 60, 24))
    first, second = (measure_contrasts(chi + shift, _ball(), voxel_size=VOXEL) for shift in (0.0, 55.0))
    for name in MEASURES:
        shift = 55.0 if name in ("chi_mean", "chi_p90", "chi_max") else 0.0
        assert second[name] - first[name] == pytest.approx(shift, abs=1e-9)


def test_one_voxel_is_measured():
    lesion = np.zeros((5, 5, 5), bool)
    lesion[2, 2, 2] = True
    found = measure_contrasts(np.full(lesion.shape, 3.0), lesion, voxel_size=VOXEL)
    assert found["chi_mean"] == 3
    assert all(np.isfinite(value) for value in found.values())
