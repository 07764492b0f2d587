"""Small copies of volumes: values and places stay, labels are no means, and a script holds what it was given."""

from __future__ import annotations

import base64
import gzip
import re

import nibabel as nib
import numpy as np
import pytest

from chiomics.core.space.volume import Volume
from chiomics.report.site.preview import (
    CHI_STEP,
    MAX_VOXELS,
    join_masks,
    plan_grid,
    preview_image,
    preview_labels,
    script_of,
    values_of,
)

AFFINE = np.array([[0.7, 0.05, 0, -60], [-0.05, 0.7, 0, -70], [0, 0, 2.1, -50], [0, 0, 0, 1.0]])


def smooth_volume(shape):
    """Return a field that is linear in world coordinates, ppm, so that means of blocks are known."""
    points = np.einsum("ij,jxyz->ixyz", AFFINE[:3, :3], np.indices(shape)) + AFFINE[:3, 3, None, None, None]
    return Volume((0.001 * points[0] - 0.0008 * points[1] + 0.0005 * points[2]).astype(np.float32), AFFINE)


@pytest.mark.parametrize("most", [10**6, 9000, 700])
def test_a_preview_holds_what_lies_there_in_the_world(most):
    volume, mask = smooth_volume((50, 46, 20)), np.zeros((50, 46, 20), bool)
    mask[6:44, 5:40, 3:17] = True
    grid = plan_grid(mask, AFFINE, max_voxels=most)
    small = preview_image(volume, grid, step=CHI_STEP)
    assert np.prod(small.shape) <= most
    inside = np.argwhere(np.ones(np.subtract(small.shape, 1)))  # blocks at the far edge may be cut
    x, y, z = nib.affines.apply_affine(small.affine, inside).T
    found = values_of(small)[tuple(inside.T)]
    assert np.abs(found - (0.001 * x - 0.0008 * y + 0.0005 * z)).max() <= CHI_STEP / 2 + 1e-6  # half a step


def test_the_preview_of_a_whole_brain_is_small_enough_and_nearly_isotropic():
    grid = plan_grid(np.ones((256, 320, 90), bool), AFFINE)
    assert np.prod(grid.shape) <= MAX_VOXELS
    assert grid.factor[2] == 1, "the coarse axis is not made coarser first"


def test_values_beyond_a_byte_are_kept_in_two():
    voxels = np.zeros((4, 4, 4), np.float32)
    voxels[1, 2, 3] = 0.9
    small = preview_image(Volume(voxels, np.eye(4)), plan_grid(voxels > -1, np.eye(4)), step=CHI_STEP)
    assert small.get_data_dtype() == np.int16
    assert values_of(small)[1, 2, 3] == pytest.approx(0.9, abs=CHI_STEP / 2)


def test_labels_are_no_means_and_a_small_lesion_stays():
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[:6, :, :], labels[9, 9, 9] = 7, 3
    volume, grid = Volume(labels, np.eye(4)), plan_grid(labels >= 0, np.eye(4), max_voxels=6**3)
    assert set(np.unique(preview_labels(volume, grid).dataobj)) == {0, 7}
    seen = np.asarray(preview_labels(volume, grid, min_share=0.0).dataobj)
    assert set(np.unique(seen)) == {0, 3, 7} and seen[4, 4, 4] == 3


def test_masks_that_overlap_come_back_from_their_labels():
    rng = np.random.default_rng(0)
    masks = {name: rng.random((5, 6, 7)) < 0.4 for name in ("CST L", "OR L", "AF R")}
    for shift in (False, True):
        if shift:  # nowhere empty
            masks["all"] = np.ones((5, 6, 7), bool)
        labels, names = join_masks(masks)
        for name, mask in masks.items():
            back = np.isin(labels, [number for number, held in names.items() if name in held])
            np.testing.assert_array_equal(back, mask)


def test_a_script_holds_the_volume_and_is_the_same_each_time():
    small = preview_image(smooth_volume((8, 9, 10)), plan_grid(np.ones((8, 9, 10), bool), AFFINE), step=CHI_STEP)
    text = script_of("chi", small)
    assert text == script_of("chi", small)
    content = re.fullmatch(r'chiomics\.receive\("chi", "([\w+/=]+)"\);\n', text)[1]
    back = nib.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(content)))
    np.testing.assert_allclose(back.get_fdata(), values_of(small), rtol=1e-6)
    np.testing.assert_allclose(back.affine, small.affine, atol=1e-5)
