"""A gradient echo without a T1w comes onto the template, and χ brings the nuclei that the magnitude does not show."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from chiomics.anatomy.registration.settings import settings
from chiomics.anatomy.session.gre_to_template import NUCLEUS_CHI, register_gre_to_template, template_chi
from chiomics.core.space.template import template_brain
from chiomics.core.space.transforms import Chain, resample
from chiomics.core.space.volume import Volume
from tests.anatomy.template_heads import dice, distance, head, reoriented, rigid, spread

FAST = settings("fast")
POSE = rigid((6, -3, 4), (4, -6, 10))
#: Where the atlas has a nucleus, and where this head has it: 4 mm further to the side.
CENTRE, MOVED = np.array([20.0, -2.0, -2.0]), np.array([24.0, -2.0, -2.0])


def ball(volume: Volume, pose: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Voxels within 7 mm of a template point and of its mirror image."""
    index = np.indices(volume.voxels.shape).reshape(3, -1)
    onto = np.linalg.inv(pose) @ volume.affine
    points = onto[:3, :3] @ index + onto[:3, 3:]
    points[0] = np.abs(points[0])
    return (np.linalg.norm(points - centre[:, None], axis=0) < 7).reshape(volume.voxels.shape)


@pytest.fixture(scope="module")
def slab() -> tuple[Volume, Volume, Volume]:
    """Magnitude (grey matter brighter than white), brain and χ of a head without its lowest 50 mm."""
    magnitude, brain = head(POSE, contrast="FLAIR")
    cut = 35
    affine = magnitude.affine.copy()
    affine[:3, 3] += affine[:3, 2] * cut
    magnitude, brain = (Volume(volume.voxels[:, :, cut:], affine) for volume in (magnitude, brain))
    noise = 0.01 * np.random.default_rng(2).standard_normal(brain.voxels.shape)
    chi = np.where(brain.voxels, 0.13 * ball(magnitude, POSE, MOVED) + noise, 0)
    return magnitude, brain, magnitude.like(chi.astype(np.float32))


@pytest.fixture(scope="module")
def atlas() -> Volume:
    template = template_brain(2.0)
    share = ball(template, np.eye(4), CENTRE)
    left = (template.affine[0, 0] * np.arange(share.shape[0]) + template.affine[0, 3] < 0)[:, None, None]
    halves = {"L": share & left, "R": share & ~left}
    return template_chi(
        {("GP", side): template.like(half.astype(np.float32)) for side, half in halves.items()}, Chain()
    )


def test_a_slab_comes_onto_the_template_and_chi_moves_the_nuclei(slab, atlas, tmp_path):
    magnitude, brain, chi = slab
    points = spread(magnitude, brain)
    back = np.linalg.inv(POSE)
    truth = back[:3, :3] @ points + back[:3, 3:]
    overlaps = {}
    for name, more in {"magnitude": {}, "chi": {"chi": chi, "nuclei_chi": atlas}}.items():
        chain = register_gre_to_template(magnitude, brain, settings=FAST, out_dir=tmp_path / name, **more)
        # The warp is estimated on 3.5 mm voxels, from a contrast that is not the template's: half of one.
        assert distance(chain.map_points(points), truth) < 1.75
        carried = resample(atlas.like(atlas.voxels > 0.065), magnitude, chain.inverse(), interpolation="label")
        overlaps[name] = dice(carried.voxels, ball(magnitude, POSE, MOVED))
    # A ball of 7 mm that is 4 mm off overlaps by 0.6; the magnitude says nothing of it.
    assert overlaps["magnitude"] < 0.7
    assert overlaps["chi"] > overlaps["magnitude"] + 0.1


def test_nuclei_are_painted_with_their_susceptibility(atlas):
    inside = ndimage.binary_erosion(ball(atlas, np.eye(4), CENTRE), iterations=4)
    assert atlas.voxels[inside].mean() == pytest.approx(NUCLEUS_CHI["GP"], rel=0.02)  # deep enough for the smoothing
    assert atlas.voxels[~ndimage.binary_dilation(ball(atlas, np.eye(4), CENTRE), iterations=5)].max() < 1e-3


def test_neither_the_orientation_nor_the_space_of_the_atlas_moves_its_nuclei(tmp_path):
    template = template_brain(2.0)
    nucleus = template.like(ball(template, np.eye(4), CENTRE).astype(np.float32))
    straight = template_chi({("RN", "R"): nucleus}, Chain())
    turned = template_chi({("RN", "R"): reoriented(nucleus, "PIL")}, Chain())
    away = rigid((8, -5, 12), (30, -20, 15))
    carried = Volume(nucleus.voxels, away @ nucleus.affine)
    back = template_chi({("RN", "R"): carried}, Chain.from_matrix(np.linalg.inv(away), tmp_path / "back.mat"))
    # Coordinates are float32, good to 1e-5 mm, and χ changes by 0.03 ppm a millimetre at the nucleus' edge.
    for painted in (turned, back):
        np.testing.assert_allclose(painted.voxels, straight.voxels, atol=1e-6)
