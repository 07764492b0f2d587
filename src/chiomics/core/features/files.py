"""One table of features as a file: Parquet, or text as R, Excel and pandas write it, with its columns by name."""

from __future__ import annotations

import csv
import json
import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from chiomics.core.errors import InputError, say_cause
from chiomics.core.features.columns import own_name
from chiomics.core.features.heads import read_head, text_encoding
from chiomics.core.features.names import split_feature
from chiomics.core.features.values import MISSING

TEXT_FILES = (".tsv", ".csv", ".txt")
KINDS = (".parquet", *TEXT_FILES)
#: Spellings that Arrow may take for a missing number; every other one is read by `values.read_numbers`.
_NULLS = sorted({*MISSING, "n/a", "N/A", "NA", "NaN", "nan", "NULL", "None", "none", "<NA>", ""})
#: Key in the metadata of an imported table with the columns that its map left out.
LEFT_OUT_KEY = b"chiomics.left_out"
_MAX_BLOCK = 1 << 30
_RAGGED = re.compile(
    r"Row #(?P<row>\d+): Expected (?P<expected>\d+) columns, got (?P<found>\d+): ?(?P<line>.*)", re.DOTALL
)
#: What pandas and R write behind a name that was there already.
_REPEATED = re.compile(r"(?P<name>.+)\.\d+")
#: Rows that are held in memory at a time.
BATCH = 131_072

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Source:
    """A tidy table that has been opened.

    Parameters
    ----------
    path : Path
        The file.
    columns : dict of str to str
        Our name to the file's.
    others : tuple of str
        Further columns, which may be demographic.
    rows : pyarrow.dataset.Dataset
        As the file has them.
    left_out : tuple of tuple of str
        Columns that are not read, each with the reason.
    first_line : int
        Number that the first row has for a reader of the file.
    """

    path: Path
    columns: dict[str, str]
    others: tuple[str, ...]
    rows: ds.Dataset
    left_out: tuple[tuple[str, str], ...] = ()
    first_line: int = 1

    def batches(self, names: Sequence[str]) -> Iterator[tuple[int, dict[str, pa.Array]]]:
        """Return some columns part by part, as the file has them, with the number of the first row of each part."""
        wanted = {name: ds.field(self.columns.get(name, name)) for name in names}
        line = self.first_line
        for batch in self.rows.scanner(columns=wanted, batch_size=BATCH, use_threads=False).to_batches():
            yield line, dict(zip(wanted, batch.columns, strict=True))
            line += len(batch)


@dataclass(frozen=True, eq=False)
class RawTable:
    """A file as it is: rows not yet read for Parquet, and its header."""

    path: Path
    header: tuple[str, ...]
    rows: ds.Dataset
    first_line: int
    is_wide: bool = field(default=False)

    @property
    def left_out(self) -> tuple[tuple[str, str], ...]:
        """Columns that an earlier import of the table left out, each with the reason."""
        try:
            pairs = json.loads((self.rows.schema.metadata or {}).get(LEFT_OUT_KEY, b"[]"))
            return tuple((str(column), str(why)) for column, why in pairs)
        except (ValueError, TypeError):  # somebody else's metadata
            return ()


