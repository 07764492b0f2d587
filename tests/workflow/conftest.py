"""Run the workflow as a user does, in a folder of its own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="a study of networks is left out without PyTorch")


class Workflow:
    """The workflow with its results in `folder`, and its input in `bids_dir` where one is given."""

    def __init__(self, folder: Path, bids_dir: Path | None = None) -> None:
        self.folder, self.bids_dir = folder, bids_dir
        folder.mkdir(parents=True, exist_ok=True)

    def command(self, *targets: str, config: dict | None = None, options: tuple[str, ...] = ()) -> list[str]:
        settings = dict(config or {})
        if self.bids_dir is not None:
            settings["bids_dir"] = str(self.bids_dir)
        overrides = self.folder / "overrides.yaml"
        overrides.write_text(json.dumps(settings))
        snakemake = [sys.executable, "-m", "snakemake", "--cores", "2", "--snakefile", str(ROOT / "Snakefile")]
        snakemake += ["--directory", str(self.folder), "--configfile", str(overrides)]
        return [*snakemake, *options, "--", *targets]

    def run(
        self, *targets: str, config: dict | None = None, options: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess:
        command = self.command(*targets, config=config, options=options)
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def plan(self, *targets: str, config: dict | None = None) -> dict[str, int]:
        """Return the number of jobs by rule that a run would start."""
        done = self.run(*targets, config=config, options=("--dry-run",))
        assert done.returncode == 0, done.stdout + done.stderr
        table = re.search(r"Job stats:\n(.*?)\n\n", done.stdout + done.stderr, flags=re.DOTALL)
        if table is None:
            return {}
        rows = [line.split() for line in table[1].splitlines()[2:]]
        return {name: int(count) for name, count in rows if name != "total"}


@pytest.fixture
def workflow(tmp_path):
    """Return a function that makes a workflow over a BIDS folder, or over the embedded cohort."""

    def make(bids_dir: Path | None = None, name: str = "out folder") -> Workflow:
        return Workflow(tmp_path / name, bids_dir)

    return make


def read_bids_errors(folder: Path) -> tuple[int, set[tuple[str, str]]]:
    """Return how many files the BIDS validator looked at, and what it calls errors; skip where it is not installed."""
    beside = Path(sys.executable).with_name("bids-validator-deno")
    validator = str(beside) if beside.is_file() else shutil.which("bids-validator-deno")
    if validator is None:
        pytest.skip("the BIDS validator (bids-validator-deno) is not installed")
    done = subprocess.run([validator, "--format", "json", str(folder)], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    issues = found["issues"]["issues"]
    return found["summary"]["totalFiles"], {
        (issue["code"], issue["location"]) for issue in issues if issue["severity"] == "error"
    }
