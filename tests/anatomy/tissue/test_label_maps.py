"""Labels of FreeSurfer and SynthSeg: every number has one class, sides stay, what is not the same is not taken."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.anatomy.atlases.nuclei import label_of
from chiomics.anatomy.tissue.label_maps import NUCLEI, PARCELS, STRUCTURES, nuclei_from_labels, tissue_from_labels
from chiomics.anatomy.tissue.tissue import DEEP_GREY, FLUID, GREY, HYPOINTENSITY, VENTRICLES, WHITE
from chiomics.core.errors import InputError
from chiomics.core.space.volume import Volume

#: Labels of SynthSeg (Billot et al. 2023), without and with its cortical parcels.
SYNTHSEG = (0, 2, 3, 4, 5, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 24, 26, 28, 41, 42, 43, 44, 46, 47, 49, 50, 51, 52,
            53, 54, 58, 60, *range(1001, 1004), *range(1005, 1036), *range(2001, 2004), *range(2005, 2036))  # fmt: skip


def row(*labels: float, dtype: type = np.int32) -> Volume:
    return Volume(np.array(labels, dtype).reshape(-1, 1, 1), np.eye(4))


@pytest.mark.parametrize(
    ("labels", "tissue"),
    [
        ((2, 41, 7, 46, 16, 28, 60, 251, 255, 3001, 4035, 5001), WHITE),  # 5ttgen's white matter, brain stem included
        ((3, 42, 8, 47, 17, 54, 1001, 2035, 11101), GREY),
        ((10, 49, 11, 50, 12, 51, 13, 52, 26, 58), DEEP_GREY),
        ((4, 43, 5, 44, 31, 63), VENTRICLES),
        ((14, 15, 24), FLUID),
        ((77,), HYPOINTENSITY),
        ((0,), 0),
    ],
)
def test_labels_become_the_tissue_of_5ttgen(labels: tuple[int, ...], tissue: int) -> None:
    assert (tissue_from_labels(row(*labels)).voxels == tissue).all()


def test_every_label_of_synthseg_is_known() -> None:
    assert np.array_equal(tissue_from_labels(row(*SYNTHSEG)).voxels.ravel() == 0, np.array(SYNTHSEG) == 0)


def test_no_label_has_two_classes() -> None:
    ranges = [range(first, last + 1) for pairs in PARCELS.values() for first, last in pairs]
    numbers = [label for group in (*STRUCTURES.values(), *ranges) for label in group]
    assert len(numbers) == len(set(numbers))


def test_left_and_right_of_a_structure_share_their_class() -> None:
    """FreeSurfer numbers the right 39 to 32 above the left; the pairs are spelled out here from its colour table."""
    pairs = [(2, 41), (3, 42), (4, 43), (5, 44), (7, 46), (8, 47), (10, 49), (11, 50), (12, 51), (13, 52), (17, 53),
             (18, 54), (25, 57), (26, 58), (27, 59), (28, 60), (30, 62), (31, 63),
             (1010, 2010), (3010, 4010)]  # fmt: skip
    left, right = (tissue_from_labels(row(*side)).voxels for side in zip(*pairs, strict=True))
    assert np.array_equal(left, right)


def test_unknown_labels_are_named() -> None:
    with pytest.raises(InputError, match=r"found 99, 4242"):
        tissue_from_labels(row(0, 2, 99, 4242))


def test_values_between_labels_are_refused() -> None:
    with pytest.raises(InputError, match="not a label image"):
        tissue_from_labels(row(2.0, 2.5, dtype=np.float32))


def test_nuclei_keep_side_and_extent() -> None:
    labels = row(0, 12, 51, 13, 52, 10, 49, 49, 2)
    nuclei, notes = nuclei_from_labels(labels)
    expected = [0, label_of("PUT", "L"), label_of("PUT", "R"), label_of("GP", "L"), label_of("GP", "R"),
                label_of("THA", "L"), label_of("THA", "R"), label_of("THA", "R"), 0]  # fmt: skip
    assert nuclei.voxels.ravel().tolist() == expected
    assert notes == ("SN, RN, DN: not in the labels",)


def test_the_whole_caudate_is_not_taken_for_its_head() -> None:
    nuclei, notes = nuclei_from_labels(row(11, 50, 12, 51))
    assert not np.isin(nuclei.voxels, [label_of("HCN", "L"), label_of("HCN", "R")]).any()
    assert "HCN" not in NUCLEI
    assert any("whole caudate" in note for note in notes)
