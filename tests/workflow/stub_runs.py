"""Runs of the workflow whose jobs write a few letters in place of results: what a change costs, without its numerics.

Rules, inputs, parameters and Snakemake's record of them are those of a run. A process that has loaded all libraries
forks for each call, since loading them takes longer than a plan.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from snakemake.benchmark import BenchmarkRecord

ROOT = Path(__file__).resolve().parents[2]
#: What a stub writes, by the file's ending; a name without an ending is a folder.
WORDS = {".json": '{"StageVersion": "0"}\n', ".tsv": "session\tvalue\n"}


def write_outputs(_path, _basedir, _input, output, *others) -> None:
    """Write the outputs of a job, called as Snakemake calls a rule's script."""
    time.sleep(0.01)  # a result is newer than what it is made of
    for record in others:
        if isinstance(record, BenchmarkRecord):
            record.running_time = 0.0
    for name in output:
        path = Path(str(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix:
            path.write_text(WORDS.get(path.suffix, "stub\n"))
        else:
            path.mkdir(exist_ok=True)


class StubRuns:
    """Calls of Snakemake on one folder of results.

    Parameters
    ----------
    folder : Path
        Of the results.
    bids_dir : Path
        Of the data set.
    """

    def __init__(self, folder: Path, bids_dir: Path) -> None:
        self.folder, self.bids_dir, self.text = folder, bids_dir, ""
        #: Of the package that is called.
        self.version = "0.1.0"
        self._server = subprocess.Popen(
            [sys.executable, "-c", "from tests.workflow.stub_runs import serve; serve()"], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": f"{ROOT}/src:{ROOT}"},
        )  # fmt: skip

    def close(self) -> None:
        """End the process."""
        self._server.stdin.close()
        self._server.wait(timeout=30)

    def call(self, target: str, *options: str, settings: str = "{}") -> str:
        """Call Snakemake and return what it says; `settings` is the text of a user's YAML file."""
        self.folder.mkdir(exist_ok=True)
        given = self.folder / "mine.yaml"
        given.write_text(settings)
        arguments = ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(self.folder), "--cores", "2"]
        arguments += ["--configfile", str(given), "--config", f"bids_dir={self.bids_dir}", *options, "--", target]
        said = self.folder / "said.txt"
        self._server.stdin.write(json.dumps([arguments, str(said), self.version]) + "\n")
        self._server.stdin.flush()
        status = self._server.stdout.readline().strip()
        self.text = said.read_text()
        assert status == "0", self.text[-4000:]
        return self.text

    def run(self, target: str = "all", *options: str, settings: str = "{}") -> None:
        """Let all jobs run that a target takes."""
        self.call(target, *options, settings=settings)

    def plan(self, target: str = "all", *options: str, settings: str = "{}") -> Counter[str]:
        """Return the number of jobs of each rule that a run would start, the target aside."""
        text = self.call(target, "--dry-run", *options, settings=settings)
        table = re.search(r"Job stats:\n(.*?)\n\n", text, flags=re.DOTALL)
        rows = [line.split() for line in table[1].splitlines()[2:]] if table else []
        assert rows or "Nothing to be done" in text, text[-2000:]
        return Counter({name: int(count) for name, count in rows if name not in ("total", target)})


def serve() -> None:
    """Call Snakemake with each line's arguments, in a process forked from one that has loaded what it takes."""
    import snakemake.cli
    import snakemake.workflow

    import chiomics.configuration
    import chiomics.index
    import chiomics.phantom
    import chiomics.study.members

    snakemake.workflow.script = write_outputs
    for line in sys.stdin:
        arguments, said, chiomics.__version__ = json.loads(line)
        child = os.fork()
        if not child:
            stream = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(stream, 1)
            os.dup2(stream, 2)
            sys.argv = ["snakemake", *arguments]
            try:
                snakemake.cli.main(arguments)
                os._exit(0)
            except SystemExit as end:
                sys.stdout.flush()
                os._exit(end.code or 0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
