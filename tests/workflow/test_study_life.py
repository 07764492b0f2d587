"""A study that was played through the years holds what one made at once from its last state holds, byte by byte."""

from __future__ import annotations

import json
import os
import subprocess

import nibabel as nib
import numpy as np
import pytest

from chiomics.phantom import load_recipe, simulate_subject
from tests.workflow.test_runs import RECIPE, SUBJECTS, check

SHAPE = (32, 32, 24)
TARGET = "radiomics"
#: What tells of the runs, and not of the data.
OF_RUNS = ("logs", "benchmarks", "attic")


def save(path, voxels):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(voxels, np.diag([2.0, 2, 2, 1]))
    image.header.set_xyzt_units("mm")
    image.set_qform(image.affine, 1)
    image.set_sform(image.affine, 1)
    nib.save(image, path)


def add_session(bids, name):
    """Add a participant with a map, a mask and nuclei of its own; the same name gives the same voxels."""
    rng = np.random.default_rng(list(name.encode()))
    stem = bids / f"derivatives/mine/sub-{name}/anat"
    labels = np.zeros(SHAPE, np.int16)
    labels[4:10, 4:12, 6:14], labels[20:26, 4:12, 6:14] = 1, 2
    save(stem / f"sub-{name}_Chimap.nii.gz", rng.normal(0, 0.05, SHAPE).astype(np.float32))
    save(stem / f"sub-{name}_desc-brain_mask.nii.gz", np.ones(SHAPE, np.uint8))
    save(stem / f"sub-{name}_desc-voi_dseg.nii.gz", labels)
    (stem / f"sub-{name}_Chimap.json").write_text('{"Units": "ppm"}')
    (stem / f"sub-{name}_desc-voi_dseg.tsv").write_text("index\tname\tabbreviation\n1\tDN\tDN_L\n2\tDN\tDN_R\n")


def write_people(bids, people):
    lines = ["participant_id\tgroup\tage", *(f"sub-{name}\t{name[:-2]}\t{age}" for name, age in people.items())]
    (bids / "participants.tsv").write_text("\n".join(lines) + "\n")


def content(run):
    """Return the bytes of all results that tell of the data."""
    results = run.folder / "results"
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.relative_to(results).parts[0] not in OF_RUNS
    }


def rename_session(bids, old, new):
    """Give a participant's files another name."""
    (bids / f"derivatives/mine/sub-{old}").rename(bids / f"derivatives/mine/sub-{new}")
    for path in list((bids / f"derivatives/mine/sub-{new}/anat").iterdir()):
        path.rename(path.with_name(path.name.replace(old, new)))


def make_older(run, name):
    """Let a session's table be of an earlier version of the code, as after an upgrade."""
    for sidecar in (run.folder / f"results/sub-{name}/radiomics").glob("*_desc-mineGL16GL32_*.json"):
        sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"StageVersion": "0"}, indent=2) + "\n")


def make_ten_years_older(folder):
    """Set back the times of all files, in their order."""
    for path in folder.rglob("*"):
        earlier = path.stat().st_mtime_ns - 10 * 365 * 86_400 * 10**9
        os.utime(path, ns=(earlier, earlier))


