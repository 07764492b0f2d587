r"""Wide tables, a column per feature, as tidy ones: by pyradiomics' names, or by a small map of the columns.

Whoever has features under other names, such as the public ones of the study (Fiscone et al. 2023, Zenodo 8271881), says
in a YAML file which columns name the session and its region, and how the names of the feature columns and of the files
are built. Named groups of the patterns fill the columns of the tidy table::

    columns: {participant: ID, voi: ROI, group: diagnosis, age: Alter}  # ours: theirs
    file_pattern: "(?P<echo_set>\\dTE)_GL(?P<n_gray_levels>\\d+)"
    pattern: "original_(?P<feature_class>[a-z]+)_(?P<feature>\\w+)"
    values: {echo_set: {5TE: all}, group: {"0": HC, "1": MS}}  # their value: ours
    constants: {preset: fiscone107, inversion: ilsqr, hemisphere: LR}
    participants: people.csv  # demographic variables, beside this map
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from chiomics.core.errors import InputError, SettingError
from chiomics.core.features.columns import COLUMNS, own_name
from chiomics.core.features.files import RawTable, Source, name_columns
from chiomics.core.features.names import is_alike, looks_like_feature, split_feature
from chiomics.core.features.values import ALLOWED, read_numbers
from chiomics.core.files import read_yaml

KEYS = ("columns", "pattern", "file_pattern", "values", "constants", "participants")
NOT_A_NUMBER = "not a number in the imported table"
UNKNOWN_TYPE = "what stands before the class is no filter of pyradiomics"
UNKNOWN_END = "something stands behind the feature's name, and a column names the region"
NO_REGION = "it names no region, and other columns do"
UNMATCHED = "it looks like a feature, and the map's pattern does not fit it"
ALIKE = "it looks like a feature, and is not spelled as pyradiomics spells one"
_SPACING = re.compile(r"diagnostics_Image[-.](?P<image>interpolated|original)_Spacing")
_SETTINGS = "diagnostics_Configuration_Settings"

log = logging.getLogger(__name__)


def read_column_map(path: str | Path) -> dict:
    """Read a map of columns from a YAML file.

    Raises
    ------
    SettingError
        Where it has an unknown key, or a pattern that is none.
    """
    found = read_yaml(path) or {}
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
        if strange := set(groups) - set(COLUMNS):
            raise SettingError(
                f"the column map's {key}", file=path, found=", ".join(sorted(strange)), expected=", ".join(COLUMNS)
            )
    if strange := {*(found.get("constants") or {})} - set(COLUMNS):
        raise SettingError("the column map", file=path, found=", ".join(sorted(strange)), expected=", ".join(COLUMNS))
    if strange := [name for name in found.get("columns") or {} if own_name(name) not in (None, name)]:
        raise SettingError("the column map", file=path, found=strange[0], expected=str(own_name(strange[0])))
    if found.get("participants"):
        found["participants"] = str(Path(path).parent / found["participants"])
    return found


def as_tidy(raw: RawTable, column_map: Mapping | None = None) -> Source:
    """Turn a wide table into a tidy one in memory.

    Parameters
    ----------
    raw : RawTable
        From `files.open_table`.
    column_map : mapping, optional
        From `read_column_map`; pyradiomics' names without one.

    Returns
    -------
    Source

    Raises
    ------
    InputError
        Where a column is not there, no column is a feature, or a value is no number.
    """
    given, path = dict(column_map or {}), raw.path
    mapped = dict(given.get("columns") or {})
    if lacking := [column for column in mapped.values() if column not in raw.header]:
        raise InputError("the table lacks columns", file=path, found=_few(raw.header), expected=", ".join(lacking))
    told = {*mapped, *(given.get("constants") or {}), *map(own_name, raw.header)} | {
        name for key in ("pattern", "file_pattern") for name in re.compile(given.get(key) or "").groupindex
    }
    features, unknown = _features(raw, given.get("pattern"), set(mapped.values()), has_region="voi" in told)
    for why in dict.fromkeys(unknown.values()):
        names = [name for name in unknown if unknown[name] == why]
        log.warning("%s: %d columns are left out, %s: %s", path, len(names), why, _few(names))
    if not features:
        expected = given.get("pattern") or "pyradiomics' names, e.g. original_glcm_Contrast, or a map of the columns"
        raise InputError("no column is a feature", file=path, found=_few(raw.header), expected=expected)
    rest = [name for name in raw.header if name not in features and name not in unknown]
    heads = dict(mapped)
    named, others = name_columns([name for name in rest if name not in mapped.values()], path)
    heads |= {ours: name for ours, name in named.items() if ours not in heads and ours not in ("value", "reason")}
    others = [name for name in others if not name.startswith("diagnostics") and name not in heads]
    table = raw.rows.to_table()
    values = _values(table.select(list(features)), raw)
    parts = _parts(table, heads, features, given, path)
    binned = {"n_gray_levels", "bin_width"} & set(parts)
    for name, text in _from_diagnostics(table, raw.header).items():
        if name not in parts and (name == "voxel_size" or not binned):
            parts[name] = _repeated(text, len(features))
    for name in others:
        parts[name] = _repeated(table[name].to_pylist(), len(features))
    reason = pa.array(np.where(np.isnan(values), 1, 0).astype(np.int32))
    parts["reason"] = pa.DictionaryArray.from_arrays(reason, pa.array(["", NOT_A_NUMBER]))
    tidy = pa.table(parts | {"value": pa.array(values)})
    if lacking := [name for name, column in COLUMNS.items() if column.needed and name not in parts and name != "value"]:
        said = "the column map does not say where these come from" if column_map else "the wide table lacks columns"
        raise InputError(said, file=path, found=_few(rest) or "features alone", expected=", ".join(lacking))
    own = {name: name for name in tidy.column_names if name in COLUMNS}
    extra = tuple(name for name in tidy.column_names if name not in COLUMNS)
    return Source(path, own, extra, ds.InMemoryDataset(tidy), tuple(unknown.items()), raw.first_line)


def _features(
    raw: RawTable, pattern: str | None, mapped: set[str], *, has_region: bool
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Take the names of the columns apart; give the features, and the columns that are left out with the reason."""
    header = [name for name in raw.header if name not in mapped]
    if pattern:
        matches = {name: match for name in header if (match := re.search(pattern, name))}
        unfit = {name: UNMATCHED for name in header if name not in matches and looks_like_feature(name)}
        return {name: {k: v for k, v in m.groupdict().items() if v is not None} for name, m in matches.items()}, unfit
    parts = {name: groups for name in header if (groups := split_feature(name.strip()))}
    found, unknown = {}, {name: ALIKE for name in header if name not in parts and is_alike(name)}
    regions = {
        name: [groups.pop(key) for key in ("prefix", "after") if key in groups] for name, groups in parts.items()
    }
    by_name = not has_region and any(regions.values())
    for name, groups in parts.items():
        if "unknown" in groups:
            unknown[name] = UNKNOWN_TYPE
        elif by_name and not regions[name]:
            unknown[name] = NO_REGION
        elif len(regions[name]) > 1 or (
            regions[name] and not by_name and name.strip().endswith(f"_{regions[name][0]}")
        ):
            unknown[name] = UNKNOWN_END
        else:
            found[name] = groups | ({"voi": regions[name][0]} if by_name else {})
    several = sorted({regions[name][0] for name in found if regions[name]})
    if not by_name and len(several) > 1:
        raise InputError(
            "several things stand before the filters in the names of columns, and the region is named elsewhere",
            file=raw.path, found=", ".join(several[:5]), expected="no column voi where the names hold the regions",
        )  # fmt: skip
    if by_name:
        log.warning("%s: the names of columns hold the regions: %s", raw.path, _few(several))
    return found, unknown


