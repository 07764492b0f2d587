"""Call Snakemake, follow what it says, and end with what was made and what failed."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from chiomics.commands.run_progress import Progress, read_usual_seconds, say_seconds
from chiomics.core.errors import InputError
from chiomics.core.failures import OPTIONAL, read_failures
from chiomics.core.files import write_text
from chiomics.core.logs import without_words

log = logging.getLogger(__name__)

CONFIGURATION, RECORD, LOCKS = "chiomics_run.yaml", ".snakemake/chiomics_run.json", ".snakemake/locks"
#: The configuration of a plan: jobs of a run that is at work read that of the run.
PLAN = "chiomics_plan.yaml"
_PROGRAM = (sys.executable, "-m", "snakemake")
#: Seconds between two lines where nobody looks at a terminal.
QUIET_SECONDS = 60.0
#: What Snakemake says of an input that a job waits for in vain.
_VANISHED = re.compile(r"(/.*) \(missing locally")
#: Seconds that Snakemake has to end its jobs and lift its lock; a container has 10 before it is killed.
SECONDS_TO_END = 6.0
#: Sessions that a line names.
MOST_NAMED = 5


def write_configuration(directory: Path, settings: Mapping[str, Any], *, plan: bool = False) -> Path:
    """Write the configuration of a run, or of a plan, beside its results; returns its path.

    Raises
    ------
    InputError
        Where a run may be at work in the folder: its jobs read that file.
    """
    import yaml

    if not plan:
        is_locked(directory)
    path = directory / (PLAN if plan else CONFIGURATION)
    write_text(path, "# What `chiomics run` was called with.\n" + yaml.safe_dump(dict(settings), sort_keys=False))
    return path


def call(line: Sequence[str], directory: Path, *, verbose: bool = False, work_dir: Path | None = None) -> int:
    """Call Snakemake.

    Parameters
    ----------
    line : sequence of str
        Its arguments.
    directory : Path
        Where results are made.
    verbose : bool
        Whether to show all that it says.
    work_dir : Path, optional
        Folder of temporary files, made where it is not there.

    Returns
    -------
    int
        0 where all is done.

    Raises
    ------
    InputError
        Where another run is at work in the folder.
    """
    print("snakemake " + shlex.join(line), flush=True)
    environment = dict(os.environ) | {"PYTHONUTF8": "1"}
    if os.path.expanduser("~") == "~":  # noqa: PTH111 - Path raises; Snakemake's libraries ask for a home
        environment["HOME"] = tempfile.gettempdir()
        environment.setdefault("LOGNAME", str(os.getuid()))
    if work_dir is not None:
        work_dir.mkdir(parents=True, exist_ok=True)
        environment["TMPDIR"] = str(work_dir.resolve())
    planning = "--dry-run" in line
    if not planning:
        lift_stale_lock(line, directory)
    began = time.time()
    shown = {} if verbose else {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen([*_PROGRAM, *line], env=environment, encoding="utf-8", errors="replace", **shown) as process:  # type: ignore[call-overload]
        if not planning:
            _record(directory, process.pid)
        progress: Progress | None = None if verbose else Progress(usual=read_usual_seconds())
        said: list[str] = []
        before = signal.signal(signal.SIGTERM, _terminated)
        try:
            if progress is not None:
                _follow(process, progress, said)
            code = process.wait()
        except KeyboardInterrupt:  # Snakemake has it as well, and ends its jobs first
            print("stopping: running steps are ended; Ctrl-C again ends them at once", file=sys.stderr, flush=True)
            try:
                process.communicate()
            except KeyboardInterrupt:
                _end(process)
            code = -signal.SIGINT
        except _Terminated:
            _end(process)
            code = -signal.SIGTERM
        finally:
            signal.signal(signal.SIGTERM, before)
    if not planning:
        if not any(Path(directory, LOCKS).glob("*")):  # else the next call lifts the lock, by what is recorded
            Path(directory, RECORD).unlink(missing_ok=True)
        if progress is not None and "all" not in line[line.index("--") :]:
            progress.left_out.clear()  # nobody asked for studies
        if progress is not None and line[line.index("--") + 1 :] == ["qsm"]:
            progress.lacking.clear()  # nor for regions
        code = _conclude(directory, code, progress, said, time.time() - began)
    return code


class _Terminated(BaseException):
    """The signal by which batch systems, `timeout` and containers end a call."""


def _terminated(*_: object) -> None:
    raise _Terminated


def _end(process: subprocess.Popen) -> None:
    """End Snakemake and its jobs, which only this call was told to end; first as Ctrl-C does, then without asking."""
    import psutil

    jobs = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        for one in (*jobs, process):
            with suppress(psutil.Error):
                one.kill()
        process.communicate()


def lift_stale_lock(line: Sequence[str], directory: Path) -> None:
    """Lift the lock of a run that was killed.

    Parameters
    ----------
    line : sequence of str
        The arguments of Snakemake.
    directory : Path
        Where results are made.

    Raises
    ------
    InputError
        As `is_locked`.
    """
    if is_locked(directory):
        log.warning("the last run was killed: its lock is lifted, and what it left half done is made anew")
        end = line.index("--")
        subprocess.run([*_PROGRAM, *line[:end], "--unlock", *line[end:]], check=True, capture_output=True)


def is_locked(directory: Path) -> bool:
    """Return whether a run that was killed has left its lock.

    Parameters
    ----------
    directory : Path
        Where results are made.

    Raises
    ------
    InputError
        Where the run that locked the folder is alive, or lives on another machine, or was not started by this command.
    """
    import psutil

    if not any(Path(directory, LOCKS).glob("*")):
        return False
    record = Path(directory, RECORD)
    try:
        owner = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        owner = {}
    by_hand = f"if it is dead: {shlex.join(_PROGRAM)} --directory {shlex.quote(str(directory))} --unlock, then again"
    if not owner:
        raise InputError("a run of Snakemake has locked the folder", file=directory, expected=by_hand)
    if owner["host"] != socket.gethostname():
        raise InputError(f"a run on {owner['host']} has locked the folder", file=directory, expected=by_hand)
    try:
        process = psutil.Process(owner["pid"])
        alive = abs(process.create_time() - owner["started"]) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        alive = False
    if alive:
        raise InputError(f"a run is at work in the folder (process {owner['pid']})", file=directory)
    return True


def _record(directory: Path, pid: int) -> None:
    import psutil

    owner = {"host": socket.gethostname(), "pid": pid, "started": psutil.Process(pid).create_time()}
    Path(directory, RECORD).parent.mkdir(parents=True, exist_ok=True)
    write_text(Path(directory, RECORD), json.dumps(owner))


def _follow(process: subprocess.Popen, progress: Progress, last: list[str]) -> None:
    """Show one line for all that Snakemake says; keeps the state, and its last lines."""
    terminal = sys.stderr.isatty()
    try:
        _show_progress(process, progress, last, terminal=terminal)
    finally:  # the last line is no more true, and another one may follow
        if terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _show_progress(process: subprocess.Popen, progress: Progress, last: list[str], *, terminal: bool) -> None:
    shown = 0.0
    for line in process.stdout:  # type: ignore[union-attr]
        last[:] = [*last[-199:], line.rstrip("\n")]
        changed = progress.feed(line)
        due = time.monotonic() - shown > (0.2 if terminal else QUIET_SECONDS)
        if changed and (due or not shown):
            shown = time.monotonic()
            text = progress.line()
            if terminal:
                width = os.get_terminal_size(sys.stderr.fileno()).columns
                print(f"\r\x1b[K{text[: width - 1]}", end="", file=sys.stderr, flush=True)
            else:
                print(text, file=sys.stderr, flush=True)


def _conclude(directory: Path, code: int, progress: Progress | None, said: Sequence[str], took: float) -> int:
    """Say what was made, what failed and why; returns the exit code."""
    results = directory / "results"
    with without_words():
        records = read_failures(results / "qc/failed")
    failures = [failure for failure in records if not _optional(failure.stage)]
    if progress is not None and not progress.planned:
        if code > 0:  # it stopped before it had a plan: its own words say why
            start = max((n for n, line in enumerate(said) if line.startswith("Building DAG")), default=-1)
            print("\n".join(line for line in said[start + 1 :] if line.strip()), file=sys.stderr)
            return code
        if not code:
            print("everything was there already")
    elif progress is not None:
        made = ", ".join(f"{what} {done} of {number}" for what, (done, number) in progress.made().items())
        print(f"{sum(progress.finished.values())} steps in {say_seconds(took)}" + (f": {made}" if made else ""))
    for study in progress.left_out if progress is not None else ():
        print(study)
    for kind in progress.lacking if progress is not None else ():
        print(f"{kind.split(': http')[0]}; {results / 'atlases/missing.json'} says which files to put where")
    for what in sorted({failure.stage for failure in records if failure not in failures}):
        without = [failure.session for failure in records if failure.stage == what]
        named = ", ".join(without[:MOST_NAMED]) + (", ..." if len(without) > MOST_NAMED else "")
        print(f"made without {what}: {len(without)} ({named}); why stands in {results / 'qc/failed'}")
    for failure in failures:
        print(f"failed: {failure.session}{' (' + failure.stage + ')' if failure.stage else ''}: {failure.reason}")
    told = {failure.session for failure in failures}
    for job in progress.failed if progress is not None else ():
        if not any(session.startswith(job.folder.replace("/", "_")) for session in told if job.folder):
            print(f"failed: {job.rule} {job.folder}".rstrip() + f"; why stands in its log below {results / 'logs'}")
    for path in dict.fromkeys(found[1] for line in said if (found := _VANISHED.match(line))):
        print(
            f"stopped: {path} was there when the run was planned and is not now; the next call looks at the folder anew"
        )
    if (results / "manifest.tsv").is_file():
        print(f"sessions, and what was left out: {results / 'manifest.tsv'}")
    page = next((name for name in ("index.html", "papers", "qc") if (results / name).exists()), None)
    if page:
        pages = "" if page == "index.html" else f"; pages of all of it: chiomics site {shlex.quote(str(directory))}"
        print(f"look at: {results / page}{pages}")
    began = time.time() - took - 1
    logs = sorted(path for path in Path(directory, ".snakemake/log").glob("*.log") if path.stat().st_mtime >= began)
    if logs:  # by their names the first: steps that ask Snakemake for its graph leave logs of their own
        print(f"all that Snakemake said: {logs[0]}; each step's own words: below {results / 'logs'}")
    if code < 0:
        name = "Ctrl-C" if -code == signal.SIGINT else signal.Signals(-code).name
        print(f"stopped by {name}; the same command goes on from here")
        return 128 - code
    if code or failures:
        print("not all is done; the same command goes on from here")
    return code or (1 if failures else 0)


def _optional(stage: str) -> bool:
    """Return whether it is what sessions can be mapped without."""
    return bool(stage) and set(stage.split(", ")) <= OPTIONAL
