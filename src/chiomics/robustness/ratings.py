"""The values that an intraclass correlation compares, as one array: sessions by reconstructions by features.

What the reconstructions are is an axis: a column of the feature tables, the values of it that are compared, and the
values at which other columns are held.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from chiomics.core.errors import InputError
from chiomics.core.features.columns import FEATURE, REGION, SESSION
from chiomics.core.features.table import FeatureTable

#: What tells the columns of `Ratings.values` apart: those of a region at a setting lie side by side.
COLUMN_KEYS = ("preset", "n_gray_levels", "bin_width", *REGION, *FEATURE)
#: Keys are counted in a table of all combinations up to this size, and sorted beyond it.
MAX_TABLE = 200_000_000

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Axis:
    """What is varied: the raters of an intraclass correlation.

    Parameters
    ----------
    name : str
        Name in the tables.
    column : str
        Column of the feature tables whose values are the raters.
    values : tuple of str
        The values that are compared; all that the tables hold where empty.
    where : mapping of str to tuple of str
        Values at which other columns are held; the empty one also stands for a column that is not there.
    """

    name: str
    column: str
    values: tuple[str, ...] = ()
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Ratings:
    """Values along one axis.

    Parameters
    ----------
    values : ndarray, shape (sessions, raters, columns)
        NaN where there is none.
    sessions : pandas.DataFrame
        Columns participant, session, run and group; one row per session.
    raters : tuple of str
        In the order of the axis.
    columns : pandas.DataFrame
        The columns of `COLUMN_KEYS`; one row per column of `values`.
    """

    values: np.ndarray
    sessions: pd.DataFrame
    raters: tuple[str, ...]
    columns: pd.DataFrame


def read_ratings(
    features: FeatureTable, axis: Axis, *, keep: Mapping[str, Sequence] | None = None, group_column: str = "group"
) -> Ratings:
    """Read what one axis compares.

    Parameters
    ----------
    features : FeatureTable
        From `chiomics.core.features.table.open_features`.
    axis : Axis
        What is varied, and what is held.
    keep : mapping of str to sequence, optional
        Presets, regions, numbers of grey levels or classes to read, by column; all of a column that is not named.
    group_column : str
        Column that names a session's group.

    Returns
    -------
    Ratings
        Sessions, settings and regions in the order of their names and numbers.

    Raises
    ------
    InputError
        Where nothing is left to compare, or a value is there twice.
    """
    if features.find_column(axis.column) is None:
        raise InputError(
            f"the feature tables lack the column of the axis {axis.name}",
            found=", ".join((*features.columns, *features.others)),
            expected=axis.column,
        )
    keep = {**(keep or {}), **axis.where, axis.column: axis.values}
    columns = list(dict.fromkeys((*SESSION, "group", *COLUMN_KEYS, axis.column)))
    table = features.read(columns, keep=keep, group_column=group_column)
    if not len(table):
        wanted = [f"{name} {' or '.join(map(str, values))}" for name, values in keep.items() if len(values)]
        found = features.say_found()
        raise InputError(f"no feature is on the axis {axis.name}", found=found, expected=", ".join(wanted) or "rows")
    coded = {name: _encode(table[name]) for name in table.column_names if name != "value"}
    raters = tuple(axis.values) or tuple(coded[axis.column][1])
    rater = np.array([raters.index(name) for name in coded[axis.column][1]])[coded[axis.column][0]]
    session, sessions = _combine(coded, (*SESSION, "group"))
    column, columns = _combine(coded, COLUMN_KEYS)
    if (twice := sessions.duplicated(list(SESSION))).any():
        who = sessions.loc[twice, "participant"].iloc[0]
        groups = ", ".join(sorted(set(sessions.loc[sessions["participant"] == who, "group"])))
        file = " and ".join(features.files_with(who))
        raise InputError("a session has two groups", file=file, found=f"{who}: {groups or 'none'}", expected="one")
    values = np.full((len(sessions), len(raters), len(columns)), np.nan)
    place = (session.astype(np.int64) * len(raters) + rater) * len(columns) + column
    _check_once(features, place, values.shape, sessions, raters, columns)
    values.ravel()[place] = table["value"].to_numpy()
    who = np.repeat(sessions["participant"].to_numpy(), len(raters))
    flat = values.reshape(len(who), len(columns))
    named = columns[list(REGION)].agg(" ".join, axis=1) + " " + columns[list(FEATURE)].agg("_".join, axis=1)
    features.refuse_codes(flat, who, lambda number: named.iloc[number].strip())
    features.refuse_units(flat, who, [name.strip() for name in named])
    if not np.isfinite(values).any():
        raise InputError("no feature has a value", found=f"{values.size} empty cells", expected="numbers")
    log.info(
        "%s: %d sessions, %d values of %s (%s), %d features of regions, %.1f %% of the values missing",
        *(axis.name, len(sessions), len(raters), axis.column, ", ".join(raters), len(columns)),
        100 * np.isnan(values).mean(),
    )
    return Ratings(values, sessions, raters, columns)


def _encode(column: pa.ChunkedArray) -> tuple[np.ndarray, list]:
    """Turn a column into codes and what they stand for, sorted: text without nulls, or numbers with NaN last."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    whole = column.unify_dictionaries().combine_chunks()
    number = pa.types.is_integer(whole.dictionary.type) or pa.types.is_floating(whole.dictionary.type)
    nothing = np.inf if number else ""
    found = [nothing if value is None or value != value else value for value in whole.dictionary.to_pylist()] + [
        nothing
    ]
    codes = whole.indices.fill_null(len(found) - 1).to_numpy(zero_copy_only=False)
    used = np.bincount(codes, minlength=len(found)) > 0
    kept = sorted({value for value, use in zip(found, used, strict=True) if use})
    lookup = np.array([kept.index(value) if use else -1 for value, use in zip(found, used, strict=True)])
    return lookup.astype(np.int32)[codes], [np.nan if value == np.inf else value for value in kept]


