"""The operator's tables: participants.tsv, and the verdicts of qc_exclude.tsv."""

from __future__ import annotations

import csv
import logging
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from chiomics.core.bids import bare_name
from chiomics.core.errors import InputError, say_cause
from chiomics.index.manifest import COLUMNS, VERDICT, exclude

logger = logging.getLogger(__name__)

MISSING = "n/a"
#: Columns of participants.tsv that studies read, in whatever case they are written.
USUAL = ("group", "age", "sex", "disease_duration", "edss")
#: What people separate columns with instead of tabs.
_SEPARATORS = {";": "semicolons", ",": "commas", " ": "spaces"}


#: Signs that nobody sees and that make two names of one.
_NO_WIDTH = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))


def read_table(path: str | Path) -> list[dict[str, str]]:
    """Read a TSV file as strings.

    Parameters
    ----------
    path : path-like
        UTF-8 or UTF-16, with or without a byte order mark, else Latin-1, which the log says; lines end in LF, CR LF or
        CR; names and cells in double quotes, as R and spreadsheets write them, lose them, and signs of no width.

    Returns
    -------
    list of dict
        One per line; a short line is an error, an empty one is passed over.

    Raises
    ------
    InputError
        Where the file cannot be read, repeats a column or has a line of another length than its header.
    """
    try:
        text = _decode(Path(path).read_bytes(), path)
        written = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        quoting: Any = csv.QUOTE_MINIMAL if any(line.startswith('"') for line in written) else csv.QUOTE_NONE
        lines = [line for line in csv.reader(written, delimiter="\t", quoting=quoting) if any(line)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("the table cannot be read", file=path, found=say_cause(error), expected="UTF-8 TSV") from error
    if not lines:
        raise InputError("the table is empty", file=path, expected="a line of column names")
    header = [_clean(name) for name in lines[0]]
    if len(set(header)) != len(header):
        raise InputError("a column name is repeated", file=path, found=", ".join(header))
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise InputError(
                f"line {number} has another number of columns than the header", file=path,
                found=str(len(line)),
                expected=f"{len(header)}, separated by tabs"
                + _excess(line, len(header)),
            )  # fmt: skip
    return [dict(zip(header, map(_clean, line), strict=True)) for line in lines[1:]]


def _clean(cell: str) -> str:
    """Return a cell without blanks, signs of no width, and the quotes that spreadsheets put around some cells."""
    bare = cell.translate(_NO_WIDTH).strip()
    quoted = len(bare) > 1 and bare[0] == bare[-1] == '"'
    return bare[1:-1].replace('""', '"').strip() if quoted else bare


def _excess(line: list[str], columns: int) -> str:
    if len(line) != columns + 1:
        return ""
    return ", without a tab at the end" if not line[-1] else ", without the row names of R (row.names=FALSE)"


def _decode(content: bytes, path: str | Path) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        logger.warning("%s: not in UTF-8, read as Latin-1", path)
        return content.decode("latin-1")


def read_participants(path: str | Path) -> list[dict[str, str]]:
    """Read participants.tsv; an empty list where there is none, with a warning where another file seems to be meant."""
    if not Path(path).is_file():
        folder = Path(path).parent
        alike = sorted(one.name for one in folder.glob("[pP]articipant*.*") if one.suffix.lower() != ".json")
        if alike:
            logger.warning("%s is not read: group, age and sex come from participants.tsv alone", ", ".join(alike))
        return []
    table = read_table(path)
    if table and "participant_id" not in table[0]:
        raise InputError(
            "the column participant_id is missing", file=path, found=", ".join(table[0]), expected=_expected(table[0])
        )
    seen: set[str] = set()
    for line in table:
        name = line["participant_id"] = _with_prefix(line["participant_id"])
        if name in seen:
            raise InputError(
                "a participant has two lines", file=path, found=name,
                expected="one line each (BIDS keeps what changes between sessions in sub-01_sessions.tsv, not read)",
            )  # fmt: skip
        seen.add(name)
    return table


def _expected(columns: Iterable[str]) -> str:
    """Say how a header without participant_id should have been written."""
    written = "".join(columns)
    separator = next((name for sign, name in _SEPARATORS.items() if sign in written), "")
    if separator and "participant_id" in written.lower():
        return f"columns separated by tabs, not by {separator}"
    return "a column of exactly this name" + (", in lower case" if "participant_id" in written.lower() else "")


def add_participants(
    rows: list[dict], participants: Iterable[Mapping[str, str]], present: Collection[str] | None = None
) -> None:
    """Add the columns of participants.tsv to the rows; a name that the manifest has gets a prefix.

    Parameters
    ----------
    rows : list of dict
        The manifest's rows, changed in place.
    participants : iterable of mapping
        Lines of participants.tsv.
    present : collection of str, optional
        Participants that have a folder; lines of others are named in the log, with who may be meant.
    """
    table = {line["participant_id"]: line for line in participants}
    columns = list(dict.fromkeys(name for line in table.values() for name in line if name != "participant_id"))
    names = {column: f"participants_{column}" if column in COLUMNS else column for column in columns}
    for column in columns:
        usual = column.casefold().replace(" ", "_")
        if usual in USUAL and usual not in columns and usual not in names.values():
            logger.info("participants.tsv: column %s is read as %s", column, usual)
            names[column] = usual
    for row in rows:
        line = table.get(row["participant_id"], {})
        for column, name in names.items():
            value = line.get(column, "")
            row[name] = MISSING if value in ("", None) else str(value)
    absent = sorted({row["participant_id"] for row in rows} - set(table)) if table else []
    if absent:
        logger.warning("%d participants have no line in participants.tsv: %s", len(absent), _some(absent))
    if alone := sorted(set(table) - set(present)) if present is not None else []:
        logger.warning("%d lines of participants.tsv have no folder: %s", len(alone), _some(alone))
        folders = {bare_name(name): name for name in absent}
        if meant := [f"{name} and {folders[bare_name(name)]}" for name in alone if bare_name(name) in folders]:
            logger.warning("the same people by another name, leading zeros and case count: %s", _some(meant))


def _some(names: list[str]) -> str:
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")


def apply_verdicts(rows: list[dict], path: str | Path, not_asked: Collection[str] = ()) -> None:
    """Exclude the sessions that the operator's table names.

    Parameters
    ----------
    rows : list of dict
        The manifest's rows, changed in place.
    path : path-like
        TSV with the columns ``reason`` and ``session`` (or ``participant_id``, and ``session_id`` and ``run`` where
        wanted). A key without session or run stands for all of them.
    not_asked : collection of str
        Participants and sessions that there are and that this run leaves out, of which no word is said.

    Raises
    ------
    InputError
        Where a column or a reason is missing.
    """
    for number, line in enumerate(read_table(path), start=2):
        key = _verdict_key(line)
        reason = line.get("reason", "")
        if not key or reason in ("", MISSING):
            raise InputError(
                f"line {number} names no session or no reason", file=path, found="\t".join(line.values()),
                expected="the columns session (or participant_id) and reason, both filled",
            )  # fmt: skip
        named = [row for row in rows if row["session"] == key or row["session"].startswith(f"{key}_")]
        for row in named:
            exclude(row, f"{VERDICT}: {reason}")
        if not named and not _is_of(key, not_asked):
            logger.warning("%s, line %d: no session is called %s", path, number, key)


def apply_acceptances(rows: list[dict], path: str | Path, not_asked: Collection[str] = ()) -> None:
    """Note which steps of which sessions the operator accepts though their check failed.

    Parameters
    ----------
    rows : list of dict
        The manifest's rows, whose ``accepted`` is filled.
    path : path-like
        TSV with the columns ``step``, e.g. ``T1w to GRE`` or ``all``, and ``session`` as of `apply_verdicts`.
    not_asked : collection of str
        As of `apply_verdicts`.

    Raises
    ------
    InputError
        Where a session or a step is missing.
    """
    for number, line in enumerate(read_table(path), start=2):
        key, step = _verdict_key(line), line.get("step", "")
        if not key or step in ("", MISSING):
            raise InputError(
                f"line {number} names no session or no step", file=path, found="\t".join(line.values()),
                expected="the columns session and step, both filled; step as the failure names it, or all",
            )  # fmt: skip
        named = [row for row in rows if row["session"] == key or row["session"].startswith(f"{key}_")]
        for row in named:
            row["accepted"] = sorted({*row["accepted"], step})
        if not named and not _is_of(key, not_asked):
            logger.warning("%s, line %d: no session is called %s", path, number, key)


def _is_of(key: str, others: Collection[str]) -> bool:
    """Return whether a key is one of others, or of one of them, or stands for some of them."""
    return any(key == one or key.startswith(f"{one}_") or one.startswith(f"{key}_") for one in others)


def _verdict_key(line: dict[str, str]) -> str:
    if line.get("session"):
        return _with_prefix(line["session"])
    if not line.get("participant_id"):
        return ""
    session, run = (line.get(column, "").replace(MISSING, "") for column in ("session_id", "run"))
    parts = [_with_prefix(line["participant_id"])]
    parts += [_with_prefix(session, "ses-")] if session else []
    parts += [_with_prefix(run, "run-")] if run else []
    return "_".join(parts)


def _with_prefix(label: str, prefix: str = "sub-") -> str:
    return label if label.startswith(prefix) else prefix + label
