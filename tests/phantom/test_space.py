"""The shape of simulated heads: both sides alike but for the share that is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.phantom.head.nuclei import NUCLEI, label_nuclei
from chiomics.phantom.head.space import random_space
from chiomics.phantom.recipe import load_recipe

MIRROR = np.array([[-1.0], [1.0], [1.0]])


def head(asymmetry: float, seed: int = 4):
    rng = np.random.default_rng(seed)
    pose = {"rotation_sd": 0.0, "translation_sd": 0.0}
    return random_space(rng, size_sd=0.03, shape_sd=2.5, correlation=22, asymmetry=asymmetry, **pose)


@pytest.mark.parametrize(("asymmetry", "low", "high"), [(0.0, 0.0, 1e-3), (0.2, 0.2, 4.0)])
def test_sides_are_mirror_images_but_for_their_share(asymmetry, low, high):
    points = np.random.default_rng(5).uniform(-70, 70, (3, 500))
    space = head(asymmetry)
    differ = np.abs(space.from_template(points * MIRROR) * MIRROR - space.from_template(points)).max()
    assert low <= differ <= high  # mm: float32 at 0; else a share of 2.5 mm, at some standard deviations


def test_nuclei_differ_between_the_sides_by_a_few_per_cent():
    share = load_recipe({})["anatomy"]["shape_asymmetry"]
    grid = np.indices((60, 60, 60)).reshape(3, -1) * 2.0 - np.array([[59.0], [70.0], [69.0]])
    differences = []
    for seed in range(2):
        points = head(share, seed).to_template(grid)
        left, right = (
            np.bincount(label_nuclei(points[:, side], name), minlength=len(NUCLEI) + 1)[1:]
            for name, side in (("L", points[0] < 0), ("R", points[0] > 0))
        )
        large = left + right > 400  # of fewer voxels of 8 mm³ the edge alone makes some per cent
        differences += list(2 * np.abs(left - right)[large] / (left + right)[large])
    assert 0.002 < np.mean(differences) < 0.06
