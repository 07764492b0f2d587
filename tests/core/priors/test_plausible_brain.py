"""A mask that cannot be a brain is told by its volume, by what it holds, and by its rim."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.core.priors.plausible_brain import check_brain
from chiomics.core.space.volume import Volume

GRID = np.diag([4.0, 4.0, 4.0, 1.0])


def ball(radius: float, *, shape: int = 64, centre: float = 128.0) -> Volume:
    """A ball of `radius` mm; 4/3 π r³ of 70 mm are 1.44 l, of 55 mm 0.70 l, of 85 mm 2.57 l."""
    points = 4.0 * np.indices((shape, shape, shape)) - centre
    return Volume((points**2).sum(axis=0) < radius**2, GRID)


def painted(mask: Volume, *, rim: float = 0.5, seed: int = 0) -> Volume:
    inner = ball(66).voxels
    noise = 0.05 * np.random.default_rng(seed).standard_normal(mask.voxels.shape)
    return mask.like(np.where(inner, 1, np.where(mask.voxels, rim, 0)) + noise * mask.voxels)


@pytest.mark.parametrize(("radius", "wrong"), [(55, True), (70, False), (85, True)])
def test_volume(radius, wrong):
    mask = ball(radius)
    check = check_brain(mask, painted(mask))
    assert ("volume" in check.reason) is wrong
    assert check.litres == pytest.approx(4 / 3 * np.pi * radius**3 * 1e-6, rel=0.02)  # a ball of voxels of 4 mm


def test_a_slab_may_be_small_but_not_large():
    mask = ball(70)
    low, image = (Volume(volume.voxels[:, :, 28:36], GRID) for volume in (mask, painted(mask)))
    check = check_brain(low, image)
    assert check.cut
    assert check.reason == ""


def test_bright_rim_is_scalp_where_there_can_be_some():
    mask = ball(70)
    assert "as bright as scalp" in check_brain(mask, painted(mask, rim=2.0)).reason
    assert check_brain(mask, painted(mask, rim=2.0), bright_fat=False).reason == ""
    assert check_brain(mask, painted(mask)).reason == ""


def test_a_mask_in_air_is_refused():
    mask = ball(70)
    assert "is 0 in the image" in check_brain(mask, mask.like(np.zeros(mask.voxels.shape))).reason
    assert check_brain(mask.like(np.zeros(mask.voxels.shape, bool)), mask).reason == "it is empty"
