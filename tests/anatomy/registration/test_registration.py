"""Registration: a known displacement comes back, the same on every run, left stays left, whatever the storage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from chiomics.anatomy.registration.ants import _best_start, register, resample
from chiomics.anatomy.registration.settings import PRESETS, settings
from chiomics.core.errors import SettingError
from chiomics.core.space.template import template_brain, template_mask
from chiomics.core.space.volume import Volume
from tests.anatomy.template_heads import dice, distance, head, reoriented, rigid, spread

FAST = settings("fast")
POSE, MOVED = rigid((3, -2, 4), (2, -5, 3)), rigid((-2, 3, -1), (6, 1, -4))


@pytest.fixture(scope="module")
def scans() -> tuple[Volume, Volume, Volume, np.ndarray]:
    """A T1w with its brain and a FLAIR of the same head after it moved, and the displacement FLAIR to T1w."""
    t1w, brain = head(POSE)
    flair, _ = head(MOVED, contrast="FLAIR", seed=1)
    return t1w, brain, flair, POSE @ np.linalg.inv(MOVED)


def error(chain, truth: np.ndarray, points: np.ndarray) -> float:
    """Mean error in mm at points of the fixed image."""
    moving = np.linalg.inv(truth)[:3, :3] @ points + np.linalg.inv(truth)[:3, 3:]
    return distance(chain.map_points(moving), points)


def test_a_rigid_displacement_between_contrasts_is_recovered(scans, tmp_path):
    t1w, brain, flair, truth = scans
    chain = register(flair, t1w, settings=FAST, out_dir=tmp_path, kind="rigid", fixed_mask=brain)
    points = spread(t1w, brain)
    assert distance(truth[:3, :3] @ points + truth[:3, 3:], points) > 5  # what it starts from
    # A quarter of the 2 mm voxel: below what a label image on such a grid can show.
    assert error(chain, truth, points) < 0.5
    assert chain.is_linear
    assert np.linalg.det(chain.matrix()[:3, :3]) == pytest.approx(1, abs=1e-4)  # rigid, and no mirror image


@pytest.mark.parametrize("axes", ["LPI", "PSR"])
def test_left_stays_left_however_images_are_stored(scans, tmp_path, axes):
    t1w, brain, flair, truth = scans
    chain = register(
        reoriented(flair, axes), t1w, settings=FAST, out_dir=tmp_path, kind="rigid", fixed_mask=reoriented(brain, "ASL")
    )
    assert error(chain, truth, spread(t1w, brain)) < 0.5  # as above, in the same world


def test_a_rerun_gives_the_same_bytes_and_leaves_nothing_else(scans, tmp_path):
    t1w, brain, flair, _ = scans
    short = {"iterations": [4, 2]}
    small = settings("fast", {"rigid": short, "affine": short, "nonlinear": short | {"resolution": 6.0}})
    for name in ("first", "second"):
        register(flair, t1w, settings=small, out_dir=tmp_path / name, kind="nonlinear", fixed_mask=brain)
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert files == ["0_matrix.mat", "1_inverse_warp.nii.gz", "1_warp.nii.gz", "chain.json"]
    for file in files:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_the_better_start_is_taken(scans, tmp_path):
    t1w, brain, flair, truth = scans
    # A second session whose world is 120 mm off, as from another scanner: only the centres laid over each other help.
    far = np.eye(4)
    far[:3, 3] = (60, -80, 70)
    chain = register(Volume(flair.voxels, far @ flair.affine), t1w, settings=FAST, out_dir=tmp_path, fixed_mask=brain)
    assert error(chain, truth @ np.linalg.inv(far), spread(t1w, brain)) < 0.5


def test_an_initial_chain_is_gone_on_from(scans, tmp_path):
    t1w, brain, flair, truth = scans
    none = settings("fast", {"rigid": {"iterations": [0, 0]}})
    chain = register(flair, t1w, settings=none, out_dir=tmp_path, fixed_mask=brain, initial=truth)
    np.testing.assert_allclose(chain.matrix(), truth, atol=1e-4)  # ANTs keeps its matrices in float32


def test_a_bent_brain_comes_onto_the_template(tmp_path):
    mask, template = template_mask(2.0), template_brain(2.0)
    index = np.indices(template.voxels.shape).astype(np.float32)
    rng = np.random.default_rng(4)
    bend = np.stack([ndimage.gaussian_filter(rng.standard_normal(template.voxels.shape), 8) for _ in range(3)])
    bend *= 1.5 / bend.std()  # voxels of 2 mm: 3 mm per axis
    bent = template.like(ndimage.map_coordinates(template.voxels, index + bend, order=1))
    bent_mask = ndimage.map_coordinates(mask.voxels.astype(np.float32), index + bend, order=1) > 0.5
    chain = register(bent, template, settings=FAST, out_dir=tmp_path, kind="deformable", initial=np.eye(4))
    where = np.argwhere(bent_mask)[::150].T
    points = bent.affine[:3, :3] @ where + bent.affine[:3, 3:]
    truth = template.affine[:3, :3] @ (where + bend[:, *where]) + template.affine[:3, 3:]
    # The preset estimates the warp on 3.5 mm voxels: a third of one.
    assert distance(chain.map_points(points), truth) < 3.5 / 3
    assert distance(points, truth) > 3
    carried = resample(template.like(bent_mask), template, chain, interpolation="label")
    assert dice(carried.voxels, mask.voxels) > 0.97 > dice(bent_mask, mask.voxels)
    back = chain.inverse().map_points(chain.map_points(points))
    assert distance(back, points) < 0.3  # SyN inverts its fields to a tenth of a voxel


def test_presets_are_changed_by_key_and_refuse_what_they_do_not_know():
    chosen = settings("accurate", {"nonlinear": {"iterations": [5, 4, 3]}, "program": "fsl"})
    assert chosen.nonlinear.iterations == (5, 4, 3)
    assert chosen.program == "fsl"
    assert chosen.rigid == PRESETS["accurate"].rigid
    for preset, changes in (
        ("quick", {}), ("fast", {"rigidity": {}}), ("fast", {"rigid": {"steps": 3}}), ("fast", {"program": "elastix"}),
        ("fast", {"rigid": {"iterations": [9]}}), ("fast", {"nonlinear": {"metric": "LNCC"}}),
        ("fast", {"extraction": {"method": "hdbet"}}),
    ):  # fmt: skip
        with pytest.raises(SettingError):
            settings(preset, changes)


def _moved(volume: Volume, by: tuple[float, float, float]) -> Volume:
    affine = volume.affine.astype(float).copy()
    affine[:3, 3] += by
    return Volume(volume.voxels, affine)


@pytest.mark.parametrize("kind", ["rigid", pytest.param("nonlinear", marks=pytest.mark.slow)])
def test_where_the_world_has_its_origin_does_not_matter(scans, tmp_path, kind):
    """A session whose table position stands in the header is registered as one at the origin."""
    t1w, brain, flair, _ = scans
    to_template = kind == "nonlinear"
    short = {"iterations": [8, 4]}
    chosen = settings("fast", {"nonlinear": short | {"resolution": 6.0}}) if to_template else FAST
    far, fixed, mask = (700.0, -1500.0, 1500.0), t1w, brain
    if to_template:
        fixed, mask = template_brain(3.0), template_mask(3.0)
    here = register(flair, fixed, settings=chosen, out_dir=tmp_path / "here", kind=kind, fixed_mask=mask)
    other = (0.0, 0.0, 0.0) if to_template else (-900.0, 1500.0, -1500.0)
    there = register(
        _moved(flair, far), _moved(fixed, other), settings=chosen, out_dir=tmp_path / "there", kind=kind,
        fixed_mask=_moved(mask, other),
    )  # fmt: skip
    points = spread(flair, Volume(flair.voxels > 300, flair.affine))
    back = there.map_points(points + np.array(far)[:, None]) - np.array(other)[:, None]
    # ANTs computes in single precision: a few hundredths of a millimetre between two runs of the same images.
    assert distance(back, here.map_points(points)) < 0.1


@pytest.mark.parametrize("slab", [(None, None), (-40, None), (20, None), (40, None), (None, -20)])
def test_a_slab_that_lies_in_its_place_is_not_moved_to_the_middle_of_the_head(slab):
    """A slab of 10 mm and some degrees of motion starts from the scanner's world, a whole head from either."""
    fixed, brain = head(np.eye(4), resolution=3.0)
    pose = rigid((4, -3, 5), (6, -9, 4))
    whole, _ = head(pose, resolution=3.0, contrast="FLAIR", seed=1)
    first, last = (
        end if height is None else round((height - whole.affine[2, 3]) / 3)
        for height, end in zip(slab, (0, whole.voxels.shape[2]), strict=True)
    )
    affine = whole.affine.copy()
    affine[2, 3] += 3 * first
    start = _best_start(Volume(whole.voxels[..., first:last].copy(), affine), fixed, None, brain)
    # The head's motion is 11.5 mm; a start has to lie within that of the truth, the inverse of the pose.
    middle = np.array([0, -18, -5, 1.0])
    assert np.linalg.norm((start @ pose @ middle - middle)[:3]) < 13


def test_an_image_at_another_table_position_starts_from_the_centres():
    fixed, brain = head(np.eye(4), resolution=3.0)
    far, _ = head(rigid((4, -3, 5), (700, -400, 900)), resolution=3.0, contrast="FLAIR", seed=1)
    start = _best_start(far, fixed, None, brain)
    assert np.linalg.norm(start[:3, 3] + [700, -400, 900]) < 60
