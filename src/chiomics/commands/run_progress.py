"""What a run is doing, read from the lines that Snakemake writes, and said in one line.

Snakemake prints a block for every job: 50 lines where a person wants to know how many sessions are through, what runs,
what failed and how long it will go on. The time left is that of the steps that are left, over as many at once as have
been running. A step counts the mean time that steps of its rule took in this run; where none has ended, what the rule
took when `rule_seconds.tsv` was measured (the embedded cohort, two cores), times how much longer this run's steps take.
"""

from __future__ import annotations

import csv
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_COUNT = re.compile(r"^(\S+)\s+(\d+)\s*$")
_START = re.compile(r"^(?:local)?(?:rule|checkpoint) (\S+):$")
_JOB = re.compile(r"^    jobid: (\d+)$")
_WILDCARDS = re.compile(r"^    wildcards: (.*)$")
_FINISHED = re.compile(r"^Finished jobid: (\d+)\b")
_STEPS = re.compile(r"^(\d+) of (\d+) steps")
_ERROR = re.compile(r"^Error in (?:rule|checkpoint) (\S+):$")
_LEFT_OUT = re.compile(r"^\w+(?: is left out: .+|: .+; left out are .+)$")
_LACKING = re.compile(r"\w+ are not made, everything else is")
_FOLDER = re.compile(r"\bfolder=([^,\s]+)")
#: Stages by what their rules' names begin with, as the progress says them; those of pages and figures are the report's.
STAGE_RULES = {
    "phantom": ("simulate_subject", "describe_cohort", "write_phantom_atlas"),
    "qsm": ("reconstruct_qsm", "mask_", "unwrap_", "remove_background", "invert_dipole", "add_map", "add_echo_set"),
    "anatomy": (
        *("map_anatomy", "map_structural", "segment_anatomy", "define_regions", "trace_tracts", "average_chi"),
        *("compare_anatomy", "prepare_atlas", "fetch_atlas"),
    ),
    "radiomics": ("extract_features", "compare_sessions", "widen_features"),
    "report": ("show_", "draw_workflow", "write_methods", "site"),
}
#: What sessions get, and the rules whose jobs end with it.
MADE = {
    "maps": ("reconstruct_qsm", "invert_dipole"),
    "regions": ("map_anatomy", "define_regions", "map_structural"),
    "feature tables": ("extract_features",),
}
#: Stages whose jobs are of one session.
_OF_SESSIONS = tuple(begin for stage in ("phantom", "qsm", "anatomy", "radiomics") for begin in STAGE_RULES[stage])


def read_usual_seconds() -> dict[str, float]:
    """Return the mean seconds of a job by its rule, as measured once."""
    with Path(__file__).with_name("rule_seconds.tsv").open(encoding="utf-8") as table:
        return {row["rule"]: float(row["seconds"]) for row in csv.DictReader(table, delimiter="\t")}


@dataclass
class Job:
    """A job that runs."""

    rule: str
    folder: str = ""
    since: float = 0.0


