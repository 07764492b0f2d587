"""The raters' table: which lesions have a paramagnetic rim, checked against the sessions of the cohort.

Whether a lesion of that number exists shows only on the session's label image: the job that tabulates its lesions
checks it, and names the line that is kept here.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from pathlib import Path

from chiomics.core.cells import plain_cell
from chiomics.core.errors import InputError
from chiomics.core.files import write_text
from chiomics.index.manifest import session_key
from chiomics.index.tables import MISSING, read_table

logger = logging.getLogger(__name__)

#: Name of the table in the BIDS folder.
RATINGS = "rim_ratings.tsv"
#: Columns that a table must have, and those of the checked one.
NEEDED = ("participant_id", "rater", "rim")
#: How a call is written: by hand, by R, by a program that keeps numbers with decimals. Lower case.
CALLS = {"1": "1", "1.0": "1", "true": "1", "yes": "1", "0": "0", "0.0": "0", "false": "0", "no": "0"}
#: A lesion's number, which a program that keeps numbers with decimals writes as 3.0.
LESION_NUMBER = re.compile(r"0*([1-9][0-9]*)(?:\.0+)?")
COLUMNS = ("session", "lesion", "x", "y", "z", "rater", "rim", "confidence", "line")


def update_rim_ratings(table: str | Path, rows: Sequence[dict], path: str | Path) -> list[dict]:
    """Check the raters' table, and write it with session keys; only where its content changed.

    Parameters
    ----------
    table : path-like
        TSV with ``participant_id``, ``session_id`` and ``run`` where the cohort has them, ``lesion`` (number in the
        label image) or ``x``, ``y``, ``z`` (mm in the world of the χ map), ``rater``, ``rim`` (a key of `CALLS` in
        either case) and, where wanted, ``confidence``. A line without rater and rim is a lesion that nobody rated. It
        need not exist.
    rows : sequence of dict
        The manifest's.
    path : path-like
        Where the checked table goes; it has the columns `COLUMNS`, ``line`` that of the table.

    Returns
    -------
    list of dict
        The ratings of included sessions.

    Raises
    ------
    InputError
        At the first line that cannot be used: an unknown session, no lesion, another call, a second call of one rater
        on one lesion, or a second spelling of a rater.
    """
    ratings = read_rim_ratings(table, rows) if Path(table).is_file() else None
    write_rim_ratings(ratings, path)
    return ratings or []


def write_rim_ratings(ratings: Sequence[dict] | None, path: str | Path) -> None:
    """Write the checked table where its content changed; None stands for a cohort without one."""
    if ratings is None:
        Path(path).unlink(missing_ok=True)
        return
    lines = ["\t".join(COLUMNS)] + [
        "\t".join(plain_cell(str(rating[column])) for column in COLUMNS) for rating in ratings
    ]
    text = "\n".join(lines) + "\n"
    if not Path(path).is_file() or Path(path).read_text(encoding="utf-8") != text:
        write_text(path, text)


def read_rim_ratings(table: str | Path, rows: Sequence[dict]) -> list[dict]:
    """Read and check the raters' table; see `update_rim_ratings`."""
    lines = read_table(table)
    absent = [column for column in NEEDED if lines and column not in lines[0]]
    if absent:
        raise InputError(
            "the raters' table lacks a column", file=table, found=", ".join(lines[0]), expected=", ".join(absent)
        )
    included = {row["session"]: row["status"] == "included" for row in rows}
    ratings: list[dict] = []
    seen: dict = {}
    spelled: dict = {}
    left_out: dict = {}
    unrated = 0
    for number, line in enumerate(lines, start=2):
        if all(line[name] in ("", MISSING) for name in ("rater", "rim")):
            unrated += 1
            continue
        rating = _read_line(line, number, table) | {"line": number}
        if rating["session"] not in included:
            raise InputError(
                f"line {number} rates a session that the cohort does not have", file=table, found=rating["session"],
                expected=_nearest(rating["session"], included),
            )  # fmt: skip
        spelling, first = spelled.setdefault(rating["rater"].casefold(), (rating["rater"], number))
        if spelling != rating["rater"]:
            raise InputError(
                f"lines {first} and {number} spell a rater in two ways", file=table,
                found=f"{spelling}, {rating['rater']}", expected="one spelling, or names that differ in more than case",
            )  # fmt: skip
        lesion = rating["lesion"] or (rating["x"], rating["y"], rating["z"])
        key = (rating["session"], lesion, rating["rater"])
        if key in seen:
            raise InputError(
                f"lines {seen[key]} and {number} are two calls of one rater on one lesion", file=table,
                found=f"{rating['session']}, lesion {lesion}, rater {rating['rater']}", expected="one call",
            )  # fmt: skip
        seen[key] = number
        if included[rating["session"]]:
            ratings.append(rating)
        else:
            left_out[rating["session"]] = left_out.get(rating["session"], 0) + 1
    if unrated:
        logger.warning("%s: %d lines without rater and rim are left out: nobody rated these lesions", table, unrated)
    for session, count in left_out.items():
        logger.warning("%s: %d ratings of %s are left out, as the session is excluded", table, count, session)
    return ratings


def _read_line(line: dict[str, str], number: int, table: str | Path) -> dict:
    """Read one rating."""

    def refuse(problem: str, found: str, expected: str) -> InputError:
        return InputError(f"line {number} {problem}", file=table, found=found, expected=expected)

    def cell(name: str) -> str:
        value = line.get(name, "")
        return "" if value == MISSING else value

    participant, session = cell("participant_id"), cell("session_id")
    key = session_key(
        participant if participant.startswith("sub-") else f"sub-{participant}",
        session if not session or session.startswith("ses-") else f"ses-{session}",
        cell("run").removeprefix("run-"),
    )
    if not participant or not cell("rater"):
        raise refuse("names no participant or no rater", "\t".join(line.values()), "both")
    call = CALLS.get(cell("rim").lower())
    if call is None:
        raise refuse("has no call", cell("rim") or "nothing", "rim 0 or 1, no or yes, false or true")
    lesion = cell("lesion")
    place = [cell(axis) for axis in "xyz"]
    if bool(lesion) == all(place):
        raise refuse("names no lesion, or names it twice", "\t".join(line.values()), "lesion, or x, y and z in mm")
    numbered = LESION_NUMBER.fullmatch(lesion)
    if lesion and not numbered:
        raise refuse("has no lesion number", lesion, "a label of the label image, 1 or more")
    if not lesion and not all(_is_finite(value) for value in place):
        raise refuse("has no place", "; ".join(place), "three numbers in mm, with a decimal point")
    named = {"lesion": numbered[1] if numbered else ""} | dict(zip("xyz", [""] * 3 if lesion else place, strict=True))
    return {"session": key, **named, "rater": cell("rater"), "rim": call, "confidence": cell("confidence")}


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _nearest(key: str, sessions: dict) -> str:
    """Name sessions of the same participant, else some of the cohort's."""
    participant = key.partition("_")[0]
    same = [session for session in sessions if session.partition("_")[0] == participant]
    return ", ".join((same or list(sessions))[:5])
