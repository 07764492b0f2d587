"""What the cohort leaves out is set aside whole, and comes back as it was."""

from __future__ import annotations

import os

from chiomics.study.attic import set_aside

FILES = (
    "sub-01/anat/sub-01_Chimap.nii.gz",
    "sub-02/anat/sub-02_Chimap.nii.gz",
    "sub-02/anat/sub-02_segmentation/T1w.nii.gz",
    "sub-03/ses-1/anat/sub-03_ses-1_run-1_Chimap.nii.gz",
    "sub-03/ses-1/anat/sub-03_ses-1_run-2_Chimap.nii.gz",
    "sub-03/ses-2/radiomics/sub-03_ses-2_rec-tv_desc-yan874_features.parquet",
    "qc/sub-02/sub-02_qsm.png",
    "qc/sub-03/ses-1/sub-03_ses-1_run-2_qsm.png",
    "qc/anatomy.tsv",
    "papers/yan2021/README.md",
)
ALL = ["sub-01", "sub-02", "sub-03_ses-1_run-1", "sub-03_ses-1_run-2", "sub-03_ses-2"]


def snapshot(folder):
    return {
        str(path.relative_to(folder)): (path.read_text(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.name != "README.md"
    }


def make(folder):
    for number, name in enumerate(FILES):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, (number, number))
    return snapshot(folder)


def test_a_whole_cohort_stays_where_it_is(tmp_path):
    before = make(tmp_path)
    assert set_aside(tmp_path, ALL) == []
    assert snapshot(tmp_path) == before


def test_sessions_and_runs_go_and_come_back_as_they_were(tmp_path):
    before = make(tmp_path)
    gone = set_aside(tmp_path, ["sub-01", "sub-03_ses-1_run-1"])
    assert gone == ["sub-02", "sub-03_ses-1_run-2", "sub-03_ses-2"]
    assert [path.name for path in sorted(tmp_path.glob("sub-*/**/*Chimap*"))] == [
        "sub-01_Chimap.nii.gz", "sub-03_ses-1_run-1_Chimap.nii.gz",
    ]  # fmt: skip
    assert not (tmp_path / "qc/sub-02").exists()
    assert (tmp_path / "attic/sub-02/anat/sub-02_segmentation/T1w.nii.gz").is_file()
    assert (tmp_path / "attic/README.md").is_file()
    assert len(snapshot(tmp_path)) == len(before), "nothing is deleted"
    assert set_aside(tmp_path, ALL) == []
    assert snapshot(tmp_path) == before


def test_a_run_over_some_participants_leaves_the_others_alone(tmp_path):
    before = make(tmp_path)
    assert set_aside(tmp_path, ["sub-01"], participants=["01"]) == []
    assert snapshot(tmp_path) == before
    assert set_aside(tmp_path, [], participants=["sub-02"]) == ["sub-02"]


def test_what_was_made_anew_is_not_overwritten_from_the_attic(tmp_path):
    make(tmp_path)
    set_aside(tmp_path, ["sub-01"])
    again = tmp_path / "sub-02/anat/sub-02_Chimap.nii.gz"
    again.parent.mkdir(parents=True)
    again.write_text("new")
    set_aside(tmp_path, ALL)
    assert again.read_text() == "new"
    set_aside(tmp_path, ["sub-01"])
    assert (tmp_path / "attic/sub-02/anat/sub-02_Chimap.nii.gz").read_text() == "new"
    assert (tmp_path / "attic/older/1/sub-02/anat/sub-02_Chimap.nii.gz").read_text() == FILES[1], "nothing is deleted"


def test_a_run_over_some_sessions_leaves_the_others_alone(tmp_path):
    before = make(tmp_path)
    assert set_aside(tmp_path, ["sub-03_ses-2"], visits=["2"]) == []
    assert snapshot(tmp_path) == before
    assert set_aside(tmp_path, [], visits=["ses-1"]) == ["sub-03_ses-1_run-1", "sub-03_ses-1_run-2"]
