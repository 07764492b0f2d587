"""Time the plan of `all` beside the least that Snakemake takes for as many jobs and files.

    python -m benchmarks.plan_speed [--each-job] [SESSIONS ...]

The least is a Snakefile without functions: rules, jobs, files, wildcards and their constraints are those of the plan,
every name a pattern that stands in the file. It is written from the workflow's own graph of a few sessions, and has to
give as many jobs as the workflow gives for many. `bare` are as many jobs of one input and one output each. All are
planned one after another with the same options: the numbers of jobs by rule (`-n -q`), or every job with its files.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from benchmarks.index_speed import make_cohort

ROOT = Path(__file__).resolve().parents[1]
#: Enough for the studies that take part in larger cohorts.
DESCRIBED = 60
#: Wildcards that name a session.
OF_SESSION = ("folder", "subject", "run")
GROUPS = ("HC", "MS", "NMOSD")
#: How the least Snakefiles begin: garbage is searched as seldom as in the workflow, and jobs are counted as by it.
HEAD = """import gc, os
from collections import Counter
gc.set_threshold(*gc.get_threshold()[:2], 1000)
execute = workflow.execute
def execute_and_count(*arguments, **options):
    done = execute(*arguments, **options)
    jobs = Counter(job.rule.name for job in workflow.dag.needrun_jobs(exclude_finished=False))
    rows = [*jobs.items(), ("total", sum(jobs.values()))]
    print("Job stats:\\njob count\\n--- ---\\n" + "".join(f"{name} {n}\\n" for name, n in rows))
    return done
