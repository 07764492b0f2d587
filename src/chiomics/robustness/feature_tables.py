"""Open tidy feature tables of a cohort as one Arrow dataset, and read the rows and columns that are wanted.

Text is read as integer codes with a dictionary, so that ten million rows take some hundred megabytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from chiomics.core.errors import InputError

SESSION = ("participant", "session", "run")
REGION = ("voi", "hemisphere")
FEATURE = ("image_type", "feature_class", "feature")
#: Columns of a feature table that are text, and those that are numbers.
TEXT = (*SESSION, *REGION, "echo_set", "inversion", "perturbation", "preset", *FEATURE)
NUMBERS = ("n_gray_levels", "bin_width", "value")
#: What a table may lack: whoever has one visit and one kind of image need not say so.
DEFAULTS = {"session": "", "run": "", "hemisphere": "", "preset": "", "image_type": "original"}
#: What a table has to have.
REQUIRED = ("participant", "voi", "feature_class", "feature", "value")

_CODED = pa.dictionary(pa.int32(), pa.string())


def open_features(paths: str | Path | Sequence[str | Path]) -> ds.Dataset:
    """Open tidy feature tables as one dataset.

    Parameters
    ----------
    paths : path-like or sequence of path-like
        One table of a cohort or one per session; ``.parquet``, ``.tsv`` or ``.csv``.

    Returns
    -------
    pyarrow.dataset.Dataset
        The rows of all tables; a column that some tables lack is empty there.

    Raises
    ------
    InputError
        Where a table cannot be read or lacks a column of `REQUIRED`.
    """
    files = [Path(paths)] if isinstance(paths, (str, Path)) else [Path(path) for path in paths]
    if not files:
        raise InputError("there is no feature table", expected="at least one")
    kinds = {path.suffix for path in files}
    if len(kinds) > 1 or not kinds <= {".parquet", ".tsv", ".csv"}:
        raise InputError(
            "feature tables are of one kind", found=", ".join(sorted(kinds)), expected=".parquet, .tsv, .csv"
        )
    opened = _open_parquet(files) if kinds == {".parquet"} else ds.dataset(_read_text(files))
    if lacking := [name for name in REQUIRED if name not in opened.schema.names]:
        raise InputError(
            "the feature table lacks columns",
            file=files[0],
            found=", ".join(opened.schema.names),
            expected=", ".join(lacking),
        )
    return opened


def read_rows(
    features: ds.Dataset, *, columns: Sequence[str], keep: Mapping[str, Sequence], group_column: str = "group"
) -> pa.Table:
    """Read some columns of some rows.

    Parameters
    ----------
    features : pyarrow.dataset.Dataset
        From `open_features`.
    columns : sequence of str
        Columns to read besides ``value``; one that the tables lack is filled from `DEFAULTS`, or empty.
    keep : mapping of str to sequence
        Values that a row must have, by column; all where a sequence is empty. A row without a number passes, since a
        setting by bin width has no number of grey levels.
    group_column : str
        Column that is read as ``group``, where `columns` has it.

    Returns
    -------
    pyarrow.Table
        The columns and ``value``, as float64.

    Raises
    ------
    InputError
        Where a column that a value is wanted of is not there.
    """
    have = set(features.schema.names)
    wanted = None
    for name, values in keep.items():
        blank = "" in values
        if name not in have:
            if values and not blank and name not in DEFAULTS:
                raise InputError("the feature tables lack a column", found=", ".join(sorted(have)), expected=name)
            continue
        if not values:
            continue
        if name in NUMBERS:
            chosen = ds.field(name).is_null() | ds.field(name).cast(pa.float64()).isin([float(one) for one in values])
        else:
            chosen = ds.field(name).cast(pa.string()).isin([str(one) for one in values])
            chosen = chosen | ds.field(name).is_null() if blank else chosen
        wanted = chosen if wanted is None else wanted & chosen
    source = {name: group_column if name == "group" else name for name in columns}
    read = {name: ds.field(column) for name, column in source.items() if column in have}
    table = features.to_table(columns=read | {"value": ds.field("value").cast(pa.float64())}, filter=wanted)
    for name in columns:
        if name not in read:
            table = table.append_column(name, _blank(name, len(table)))
    return table


def _open_parquet(files: Sequence[Path]) -> ds.Dataset:
    fields = pa.schema([])
    for path in files:
        try:
            fields = pa.unify_schemas([fields, pq.read_schema(path)], promote_options="permissive")
        except (OSError, pa.ArrowException) as error:
            raise InputError("the feature table cannot be read", file=path, found=str(error)) from error
    text = [one.name for one in fields if _is_text(one.type) and one.name not in NUMBERS]
    # A column that is empty in every table has no type.
    numbers = [one.name for one in fields if one.name in NUMBERS and pa.types.is_null(one.type)]
    types = dict.fromkeys(text, _CODED) | dict.fromkeys(numbers, pa.float64())
    schema = pa.schema([(one.name, types.get(one.name, one.type)) for one in fields])
    plain = [name for name in text if not pa.types.is_dictionary(fields.field(name).type)]
    return ds.dataset(
        [str(path) for path in files], schema=schema, format=ds.ParquetFileFormat(dictionary_columns=plain)
    )


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)


def _read_text(files: Sequence[Path]) -> pa.Table:
    """Read tab- or comma-separated tables; everything is text but the numbers, names such as 007 included."""
    tables = []
    for path in files:
        try:
            separator = pa.csv.ParseOptions(delimiter="\t" if path.suffix == ".tsv" else ",")
            with pa.csv.open_csv(path, parse_options=separator) as first:
                names = first.schema.names
            types = {name: pa.float64() if name in NUMBERS else _CODED for name in names}
            missing = pa.csv.ConvertOptions(column_types=types, null_values=["", "n/a", "NaN", "nan", "NA"])
            tables.append(pa.csv.read_csv(path, parse_options=separator, convert_options=missing))
        except (OSError, pa.ArrowException) as error:
            raise InputError("the feature table cannot be read", file=path, found=str(error)) from error
    return pa.concat_tables(tables, promote_options="default")


def _blank(name: str, length: int) -> pa.Array | pa.DictionaryArray:
    if name in NUMBERS:
        return pa.nulls(length, pa.float64())
    codes = pa.repeat(pa.scalar(0, pa.int32()), length)
    return pa.DictionaryArray.from_arrays(codes, pa.array([DEFAULTS.get(name, "")]))
