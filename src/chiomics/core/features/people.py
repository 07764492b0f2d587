"""A table of participants beside a table of features: demographic variables by participant."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from chiomics.core.bids import bare_name
from chiomics.core.errors import InputError, say_cause

#: How far above a session's table the results of a study begin: results/sub-01/ses-1/radiomics.
LEVELS = 4
MANIFEST = "manifest.tsv"
#: Column of a manifest after which those of participants.tsv stand.
LAST_OF_INDEX = "accepted"
NAMES = ("participants.tsv", "participants.csv")
#: Tables of features up to this size are read whole when a study is planned: 13 s and 1 GB at most of those measured
#: (1.7 million values as tidy text). Larger ones are read by the first job alone.
MAX_BYTES_WHEN_PLANNED = 150_000_000

log = logging.getLogger(__name__)


def same_person(name: str) -> str:
    """Return a participant's name without ``sub-``, as tables are joined by it."""
    return str(name).strip().removeprefix("sub-")


def check_names(names: Sequence[str], people: pd.DataFrame) -> None:
    """Refuse names that a table of participants has in another spelling, or a table that has none of them.

    Parameters
    ----------
    names : sequence of str
        Participants of the table of features.
    people : pandas.DataFrame
        From `read_people`.

    Raises
    ------
    InputError
        With both spellings: leading zeros that a spreadsheet took off, and another case.
    """
    file = people.attrs.get("file")
    absent = [name for name in names if same_person(name) not in people.index]
    alike = {bare_name(name): name for name in people.index}
    for name in absent:
        if bare_name(name) in alike:
            raise InputError(
                "a participant has another name in the table of participants", file=file,
                found=f"{name} beside {alike[bare_name(name)]}", expected="one name; leading zeros and case count",
            )  # fmt: skip
    if absent and len(absent) == len(names):
        raise InputError(
            "nobody of the table of features is in the table of participants", file=file,
            found=", ".join(people.index[:5]) or "no line", expected=", ".join(absent[:5]),
        )  # fmt: skip


def find_people(folder: Path) -> Path | None:
    """Find the table of participants in a folder, or the manifest of the results that the folder belongs to.

    Others of such a name, e.g. ``participants.xlsx``, are named in the log.
    """
    alike = sorted(path for path in folder.iterdir() if path.stem.casefold() == "participants" and path.is_file())
    usable = [path for name in NAMES for path in alike if path.name.casefold() == name]
    if unread := [path.name for path in alike if path != next(iter(usable), None) and path.suffix != ".json"]:
        read = usable[0].name if usable else "neither is any other: save it as participants.tsv"
        log.warning("%s is not read; %s", ", ".join(unread), f"{read} is" if usable else read)
    return usable[0] if usable else find_manifest(folder)


def find_manifest(folder: Path) -> Path | None:
    """Find the manifest of the results that a session's folder belongs to."""
    above = [folder.absolute(), *folder.absolute().parents][: LEVELS + 1]
    if not any(place.name.startswith("sub-") for place in above):
        return None
    return next((place / MANIFEST for place in above if (place / MANIFEST).is_file()), None)


def may_be_read_when_planned(paths: Sequence[str | Path]) -> bool:
    """Say whether tables are small enough to be read before anything runs."""
    return sum(Path(path).stat().st_size for path in paths) <= MAX_BYTES_WHEN_PLANNED


def of_cohort(files: Sequence[Path]) -> list[Path]:
    """Leave out tables of sessions that the manifest of their results excludes, or no longer names.

    Parameters
    ----------
    files : sequence of Path
        Tables of features; those that belong to no results of the workflow stay.

    Returns
    -------
    list of Path
    """
    included: dict[Path, set[str]] = {}
    kept, left_out = [], []
    for file in files:
        manifest = find_manifest(file.parent)
        if manifest is not None and manifest not in included:
            included[manifest] = {row["session"] for row in _manifest_rows(manifest) if row["status"] == "included"}
        named = re.match(r"(sub-[^_]+(?:_ses-[^_]+)?)(?:.*?(_run-[^_]+))?", file.name)
        session = (named[1] + (named[2] or "")) if named else ""
        (kept if manifest is None or session in included[manifest] else left_out).append(file)
    if left_out:
        names = ", ".join(file.name for file in left_out[:5])
        log.warning("%d tables are of sessions that the cohort leaves out, and are not read: %s", len(left_out), names)
    return kept


def read_people(path: str | Path) -> pd.DataFrame:
    """Read a table of participants.

    Parameters
    ----------
    path : path-like
        TSV or CSV with a column ``participant_id`` or ``participant``; of a manifest the columns of participants.tsv
        are read.

    Returns
    -------
    pandas.DataFrame
        Text, indexed by participant without ``sub-``; empty where a cell is missing.

    Raises
    ------
    InputError
        Where it cannot be read, has no such column, or says two things of a participant.
    """
    from chiomics.core.features.canonical import as_text
    from chiomics.core.features.columns import own_name
    from chiomics.core.features.files import open_table
    from chiomics.core.features.values import is_missing

    table = _participants_of(path) if Path(path).name == MANIFEST else open_table(path).rows.to_table()
    keys = [name for name in table.column_names if own_name(name) == "participant"]
    if len(keys) != 1:
        raise InputError(
            "the table of participants", file=path, found=", ".join(table.column_names), expected="participant_id"
        )
    frame = pd.DataFrame({name: [as_text(v) for v in table[name].to_pylist()] for name in table.column_names})
    frame = frame.map(lambda text: "" if is_missing(text) else text).drop_duplicates()
    frame.index = frame.pop(keys[0]).map(same_person)
    if frame.index.has_duplicates:
        twice = frame.index[frame.index.duplicated()][0]
        expected = "one line each; what differs between visits belongs to the table of features"
        raise InputError("a participant has two lines", file=path, found=twice, expected=expected)
    frame.attrs["file"] = str(path)
    log.info("%s: demographic variables of %d participants", path, len(frame))
    return frame


def _participants_of(manifest: str | Path) -> pa.Table:
    """Read the columns of participants.tsv in a manifest, whose sessions share them."""
    rows = _manifest_rows(manifest)
    columns = list(rows[0]) if rows else ["participant_id", LAST_OF_INDEX]
    names = ["participant_id", *columns[columns.index(LAST_OF_INDEX) + 1 :]]
    return pa.table({name: [row[name] for row in rows] for name in names})


def _manifest_rows(manifest: str | Path) -> list[dict[str, str]]:
    try:
        header, *lines = [line.split("\t") for line in Path(manifest).read_text(encoding="utf-8").split("\n")[:-1]]
        rows = [dict(zip(header, line, strict=True)) for line in lines]
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError("the manifest cannot be read", file=manifest, found=say_cause(error)) from error
    if not {"session", "status", "participant_id", LAST_OF_INDEX}.issubset(header):
        raise InputError("the file is not a manifest", file=manifest, found=", ".join(header)[:80])
    return rows