def _combine(coded: dict[str, tuple[np.ndarray, list]], keys: Sequence[str]) -> tuple[np.ndarray, pd.DataFrame]:
    """Return a number to each combination of several columns, in the order of their codes, and list them."""
    shape = [len(coded[key][1]) for key in keys]
    flat = np.ravel_multi_index([coded[key][0] for key in keys], shape)
    if np.prod(shape, dtype=float) <= MAX_TABLE:
        present = np.zeros(np.prod(shape), dtype=bool)
        present[flat] = True
        found, numbers = np.flatnonzero(present), (np.cumsum(present, dtype=np.int32) - 1)[flat]
    else:
        found, numbers = np.unique(flat, return_inverse=True)
    places = np.unravel_index(found, shape)
    heads = {key: np.array(coded[key][1])[place] for key, place in zip(keys, places, strict=True)}
    return numbers, pd.DataFrame(heads)


def _check_once(
    features: FeatureTable,
    place: np.ndarray,
    shape: tuple[int, ...],
    sessions: pd.DataFrame,
    raters: Sequence[str],
    columns: pd.DataFrame,
) -> None:
    seen = np.zeros(np.prod(shape), dtype=bool)
    seen[place] = True
    if np.count_nonzero(seen) == len(place):
        return
    ordered = np.sort(place)
    session, rater, column = np.unravel_index(ordered[1:][np.diff(ordered) == 0][0], shape)
    names = [*sessions.iloc[session][list(SESSION)], raters[rater], *columns.iloc[column]]
    raise InputError(
        "a feature of a session is there twice",
        file=" and ".join(features.files_with(sessions["participant"].iloc[session])),
        found=", ".join(str(name) for name in names if name == name and name != ""),
        expected="one value per session, reconstruction, region and feature",
    )
