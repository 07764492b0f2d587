"""A session is marked as simulated by what its own files, the table of participants or the data set say."""

from __future__ import annotations

import pytest

from chiomics.index import index_bids, read_manifest, write_manifest
from tests.bids_trees import GRE, make_bids_tree, multi_echo


def marks(folder):
    return {row["session"]: row["simulated"] for row in index_bids(folder)}


def test_the_sidecars_of_a_session_mark_it_alone(tmp_path):
    simulated = {"Simulated": True}
    make_bids_tree(
        tmp_path / "raw",
        multi_echo("{01,02}")
        | {
            "sub-03/anat/{name}_echo-{1,2,3}_part-{mag,phase}_MEGRE": GRE | simulated,
            "sub-04/anat/{name}_T1w": simulated,  # left out, yet its page is of a simulated subject
            "sub-05/anat/{name}_T1w": {},
            "sub-06/anat/{name}_echo-{1,2,3}_part-{mag,phase}_MEGRE": GRE
            | {"Simulated": "yes"},  # not as it is written
        },
    )
    found = marks(tmp_path / "raw")
    assert found == {"sub-01": "", "sub-02": "", "sub-03": "true", "sub-04": "true", "sub-05": "", "sub-06": ""}
    rows = index_bids(tmp_path / "raw")
    write_manifest(rows, tmp_path / "manifest.tsv")
    assert [row["simulated"] for row in read_manifest(tmp_path / "manifest.tsv")] == list(found.values())


@pytest.mark.parametrize(
    ("name", "content", "simulated"),
    [
        ("dataset_description.json", {"Name": "phantom", "Simulated": True}, {"sub-01", "sub-02"}),
        ("participants.tsv", [["participant_id", "simulated"], ["sub-01", "n/a"], ["sub-02", "True"]], {"sub-02"}),
        ("participants.tsv", [["participant_id", "simulated"], ["sub-01", "false"], ["sub-02", "0"]], set()),
    ],
)
def test_the_data_set_marks_all_and_the_table_of_participants_some(tmp_path, name, content, simulated):
    make_bids_tree(tmp_path, multi_echo("{01,02}") | {name: content})
    assert {session for session, mark in marks(tmp_path).items() if mark} == simulated


def test_a_sidecar_that_cannot_be_read_marks_nothing(tmp_path):
    make_bids_tree(tmp_path, multi_echo("{01,02}"))
    (tmp_path / "sub-02/anat/sub-02_echo-1_part-mag_MEGRE.json").write_text("{")
    assert marks(tmp_path) == {"sub-01": "", "sub-02": ""}
