"""What is a cause to run again, and what is none."""

from __future__ import annotations

import pytest

from chiomics.study.causes import digest, same_inputs

NOW = ["/new/bids/sub-01/anat/a.nii.gz", "/new/bids/derivatives/mine/sub-01/b.nii.gz", "results/mask.nii.gz"]


def moved(paths: list[str], old: str = "/old/place") -> list[str]:
    return sorted(path.replace("/new/bids", old) for path in paths)


def test_a_moved_data_set_holds_the_same_inputs():
    assert same_inputs(moved(NOW), NOW, "/new/bids")
    assert same_inputs(sorted(NOW), NOW, "/new/bids")
    assert same_inputs(moved(NOW, "/new/bids/older"), NOW, "/new/bids")


@pytest.mark.parametrize(
    "recorded",
    [
        moved(NOW)[1:],
        [*moved(NOW), "/old/place/sub-01/anat/c.nii.gz"],
        [path.replace("a.nii", "c.nii") for path in moved(NOW)],
        [path.replace("mask", "other") for path in moved(NOW)],
        # one file from another data set
        ["/other/sub-01/anat/a.nii.gz", "/old/place/derivatives/mine/sub-01/b.nii.gz", "results/mask.nii.gz"],
    ],
)
def test_other_files_are_other_inputs(recorded):
    assert not same_inputs(recorded, NOW, "/new/bids")


def test_a_job_without_files_of_the_data_set_is_compared_by_name():
    assert not same_inputs(["results/a"], ["results/b"], "/new/bids")


def test_the_order_of_keys_is_no_difference_and_that_of_rows_is():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert len({digest([1, 2]), digest([2, 1]), digest([1], [2]), digest(None)}) == 4