def _values(table: pa.Table, raw: RawTable) -> np.ndarray:
    """Return the numbers of all feature columns, one column after the other."""
    written = [name for name in table.column_names if not _is_number(table.schema.field(name).type)]
    values = np.empty((table.num_columns, len(table)))
    for place, name in enumerate(table.column_names):
        if name not in written:
            values[place] = table[name].cast(pa.float64(), safe=False).to_numpy()
    if written:
        texts = [text for name in written for text in table[name].to_pylist()]
        found = read_numbers(texts)
        if found.unread:
            place = found.unread[0]
            row, column = place % len(table) + raw.first_line, written[place // len(table)]
            raise InputError(
                f"{len(found.unread)} values are no numbers, the first in row {row}, column {column}",
                file=raw.path, found=repr(texts[place]), expected=ALLOWED,
            )  # fmt: skip
        for note in found.notes:
            log.warning("%s: %s", raw.path, note)
        places = [table.column_names.index(name) for name in written]
        values[places] = found.values.reshape(len(written), len(table))
    return values.ravel()


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)


def _parts(table: pa.Table, heads: Mapping, features: Mapping, given: Mapping, path: Path) -> dict[str, pa.Array]:
    """Fill the tidy columns: from the table's heads, the names of its columns, the file's name, and the constants."""
    renamed = {name: {str(k): v for k, v in values.items()} for name, values in (given.get("values") or {}).items()}
    known = {name: str(value) for name, value in (given.get("constants") or {}).items()}
    known |= _of_file(path, given.get("file_pattern"))
    found = {}
    for ours, theirs in heads.items():
        texts = [None if value is None or value != value else str(value) for value in table[theirs].to_pylist()]
        texts = [known.get(ours) if text in (None, "") else text for text in texts]
        found[ours] = _repeated([renamed.get(ours, {}).get(text, text) for text in texts], len(features))
    names = dict.fromkeys(name for groups in features.values() for name in groups)
    for name in names:
        texts = [groups.get(name, known.get(name, COLUMNS[name].default)) for groups in features.values()]
        found[name] = _spread([renamed.get(name, {}).get(text, text) for text in texts], len(table))
    for name, text in known.items():
        if name not in found:
            found[name] = _repeated([renamed.get(name, {}).get(text, text)] * len(table), len(features))
    return found


