"""Profiles for schedulers: the same groups in each, and commands that ask for what a job needs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

PROFILES = Path(__file__).resolve().parents[2] / "profiles"
GENERIC = PROFILES / "generic" / "config.yaml"
JOB = {"threads": 4, "resources": SimpleNamespace(mem_mb=6000, runtime=67)}


def test_profiles_of_clusters_put_the_same_steps_into_one_job():
    slurm, generic = (yaml.safe_load((PROFILES / name / "config.yaml").read_text()) for name in ("slurm", "generic"))
    assert slurm["groups"] == generic["groups"]
    shared = {key for key in slurm.keys() & generic.keys() if not key.startswith("__")} - {"executor"}
    assert {"retries", "latency-wait", "default-resources", "keep-going", "rerun-incomplete"} <= shared
    assert {key: slurm[key] for key in shared} == {key: generic[key] for key in shared}


def submit_lines() -> dict[str, str]:
    """Return the command of the profile, and those in its comments."""
    text = GENERIC.read_text(encoding="utf-8")
    lines = {"SGE": yaml.safe_load(text)["cluster-generic-submit-cmd"]}
    return lines | dict(re.findall(r"^# (PBS|LSF)[^:]*: +(.+)$", text, flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("scheduler", "asked"),
    [
        ("SGE", ["smp 4", "h_vmem=1500M", "h_rt=4020"]),  # memory by slot, 67 min in seconds
        ("PBS", ["ppn=4", "mem=6000mb", "walltime=4020"]),
        ("LSF", ["-n 4", "-M 6000MB", "-W 67"]),
    ],
)
def test_a_submission_asks_for_threads_memory_and_time(tmp_path, scheduler, asked):
    for name in ("qsub", "bsub"):
        (tmp_path / name).write_text('#!/bin/sh\nprintf "%s " "$@"\n')
        (tmp_path / name).chmod(0o755)
    command = submit_lines()[scheduler].format(**JOB) + ' "/out folder/job.sh"'
    done = subprocess.run(
        ["sh", "-c", command], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, check=True
    )
    said = done.stdout.decode()
    assert all(word in said for word in asked), said
    assert said.rstrip().endswith("/out folder/job.sh")
