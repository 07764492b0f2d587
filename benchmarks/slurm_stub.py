"""Send all sessions of a large cohort to a Slurm without their numerics: no job may be lost, and each costs something.

    python -m tests.slurm.node start
    python -m benchmarks.slurm_stub [SESSIONS [SESSIONS_PER_JOB [TARGET]]]
    python -m tests.slurm.node stop

The stub is a Snakefile with the rules, jobs, files and groups that the workflow plans for a target (`sessions` if none
is named). Each of its jobs writes a few letters into its outputs. It is written from the workflow's graph, by
`benchmarks.plan_speed`.
So Snakemake, the profile and Slurm do what they do in a real run, but for the workflow's own Snakefile, which takes
longer to start than the stub.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.plan_speed import DESCRIBE, DESCRIBED, ROOT, make_study

#: What a stub does: a folder for a name without an ending, else a file.
WRITE = 'for f in {output}; do case "${{f##*/}}" in *.*) echo stub > "$f";; *) mkdir -p "$f";; esac; done'


def write_stub(folder: Path, sessions: int, target: str) -> Path:
    """Write the Snakefile and a cohort of so many sessions."""
    stub, few = folder / "Snakefile", make_study(folder / "few", DESCRIBED)
    given = ["-n", "-q", "--cores", "1", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder / "plan")]
    command = [sys.executable, "-c", DESCRIBE, str(stub), target, *given, "--config", f"bids_dir={few}"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    bids = make_study(folder / "bids", sessions)
    stub.write_text(stub.read_text().replace(str(few), str(bids)).replace("shell: 'true'", f"shell: {WRITE!r}"))
    os.environ["SESSIONS"] = " ".join(f"sub-{n:05d}" for n in range(sessions))
    return stub


def main() -> None:
    """Run and print what was found."""
    given = (*sys.argv[1:4], *("1000", "1", "sessions")[len(sys.argv[1:4]) :])
    sessions, per_job, target = int(given[0]), int(given[1]), given[2]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(write_stub(folder, sessions, target))]
        command += ["--directory", str(folder / "out")]
        (folder / "out").mkdir()
        # A group asks for the cores of what it could do at a time, and here no node has more than this machine.
        profile = ["--workflow-profile", str(ROOT / "profiles" / "slurm"), "--cores", str(os.cpu_count())]
        profile += ["--group-components", f"session={per_job}"]
        began = time.monotonic()
        with (folder / "said.txt").open("w") as said:
            run = subprocess.Popen([*command, target, *profile], stdout=said, stderr=subprocess.STDOUT)
            _, status, used = os.wait4(run.pid, 0)
        took, text = time.monotonic() - began, (folder / "said.txt").read_text()
        steps = re.findall(r"(\d+) of (\d+) steps", text)
        if status or not steps:
            print(text[-3000:])
        planned = subprocess.run([*command, "-n", "--cores", "1", target], capture_output=True, text=True, check=False)
        left = "Nothing to be done" not in planned.stdout + planned.stderr
        sent = len(re.findall("submitted with SLURM jobid", text))
        made = " of ".join(steps[-1]) if steps else "0"
        print(f"{sessions} sessions, {per_job} in a job: {sent} Slurm jobs; steps done: {made}")
        print(f"ended with {os.waitstatus_to_exitcode(status)}; something is left to do: {left}")
        seconds, size = used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20
        done = int(steps[-1][0]) if steps else 0
        print(f"{took:.0f} s, {took / max(sent, 1):.1f} s a job, {took / max(done, 1):.2f} s a step")
        print(f"main process: {seconds:.0f} CPU s, {size:.2f} GB")


if __name__ == "__main__":
    main()
