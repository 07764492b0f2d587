"""Jobs in an image: what Snakemake calls Apptainer with, by a stand-in that runs the job here."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from chiomics.phantom import load_recipe, simulate_subject
from tests.bids_trees import make_bids_tree, multi_echo
from tests.workflow.test_kills import content
from tests.workflow.test_runs import RECIPE, check

STAND_IN = """#!/bin/sh
case "$1" in --version) echo "apptainer version 1.3.0"; exit;; esac
printf '%s\\n' "$*" >> "$APPTAINER_CALLS"
for last; do :; done
exec bash -c "$last"
"""


@pytest.fixture
def apptainer(tmp_path, monkeypatch) -> Path:
    """Put a stand-in on the PATH; returns the file of its calls."""
    program = tmp_path / "bin" / "apptainer"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("APPTAINER_CALLS", str(tmp_path / "calls.txt"))
    (tmp_path / "calls.txt").touch()
    (tmp_path / "chiomics.sif").touch()
    return tmp_path / "calls.txt"


def test_a_plan_with_an_image_starts_nothing(workflow, tmp_path, apptainer):
    run = workflow(make_bids_tree(tmp_path / "bids", multi_echo("{01,02}")))
    command = run.command(
        "qsm", config={"container": str(tmp_path / "chiomics.sif")}, options=("--dry-run", "--sdm", "apptainer")
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    check(done)
    assert re.search(r"reconstruct_qsm +2\n", done.stdout + done.stderr)
    assert apptainer.read_text() == ""


@pytest.mark.slow
def test_jobs_run_in_the_image_and_the_image_is_no_cause_to_run_again(workflow, tmp_path, apptainer):
    bids = tmp_path / "bids"
    simulate_subject(load_recipe(RECIPE), "sub-MS01", bids)
    plain, image = workflow(bids, "plain"), workflow(bids, "image")
    check(plain.run("qsm"))
    assert apptainer.read_text() == ""
    config = {"container": str(tmp_path / "chiomics.sif")}
    check(image.run("qsm", config=config, options=("--sdm", "apptainer", "--apptainer-args", f"--bind {bids}")))
    calls = apptainer.read_text().splitlines()
    assert any(" exec " in f" {call} " and "chiomics.sif" in call and f"--bind {bids}" in call for call in calls)
    assert content(image.folder) == content(plain.folder)
    assert image.plan("qsm") == {}
    assert plain.plan("qsm", config=config) == {}
