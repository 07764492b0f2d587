"""Chains of transforms: matrices, inverse, composition, one interpolation, volumes of labels."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.core.space.transforms import LIST_NAME, Chain, Step, resample
from chiomics.core.space.volume import Volume
from tests.anatomy.template_heads import reoriented, rigid

POSE = rigid((8, -5, 12), (3, -4, 2))
OBLIQUE = rigid((12, 7, -9), (0, 0, 0))


@pytest.fixture(scope="module")
def blobs() -> Volume:
    """Smooth noise on an oblique grid with voxels of unequal sides."""
    voxels = ndimage.gaussian_filter(np.random.default_rng(3).standard_normal((44, 40, 30)), 2.5)
    affine = OBLIQUE @ np.diag([1.5, 1.75, 2.0, 1.0])
    affine[:3, 3] = [-30, -38, -25]
    return Volume(voxels.astype(np.float32), affine)


@pytest.fixture(scope="module")
def warp(tmp_path_factory) -> Chain:
    """A displacement field and, by fixed-point iteration, its inverse, as a chain of one step."""
    folder = tmp_path_factory.mktemp("warp")
    shape, affine = (40, 40, 36), np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = [-38, -42, -34]
    rng = np.random.default_rng(5)
    field = np.stack([ndimage.gaussian_filter(rng.standard_normal(shape), 5) for _ in range(3)], -1)
    field *= 3 / np.abs(field).max()
    edge = np.minimum.reduce(np.meshgrid(*(np.minimum(np.arange(n), np.arange(n)[::-1]) for n in shape), indexing="ij"))
    field *= np.clip(edge / 5, 0, 1)[..., None]
    inverse = np.zeros_like(field)
    index = np.indices(shape)
    for _ in range(30):
        where = index + np.moveaxis(inverse, -1, 0) / 2
        inverse = -np.stack([ndimage.map_coordinates(field[..., a], where, order=1) for a in range(3)], -1)
    files = []
    for name, vectors in (("warp", field), ("inverse", inverse)):
        image = nib.Nifti1Image((vectors * [-1, -1, 1])[:, :, :, None].astype(np.float32), affine)
        image.header.set_intent("vector")
        nib.save(image, folder / f"{name}.nii.gz")
        files.append(folder / f"{name}.nii.gz")
    return Chain((Step(files[0], files[1]),))


def sampled(volume: Volume, onto: Volume, matrix: np.ndarray) -> np.ndarray:
    """Linear interpolation without ITK; `matrix` maps the moving onto the fixed world."""
    index = np.linalg.inv(volume.affine) @ np.linalg.inv(matrix) @ onto.affine
    return ndimage.affine_transform(volume.voxels, index[:3, :3], index[:3, 3], onto.voxels.shape, order=1)


def inner(voxels: np.ndarray) -> np.ndarray:
    """What lies inside: at the border interpolators differ in what they call outside."""
    return voxels[10:-10, 10:-10, 8:-8]


@pytest.mark.parametrize("inverted", [False, True])
def test_a_matrix_moves_the_image_as_it_says(blobs, tmp_path, inverted):
    chain = Chain.from_matrix(POSE, tmp_path / "pose.mat")
    matrix = np.linalg.inv(POSE) if inverted else POSE
    chain = chain.inverse() if inverted else chain
    np.testing.assert_allclose(chain.matrix(), matrix, atol=1e-12)  # doubles in the file
    moved = resample(blobs, blobs, chain)
    # ITK and SciPy interpolate the same way but for float32 rounding; the values have a spread of 0.03.
    np.testing.assert_allclose(inner(moved.voxels), inner(sampled(blobs, blobs, matrix)), atol=1e-5)


def test_no_step_at_all_changes_nothing(blobs):
    np.testing.assert_allclose(resample(blobs, blobs, Chain()).voxels, blobs.voxels, atol=1e-6)


def test_points_go_where_the_image_goes(blobs, warp, tmp_path):
    chain = Chain.from_matrix(POSE, tmp_path / "pose.mat").then(warp)
    spot = np.array([[4.0], [-3.0], [5.0]])
    index = np.indices(blobs.voxels.shape).reshape(3, -1)
    world = blobs.affine[:3, :3] @ index + blobs.affine[:3, 3:]
    ball = np.exp(-((world - spot) ** 2).sum(0) / (2 * 4.0**2)).reshape(blobs.voxels.shape)
    moved = resample(blobs.like(ball.astype(np.float32)), blobs, chain).voxels.ravel()
    centre = (world * moved).sum(1) / moved.sum()
    # A tenth of a voxel: the field bends the ball a little, which shifts its centre against that of its middle.
    np.testing.assert_allclose(centre, chain.map_points(spot)[:, 0], atol=0.2)


def test_the_inverse_inverts_points_and_images(blobs, warp, tmp_path):
    chain = Chain.from_matrix(POSE, tmp_path / "pose.mat").then(warp)
    points = np.random.default_rng(1).uniform(-12, 12, (3, 50))
    back = chain.inverse().map_points(chain.map_points(points))
    np.testing.assert_allclose(back, points, atol=0.02)  # the fixed point of the inverse, to a hundredth of a voxel
    there_and_back = resample(blobs, blobs, chain.then(chain.inverse()))
    # One interpolation of a way that ends where it began, to the accuracy of the inverse.
    assert np.corrcoef(inner(there_and_back.voxels).ravel(), inner(blobs.voxels).ravel())[0, 1] > 0.999


def test_a_composed_chain_is_the_sequence_of_its_parts_without_their_blur(blobs, warp, tmp_path):
    first, second = Chain.from_matrix(POSE, tmp_path / "pose.mat"), warp
    third = Chain.from_matrix(rigid((-6, 4, 0), (-2, 1, 3)), tmp_path / "second.mat")
    composed = first.then(second).then(third)
    points = np.random.default_rng(2).uniform(-12, 12, (3, 50))
    by_steps = third.map_points(second.map_points(first.map_points(points)))
    np.testing.assert_allclose(composed.map_points(points), by_steps, atol=1e-9)
    once = resample(blobs, blobs, composed).voxels
    thrice = resample(resample(resample(blobs, blobs, first), blobs, second), blobs, third).voxels
    assert np.corrcoef(inner(once).ravel(), inner(thrice).ravel())[0, 1] > 0.99  # three blurs against one
    assert inner(once).std() > inner(thrice).std()


@pytest.mark.parametrize("axes", ["RAS", "LPI", "PIR", "SLA"])
def test_the_result_does_not_depend_on_how_images_are_stored(blobs, tmp_path, axes):
    chain = Chain.from_matrix(POSE, tmp_path / "pose.mat")
    usual = resample(blobs, blobs, chain)
    turned = resample(reoriented(blobs, axes), reoriented(blobs, "ASL"), chain)
    np.testing.assert_allclose(
        reoriented(turned, "".join(nib.aff2axcodes(blobs.affine))).voxels, usual.voxels, atol=1e-5
    )


def test_a_label_on_the_left_stays_on_the_left(tmp_path):
    voxels = np.zeros((30, 30, 30), np.int16)
    voxels[4:10, 10:20, 10:20], voxels[20:26, 10:20, 10:20] = 7, 9  # smaller x is the left in RAS
    labels = Volume(voxels, np.array([[2.0, 0, 0, -29], [0, 2, 0, -29], [0, 0, 2, -29], [0, 0, 0, 1]]))
    chain = Chain.from_matrix(rigid((5, 5, 5), (1, 1, 1)), tmp_path / "pose.mat")
    for axes in ("LAS", "RPS", "IPL", "SAR"):
        moved = resample(reoriented(labels, axes), reoriented(labels, "PLS"), chain, interpolation="label")
        x = [
            (moved.affine[0, :3] @ np.argwhere(moved.voxels == label).T + moved.affine[0, 3]).mean() for label in (7, 9)
        ]
        assert x[0] < -5 < 5 < x[1]
        assert moved.voxels.dtype == np.int16


def test_labels_keep_their_volume(tmp_path):
    index = np.indices((60, 60, 60)) - 29.5
    radius = np.sqrt((index**2).sum(0))
    labels = Volume(np.select([radius < 6, radius < 12, radius < 24], [3, 2, 1], 0).astype(np.int16), np.eye(4))
    onto = Volume(np.zeros((40, 40, 40)), np.diag([1.75, 1.75, 2.0, 1.0]) + np.array([[0, 0, 0, -5]] * 3 + [[0] * 4]))
    chain = Chain.from_matrix(rigid((10, 0, 5), (2, 1, 0)), tmp_path / "pose.mat")
    moved = resample(labels, onto, chain, interpolation="label")
    for label, tolerance in ((1, 0.01), (2, 0.02), (3, 0.05)):
        # The chance error of counting voxels grows with surface over volume: the ball of 6 mm has 150 voxels.
        before = (labels.voxels == label).sum()
        after = (moved.voxels == label).sum() * moved.voxel_volume
        assert abs(after / before - 1) < tolerance


def test_a_mask_stays_boolean(blobs, tmp_path):
    mask = blobs.like(blobs.voxels > 0)
    moved = resample(mask, blobs, Chain.from_matrix(POSE, tmp_path / "pose.mat"), interpolation="label")
    assert moved.voxels.dtype == bool
    assert 0.5 < moved.voxels.sum() / mask.voxels.sum() < 1  # the rest has left the grid


def test_a_chain_is_the_same_once_written_and_read(blobs, warp, tmp_path):
    chain = Chain.from_matrix(POSE, tmp_path / "pose.mat").then(warp).inverse()
    written = chain.write(tmp_path / "kept")
    read = Chain.read(tmp_path / "kept")
    assert read == written
    assert {path.parent for step in read.steps for path in (step.file, step.inverse_file) if path} == {
        tmp_path / "kept"
    }
    np.testing.assert_array_equal(resample(blobs, blobs, read).voxels, resample(blobs, blobs, chain).voxels)
    (tmp_path / "kept" / "1_matrix.mat").unlink()
    with pytest.raises(InputError, match="missing"):
        Chain.read(tmp_path / "kept")
    assert LIST_NAME in {path.name for path in (tmp_path / "kept").iterdir()}


def test_a_chain_written_over_itself_stays(tmp_path):
    chain = Chain.from_matrix(POSE, tmp_path / "a" / "0_matrix.mat")
    np.testing.assert_allclose(chain.write(tmp_path / "a").matrix(), POSE, atol=1e-12)


def test_a_warp_has_no_matrix_and_a_sheared_grid_is_refused(warp, blobs):
    with pytest.raises(ValueError, match="displacement"):
        warp.matrix()
    sheared = blobs.affine.copy()
    sheared[0, 1] += 0.2
    with pytest.raises(InputError, match="sheared"):
        resample(Volume(blobs.voxels, sheared), blobs, Chain())
