"""Reordered images show the same thing at the same place, whatever the stored orientation."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest

from chiomics.core.space.orientation import NearestRAS, closest_canonical, in_order_of
from chiomics.core.space.volume import Volume

SHAPE = (4, 5, 6)
SIZES = (0.8, 1.0, 2.5)
BOTH_WAYS = {"R": "RL", "A": "AP", "S": "SI"}
ORIENTATIONS = [
    "".join(code)
    for order in itertools.permutations("RAS")
    for code in itertools.product(*(BOTH_WAYS[axis] for axis in order))
]


def stored(axes: str, angle: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """An oblique image in RAS, stored with its voxel axes as named."""
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn @ np.diag(SIZES), (3, -4, 5)
    image = nib.Nifti1Image(np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE), affine)
    back = nib.orientations.ornt_transform(nib.io_orientation(affine), nib.orientations.axcodes2ornt(axes))
    image = image.as_reoriented(back)
    return np.asarray(image.dataobj), image.affine


@pytest.mark.parametrize("axes", ORIENTATIONS)
def test_every_stored_orientation_comes_to_the_same_image(axes):
    voxels, affine = stored(axes)
    straight, straight_affine = stored("RAS")
    to_ras = NearestRAS(affine, voxels.shape)
    np.testing.assert_array_equal(to_ras(voxels), straight)
    np.testing.assert_allclose(to_ras.affine, straight_affine, atol=1e-9)  # sums of a few numbers of some mm
    np.testing.assert_allclose(to_ras.voxel_size, SIZES, rtol=1e-12)
    assert nib.aff2axcodes(to_ras.affine) == ("R", "A", "S")


@pytest.mark.parametrize("axes", ORIENTATIONS)
def test_canonical_order_and_back_is_the_image_as_stored(axes):
    image = Volume(*stored(axes))
    straight = closest_canonical(image)
    np.testing.assert_array_equal(straight.voxels, stored("RAS")[0])
    back = in_order_of(straight, image.affine)
    np.testing.assert_array_equal(back.voxels, image.voxels)
    np.testing.assert_allclose(back.affine, image.affine, atol=1e-9)  # sums of a few numbers of some mm
