r"""Import wide feature tables, one column per feature, by a small map of their columns.

Whoever has features from elsewhere, such as the public ones of the study (Fiscone et al. 2023, Zenodo 8271881), says in
a YAML file which columns name the session and its region, and how the names of the feature columns and of the files are
built. Named groups of the patterns fill the columns of the tidy table::

    columns: {participant: ID, voi: ROI, group: diagnosis}  # ours: theirs
    file_pattern: "(?P<echo_set>\\dTE)_GL(?P<n_gray_levels>\\d+)"
    pattern: "original_(?P<feature_class>[a-z]+)_(?P<feature>\\w+)"
    values: {echo_set: {5TE: all}, group: {"0": HC, "1": MS}}  # their value: ours
    constants: {preset: fiscone107, inversion: ilsqr, hemisphere: LR}
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from chiomics.core.errors import InputError, SettingError
from chiomics.core.files import atomic_write
from chiomics.robustness.feature_tables import DEFAULTS, NUMBERS, REQUIRED, TEXT

#: pyradiomics' names, the image type optional; whatever stands before is not looked at.
DEFAULT_PATTERN = (
    r"(?:(?P<image_type>original|wavelet-[HL]+|log-sigma-[\w-]+-3D|square|squareroot|logarithm|exponential|gradient)_)?"
    r"(?P<feature_class>firstorder|shape|glcm|glrlm|glszm|gldm|ngtdm)_(?P<feature>[A-Za-z0-9]+)$"
)
KEYS = ("columns", "pattern", "file_pattern", "values", "constants")
NOT_A_NUMBER = "not a number in the imported table"
OUTPUT = (*TEXT[:3], "group", *TEXT[3:9], "n_gray_levels", "bin_width", *TEXT[9:], "value", "reason")

log = logging.getLogger(__name__)


def read_column_map(path: str | Path) -> dict:
    """Read a map of columns from a YAML file.

    Raises
    ------
    SettingError
        Where it has an unknown key, or a pattern that is none.
    """
    found = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    if not isinstance(found, dict) or (unknown := set(found) - set(KEYS)):
        shown = ", ".join(sorted(unknown)) if isinstance(found, dict) else type(found).__name__
        raise SettingError("the column map", file=path, found=shown, expected=", ".join(KEYS))
    for key in ("pattern", "file_pattern"):
        try:
            groups = re.compile(found.get(key) or "").groupindex
        except re.error as error:
            raise SettingError(
                f"the column map's {key} is no regular expression", file=path, found=str(error)
            ) from error
        if strange := set(groups) - set(OUTPUT):
            raise SettingError(
                f"the column map's {key}", file=path, found=", ".join(sorted(strange)), expected=", ".join(OUTPUT)
            )
    if strange := ({*found.get("columns", {})} | {*found.get("constants", {})}) - set(OUTPUT):
        raise SettingError("the column map", file=path, found=", ".join(sorted(strange)), expected=", ".join(OUTPUT))
    return found


def import_wide(paths: Sequence[str | Path], column_map: Mapping, output: str | Path) -> int:
    """Turn wide tables into one tidy feature table.

    Parameters
    ----------
    paths : sequence of path-like
        ``.csv`` or ``.tsv``.
    column_map : mapping
        From `read_column_map`.
    output : path-like
        Parquet file, written whole or not at all.

    Returns
    -------
    int
        Rows.

    Raises
    ------
    InputError
        Where a table cannot be read, a column is not there, or no column is a feature.
    """
    schema = pa.schema([(name, pa.float64() if name in NUMBERS else pa.string()) for name in OUTPUT])
    rows = 0
    with atomic_write(output) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for path in map(Path, paths):
            tidy = _tidy(path, column_map)
            writer.write_table(pa.Table.from_pandas(tidy[list(OUTPUT)], schema=schema, preserve_index=False))
            rows += len(tidy)
    return rows


def _tidy(path: Path, column_map: Mapping) -> pd.DataFrame:
    try:
        wide = pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError("the table cannot be read", file=path, found=str(error)) from error
    named = dict(column_map.get("columns") or {})
    if lacking := [column for column in named.values() if column not in wide]:
        raise InputError("the table lacks columns", file=path, found=", ".join(wide)[:200], expected=", ".join(lacking))
    known = dict(column_map.get("constants") or {}) | _of_file(path, column_map.get("file_pattern"))
    pattern = re.compile(column_map.get("pattern") or DEFAULT_PATTERN)
    features = {column: match.groupdict() for column in wide if (match := pattern.search(column))}
    features = {column: groups for column, groups in features.items() if column not in named.values()}
    ignored = [column for column in wide if column not in features and column not in named.values()]
    if not features:
        raise InputError("no column is a feature", file=path, found=", ".join(wide)[:200], expected=pattern.pattern)
    if ignored:
        log.info("%s: %d columns are no features and are left out: %s", path, len(ignored), ", ".join(ignored[:5]))
    heads = wide[list(named.values())].set_axis(list(named), axis=1)
    long = pd.DataFrame({"column": wide.columns.repeat(len(wide)), "text": wide.to_numpy().T.ravel()})
    long = pd.concat([long, pd.concat([heads] * len(wide.columns), ignore_index=True)], axis=1)
    long = long[long["column"].isin(features)].reset_index(drop=True)
    parts = pd.DataFrame.from_dict(features, orient="index")
    tidy = long.drop(columns=[name for name in parts if name in long]).join(parts, on="column")
    for name, value in known.items():
        tidy[name] = tidy[name].fillna(value) if name in tidy else value
    tidy["value"] = pd.to_numeric(tidy["text"], errors="coerce")
    return _complete(tidy, column_map.get("values") or {}, path)


def _of_file(path: Path, pattern: str | None) -> dict[str, str]:
    if not pattern:
        return {}
    match = re.search(pattern, path.name)
    if match is None:
        raise InputError("the file's name does not fit the file_pattern", file=path, expected=pattern)
    return {name: value for name, value in match.groupdict().items() if value is not None}


def _complete(tidy: pd.DataFrame, values: Mapping[str, Mapping], path: Path) -> pd.DataFrame:
    """Rename values, fill in what a table may lack, and say what it has to have."""
    for name, renamed in values.items():
        if name in tidy:
            names = {str(theirs): ours for theirs, ours in renamed.items()}
            tidy[name] = tidy[name].astype(str).map(lambda value, names=names: names.get(value, value))
    if lacking := [name for name in REQUIRED if name not in tidy]:
        raise InputError(
            "the column map does not say where these come from",
            file=path,
            found=", ".join(tidy),
            expected=", ".join(lacking),
        )
    for name in OUTPUT:
        if name in NUMBERS:
            tidy[name] = pd.to_numeric(tidy[name]) if name in tidy else float("nan")
        elif name not in tidy:
            tidy[name] = DEFAULTS.get(name, "")
        else:
            tidy[name] = tidy[name].fillna(DEFAULTS.get(name, "")).astype(str)
    tidy["reason"] = tidy["reason"].where(tidy["value"].notna() | (tidy["reason"] != ""), NOT_A_NUMBER)
    return tidy
