"""Tables as files: Parquet or text, whole or not at all, the same bytes on a re-run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from chiomics.core.cells import neutral_cell
from chiomics.core.files import atomic_write


def read_frame(path: str | Path) -> pd.DataFrame:
    """Read a Parquet table of this project, with the memory of its values alone however many columns it has."""
    import pyarrow.parquet as pq

    # Arrow's read-ahead takes gigabytes for tens of thousands of columns.
    return pq.ParquetFile(path, pre_buffer=False).read(use_threads=False).to_pandas()


def write_frame(frame: pd.DataFrame, path: str | Path, *, missing: str = "") -> None:
    """Write a table in the format that the file's name asks for.

    Parameters
    ----------
    frame : pandas.DataFrame
        Its index is left out; numbers are written with all their digits.
    path : path-like
        Ends in ``.parquet``, ``.tsv`` or ``.csv``; missing folders are made. In a text file a cell such as
        ``=HYPERLINK(...)``, which a spreadsheet would run, gets an apostrophe before it.
    missing : str
        What stands in a text file where there is no value.
    """
    path = Path(path)
    with atomic_write(path) as temporary:
        if path.suffix == ".parquet":
            frame.to_parquet(temporary, index=False, compression="zstd")
        else:
            _as_text(frame).to_csv(temporary, sep=_separator(path), na_rep=missing, index=False, lineterminator="\n")


def write_frames(frames: Iterable[pd.DataFrame], path: str | Path, *, missing: str = "") -> int:
    """Write the parts of one table as text, one after another, so that they never lie in memory together.

    Parameters
    ----------
    frames : iterable of pandas.DataFrame
        With the same columns.
    path : path-like
        Ends in ``.tsv`` or ``.csv``.
    missing : str
        As of `write_frame`.

    Returns
    -------
    int
        Rows.
    """
    path, rows = Path(path), 0
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        for number, frame in enumerate(frames):
            text = _as_text(frame)
            text.to_csv(
                stream, sep=_separator(path), na_rep=missing, header=not number, index=False, lineterminator="\n"
            )
            rows += len(frame)
    return rows


def _separator(path: Path) -> str:
    return "\t" if path.suffix == ".tsv" else ","


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Make cells harmless that a spreadsheet would run."""
    frame = frame.copy(deep=False)
    for place, kind in enumerate(frame.dtypes):
        if str(kind) in ("object", "category", "string"):
            cells = frame.iloc[:, place].astype(object)
            cells = cells.map(lambda cell: neutral_cell(cell) if isinstance(cell, str) else cell)
            frame.isetitem(place, cells.to_numpy())
    return frame
