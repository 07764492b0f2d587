"""A run that is killed twenty times at random moments ends with the bytes of one that was left alone."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from chiomics.phantom import load_recipe, simulate_subject
from tests.workflow.test_runs import RECIPE

KILLS = 20
#: What tells of the runs, and not of the data.
OF_RUNS = ("logs", "benchmarks")


def content(folder: Path) -> dict[str, bytes]:
    """Read all results that tell of the data."""
    files = [path for path in sorted((folder / "results").rglob("*")) if path.is_file()]
    named = {str(path.relative_to(folder / "results")): path for path in files if not path.name.startswith(".")}
    return {name: path.read_bytes() for name, path in named.items() if name.split("/")[0] not in OF_RUNS}


def broken(folder: Path) -> list[str]:
    """Name the results that are there and not whole."""
    found = []
    for name, text in content(folder).items():
        try:
            if name.endswith(".gz"):
                gzip.decompress(text)
            elif name.endswith(".json"):
                json.loads(text)
            elif (name.endswith(".png") and not text.rstrip().endswith(b"IEND\xaeB`\x82")) or not text:
                found.append(name)
        except (OSError, EOFError, ValueError):
            found.append(name)
    return found


@pytest.mark.slow
def test_kills_of_all_processes_at_random_moments_change_no_number(tmp_path):
    bids, moments = tmp_path / "bids", random.Random(17)
    simulate_subject(load_recipe(RECIPE), "sub-MS01", bids)

    def begin(folder: Path) -> subprocess.Popen:
        command = [sys.executable, "-m", "chiomics.cli", "run", str(bids), str(folder), "participant", "--stage", "qsm"]
        command += ["--cores", "1", "--config", "one_job_below=0", "keep_intermediates=false"]
        log = (tmp_path / "said.txt").open("a")
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    began = time.monotonic()
    assert begin(tmp_path / "whole").wait() == 0, (tmp_path / "said.txt").read_text()[-3000:]
    took = time.monotonic() - began
    expected, kills, ended = content(tmp_path / "whole"), 0, 0
    assert any(name.endswith("_Chimap.nii.gz") for name in expected)
    killed, farthest = tmp_path / "killed", set()
    while kills < KILLS:
        process = begin(killed)
        try:
            process.wait(timeout=moments.uniform(0.1, 0.8 * took))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
            _, left = psutil.wait_procs([p for p in psutil.process_iter() if str(killed) in _words(p)], timeout=30)
            assert left == [], "all of it was killed"
            assert broken(killed) == [], f"kill {kills}"
            farthest |= content(killed).keys() if (killed / "results").exists() else set()
        else:
            assert process.returncode == 0, (tmp_path / "said.txt").read_text()[-3000:]
            assert content(killed) == expected
            ended += 1
            shutil.rmtree(killed)
    assert begin(killed).wait() == 0, (tmp_path / "said.txt").read_text()[-3000:]
    assert content(killed) == expected
    assert len(farthest) > 3, "some kills came between the steps"
    print(f"{kills} kills, {ended} runs ended between them, a whole run takes {took:.0f} s")


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
