"""A result that holds others than the cohort says so where it lies, and is as it was when they agree again."""

from __future__ import annotations

import os
from dataclasses import replace

import pandas as pd
import pytest

from chiomics.study.members import GroupResult, outdated_places, update_members

FIRST = ("sub-01", "sub-02", "sub-03")


def study(sessions=FIRST, why=""):
    return GroupResult("yan2021", "diagnosis/cohort.parquet", ("diagnosis", "papers/yan2021"), tuple(sessions), why)


def make(folder, time):
    for name, text in {
        "diagnosis/cohort.parquet": "x",
        "diagnosis/roc.tsv": "a\tb\n1\t2\n",
        "papers/yan2021/README.md": "# Study\n",
        "papers/yan2021/table1.tsv": "a\tb\n1\t2\n3\t4\n",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (time, time))


def snapshot(folder):
    return {
        str(path.relative_to(folder)): (path.read_text(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and "members" not in path.name
    }


def run(folder, result, *, makes=None, cut_off=False):
    """Let a run begin, make the study's files or not, and end or be killed."""
    update_members(folder, [result], finished=False, today="2026-01-02")
    if makes is not None:
        make(folder, makes)
    return [] if cut_off else update_members(folder, [result], finished=True, today="2026-01-02")


def test_a_result_that_the_cohort_no_longer_serves_says_so_and_comes_back_as_it_was(tmp_path):
    assert run(tmp_path, study(), makes=1) == []
    before = snapshot(tmp_path)
    for _ in range(2):  # marking twice is marking once
        assert run(tmp_path, study((), "2 participants of group MS")) == ["yan2021"]
    readme = (tmp_path / "papers/yan2021/README.md").read_text()
    assert "Out of date since 2026-01-02" in readme
    assert "sub-01, sub-02, sub-03" in readme
    assert "2 participants of group MS" in readme
    assert readme.count("Out of date") == 1
    assert "Out of date" in (tmp_path / "diagnosis/OUT_OF_DATE.md").read_text()
    assert outdated_places(tmp_path) == {"yan2021": [tmp_path / "diagnosis", tmp_path / "papers/yan2021"]}
    assert list(pd.read_csv(tmp_path / "papers/yan2021/table1.tsv", sep="\t")["out_of_date"]) == ["2026-01-02"] * 2
    times = {name: time for name, (_, time) in snapshot(tmp_path).items() if name in before}
    assert times == {name: time for name, (_, time) in before.items()}, "no job runs for a mark"
    members = pd.read_csv(tmp_path / "members.tsv", sep="\t", keep_default_na=False)
    assert list(members["session"]) == list(FIRST)
    assert set(members["state"]) == {"out of date"}
    assert run(tmp_path, study()) == []
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("cut_off", [False, True])
def test_a_result_that_is_made_anew_holds_the_new_sessions(tmp_path, cut_off):
    run(tmp_path, study(), makes=1)
    run(tmp_path, study(FIRST[:2]), makes=2, cut_off=cut_off)
    assert run(tmp_path, study(FIRST[:2])) == []
    assert list(pd.read_csv(tmp_path / "members.tsv", sep="\t")["session"]) == list(FIRST[:2])
    assert "Out of date" not in (tmp_path / "papers/yan2021/README.md").read_text()


def test_a_run_that_was_cut_off_before_the_study_leaves_what_was_known(tmp_path):
    run(tmp_path, study(), makes=1)
    run(tmp_path, study(FIRST[:2]), cut_off=True)
    assert run(tmp_path, study(FIRST[:2])) == ["yan2021"]
    assert "No longer in the cohort: sub-03" in (tmp_path / "papers/yan2021/README.md").read_text()


def test_without_the_result_nothing_is_said(tmp_path):
    assert run(tmp_path, study()) == []
    assert (tmp_path / "members.tsv").read_text() == "result\tsession\tstate\tsince\n"


def test_a_copy_with_other_times_holds_whom_it_held(tmp_path):
    run(tmp_path, study(), makes=1)
    make(tmp_path, 7)
    assert run(tmp_path, study(FIRST[:2])) == ["yan2021"]


def test_a_remark_stands_first_in_the_readme_until_it_holds_no_more(tmp_path):
    run(tmp_path, study(), makes=1)
    before = snapshot(tmp_path)
    mixed = replace(study(), remark="**Made by several versions of the code.** qsm: 2 and 1.\n")
    assert run(tmp_path, mixed) == []
    assert "several versions" in (tmp_path / "papers/yan2021/README.md").read_text()
    assert not (tmp_path / "diagnosis/OUT_OF_DATE.md").exists()
    run(tmp_path, study())
    assert snapshot(tmp_path) == before
