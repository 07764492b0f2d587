"""What jobs ask of a cluster: memory and time of their own, and twice as much when they are tried again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Plans as the command line does, and writes what every rule's first job asks for at its first and second try.
ASK = """
import json, sys
from pathlib import Path
from snakemake.cli import main
import snakemake.dag
init = snakemake.dag.DAG.init

async def init_and_ask(self, *arguments, **options):
    await init(self, *arguments, **options)
    asked, local = {}, self.workflow._localrules
    for job in self.jobs:
        if job.rule.is_script and job.rule.name not in local and job.rule.name not in asked:
            tries = [job.rule.expand_resources(job.wildcards_dict, job.input, attempt) for attempt in (1, 2)]
            asked[job.rule.name] = [[found.mem_mb, found.runtime] for found in tries]
    Path(sys.argv[1]).write_text(json.dumps(asked))

snakemake.dag.DAG.init = init_and_ask
main(sys.argv[2:])
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> dict[str, list[list[int]]]:
    """What every rule of the demonstration asks for, megabytes and minutes, at the first and the second try."""
    folder = tmp_path_factory.mktemp("asked")
    options = ["-n", "-q", "--cores", "1", "--directory", str(folder), "--snakefile", str(ROOT / "Snakefile")]
    # No job may live of the profile's amounts for jobs that say nothing: they would show as 1 MB and 1 min.
    options += ["--configfile", str(ROOT / "config/demo.yaml"), "--default-resources", "mem_mb=1", "runtime=1"]
    command = [sys.executable, "-c", ASK, str(folder / "asked.json"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "asked.json").read_text())


def test_every_rule_says_what_its_jobs_take(asked):
    assert len(asked) > 30, "the demonstration has jobs of most rules"
    least = {rule: min(memory, minutes * 100) for rule, ((memory, minutes), _) in asked.items()}
    assert {rule: found for rule, found in least.items() if found < 1000} == {}


def test_a_job_that_is_tried_again_asks_for_twice_as_much(asked):
    # Whole megabytes and minutes: twice what was cut off may be one more.
    assert {
        rule: tries
        for rule, tries in asked.items()
        if any(second - 2 * first not in (0, 1) for first, second in zip(*tries, strict=True))
    } == {}
