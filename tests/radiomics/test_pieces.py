"""What is read and resampled of a large image for a small region is what the whole image gives."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiomics.radiomics import image_zyx, prepare
from chiomics.radiomics.image_zyx import ImageZYX, as_image, read_image_zyx

TURNED = (np.cos(0.2), -np.sin(0.2), 0.0, np.sin(0.2), np.cos(0.2), 0.0, 0.0, 0.0, 1.0)
KINDS = (np.uint8, np.int16, np.int32, np.float32, np.float64)


def image_of(voxels: np.ndarray, direction: tuple = image_zyx.AXES) -> ImageZYX:
    return ImageZYX(voxels, (1.1, 0.9, 0.8), (3.0, -20.0, 7.0), direction)


def on_the_whole(image: ImageZYX, grid: ImageZYX, interpolator: str) -> np.ndarray:
    return as_image(prepare._resampler(grid, interpolator).Execute(image.to_sitk())).voxels


@settings(max_examples=20, derandomize=True, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(KINDS),
    st.sampled_from([image_zyx.AXES, TURNED]),
    st.sampled_from(["sitkBSpline", "sitkLinear", "sitkNearestNeighbor"]),
)
def test_a_resampled_piece_is_that_of_the_whole_image(seed, kind, direction, interpolator):
    rng = np.random.default_rng(seed)
    image = image_of((60 + 30 * rng.normal(size=(60, 70, 80))).clip(0, 250).astype(kind), direction)
    box = tuple(slice(start, start + int(rng.integers(2, 20))) for start in rng.integers(0, 40, 3))
    spacing = tuple(rng.uniform(0.7, 2, 3)) if seed % 4 else (2.2, 1.8, 1.6)  # twice: nearest voxels tie
    grid = prepare._resampling_grid(image, box, spacing, 5)
    found, expected = prepare._resample(image, grid, interpolator).voxels, on_the_whole(image, grid, interpolator)
    assert found.dtype == expected.dtype
    # Whole numbers are the same; others up to what a spline's coefficients keep of voxels 20 away, and rounding.
    limit = 0 if np.dtype(kind).kind != "f" else 250 * max(1e-11, 2 * np.finfo(kind).eps)
    np.testing.assert_allclose(found, expected, rtol=0, atol=limit)


def test_a_spline_of_whole_numbers_is_made_of_a_piece_where_its_decimals_are_certain():
    rng = np.random.default_rng(0)
    image = image_of(rng.integers(-500, 500, (60, 70, 80)).astype(np.int16))
    grid = prepare._resampling_grid(image, (slice(30, 34),) * 3, (1.0, 1.0, 1.0), 5)
    assert prepare._interpolate(image, grid, "sitkBSpline", prepare.EXACT_SUPPORT) is not None
    # Of equal voxels ITK's last digit decides between 6 and 7: only the whole image has it.
    flat = image_of(np.full((60, 70, 80), 7, np.int16))
    assert prepare._interpolate(flat, grid, "sitkBSpline", prepare.EXACT_SUPPORT) is None
    found = prepare._resample(flat, grid, "sitkBSpline").voxels
    np.testing.assert_array_equal(found, on_the_whole(flat, grid, "sitkBSpline"))


def test_the_nearest_voxel_beyond_the_image_is_zero():
    image = image_of(np.random.default_rng(0).integers(1, 9, (20, 20, 20)).astype(np.uint8), TURNED)
    grid = ImageZYX(np.empty((40, 40, 40), np.uint8), (0.93, 1.07, 0.91), (-2.0, -27.0, 2.0), TURNED)
    found = prepare._resample(image, grid, "sitkNearestNeighbor").voxels
    np.testing.assert_array_equal(found, on_the_whole(image, grid, "sitkNearestNeighbor"))
    assert (found == 0).any() and (found > 0).any()


@pytest.mark.parametrize("kind", [*KINDS, ">f4", ">i2"])
def test_a_compressed_image_is_read_in_its_own_type(tmp_path, kind):
    voxels = (50 * np.random.default_rng(0).normal(size=(7, 8, 9))).clip(0).astype(kind)
    nib.save(nib.Nifti1Image(voxels, np.diag([1.0, 2, 3, 1])), tmp_path / "image.nii.gz")
    np.testing.assert_array_equal(read_image_zyx(tmp_path / "image.nii.gz").voxels, voxels.T)


def test_what_itk_would_change_is_read_as_it_is(tmp_path):
    voxels = np.random.default_rng(0).normal(size=(7, 8, 9)).astype(np.float32)
    voxels[1, 2, 3], voxels[2] = np.nan, np.inf
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "image.nii.gz")
    np.testing.assert_array_equal(read_image_zyx(tmp_path / "image.nii.gz").voxels, voxels.T)
