"""Diffusion is optional: a series that cannot be used costs itself, and is named."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.index import index_bids
from tests.bids_trees import make_bids_tree, multi_echo

STEM = "sub-01/dwi/sub-01_dwi"
SERIES = {STEM: {"shape": (24, 22, 20, 3)}, f"{STEM}.bval": "0 1000 1000", f"{STEM}.bvec": "0 1 0\n0 0 1\n0 0 0"}
UNUSABLE = {"link": "No such file", "empty": "is empty", "binary": "cannot be read"}


def index_one(folder) -> dict:
    (row,) = index_bids(folder)
    return row


def spoil(path, how: str) -> None:
    path.unlink()
    if how == "link":
        path.symlink_to("/nowhere/content")
    else:
        path.write_bytes(b"" if how == "empty" else b"\xff\xfe0\x00")


def test_a_series_with_both_tables_is_used(tmp_path):
    row = index_one(make_bids_tree(tmp_path, multi_echo() | SERIES))
    assert [row[column] for column in ("dwi", "bval", "bvec")] == [
        f"{STEM}{end}" for end in (".nii.gz", ".bval", ".bvec")
    ]


@pytest.mark.parametrize(
    ("ending", "how"),
    [(".nii.gz", "link"), (".nii.gz", "empty")] + [(end, how) for end in (".bval", ".bvec") for how in UNUSABLE],
)
def test_a_series_that_cannot_be_used_costs_itself_alone(tmp_path, ending, how):
    make_bids_tree(tmp_path, multi_echo() | SERIES)
    spoil(tmp_path / f"{STEM}{ending}", how)
    row = index_one(tmp_path)
    assert row["status"] == "included"
    assert (row["dwi"], row["bval"], row["bvec"]) == ("", "", "")
    (said,) = row["warnings"]
    assert said.startswith("the DWI is not used: ")
    assert f"{STEM}{ending}" in said
    assert (UNUSABLE | {"link": "fetch the content"} if ending == ".nii.gz" else UNUSABLE)[how] in said


def test_of_two_series_the_one_that_can_be_used_is(tmp_path):
    other = {path.replace("_dwi", "_run-2_dwi"): content for path, content in SERIES.items()}
    make_bids_tree(tmp_path, multi_echo() | SERIES | other)
    spoil(tmp_path / f"{STEM}.bvec", "binary")
    row = index_one(tmp_path)
    assert row["bvec"] == "sub-01/dwi/sub-01_run-2_dwi.bvec"
    assert "the DWI is not used" in row["warnings"][0]


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        (
            f"{STEM}.bval",
            "0 1000",
            ("bval: the gradient table does not fit", "found 2 numbers", "expected 3 for the 3"),
        ),
        (f"{STEM}.bvec", "0 1\n0 0\n0 0", ("bvec: the gradient table does not fit", "found 6 numbers", "expected 9")),
        (STEM, {"shape": (24, 22, 20)}, ("bval: the gradient table does not fit", "expected 1 for the 1 volumes")),
        (
            STEM,
            {"shape": (24, 22, 20, 3), "dtype": np.complex64},
            ("dwi.nii.gz: the voxels are complex", "datatype 32"),
        ),
    ],
)
def test_a_series_that_contradicts_its_tables_is_named_before_any_job(tmp_path, path, content, words):
    row = index_one(make_bids_tree(tmp_path, multi_echo() | SERIES | {path: content}))
    assert (row["status"], row["dwi"]) == ("included", "")
    (said,) = row["warnings"]
    for word in words:
        assert word in said
