"""The workflow on a real Slurm of one node: `make test-slurm`, as root with Debian's slurm-wlm and munge."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from chiomics.phantom import load_recipe, simulate_subject
from tests.slurm.node import start, stop, why_not

ROOT = Path(__file__).resolve().parents[2]
ACQUISITION = {"voxel_size": [3.2, 3.2, 3.4], "shape": [64, 72, 42], "echo_times": [0.006, 0.014, 0.022]}
RECIPE = {"groups": {"HC": 1, "MS": 1, "NMOSD": 0}, "acquisition": ACQUISITION}
SLURM = ["--workflow-profile", str(ROOT / "profiles" / "slurm"), "--seconds-between-status-checks", "3"]
SLURM += ["--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10"]

pytestmark = [pytest.mark.slurm, pytest.mark.skipif(bool(why_not()), reason=why_not() or "Slurm can be started")]


def begin(folder: Path, *arguments: str) -> subprocess.Popen:
    """Start Snakemake in a folder of its own; its output goes to a file there."""
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "snakemake", "--directory", str(folder), *arguments]
    return subprocess.Popen(command, stdout=(folder / "said.txt").open("w"), stderr=subprocess.STDOUT)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Run a cohort of two sessions here and on Slurm, and jobs with faults on Slurm, all at once: each waits mostly."""
    start()
    folder = tmp_path_factory.mktemp("slurm")
    try:
        for subject in ("sub-HC01", "sub-MS01"):
            simulate_subject(load_recipe(RECIPE), subject, folder / "bids")
        faults = ["--snakefile", str(Path(__file__).with_name("faults.smk")), *SLURM, "--retries", "0"]
        cohort = ["--snakefile", str(ROOT / "Snakefile"), "--config", f"bids_dir={folder / 'bids'}", "one_job_below=0"]
        started = {
            "faults": begin(folder / "faults", *faults),
            "remote": begin(folder / "remote", "qsm", *SLURM, *cohort),
            "local": begin(folder / "local", "qsm", "--cores", "1", *cohort),
        }
        codes = {name: process.wait(timeout=900) for name, process in started.items()}
        yield {name: (code, folder / name, (folder / name / "said.txt").read_text()) for name, code in codes.items()}
    finally:
        stop()


def contents(folder: Path) -> dict[str, bytes]:
    """Read all results but logs, times, and records of the run."""
    files = [path for path in (folder / "results").rglob("*") if path.is_file()]
    named = {path.relative_to(folder / "results"): path for path in files}
    return {
        str(name): path.read_bytes()
        for name, path in named.items()
        if not {"logs", "benchmarks"} & set(name.parts) and not name.name.startswith(".")
    }


def test_a_session_is_one_job_and_gives_the_bytes_of_a_local_run(runs):
    code, remote, said = runs["remote"]
    assert code == 0, said[-3000:]
    assert runs["local"][0] == 0, runs["local"][2][-3000:]
    assert contents(remote) == contents(runs["local"][1])
    assert len(list((remote / "results").rglob("*_Chimap.nii.gz"))) == 2
    assert len(re.findall(r"submitted with SLURM jobid", said)) == 2, "one job for the five steps of each session"
    assert "sacct" not in said


def test_jobs_that_end_badly_end_with_their_cause_and_the_rest_is_done(runs):
    code, folder, said = runs["faults"]
    assert code != 0
    assert sorted(path.stem for path in folder.glob("*.txt")) == ["grows", "ok", "said"], said[-3000:]
    assert "the phase is missing" in said, "a job's log is shown"
    assert re.search(r"exceeded memory limit", said), "killed for memory"
    assert re.search(r"SLURM status is: 'TIMEOUT'", said), "over its time"
