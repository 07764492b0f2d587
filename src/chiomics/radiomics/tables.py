"""Feature tables of many sessions, one after another, and from tidy to wide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from chiomics.core.tables import write_frames

#: What names a feature; every other column but value and reason names whose it is.
FEATURE_COLUMNS = ("image_type", "feature_class", "feature")


class SessionTables:
    """The tables of many sessions, of which one lies in memory at a time.

    Parameters
    ----------
    paths : sequence of path-like
        Parquet files; read anew each time that they are gone through.
    """

    def __init__(self, paths: Sequence[str | Path]) -> None:
        self.paths = [Path(path) for path in paths]

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Read one table after the other, text as categories."""
        for path in self.paths:
            text = [field.name for field in pq.read_schema(path) if pa.types.is_string(field.type)]
            table = pq.read_table(path, read_dictionary=text, use_threads=False, pre_buffer=False)
            yield table.to_pandas(types_mapper={pa.int32(): pd.Int32Dtype()}.get)


def write_wide(tables: Iterable[pd.DataFrame], path: str | Path) -> int:
    """Write the tables of a cohort as one with a column per feature, see `widen`.

    Parameters
    ----------
    tables : iterable of pandas.DataFrame
        One of each session, as of `SessionTables`; gone through twice.
    path : path-like
        TSV or CSV.

    Returns
    -------
    int
        Rows.
    """
    heads: dict[str, None] = {}
    names: dict[str, None] = {}
    for table in tables:
        heads |= dict.fromkeys(_heads(table))
        names |= dict.fromkeys(_names(table[list(FEATURE_COLUMNS)].drop_duplicates()))
    columns = [*heads, *names]
    return write_frames((widen(table).reindex(columns=columns) for table in tables if len(table)), path)


def widen(tidy: pd.DataFrame) -> pd.DataFrame:
    """Pivot: a column per feature under pyradiomics' full name, and for each region and grey-level setting a row.

    Parameters
    ----------
    tidy : pandas.DataFrame
        With the columns of `FEATURE_COLUMNS` and ``value``.

    Returns
    -------
    pandas.DataFrame
        Rows and columns in the order of their first appearance.
    """
    keys, name = _heads(tidy), _names(tidy)
    rows = tidy.groupby(keys, sort=False, dropna=False, observed=True).ngroup()
    wide = pd.DataFrame({"row": rows, "name": name, "value": tidy["value"]}).pivot(
        index="row", columns="name", values="value"
    )
    heads = tidy[keys].loc[~rows.duplicated()].reset_index(drop=True)
    return pd.concat([heads, wide[list(dict.fromkeys(name))].reset_index(drop=True)], axis=1)


def _heads(tidy: pd.DataFrame) -> list[str]:
    return [column for column in tidy.columns if column not in (*FEATURE_COLUMNS, "value", "reason")]


def _names(tidy: pd.DataFrame) -> pd.Series:
    first, *others = (tidy[column].astype(str) for column in FEATURE_COLUMNS)
    return first.str.cat(others, sep="_")