@dataclass
class Progress:
    """The state of a run; feed it every line of Snakemake's output.

    Attributes
    ----------
    planned, finished : Counter
        Number of jobs by rule, as the plan says and as have ended.
    running : dict of int to Job
        By Snakemake's number of the job.
    failed : list of Job
        Whose job failed.
    tables : Counter
        Tables of features that have been made, by the session's folder.
    left_out : list of str
        Which studies are left out, and why.
    lacking : list of str
        What is made of no session, and why.
    usual : mapping of str to float
        Seconds of a job by its rule, where none of this run has ended.
    """

    clock: Callable[[], float] = time.monotonic
    usual: Mapping[str, float] = field(default_factory=dict)
    planned: Counter = field(default_factory=Counter)
    finished: Counter = field(default_factory=Counter)
    seconds: Counter = field(default_factory=Counter)
    running: dict[int, Job] = field(default_factory=dict)
    failed: list[Job] = field(default_factory=list)
    steps: tuple[int, int] = (0, 0)
    tables: Counter = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    _in_plan: bool = False
    _opening: Job | None = None
    _failing: str = ""
    _began: float | None = None

    def feed(self, line: str) -> bool:
        """Take a line; returns whether the state has changed."""
        line = line.rstrip("\n")
        if line == "Job stats:":  # also of the run that goes on without failed sessions
            self._in_plan = True
            self.planned.clear()
            self.finished.clear()
            self.tables.clear()
            self.running.clear()
            self.steps = (0, 0)
            return False
        if self._in_plan:
            return self._read_plan(line)
        if found := _START.match(line):
            self._opening, self._failing = Job(found[1]), ""
        elif found := _ERROR.match(line):
            self._failing, self._opening = found[1], None
        elif found := _JOB.match(line):
            return self._take_number(int(found[1]))
        elif (found := _WILDCARDS.match(line)) and self._opening:
            folder = _FOLDER.search(found[1])
            self._opening.folder = folder[1] if folder else ""
        elif found := _FINISHED.match(line):
            return self._finish(int(found[1]))
        elif found := _STEPS.match(line):
            self.steps = (int(found[1]), int(found[2]))
            return True
        elif not self.planned and _LEFT_OUT.match(line):
            self.left_out.append(line)
        elif not self.planned and _LACKING.match(line):
            self.lacking.append(line)
        return False

    def seconds_left(self) -> float | None:
        """Return the seconds that the rest will take, None before the times of half of it are known."""
        left = self.planned - self.finished
        left.pop("total", None)
        usual = sum(self.usual.get(rule, 0.0) * number for rule, number in self.finished.items())
        took = sum(self.seconds[rule] for rule in self.finished if rule in self.usual)
        known = {rule: self.usual[rule] * took / usual for rule in left if usual and rule in self.usual}
        known |= {rule: self.seconds[rule] / self.finished[rule] for rule in left if self.finished[rule]}
        if not known or sum(left[rule] for rule in known) < sum(left.values()) / 2:
            return None
        typical = sum(known.values()) / len(known)
        work = sum(number * known.get(rule, typical) for rule, number in left.items())
        now = self.clock()
        work -= sum(min(now - job.since, known.get(job.rule, typical)) for job in self.running.values())
        elapsed = max(now - (self._began if self._began is not None else now), 1e-9)
        busy = sum(self.seconds.values()) + sum(now - job.since for job in self.running.values())
        return max(work, 0.0) / max(busy / elapsed, 1.0)

    def made(self) -> dict[str, tuple[int, int]]:
        """Return what sessions get in this run, with how many have it and how many will."""
        found = {}
        for what, steps in MADE.items():
            rules = [rule for rule in self.planned if rule.startswith(steps)]
            if rules:
                found[what] = (sum(self.finished[rule] for rule in rules), sum(self.planned[rule] for rule in rules))
        return found

    def sessions(self) -> tuple[int, int, int]:
        """Return how many sessions have all that this run makes of them, how many run, and how many it works on.

        Done are at least so many: a session that gets less than the others counts when the others are through.
        """
        kinds = [counts for what, counts in self.made().items() if what != "feature tables"]
        total = max((planned for _, planned in kinds), default=0)
        _, tables = self.made().get("feature tables", (0, 0))
        if tables and total:
            each = -(-tables // total)  # presets and inversions
            whole = sum(number // each for number in self.tables.values())
            kinds.append((whole, -(-tables // each)))
        done = min((done + (total - planned if done >= planned else 0) for done, planned in kinds), default=0)
        folders = {job.folder for job in self.running.values() if job.folder and job.rule.startswith(_OF_SESSIONS)}
        return done, len(folders), total

    def stages(self) -> list[str]:
        """Return the stages whose jobs run, in the order of the work; studies go by their rules' names alone."""
        rules = [job.rule for job in self.running.values()]
        return [stage for stage, begins in STAGE_RULES.items() if any(rule.startswith(begins) for rule in rules)]

    def line(self) -> str:
        """Say in one line how far the run is."""
        if not self.planned:
            return "looking at the cohort and planning"
        done, total = max(self.steps[0], sum(self.finished.values())), max(self.steps[1], self.planned["total"])
        parts = [f"{done} of {total} steps"]
        through, at_work, all_sessions = self.sessions()
        parts += [f"sessions {through} of {all_sessions} done, {at_work} running"] if all_sessions else []
        parts += [f"{what} {done} of {number}" for what, (done, number) in self.made().items()]
        if self.running:
            names = [f"{job.rule} {job.folder}".strip() for job in list(self.running.values())[:2]]
            more = f" and {len(self.running) - 2} more" if len(self.running) > 2 else ""
            stages = f" ({', '.join(self.stages())})" if self.stages() else ""
            parts.append(f"running{stages}: {', '.join(names)}{more}")
        if self.failed:
            parts.append(f"{len(self.failed)} failed")
        left = self.seconds_left()
        if left is not None:
            parts.append(f"{say_seconds(left)} left")
        return " | ".join(parts)

    def _read_plan(self, line: str) -> bool:
        if found := _COUNT.match(line):
            self.planned[found[1]] = int(found[2])
            if found[1] == "total":
                self._in_plan = False
                self.steps = (0, int(found[2]))
                return True
        return False

    def _take_number(self, number: int) -> bool:
        if self._failing:
            job = self.running.pop(number, Job(self._failing))
            self.failed.append(job)
            self._failing = ""
            return True
        if self._opening is None:
            return False
        self._opening.since = self.clock()
        if self._began is None:
            self._began = self._opening.since
        self.running[number] = self._opening  # its wildcards are on a later line
        return True

    def _finish(self, number: int) -> bool:
        job = self.running.pop(number, None)
        if job is None:
            return False
        self.finished[job.rule] += 1
        if job.rule.startswith(MADE["feature tables"]):
            self.tables[job.folder] += 1
        self.seconds[job.rule] += self.clock() - job.since
        return True


def say_seconds(seconds: float) -> str:
    """Write a time as people say it: 40 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