def open_table(path: str | Path) -> RawTable:
    """Open one file.

    Raises
    ------
    InputError
        Where it is no table, is empty, or repeats a column.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError("a folder is no table", file=path, expected=f"its tables, e.g. '{path.name}/*.parquet'")
    if path.suffix.casefold() == ".gz":
        raise InputError("a compressed table", file=path, found=".gz", expected=f"the table itself: gunzip {path.name}")
    if path.suffix.casefold() not in KINDS:
        raise InputError("a table of features", file=path, found=path.suffix or "no ending", expected=", ".join(KINDS))
    if not path.is_file():
        raise InputError("there is no such file", file=path)
    try:
        rows, first = (_open_parquet(path), 1) if path.suffix.casefold() == ".parquet" else _read_text(path)
    except (OSError, UnicodeError, csv.Error, pa.ArrowException) as error:
        raise InputError("the table cannot be read", file=path, found=say_cause(error)[:300]) from error
    header = tuple(rows.schema.names)
    repeated = [name for name, times in Counter(header).items() if times > 1]
    repeated += [
        name for name in header if (m := _REPEATED.fullmatch(name)) and m["name"] in header and split_feature(m["name"])
    ]
    if repeated:
        raise InputError("a column's name is repeated", file=path, found=", ".join(repeated[:5]))
    return RawTable(path, header, rows, first, _is_wide(header))


def table_of_frame(frame: pd.DataFrame) -> RawTable:
    """Take a table from memory; columns of mixed kinds are read as text."""
    columns = {}
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    for name, column in frame.items():
        if column.dtype == object or str(column.dtype) == "complex128":
            column = column.map(lambda cell: None if cell is None or cell != cell else str(cell))
        columns[str(name)] = pa.array(column, from_pandas=True)
    if len(columns) < frame.shape[1]:
        raise InputError("a column's name is repeated", found=", ".join(map(str, frame.columns))[:200])
    header = tuple(columns)
    return RawTable(Path("the table"), header, ds.InMemoryDataset(pa.table(columns)), 1, _is_wide(header))


def refuse_transposed(raw: RawTable) -> None:
    """Refuse a table with a row per feature and a column per participant, by its own cause.

    Raises
    ------
    InputError
        Where a column of text holds names of features, and other columns are numbers.
    """
    for name in raw.header:
        cells = raw.rows.head(20, columns=[name])[name].to_pylist()
        names = [cell for cell in cells if isinstance(cell, str) and split_feature(cell.strip())]
        where = "a column without a name" if name.startswith(" ") else f"column {name}"
        if len(raw.header) > 2 and names and len(names) > len(cells) / 2:
            raise InputError(
                "features stand in rows and participants in columns", file=raw.path,
                found=f"{names[0]} in {where}", expected="a row per participant: transpose it",
            )  # fmt: skip


def name_columns(header: Sequence[str], path: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Find our columns by name, exact names first; return them and the others.

    Raises
    ------
    InputError
        Where two columns stand for the same one of ours.
    """
    exact = {name: name for name in header if own_name(name) == name}
    found, others = dict(exact), []
    for name in header:
        own = own_name(name)
        if own is None or own in exact:
            others += [] if name in exact.values() or not name.strip() else [name]
        elif own in found:
            raise InputError(f"two columns may be {own}", file=path, found=f"{found[own]}, {name}", expected=own)
        else:
            found[own] = name
            log.info("%s: column %s is read as %s", path, name, own)
    return found, tuple(others)


def _is_wide(header: Sequence[str]) -> bool:
    own = {own_name(name) for name in header}
    return not {"feature", "value"} <= own and any(split_feature(name.strip()) for name in header)


def _open_parquet(path: Path) -> ds.Dataset:
    schema = pq.read_schema(path)
    kept = [name for name in schema.names if not name.startswith("__index_level_")]
    plain = [one.name for one in schema if pa.types.is_string(one.type) or pa.types.is_large_string(one.type)]
    if len(schema.names) > 1_000:  # Arrow's read-ahead of very many columns takes gigabytes
        return ds.InMemoryDataset(pq.read_table(path, columns=kept, pre_buffer=False, use_threads=False))
    return ds.dataset(str(path), format=ds.ParquetFileFormat(dictionary_columns=plain))


def _read_text(path: Path) -> tuple[ds.Dataset, int]:
    """Read a text table; columns of numbers as such where every cell is one, everything else as it stands.

    Returns
    -------
    pyarrow.dataset.Dataset, int
        The rows, and the line of the file that the first one stands in.
    """
    encoding = text_encoding(path)
    head = read_head(path, encoding)
    header, separator = list(head.names), head.separator
    spare = iter(range(len(header)))
    header = [name or f" {next(spare)}" for name in header]
    wide = _is_wide(header)
    numeric = [name for name in header if (wide and split_feature(name)) or own_name(name) == "value"]
    if not head.has_rows:
        return ds.InMemoryDataset(pa.table({name: pa.array([], pa.string()) for name in header})), head.lines + 1
    size = min(max(path.stat().st_size + 1, 1 << 20), _MAX_BLOCK)
    options = {
        "read_options": pa.csv.ReadOptions(
            column_names=header, skip_rows=head.lines, block_size=size, encoding=encoding, use_threads=False
        ),
        "parse_options": pa.csv.ParseOptions(delimiter=separator),
    }
    text = dict.fromkeys(header, pa.string())
    for kinds in (text | dict.fromkeys(numeric, pa.float64()), text):
        try:
            table = pa.csv.read_csv(
                path, **options, convert_options=pa.csv.ConvertOptions(column_types=kinds, null_values=_NULLS)
            )
            return ds.InMemoryDataset(_without_empty_rows(table)), head.lines + 1
        except pa.ArrowInvalid as error:
            if match := _RAGGED.search(str(error)):
                raise InputError(
                    f"row {match['row']} does not have the header's number of cells",
                    file=path, found=f"{match['found']}: {match['line'].strip()[:80]}", expected=match["expected"],
                ) from error  # fmt: skip
            if kinds is text or "conversion error" not in str(error):
                raise
    raise AssertionError


def _without_empty_rows(table: pa.Table) -> pa.Table:
    """Drop the rows at the end without any cell, which spreadsheets write."""
    last = len(table)
    while last and all(not str(column[last - 1].as_py() or "").strip() for column in table.columns):
        last -= 1
    return table.slice(0, last)