def _repeated(texts: Sequence, times: int) -> pa.DictionaryArray:
    codes, words = pd.factorize(np.array([None if t is None else str(t) for t in texts], dtype=object))
    return pa.DictionaryArray.from_arrays(
        pa.array(np.tile(codes.astype(np.int32), times), mask=np.tile(codes < 0, times)), pa.array(words, pa.string())
    )


def _spread(texts: Sequence[str], rows: int) -> pa.DictionaryArray:
    codes, words = pd.factorize(np.array([str(text) for text in texts], dtype=object))
    return pa.DictionaryArray.from_arrays(np.repeat(codes.astype(np.int32), rows), pa.array(words, pa.string()))


def _of_file(path: Path, pattern: str | None) -> dict[str, str]:
    if not pattern:
        return {}
    match = re.search(pattern, path.name)
    if match is None:
        raise InputError("the file's name does not fit the file_pattern", file=path, expected=pattern)
    return {name: value for name, value in match.groupdict().items() if value is not None}


def _from_diagnostics(table: pa.Table, header: Sequence[str]) -> dict[str, list]:
    """Read what pyradiomics itself says of the voxel size and of the discretisation."""
    found: dict[str, list] = {}
    spacing = {match["image"]: name for name in header if (match := _SPACING.fullmatch(name))}
    if spacing:
        column = table[spacing.get("interpolated", spacing.get("original"))]
        found["voxel_size"] = [" ".join(re.findall(r"[\d.]+(?:[eE]-?\d+)?", str(text))) for text in column.to_pylist()]
    if _SETTINGS in header:
        for ours, theirs in (("n_gray_levels", "binCount"), ("bin_width", "binWidth")):
            texts = [re.search(rf"'{theirs}': ([\d.]+)", str(text)) for text in table[_SETTINGS].to_pylist()]
            found[ours] = [match and match[1] for match in texts]
        counted = [text is not None for text in found["n_gray_levels"]]
        found["bin_width"] = [None if own else w for own, w in zip(counted, found["bin_width"], strict=True)]
    return found


def _few(names: Sequence[str]) -> str:
    names = [name for name in names if name.strip() and not name.startswith(" ")]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
