"""Tracts from an atlas: overlap is allowed, the threshold is that of the density, sides stay apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chiomics.anatomy.atlases.atlas import read_atlas
from chiomics.anatomy.atlases.on_grid import atlas_coordinates, fractions_on_grid
from chiomics.anatomy.atlases.tracts import tract_masks
from chiomics.core.space.transforms import Chain
from chiomics.core.space.volume import Volume
from tests.anatomy.atlas_folders import SHAPE, affine_of, description, world, write_folder


@pytest.fixture
def bundles(tmp_path: Path) -> dict:
    """Two bundles per side along y whose density falls off from the middle; they cross each other."""
    x, _, z = world(SHAPE, affine_of())
    density = [np.clip(1 - np.hypot(x - centre, z - height) / 8, 0, 1) for height in (0, 5) for centre in (-15, 15)]
    fields = description(
        kind="tracts",
        encoding="volumes",
        image="v.nii.gz",
        structures={"CST": {"L": 0, "R": 1}, "IFOF": {"L": 2, "R": 3}},
    )
    folder = write_folder(tmp_path, fields, v=(np.stack(density, -1).astype(np.float32), affine_of()))
    return read_atlas(folder).structures()


@pytest.mark.parametrize("threshold", [0.25, 0.5, 0.75])
def test_masks_end_where_the_density_meets_the_threshold(bundles: dict, threshold: float) -> None:
    grid = Volume(np.zeros(SHAPE, np.float32), affine_of())
    masks = tract_masks(fractions_on_grid(bundles, atlas_coordinates(grid, Chain())), SHAPE, threshold=threshold)
    x, _, z = world(SHAPE, affine_of())
    # Density and threshold meet 8 (1 - t) mm from the middle; a voxel is 1 mm.
    distance = np.hypot(x + 15, z)
    assert masks["CST", "L"][distance < 8 * (1 - threshold) - 1].all()
    assert not masks["CST", "L"][distance > 8 * (1 - threshold) + 1].any()


def test_tracts_may_overlap_and_keep_their_sides(bundles: dict) -> None:
    grid = Volume(np.zeros(SHAPE, np.float32), affine_of())
    masks = tract_masks(fractions_on_grid(bundles, atlas_coordinates(grid, Chain())), SHAPE, threshold=0.25)
    assert (masks["CST", "L"] & masks["IFOF", "L"]).any()
    x = world(SHAPE, affine_of())[0]
    for (_, side), mask in masks.items():
        assert (x[mask] < 0).all() if side == "L" else (x[mask] > 0).all()


def test_a_tract_outside_the_grid_is_empty(bundles: dict) -> None:
    affine = affine_of()
    affine[0, 3] += 500
    grid = Volume(np.zeros((10, 10, 10), np.float32), affine)
    masks = tract_masks(fractions_on_grid(bundles, atlas_coordinates(grid, Chain())), (10, 10, 10))
    assert list(masks) == list(bundles)
    assert not any(mask.any() for mask in masks.values())
