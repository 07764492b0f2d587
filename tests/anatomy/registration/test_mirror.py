"""A header that swaps left and right is noticed, and a sound one is not."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.anatomy.registration.mirror import compare_with_mirror_image
from chiomics.anatomy.registration.settings import settings
from chiomics.core.space.transforms import Chain
from chiomics.core.space.volume import Volume
from tests.anatomy.template_heads import head, rigid


@pytest.fixture(scope="module")
def scans() -> tuple[Volume, Volume, Volume]:
    """T1w, its brain and the FLAIR of a tilted head with something on one side only, as every head has."""
    pose = rigid((2, -3, 4), (3, 2, -4))
    t1w, brain = head(pose, resolution=3.0)
    flair, _ = head(pose, resolution=3.0, contrast="FLAIR", seed=1)
    rng = np.random.default_rng(5)
    inside = np.argwhere(brain.voxels)
    for centre in inside[rng.integers(0, len(inside), 60)]:
        blob = tuple(slice(max(i - 2, 0), i + 3) for i in centre)
        t1w.voxels[blob] *= 0.7
        flair.voxels[blob] *= 1.4
    return t1w, brain, flair


@pytest.mark.parametrize("swapped", [False, True])
def test_a_swap_of_left_and_right_is_noticed(scans, tmp_path, swapped):
    t1w, brain, flair = scans
    moving = flair.like(flair.voxels[::-1].copy()) if swapped else flair
    found = compare_with_mirror_image(moving, t1w, Chain(), brain, settings=settings("fast"), out_dir=tmp_path)
    assert found.mirror_fits_better == swapped
