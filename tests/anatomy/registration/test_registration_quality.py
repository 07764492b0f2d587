"""A registration that failed is noticed, one that did not is let through; mutual information is what it says."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.anatomy.registration.mutual_information import normalised_mutual_information
from chiomics.anatomy.registration.quality import assess
from chiomics.core.space.transforms import Chain
from tests.anatomy.template_heads import head, reoriented, rigid

POSE = rigid((2, -3, 2), (2, -4, 3))


@pytest.fixture(scope="module")
def pair():
    t1w, brain = head(np.eye(4))
    flair, flair_brain = head(POSE, contrast="FLAIR", seed=1)
    return flair, t1w, (flair_brain, brain)


def judge(pair, tmp_path, broken: np.ndarray):
    moving, fixed, masks = pair
    return assess(moving, fixed, Chain.from_matrix(broken @ np.linalg.inv(POSE), tmp_path / "chain.mat"), masks)


def test_a_good_registration_counts_however_it_is_stored(pair, tmp_path):
    quality = judge(pair, tmp_path, np.eye(4))
    assert not quality.failed
    assert quality.reason == ""
    assert quality.overlap > 0.98  # two samplings of one brain on 2 mm voxels
    moving, fixed, masks = pair
    chain = Chain.from_matrix(np.linalg.inv(POSE), tmp_path / "chain.mat")
    turned = assess(reoriented(moving, "PIL"), reoriented(fixed, "LSA"), chain, masks)
    assert not turned.failed
    # Other voxels are compared where axes differ, nothing else.
    assert turned.mutual_information == pytest.approx(quality.mutual_information, rel=0.01)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(rigid((0, 0, 0), (0, 4, 0)), id="4 mm"),
        pytest.param(rigid((0, 0, 0), (0, 8, 6)), id="10 mm"),
        pytest.param(rigid((6, 0, 0), (0, 0, 0)), id="nodded by 6 degrees"),
        pytest.param(rigid((0, 0, 180), (0, 0, 0)), id="back to front"),
        pytest.param(np.diag([1.0, 1.0, -1.0, 1.0]), id="upside down"),
        pytest.param(np.diag([1.15, 1.15, 1.15, 1.0]), id="too large"),
        pytest.param(rigid((0, 0, 0), (400, 0, 0)), id="apart"),
    ],
)
def test_a_broken_registration_is_noticed(pair, tmp_path, broken):
    quality = judge(pair, tmp_path, broken)
    assert quality.failed
    assert "below" in quality.reason


def test_a_mirror_image_is_named(pair, tmp_path):
    quality = judge(pair, tmp_path, np.diag([-1.0, 1.0, 1.0, 1.0]))
    assert "left and right are swapped" in quality.reason


def test_thresholds_can_be_changed(pair, tmp_path):
    moving, fixed, masks = pair
    chain = Chain.from_matrix(np.linalg.inv(POSE), tmp_path / "chain.mat")
    assert "overlap" in assess(moving, fixed, chain, masks, thresholds={"overlap": 0.9999}).reason


def test_mutual_information_of_known_pictures():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 8, 20000).astype(float)
    assert normalised_mutual_information(values, -values) == pytest.approx(2)  # one tells all of the other
    # Of independent ones nothing, but for the chance of 64 cells in 20000 draws: 49 / (2 * 20000) / ln 64 = 3e-4.
    assert normalised_mutual_information(values, rng.permutation(values)) == pytest.approx(1, abs=1e-3)
    assert normalised_mutual_information(values, np.ones_like(values)) == pytest.approx(1)
    assert normalised_mutual_information(values[:0], values[:0]) == 1
