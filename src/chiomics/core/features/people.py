"""A table of participants beside a table of features: demographic variables by participant."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from chiomics.core.errors import InputError

NAMES = ("participants.tsv", "participants.csv")

log = logging.getLogger(__name__)


def same_person(name: str) -> str:
    """Give a participant's name without ``sub-``, as tables are joined by it."""
    return str(name).strip().removeprefix("sub-")


def find_people(folder: Path) -> Path | None:
    """Find the table of participants in a folder."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def read_people(path: str | Path) -> pd.DataFrame:
    """Read a table of participants.

    Parameters
    ----------
    path : path-like
        TSV or CSV with a column ``participant_id`` or ``participant``.

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

    table = open_table(path).rows.to_table()
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
        raise InputError("a participant has two lines", file=path, found=twice)
    log.info("%s: demographic variables of %d participants", path, len(frame))
    return frame
