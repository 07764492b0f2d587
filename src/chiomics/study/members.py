"""Which sessions are in each result of the cohort, and results that still hold others: marked where they lie.

A mark changes no time of a file, and taking it away gives the bytes back as they were: neither makes a job run.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from chiomics.core.files import atomic_write, write_text

TABLE = "members.tsv"
COLUMNS = ("result", "session", "state", "since")
CURRENT, OUTDATED = "current", "out of date"
NOTE = "OUT_OF_DATE.md"
_RECORD = ".members.json"
_START, _END = "<!-- state of the study: begin -->\n", "<!-- state of the study: end -->\n\n"
_COLUMN = "out_of_date"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GroupResult:
    """A result that several sessions go into.

    Parameters
    ----------
    name : str
        E.g. ``yan2021``.
    made : str
        File that its first job makes, relative to the results: its time tells when the members went in.
    places : tuple of str
        Folders and tables that hold it, relative to the results.
    sessions : tuple of str
        Keys of the sessions that go into it now; none where the cohort cannot serve it.
    why : str
        Why it cannot.
    remark : str
        What its README has to say first, such as sessions of several versions.
    """

    name: str
    made: str
    places: tuple[str, ...]
    sessions: tuple[str, ...]
    why: str = ""
    remark: str = ""


def update_members(
    results: str | Path, found: Iterable[GroupResult], *, finished: bool, today: str | None = None
) -> list[str]:
    """Write whom each result holds, and mark those that hold others than the cohort now has.

    Parameters
    ----------
    results : path-like
        Folder of the results.
    found : iterable of GroupResult
        All that a cohort of this kind may have.
    finished : bool
        Whether jobs have run; before them it is noted what they will take, should nobody be there afterwards.
    today : str, optional
        Date of a new mark.

    Returns
    -------
    list of str
        Names of the results that are out of date.
    """
    results, found = Path(results), list(found)
    record = _read(results / _RECORD)
    planned = record.pop("", {})
    known: dict[str, dict] = {}
    outdated = []
    for result in found:
        if not (results / result.made).exists():
            continue
        time, old = (results / result.made).stat().st_mtime_ns, record.get(result.name)
        entry = {"time": time, "sessions": list(result.sessions), "since": "", "places": list(result.places)}
        if old and (old["time"] == time or not (finished or result.name in planned)):  # a copy has another time
            entry |= {"sessions": old["sessions"], "since": old["since"]}
        elif not finished:  # made by a run that was cut off, or before there were records
            entry["sessions"] = planned.get(result.name, list(result.sessions))
        if entry["sessions"] == list(result.sessions):
            entry["since"] = ""
            _unmark(results, result)
            _note(results, result, result.remark)
        else:
            entry["since"] = entry["since"] or today or date.today().isoformat()
            _mark(results, result, entry)
            outdated.append(result.name)
        known[result.name] = entry
    pending = {} if finished else {"": {result.name: list(result.sessions) for result in found}}
    _write(results / _RECORD, json.dumps(known | pending, indent=1, sort_keys=True) + "\n")
    rows = [
        "\t".join((name, session, OUTDATED if entry["since"] else CURRENT, entry["since"] or "n/a"))
        for name, entry in known.items()
        for session in entry["sessions"]
    ]
    _write(results / TABLE, "\n".join(["\t".join(COLUMNS), *rows]) + "\n")
    if outdated:
        log.warning(
            "out of date, of other sessions than the cohort now has: %s (results/%s; `chiomics prune` lists them)",
            ", ".join(outdated), TABLE,
        )  # fmt: skip
    return outdated


def outdated_places(results: str | Path) -> dict[str, list[Path]]:
    """List the folders and tables of each result that is out of date, as the last run found it."""
    record = _read(Path(results) / _RECORD)
    return {
        name: [place for place in (Path(results) / path for path in entry["places"]) if place.exists()]
        for name, entry in record.items()
        if name and entry["since"]
    }


def _said(result: GroupResult, entry: Mapping) -> str:
    held, now = entry["sessions"], set(result.sessions)
    gone = [session for session in held if session not in now]
    new = [session for session in result.sessions if session not in set(held)]
    lines = [f"**Out of date since {entry['since']}.** This holds {len(held)} sessions: {', '.join(held)}."]
    if not result.sessions:
        lines.append(f"The cohort no longer serves it: {result.why}.")
    if gone and result.sessions:
        lines.append(f"No longer in the cohort: {', '.join(gone)}.")
    if new and result.sessions:
        lines.append(f"Not yet in this: {', '.join(new)}.")
    return "\n".join(lines) + "\n"


def _note(results: Path, result: GroupResult, said: str) -> None:
    """Say something before everything else that the READMEs of a result say; with nothing, take it away."""
    for readme in (results / name / "README.md" for name in result.places):
        if readme.is_file():
            text = _without_note(readme.read_text(encoding="utf-8"))
            _rewrite(readme, (_START + said + _END if said else "") + text)


def _mark(results: Path, result: GroupResult, entry: Mapping) -> None:
    said = _said(result, entry)
    _note(results, result, said)
    for place in (results / name for name in result.places):
        if place.suffix == ".tsv" and place.is_file():
            _mark_table(place, entry["since"])
        if not place.is_dir():
            continue
        readme = place / "README.md"
        if not readme.is_file():
            _write(place / NOTE, said)
            continue
        if tables := sorted(place.glob("table*.tsv")):
            _mark_table(tables[0], entry["since"])


def _unmark(results: Path, result: GroupResult) -> None:
    for place in (results / name for name in result.places):
        if place.suffix == ".tsv" and place.is_file():
            _mark_table(place, "")
        if not place.is_dir():
            continue
        (place / NOTE).unlink(missing_ok=True)
        for table in sorted(place.glob("table*.tsv")):
            _mark_table(table, "")


def _without_note(text: str) -> str:
    return text.partition(_END)[2] if text.startswith(_START) else text


def _mark_table(path: Path, since: str) -> None:
    """Add a last column that says since when the table is out of date, or take it away."""
    lines = path.read_text(encoding="utf-8").split("\n")
    if lines[0].endswith("\t" + _COLUMN):
        lines = [line.rpartition("\t")[0] if line else line for line in lines]
    if since:
        lines = [f"{line}\t{since if number else _COLUMN}" if line else line for number, line in enumerate(lines)]
    _rewrite(path, "\n".join(lines))


def _rewrite(path: Path, text: str) -> None:
    """Replace a text without a change of its time, and only where it differs."""
    if path.read_text(encoding="utf-8") == text:
        return
    status = path.stat()
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")
        os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _write(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
