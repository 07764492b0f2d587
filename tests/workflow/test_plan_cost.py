"""What a plan does once for a rule, and not for every job of it."""

from __future__ import annotations

import gc
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import plan_speed
from tests.bids_trees import make_bids_tree, multi_echo
from tests.workflow.conftest import ROOT

#: Plans, and says how often each script was looked at.
COUNT = """
import sys
from collections import Counter
from snakemake.cli import main
from snakemake import script
looked, get_source = Counter(), script.get_source
def count(path, *arguments, **options):
    looked[str(path)] += 1
    return get_source(path, *arguments, **options)
script.get_source = count
try:
    main(sys.argv[1:])
finally:
    print("LOOKED", len(looked), max(looked.values(), default=0))
"""


def plan(folder, bids, snakefile):
    """Plan the maps, and return what Snakemake said and the numbers behind `LOOKED`."""
    given = ["-n", "--cores", "1", "--directory", str(folder), "--snakefile", str(snakefile), "qsm"]
    command = [sys.executable, "-c", COUNT, *given, "--config", f"bids_dir={bids}", "one_job_below=0"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    text = ran.stdout + ran.stderr
    assert "LOOKED " in text, text
    return ran.returncode, text, [int(word) for word in text.rpartition("LOOKED ")[2].split()[:2]]


def test_a_script_is_looked_at_once_for_its_rule_and_a_missing_one_stops_the_plan(tmp_path):
    bids = make_bids_tree(tmp_path / "bids", multi_echo("{01,02,03}"))
    code, text, (scripts, most) = plan(tmp_path / "out", bids, ROOT / "Snakefile")
    assert code == 0, text
    assert scripts >= 5 and most == 1
    for name in ("Snakefile", "workflow", "config", "profiles", "scripts", "envs", "src", "pyproject.toml"):
        (tmp_path / "copy").mkdir(exist_ok=True)
        (tmp_path / "copy" / name).symlink_to(ROOT / name)
    (tmp_path / "copy/scripts").unlink()
    (tmp_path / "copy/scripts").mkdir()
    for one in (ROOT / "scripts").iterdir():
        if one.name != "qsm":
            (tmp_path / "copy/scripts" / one.name).symlink_to(one)
    (tmp_path / "copy/workflow").unlink()
    shutil.copytree(ROOT / "workflow", tmp_path / "copy/workflow")
    (tmp_path / "copy/Snakefile").unlink()
    shutil.copy(ROOT / "Snakefile", tmp_path / "copy")
    code, text, _ = plan(tmp_path / "other", bids, tmp_path / "copy/Snakefile")
    assert code != 0 and "scripts/qsm/" in text


#: Plans, and says how often all objects may be searched for garbage, and how often sizes of inputs are asked for.
SEARCHES = """
import gc, sys
from snakemake.cli import main
from snakemake.iocontainers import InputFiles
sizes = []
InputFiles._predicated_size_files = lambda *given: sizes.append(given) or [0]
try:
    main(sys.argv[1:])
finally:
    print("SEARCHED", *gc.get_threshold(), len(sizes))
"""


def test_a_plan_does_not_search_what_it_keeps_for_garbage_nor_measure_its_inputs(tmp_path):
    """Both were done again and again for every job; young objects are searched as Python does, or tasks pile up."""
    bids = make_bids_tree(tmp_path / "bids", multi_echo("{01,02,03}"))
    given = ["-n", "--cores", "1", "--directory", str(tmp_path / "out"), "--snakefile", str(ROOT / "Snakefile"), "qsm"]
    command = [sys.executable, "-c", SEARCHES, *given, "--config", f"bids_dir={bids}", "one_job_below=0"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    text = ran.stdout + ran.stderr
    assert ran.returncode == 0, text
    young, _, old, sizes = map(int, text.rpartition("SEARCHED ")[2].split()[:4])
    assert young <= gc.get_threshold()[0] and old >= 1000
    assert sizes == 0


@pytest.mark.parametrize("quiet", [True, False])
def test_a_number_of_sessions_is_timed_twice_on_one_cohort_in_folders_of_their_own(monkeypatch, capsys, quiet):
    """A first run warms the caches of files, so the same number is asked for again."""
    folders = []

    def plan_nothing(folder, snakefile, *options):
        folder.mkdir()
        folders.append((folder.name, *(word.rpartition("/")[0].rpartition("/")[2] for word in options if "/" in word)))
        assert ("-q" in options) == quiet
        return 2.0, 0.5, "Job stats:\njob count\n--- ---\nall 1\ntotal 1\n\n"

    def describe(command, **options):
        Path(command[3]).write_text("")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(plan_speed, "plan", plan_nothing)
    monkeypatch.setattr(plan_speed.subprocess, "run", describe)
    monkeypatch.setattr(sys, "argv", ["plan_speed", *([] if quiet else ["--each-job"]), "2", "2"])
    plan_speed.main()
    assert folders == [
        *(("plan0", "bids2"), ("least0",), ("bare0",)),
        *(("plan1", "bids2"), ("least1",), ("bare1",)),
    ]
    assert capsys.readouterr().out.count("| 2 | 1 | 2.0 | 0.50 |") == 2


#: Plans, and says how often it was asked what a job takes.
RESOURCES = """
import sys
from snakemake.cli import main
from snakemake.rules import Rule
asked, expand = [], Rule.expand_resources
def count(self, *given, **named):
    asked.append(self)
    return expand(self, *given, **named)
Rule.expand_resources = count
try:
    main(sys.argv[1:])
finally:
    print("ASKED", len(asked))
"""


@pytest.mark.parametrize("quiet", [True, False])
def test_a_quiet_plan_says_how_many_jobs_there_are_and_why_and_asks_no_job_what_it_takes(tmp_path, quiet):
    """Snakemake keeps its own table back together with the jobs."""
    bids = make_bids_tree(tmp_path / "bids", multi_echo("{01,02,03}"))
    given = ["-n", "--cores", "1", "--directory", str(tmp_path / "out"), "--snakefile", str(ROOT / "Snakefile"), "qsm"]
    given += ["--config", f"bids_dir={bids}", "one_job_below=0", *(["-q"] if quiet else [])]
    ran = subprocess.run(
        [sys.executable, "-c", RESOURCES, *given], capture_output=True, text=True, check=False, cwd=ROOT
    )
    text = ran.stdout + ran.stderr
    assert ran.returncode == 0, text
    rules = ("mask_brain", "unwrap_phase", "remove_background", "invert_dipole", "plot_qsm")
    assert plan_speed.jobs_of(text) == dict.fromkeys(rules, 3) | {"qsm": 1, "total": 16}
    asked = int(text.rpartition("ASKED ")[2].split()[0])
    assert asked == 0 if quiet else asked >= 16
    assert ("\nrule mask_brain:" in text) == (not quiet)
    why = re.search(r"\nmask_brain +3 *(.*)\n", text)[1]
    assert why == ("output files have to be generated" if quiet else "")
