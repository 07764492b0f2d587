"""The workflow on a real Slurm of one node: `make test-slurm`, as root with Debian's slurm-wlm and munge."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
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
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "snakemake", "--directory", str(folder), *arguments]
    return subprocess.Popen(command, stdout=(folder / "said.txt").open("w"), stderr=subprocess.STDOUT)


@pytest.fixture(scope="module")
def node():
    """Start the one node, and stop it when all is done; a node that was down leaves processes of its job behind."""
    start()
    yield
    stop()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if any(word.endswith("node_fails.smk") for word in process.cmdline()):
                for one in (*process.children(recursive=True), process):
                    one.kill()


@pytest.fixture(scope="module")
def runs(node, tmp_path_factory):
    """Run a cohort of two sessions here and on Slurm, and jobs with faults on Slurm, all at once: each waits mostly."""
    folder = tmp_path_factory.mktemp("slurm")
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
    return {name: (code, folder / name, (folder / name / "said.txt").read_text()) for name, code in codes.items()}


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


def test_a_cancelled_job_and_a_node_that_fails_are_named_and_the_same_command_goes_on(node, tmp_path):
    folder = tmp_path / "node"
    command = ["--snakefile", str(Path(__file__).with_name("node_fails.smk")), *SLURM, "--retries", "0", "--jobs", "2"]
    command += ["--slurm-no-requeue"]
    process = begin(folder, *command)
    wait_for(lambda: (folder / "cancelled.begun").exists() and (folder / "caught.begun").exists(), process)
    jobs = dict(line.split(maxsplit=1)[::-1] for line in slurm("squeue", "-h", "-o", "%i %k").splitlines())
    slurm("scancel", next(number for comment, number in jobs.items() if "cancelled" in comment))
    wait_for(lambda: len(slurm("squeue", "-h", "-t", "running").splitlines()) == 1, process)
    (host,) = slurm("sinfo", "-h", "-o", "%n").split()
    slurm("scontrol", "update", f"nodename={host}", "state=down", "reason=it burns")
    wait_for(lambda: slurm("squeue", "-h", "-t", "running") == "", process)
    start()  # it registers again, as after a restart
    assert process.wait(timeout=300) != 0
    said = (folder / "said.txt").read_text()
    assert "SLURM status is: 'CANCELLED'" in said, said[-3000:]
    assert "NODE_FAIL" in said, said[-3000:]
    assert sorted(path.stem for path in folder.glob("*.txt")) == ["after", "before", "said"], (
        "the rest is done, no half"
    )
    before = (folder / "before.txt").stat().st_mtime_ns
    (folder / "again").touch()
    assert begin(folder, *command).wait(timeout=300) == 0, (folder / "said.txt").read_text()[-3000:]
    assert (folder / "caught.txt").exists() and (folder / "cancelled.txt").exists()
    assert (folder / "before.txt").stat().st_mtime_ns == before


def test_jobs_of_a_rule_are_one_array_where_all_of_them_may_be_sent_at_a_time(node, tmp_path):
    """Where fewer may be sent the plugin drops them, and the run waits without an end (docs/cluster.md)."""
    command = ["--snakefile", str(Path(__file__).with_name("arrays.smk")), *SLURM, "--retries", "0"]
    process = begin(tmp_path / "arrays", *command, "--jobs", "10", "--cores", "10", "--slurm-array-jobs", "all")
    try:
        assert process.wait(timeout=300) == 0, (tmp_path / "arrays/said.txt").read_text()[-3000:]
    finally:
        process.kill()
    arrays = {(tmp_path / f"arrays/before_{n}.txt").read_text().split()[1] for n in range(3)}
    assert len(arrays) == 1, arrays
    assert all((tmp_path / f"arrays/after_{n}.txt").exists() for n in range(3))


def slurm(*command: str) -> str:
    """Call one of Slurm's programs."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def wait_for(condition, process: subprocess.Popen) -> None:
    """Wait until something is true, for as long as a run is at work and no longer than five minutes."""
    end = time.monotonic() + 300
    while not condition():
        assert process.poll() is None and time.monotonic() < end, "the run ended before its jobs were at work"
        time.sleep(0.5)
