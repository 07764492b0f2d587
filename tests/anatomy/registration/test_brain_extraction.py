"""Brain extraction and N4: the brain of a head in any pose and storage, of one extracted before, of a given mask."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.anatomy.registration.bias_field import correct_bias
from chiomics.anatomy.registration.brain_extraction import extract_brain, find_pose
from chiomics.anatomy.registration.head_box import cut_to_head
from chiomics.anatomy.registration.settings import settings
from chiomics.core.space.transforms import Chain, resample
from chiomics.core.space.volume import Volume
from tests.anatomy.template_heads import dice, distance, head, reoriented, rigid, spread, with_shoulders

FAST = settings("fast", {"extraction": {"method": "template"}})
#: A nod of 15 degrees, the chin to the left, the head off the middle and 2 % larger than the template.
POSE = rigid((15, 4, -8), (10, -25, 30)) @ np.diag([1.02, 1.02, 1.02, 1.0])


@pytest.fixture(scope="module")
def scan() -> tuple[Volume, Volume]:
    return head(POSE)


@pytest.mark.parametrize("axes", ["RAS", "PIL"])
def test_the_skull_comes_off_in_any_orientation(scan, tmp_path, axes):
    image, brain = (reoriented(volume, axes) for volume in scan)
    found = extract_brain(image, settings=FAST, out_dir=tmp_path)
    assert found.method == "template and edge"
    # One voxel of 2 mm all over the surface would give 0.95.
    assert dice(found.mask.voxels, brain.voxels) > 0.97
    points = spread(image, brain)
    assert distance(found.to_template.map_points(np.array(points)), _onto_template(points)) < 3
    assert Chain.read(tmp_path) == found.to_template
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0_matrix.mat", "chain.json"]
    # What counts as brain is one piece and holds no scalp, which is the brightest.
    assert image.voxels[found.mask.voxels & ~brain.voxels].mean() < 0.7 * image.voxels[brain.voxels].mean()


@pytest.mark.parametrize("axes", ["RAS", "PIL"])
def test_neck_and_shoulders_are_cut_and_a_head_alone_is_left(scan, axes):
    image, brain = scan
    alone = reoriented(image, axes)
    assert cut_to_head(alone) is alone
    body = reoriented(with_shoulders(image), axes)
    cut = cut_to_head(body)
    there = resample(brain.like(brain.voxels.astype(np.float32)), cut, Chain(), interpolation="nearest")
    assert there.voxels.sum() == brain.voxels.sum()  # no part of the brain is cut
    # The shoulders are 420 mm wide; what is kept is a voxel of 6 mm larger at most on each side.
    assert max(np.multiply(cut.voxels.shape, cut.voxel_size)) < 2 * 130 + 12
    assert np.multiply(cut.voxels.shape, cut.voxel_size)[axes.index("S" if "S" in axes else "I")] < 200 + 12


def test_the_skull_of_a_flair_comes_off(tmp_path):
    image, brain = head(rigid((-8, 3, 5), (0, 10, -12)), contrast="FLAIR")
    found = extract_brain(image, settings=FAST, out_dir=tmp_path)
    assert dice(found.mask.voxels, brain.voxels) > 0.96  # fluid at the edge is as dark as bone


def test_a_brain_without_skull_keeps_its_mask(scan, tmp_path):
    image, brain = scan
    found = extract_brain(image.like(image.voxels * brain.voxels), settings=FAST, out_dir=tmp_path)
    assert found.method == "extracted before"
    assert dice(found.mask.voxels, brain.voxels) > 0.995  # but for voxels that noise made dark at the edge


def test_a_given_mask_wins(scan, tmp_path):
    image, brain = scan
    given = np.zeros(brain.voxels.shape, bool)
    given[30:60, 40:80, 40:70] = True
    found = extract_brain(image, settings=FAST, out_dir=tmp_path, given=reoriented(brain.like(given), "LPS"))
    assert found.method == "given"
    np.testing.assert_array_equal(found.mask.voxels, given)
    assert found.to_template is None


def test_the_pose_of_a_slab_is_found(scan):
    image, brain = scan
    low = image.affine.copy()
    cut = 35  # the lowest 70 mm are missing
    low[:3, 3] += low[:3, 2] * cut
    pose = find_pose(Volume(image.voxels[:, :, cut:], low))
    points = spread(image, brain)
    # A start for the registration proper, whose capture range is some 15 mm.
    assert distance(pose[:3, :3] @ points + pose[:3, 3:], _onto_template(points)) < 8


def test_a_known_bias_is_taken_out(scan):
    image, brain = scan
    x = np.linspace(-1, 1, image.voxels.shape[0])[:, None, None]
    y = np.linspace(-1, 1, image.voxels.shape[1])[None, :, None]
    bias = np.exp(0.25 * x + 0.2 * y - 0.15 * x * y)
    spoiled = image.like((image.voxels * bias).astype(np.float32))
    mended = correct_bias(spoiled, settings=FAST.bias, mask=brain)
    white = brain.voxels & (image.voxels > 0.9 * 600)

    def variation(volume: Volume) -> float:
        ratio = volume.voxels[white] / image.voxels[white]
        return float(ratio.std() / ratio.mean())

    assert variation(mended) < variation(spoiled) / 3  # of a bias of 11 %
    inside = brain.voxels & (spoiled.voxels > 0)
    assert np.median(mended.voxels[inside]) == pytest.approx(np.median(spoiled.voxels[inside]), rel=0.1)


def _onto_template(points: np.ndarray) -> np.ndarray:
    back = np.linalg.inv(POSE)
    return back[:3, :3] @ points + back[:3, 3:]