workflow.execute = execute_and_count"""
#: What their jobs ask for: a number for all that Snakemake would measure the inputs for.
ASKED = "    resources: mem_mb=1000, disk_mb=1000, runtime=10"
#: As many jobs as are asked for, of one input and one output each: pairs, and one that collects them.
BARE = f"""{HEAD}
PAIRS = range(int(os.environ["JOBS"]) // 2)
rule all:
    input: [f"results/{{n}}.second" for n in PAIRS]
rule first:
    input: ancient({str(Path(__file__).resolve())!r})
    output: "results/{{n}}.first"
{ASKED}
    shell: "true"
rule second:
    input: "results/{{n}}.first"
    output: "results/{{n}}.second"
{ASKED}
    shell: "true"
"""
#: Runs Snakemake with a Snakefile, and writes the least one from its graph.
DESCRIBE = """
import sys
from pathlib import Path
from benchmarks.plan_speed import write_least
from snakemake.cli import main
import snakemake.dag
init = snakemake.dag.DAG.init

async def init_and_describe(self, *arguments, **options):
    await init(self, *arguments, **options)
    Path(sys.argv[1]).write_text(write_least(self), encoding="utf-8")

snakemake.dag.DAG.init = init_and_describe
main(sys.argv[2:])
"""


def make_study(folder: Path, sessions: int) -> Path:
    """Write a cohort of three groups, and return its BIDS folder."""
    folder.mkdir()
    make_cohort(folder, sessions)
    lines = [f"sub-{n:05d}\t{GROUPS[n % 3]}\t{30 + n % 30}\t{'MF'[n % 2]}\n" for n in range(sessions)]
    (folder / "bids/participants.tsv").write_text("participant_id\tgroup\tage\tsex\n" + "".join(lines))
    return folder / "bids"


def plan(folder: Path, snakefile: Path, *options: str) -> tuple[float, float, str]:
    """Plan with a Snakefile; return CPU seconds, gigabytes, and what Snakemake says."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "--directory", str(folder)]
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(
            [*command, "--snakefile", str(snakefile), *options], stdout=said, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
    text = (folder / "said.txt").read_text()
    if status:
        raise RuntimeError(text[-3000:])
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20, text


def jobs_of(said: str) -> dict[str, int]:
    """Read the number of jobs by rule, which the plan ends with."""
    table = re.findall(r"Job stats:\n(.*?)\n\n", said, flags=re.DOTALL)[-1]
    return {name: int(count) for name, count in (line.split()[:2] for line in table.splitlines()[2:])}


def write_least(dag) -> str:
    """Write the Snakefile without functions that has the graph of a plan."""
    rules = defaultdict(list)
    for job in dag.jobs:
        rules[job.rule].append(job)
    lines = [
        HEAD,
        'SESSIONS = os.environ["SESSIONS"].split()',
        "def each(pattern, groups):",
        f"    kept = [name for name in SESSIONS if int(name[4:]) % {len(GROUPS)} in groups]",
        "    return [pattern.format(folder=name, subject=name, run='') for name in kept]",
    ]
    for rule in sorted(rules, key=lambda rule: (rule.name != "all", rule.name)):
        lines += _write_rule(rule, rules[rule])
    return "\n".join(lines) + "\n"


def _write_rule(rule, jobs) -> list[str]:
    outputs = [str(path) for path in rule.output]
    if set(OF_SESSION) <= set(rule.wildcard_names):
        inputs = [repr(_pattern(str(path), jobs[0].wildcards)) for path in jobs[0].input]
        before = []
    elif rule.wildcard_names:  # a few jobs of the cohort: their inputs lie in a table
        before = [f"OF_{rule.name} = {{"]
        for job in jobs:
            key = tuple(job.wildcards[name] for name in sorted(rule.wildcard_names))
            before.append(f"    {key!r}: [{', '.join(_collect(job.input))}],")
        before.append("}")
        key = ", ".join(f"wildcards.{name}" for name in sorted(rule.wildcard_names))
        inputs = [f"lambda wildcards: OF_{rule.name}[{key},]"]
    else:
        before, inputs = [], _collect(jobs[0].input)
    flagged = {str(path): path.flags for path in rule.output}
    kinds = {path: "directory({})" if flagged[path].get("directory") else "{}" for path in outputs}
    written = [*before, f"rule {rule.name}:"]
    written += ["    input:", *(f"        {path}," for path in inputs)] if inputs else []
    written += ["    output:", *(f"        {kinds[path].format(repr(path))}," for path in outputs)] if outputs else []
    written += [f"    log: {str(path)!r}" for path in list(rule.log)[:1]]
    written += [f"    benchmark: {str(rule.benchmark)!r}"] if rule.benchmark else []
    return written + ([ASKED, "    shell: 'true'"] if outputs else [])


def _pattern(path: str, wildcards) -> str:
    subject = wildcards.subject
    return path.replace(f"{subject}/", "{folder}/").replace(subject, "{subject}{run}", 1)


def _collect(paths) -> list[str]:
    """Write the inputs of many sessions as a pattern each, with the groups that they are of."""
    groups: dict[str, set[int]] = {}
    for path in map(str, paths):
        own = re.search(r"sub-(\d+)", path)
        pattern = path.replace(f"{own[0]}/", "{folder}/").replace(own[0], "{subject}{run}") if own else path
        groups.setdefault(pattern, set()).update({int(own[1]) % len(GROUPS)} if own else ())
    return [f"*each({pattern!r}, {sorted(found)})" if found else repr(pattern) for pattern, found in groups.items()]


def main() -> None:
    """Print a table."""
    mode = [] if "--each-job" in sys.argv else ["-q"]
    counts = [int(word) for word in sys.argv[1:] if word != "--each-job"] or [200, 1000, 10_000]
    print("| sessions | jobs | plan, CPU s | GB | Snakemake's least, CPU s | GB | times | bare, CPU s | GB |")
    print(f"|{'---|' * 9}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours, least, bare = ROOT / "Snakefile", folder / "least.smk", folder / "bare.smk"
        bare.write_text(BARE)
        few = make_study(folder / "few", DESCRIBED)
        given = ["-n", "-q", "--cores", "1", "--snakefile", str(ours), "--directory", str(folder / "described")]
        command = [sys.executable, "-c", DESCRIBE, str(least), *given, "--config", f"bids_dir={few}"]
        done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        for turn, count in enumerate(counts):
            bids = folder / f"bids{count}/bids"
            if not bids.exists():
                make_study(bids.parent, count)
            seconds, gigabytes, said = plan(folder / f"plan{turn}", ours, *mode, "--config", f"bids_dir={bids}")
            os.environ["SESSIONS"] = " ".join(f"sub-{n:05d}" for n in range(count))
            least.write_text(least.read_text().replace(str(few), str(bids)))
            few = bids
            least_seconds, least_gigabytes, least_said = plan(folder / f"least{turn}", least, *mode)
            jobs = jobs_of(said)
            if jobs != (found := jobs_of(least_said)):
                raise RuntimeError(f"other jobs: {set(jobs.items()) ^ set(found.items())}")
            os.environ["JOBS"] = str(jobs["total"])
            bare_seconds, bare_gigabytes, _ = plan(folder / f"bare{turn}", bare, *mode)
            row = [f"{seconds:.1f} | {gigabytes:.2f}", f"{least_seconds:.1f} | {least_gigabytes:.2f}"]
            row += [f"{seconds / least_seconds:.2f}", f"{bare_seconds:.1f} | {bare_gigabytes:.2f}"]
            print(f"| {count} | {jobs['total']} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