@pytest.mark.slow
def test_a_study_through_the_years_equals_one_made_at_once(workflow, tmp_path):
    bids, run = tmp_path / "bids", workflow(tmp_path / "bids", "years")
    preset = {"parameter_file": str(tmp_path / "features.yaml"), "gray_levels": [16], "sources": ["own"]}
    (tmp_path / "features.yaml").write_text("featureClass:\n  firstorder: [Mean, Entropy]\n")
    no_papers = {name: {"include": False} for name in ("fiscone2023", "yan2021", "zhang2022", "wang2020", "seok2023")}
    config = {"radiomics": {"presets": {"mine": preset}, "wide_table": True}, "papers": no_papers}
    people = {f"{group}{number:02d}": 20 + 5 * number for group in ("MS", "NMOSD") for number in range(1, 5)}
    late = people.popitem()
    for name in people:
        add_session(bids, name)
    write_people(bids, people)

    def step(**expected):
        """Run, and let no more be done than the step needs."""
        planned = {name: count for name, count in run.plan(TARGET, config=config).items() if name != TARGET}
        assert planned == expected
        check(run.run(TARGET, config=config))
        assert run.plan(TARGET, config=config) == {}

    step(extract_features=7, compare_sessions=1, widen_features=1)
    # Added.
    people |= dict([late])
    add_session(bids, late[0])
    write_people(bids, people)
    step(extract_features=1, compare_sessions=1, widen_features=1)
    eight = content(run)

    # Excluded, and included again.
    (bids / "qc_exclude.tsv").write_text("session\treason\nsub-MS02\tmotion\n")
    step(compare_sessions=1, widen_features=1)
    held = [path.name for path in sorted((run.folder / "results").glob("sub-*"))]
    assert held == sorted(f"sub-{name}" for name in people if name != "MS02")
    assert "sub-MS02" not in (run.folder / "results/members.tsv").read_text()
    (bids / "qc_exclude.tsv").unlink()
    done = run.run(TARGET, config=config)
    check(done)
    assert "rule extract_features" not in done.stdout + done.stderr, (
        "what was set aside comes back before jobs are planned"
    )
    assert content(run) == eight, "excluding and including again gives the same bytes"

    # Corrected, and moved.
    people["MS01"] += 1
    write_people(bids, people)
    assert run.plan(TARGET, config=config) == {}, "an age is read by studies alone"
    bids.rename(tmp_path / "moved")
    bids = run.bids_dir = tmp_path / "moved"
    assert run.plan(TARGET, config=config) == {}, "the data set's place is no cause"
    run.folder = run.folder.rename(tmp_path / "results moved too")
    assert run.plan(TARGET, config=config) == {}, "nor is that of the results"
    for folder in (bids, run.folder):
        make_ten_years_older(folder)
    assert run.plan(TARGET, config=config) == {}, "scripts of another checkout are newer than all that they made"

    # Reconfigured: a grey level more, beside the tables there are; then what the preset's file holds.
    preset["gray_levels"] = [16, 32]
    step(extract_features=8, compare_sessions=1, widen_features=1)
    (tmp_path / "features.yaml").write_text("featureClass:\n  firstorder: [Mean, Entropy, Energy]\n")
    step(extract_features=8, compare_sessions=1, widen_features=1)

    # Renamed, while nobody asks for the wide table any more.
    config["radiomics"]["wide_table"] = False
    rename_session(bids, "MS02", "MS05")
    people = {name.replace("MS02", "MS05"): age for name, age in people.items()}
    write_people(bids, people)
    step(extract_features=1, compare_sessions=1)
    assert not (run.folder / "results/sub-MS02").exists()
    assert (run.folder / "results/attic/sub-MS02").is_dir(), "nothing is deleted"

    # Upgraded: sessions of an earlier version stay, are named, and are made anew on request.
    before = content(run)
    for name in ("MS01", "NMOSD04"):
        make_older(run, name)
    done = run.run(TARGET, config=config, options=("--dry-run",))
    said = " ".join((done.stdout + done.stderr).split())
    assert "radiomics: 2 sessions of version 0, this is version" in said
    assert "Nothing to be done" in said
    config["redo"] = ["radiomics"]
    step(extract_features=2, compare_sessions=1)
    assert content(run) == before

    # Pruned: what nobody keeps up is listed, and moved where that is asked for.
    wide = run.folder / "results/radiomics/features.tsv"
    listed = run.run("prune", config=config)
    check(listed)
    assert "features.tsv" in listed.stdout + listed.stderr
    assert wide.is_file()
    check(run.run("prune", config=config | {"prune": "move"}))
    assert not wide.exists()
    assert (run.folder / "results/attic/radiomics/features.tsv").is_file()
    assert run.plan(TARGET, config=config) == {}

    at_once = workflow(bids, "at once")
    check(at_once.run(TARGET, config=config))
    earlier = {name: text for name, text in content(run).items() if "mineGL16_" not in name}
    assert earlier == content(at_once)
    before = {path: path.stat().st_mtime_ns for path in (run.folder / "results").rglob("*") if path.is_file()}
    for reading in (("--summary",), ("--list-untracked",), ("--list-changes", "params"), ("--list-changes", "input")):
        done = run.run(TARGET, config=config, options=reading)
        check(done)
        assert "update pending" not in done.stdout
        if "--list-changes" in reading:
            assert "results/" not in done.stdout, "nothing has changed"
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.slow
def test_echo_sets_and_inversions_come_beside_those_there_are(workflow, tmp_path):
    bids = tmp_path / "bids"
    simulate_subject(load_recipe(RECIPE), SUBJECTS[0], bids)
    run = workflow(bids, "step by step")
    first = {"qsm": {"echo_sets": {"late": [3]}}}
    check(run.run("qsm", config=first))
    before = content(run)
    more = {"qsm": {"echo_sets": {"late": [3], "ends": [1, 3]}, "inversions": ["tv", "tkd"]}}
    assert run.plan("qsm", config=more) == {"add_echo_set": 1, "add_map": 4, "qsm": 1}
    check(run.run("qsm", config=more))
    assert run.plan("qsm", config=more) == {}
    assert run.plan("qsm", config=first) == {}, "what is no longer asked for costs nothing"
    after = content(run)
    assert before == {name: text for name, text in after.items() if name in before}
    at_once = workflow(bids, "at once")
    check(at_once.run("qsm", config=more))
    picture = "qc/sub-HC01/sub-HC01_qsm.png"  # of the echo sets that were made together
    assert after.keys() == content(at_once).keys()
    assert {name for name, text in content(at_once).items() if after[name] != text} <= {picture}
    other = {"qsm": {"echo_sets": {"late": [2, 3], "ends": [1, 3]}, "inversions": ["tv", "tkd"]}}
    assert run.plan("qsm", config=other)["reconstruct_qsm"] == 1, "a set that one job made with the masks"
    other["qsm"]["echo_sets"] = {"late": [3], "ends": [1, 2]}
    assert run.plan("qsm", config=other) == {"add_echo_set": 1, "add_map": 2, "qsm": 1}


@pytest.mark.slow
def test_plans_and_reports_read_what_they_may_not_write(workflow, tmp_path):
    bids, run = tmp_path / "bids", workflow(tmp_path / "bids", "of a colleague")
    preset = {"parameter_file": str(tmp_path / "features.yaml"), "gray_levels": [16], "sources": ["own"]}
    (tmp_path / "features.yaml").write_text("featureClass:\n  firstorder: [Mean]\n")
    config = {"radiomics": {"presets": {"mine": preset}}}
    add_session(bids, "MS01")
    write_people(bids, {"MS01": 30})
    check(run.run(TARGET, config=config))
    report = tmp_path / "report.html"
    asked = (("--dry-run",), ("--summary",), ("--rulegraph",), ("--report", str(report)))
    commands = [run.command(TARGET, config=config, options=options) for options in asked]
    # Root may write anywhere, unless it gives that up.
    as_owner = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.getuid() == 0 else []
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    for folder in (run.folder, *(path for path in run.folder.rglob("*") if path.is_dir())):
        folder.chmod(0o555)
    try:
        for command in commands:
            check(subprocess.run([*as_owner, *command], capture_output=True, text=True, check=False))
    finally:
        for folder in (run.folder, *(path for path in run.folder.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
    assert before == {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    assert report.stat().st_size > 1000
