"""How far nuclei lie from those of the atlas, and which sessions stand out: known distances and overlaps."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.anatomy.session.consistency import COLUMNS, compare_nuclei
from chiomics.core.space.volume import Volume

SHAPE = (16, 14, 12)
#: Oblique, flipped along one axis, with three voxel sizes.
AFFINE = np.eye(4)
AFFINE[:3, :3] = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0] * [-1.0, 1.5, 2.5]
AFFINE[:3, 3] = (12.0, -30.0, 7.0)
COORDINATES = np.tensordot(AFFINE[:3, :3], np.indices(SHAPE), axes=1) + AFFINE[:3, 3, None, None, None]
KEY = ("PUT", "L")


def box(start):
    """Draw a nucleus of 4 x 3 x 2 voxels."""
    voxels = np.zeros(SHAPE, bool)
    voxels[tuple(slice(first, first + size) for first, size in zip(start, (4, 3, 2), strict=True))] = True
    return voxels


def compare(nucleus, of_atlas, structure):
    """Compare one nucleus of a session that lies in the atlas' space."""
    table = compare_nuclei({KEY: (nucleus, of_atlas)}, {KEY: Volume(structure, AFFINE)}, COORDINATES)
    assert tuple(table.columns) == COLUMNS
    return table.iloc[0]


def test_a_nucleus_that_is_the_atlas_own_lies_on_it():
    own = box((5, 5, 5))
    row = compare(own, own, own)
    assert (row["voi"], row["hemisphere"], row["dice_with_atlas"]) == (*KEY, 1.0)
    assert row["distance_mm"] == pytest.approx(0, abs=1e-9)  # rounding
    middle = AFFINE @ [6.5, 6, 5.5, 1]
    np.testing.assert_allclose(row[["x", "y", "z"]].astype(float), middle[:3], rtol=1e-9)


@pytest.mark.parametrize("moved", [(1, 0, 0), (0, -2, 0), (0, 0, 3), (2, 1, -1)])
def test_distance_is_in_mm_of_the_world_and_overlap_is_dice(moved):
    own, elsewhere = box((5, 5, 5)), box(np.add((5, 5, 5), moved))
    row = compare(elsewhere, own, own)
    assert row["distance_mm"] == pytest.approx(np.linalg.norm(AFFINE[:3, :3] @ moved), rel=1e-9)
    shared = np.prod(np.maximum(np.subtract((4, 3, 2), np.abs(moved)), 0))
    assert row["dice_with_atlas"] == pytest.approx(shared / 24)
    assert compare(own, elsewhere, own)["dice_with_atlas"] == row["dice_with_atlas"]  # neither comes first


def test_a_structure_of_shares_has_its_centre_of_mass():
    """A share of 1 weighs three of a third."""
    structure = np.zeros(SHAPE, np.float32)
    structure[4, 6, 6], structure[8, 6, 6] = 1.0, 1 / 3
    nucleus = np.zeros(SHAPE, bool)
    nucleus[5, 6, 6] = True
    assert compare(nucleus, nucleus, structure)["distance_mm"] == pytest.approx(0, abs=1e-5)  # float32 shares


def test_an_empty_nucleus_has_no_place():
    own, nothing = box((5, 5, 5)), np.zeros(SHAPE, bool)
    row = compare(nothing, own, own)
    assert row["dice_with_atlas"] == 0
    assert row[["x", "y", "z", "distance_mm"]].isna().all()
    assert np.isnan(compare(nothing, nothing, own)["dice_with_atlas"])


def test_without_nuclei_the_table_is_empty():
    table = compare_nuclei({}, {}, np.zeros((3, 0)))
    assert tuple(table.columns) == COLUMNS and table.empty
