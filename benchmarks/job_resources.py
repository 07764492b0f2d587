"""Set what the rules ask for beside what their jobs took: memory and time of a finished run.

    python -m benchmarks.job_resources RESULTS [OPTIONS OF SNAKEMAKE ...]

RESULTS holds the folder `benchmarks` of a run; the options are those of that run, `--configfile config/demo.yaml` where
there are none. What is asked for is read from a plan in an empty folder. A job on a cluster holds Snakemake besides the
step itself: `AROUND` megabytes are added to every peak.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Two processes of Snakemake at their peak, 256 MiB each (docs/cluster.md).
AROUND = 537


def asked_for(options: list[str]) -> dict[str, tuple[str, int, int]]:
    """Return the rule, megabytes and minutes of every job of a plan, by its benchmark file."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "--directory", folder, *options]
        done = subprocess.run(
            [*command, "--snakefile", str(ROOT / "Snakefile")], capture_output=True, text=True, check=True
        )
    found = {}
    for block in re.split(r"\n(?=(?:local)?rule \w+:\n)", done.stdout + done.stderr):
        rule, benchmark = re.match(r"(?:local)?rule (\w+):", block), re.search(r"benchmark: (\S+)", block)
        memory, minutes = re.search(r"mem_mb=(\d+)", block), re.search(r"runtime=(\d+)", block)
        if rule and benchmark and memory and minutes:
            found[benchmark[1]] = rule[1], int(memory[1]), int(minutes[1])
    return found


def took(path: Path) -> tuple[float, float]:
    """Return the peak in megabytes and the seconds that a job took; 0 where it was too short to be seen."""
    with path.open() as file:
        row = list(csv.DictReader(file, delimiter="\t"))[-1]
    return float(row["max_rss"].replace("NA", "0").replace("-", "0") or 0), float(row["s"])


def main() -> None:
    """Print a table."""
    results, options = Path(sys.argv[1]), sys.argv[2:] or ["--configfile", str(ROOT / "config/demo.yaml")]
    rules = defaultdict(list)
    for path, (rule, memory, minutes) in asked_for(options).items():
        measured = results / Path(path).relative_to("results")
        if measured.is_file():
            rules[rule].append((memory, minutes, *took(measured)))
    print("| rule | jobs | asked for, MB | peak and Snakemake, MB | asked for, min | longest, min |")
    print("|---" * 6 + "|")
    for rule, jobs in sorted(rules.items()):
        memory, minutes, peak, seconds = (max(job[k] for job in jobs) for k in range(4))
        mark = " **too much**" if peak + AROUND > memory or seconds / 60 > minutes else ""
        print(f"| `{rule}` | {len(jobs)} | {memory} | {peak + AROUND:.0f}{mark} | {minutes} | {seconds / 60:.1f} |")


if __name__ == "__main__":
    main()
