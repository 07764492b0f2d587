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

from chiomics.core.errors import InputError
from chiomics.core.features.columns import FEATURE, REGION, SESSION
from chiomics.core.features.matrix import Collected, collect
from chiomics.core.features.rows import Rows
from chiomics.core.features.table import FeatureTable

#: What tells the columns of `Ratings.values` apart: those of a region at a setting lie side by side.
COLUMN_KEYS = ("preset", "n_gray_levels", "bin_width", *REGION, *FEATURE)

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
    # The rater comes first, so that the columns of one lie side by side.
    of_session, of_column = (*SESSION, "group"), (axis.column, *(name for name in COLUMN_KEYS if name != axis.column))
    rows = Rows(features, [*of_session, *of_column], keep=keep, group_column=group_column)
    read = collect(rows, of_session, of_column, in_order=axis.values)
    if not len(read.rows):
        wanted = [f"{name} {' or '.join(map(str, values))}" for name, values in keep.items() if len(values)]
        found = features.say_found()
        raise InputError(f"no feature is on the axis {axis.name}", found=found, expected=", ".join(wanted) or "rows")
    sessions = read.rows
    if (twice := sessions.duplicated(list(SESSION))).any():
        who = sessions.loc[twice, "participant"].iloc[0]
        groups = ", ".join(sorted(set(sessions.loc[sessions["participant"] == who, "group"])))
        file = " and ".join(features.files_with(who))
        raise InputError("a session has two groups", file=file, found=f"{who}: {groups or 'none'}", expected="one")
    if read.twice:
        _refuse_twice(features, read, axis)
    raters = tuple(axis.values) or tuple(dict.fromkeys(read.columns[axis.column]))
    values, columns = _by_rater(read, axis.column, raters)
    who = np.repeat(sessions["participant"].to_numpy(), len(raters))
    flat = values.reshape(len(who), len(columns))
    named = columns[list(REGION)].agg(" ".join, axis=1) + " " + columns[list(FEATURE)].agg("_".join, axis=1)
    features.refuse_codes(flat, who, lambda number: named.iloc[number].strip())
    features.refuse_units(flat, who, [name.strip() for name in named])
    missing = sum(int(np.isnan(one).sum()) for one in values)
    if missing == values.size:  # what is infinite was made missing when it was read
        raise InputError("no feature has a value", found=f"{values.size} empty cells", expected="numbers")
    log.info(
        "%s: %d sessions, %d values of %s (%s), %d features of regions, %.1f %% of the values missing",
        *(axis.name, len(sessions), len(raters), axis.column, ", ".join(raters), len(columns)),
        100 * missing / values.size,
    )
    return Ratings(values, sessions, raters, columns)


def _by_rater(read: Collected, column: str, raters: tuple[str, ...]) -> tuple[np.ndarray, pd.DataFrame]:
    """Bring values to sessions by raters by columns, and name the columns."""
    heads = read.columns[list(COLUMN_KEYS)]
    columns = heads.drop_duplicates().sort_values(list(COLUMN_KEYS), kind="stable").reset_index(drop=True)
    place = heads.merge(columns.reset_index(names="place"), on=list(COLUMN_KEYS), how="left")["place"].to_numpy()
    rater = np.array([raters.index(name) for name in read.columns[column]])
    values = read.fill(rater * len(columns) + place, len(raters) * len(columns))
    values = values.reshape(len(read.rows), len(raters), len(columns))
    levels = columns["n_gray_levels"]
    if np.isfinite(levels).all() and (levels == levels.round()).all():
        columns["n_gray_levels"] = levels.astype(np.int64)
    return values, columns


def _refuse_twice(features: FeatureTable, read: Collected, axis: Axis) -> None:
    place, session = next(iter(read.twice.items()))
    column = read.columns.iloc[place]
    names = [*read.rows.iloc[session][list(SESSION)], column[axis.column]]
    names += [column[name] for name in COLUMN_KEYS if name != axis.column]
    raise InputError(
        "a feature of a session is there twice",
        file=" and ".join(features.files_with(read.rows["participant"].iloc[session])),
        found=", ".join(str(name) for name in names if name == name and name != ""),
        expected="one value per session, reconstruction, region and feature",
    )
