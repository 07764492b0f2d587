"""The cohort as one table: a row per session, a column per region and feature, from the features' Parquet files.

A region is a volume of interest, ``DN``, or one side of it, ``DN-L``; its features are columns ``DN.<feature>`` under
pyradiomics' full name. Sex becomes 1 for male and 0 for female. What is missing stays NaN here and is filled inside
the folds.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from chiomics.core.errors import InputError, SettingError
from chiomics.diagnosis.contracts import COHORT_COLUMNS

#: Columns of the feature files that name a feature; those before ``voi`` name the session and its participant.
FEATURE_COLUMNS = ("image_type", "feature_class", "feature")
#: Columns that the configuration has to make unique, with their keys.
UNIQUE = ("inversion", "n_gray_levels", "bin_width")
SEX = {"m": 1.0, "male": 1.0, "f": 0.0, "female": 0.0}
MISSING = ("", "n/a", "nan", "na", "none")

log = logging.getLogger(__name__)


def read_cohort(paths: Iterable[str | Path], settings: dict, *, regions: Sequence[str]) -> pd.DataFrame:
    """Read the features of all sessions.

    Parameters
    ----------
    paths : iterable of path-like
        Parquet files of the radiomics stage, one per session.
    settings : dict
        Keys of `contracts.DEFAULTS`.
    regions : sequence of str
        Regions that the models need, e.g. ``DN`` or ``CST-L``.

    Returns
    -------
    pandas.DataFrame
        As `build_cohort` gives it.
    """
    wanted = [
        ("preset", "=", settings["preset"]),
        ("echo_set", "=", settings["echo_set"]),
        ("group", "in", settings["groups"]),
        ("voi", "in", sorted({_voi_side(name)[0] for name in regions})),
    ]
    parts = [pq.read_table(path, filters=wanted).to_pandas() for path in paths]
    filled = [part for part in parts if len(part)]
    if not filled:
        raise InputError(
            "no session of the two groups has features of the asked preset, echo set and regions",
            found=f"{len(parts)} files",
            expected=f"preset {settings['preset']}, echo set {settings['echo_set']}, regions {', '.join(regions)}",
        )
    return build_cohort(pd.concat(filled, ignore_index=True), settings, regions=regions)


def build_cohort(tidy: pd.DataFrame, settings: dict, *, regions: Sequence[str]) -> pd.DataFrame:
    """Turn tidy features into one row per session.

    Parameters
    ----------
    tidy : pandas.DataFrame
        Columns of the radiomics stage.
    settings : dict
        Keys of `contracts.DEFAULTS`.
    regions : sequence of str
        Regions that the models need.

    Returns
    -------
    pandas.DataFrame
        Sessions of the two groups, ordered by participant, session and run: their columns, then the features.

    Raises
    ------
    InputError, SettingError
        Where a group, a region or a demographic variable is absent, or where several maps or discretisations are left.
    """
    tidy = tidy.loc[tidy["group"].isin(settings["groups"])]
    counts = tidy.drop_duplicates("participant")["group"].value_counts()
    if len(settings["groups"]) != 2 or settings["positive"] not in settings["groups"]:
        raise SettingError("two groups, one of them positive", found=f"{settings['groups']}, {settings['positive']}")
    if any(counts.get(group, 0) < 2 for group in settings["groups"]):
        raise InputError(
            "too few participants of a group",
            found=", ".join(f"{group}: {counts.get(group, 0)}" for group in settings["groups"]),
            expected="at least 2 of each",
        )
    tidy = _one_setting(tidy, settings)
    identity = list(tidy.columns[: tidy.columns.get_loc("voi")])
    sessions = tidy[identity].drop_duplicates(["participant", "session", "run"])
    sessions = sessions.sort_values(["participant", "session", "run"], kind="stable").reset_index(drop=True)
    keys = pd.MultiIndex.from_frame(sessions[["participant", "session", "run"]])
    blocks = []
    for region in regions:
        voi, sides = _voi_side(region)
        part = tidy.loc[(tidy["voi"] == voi) & tidy["hemisphere"].isin(sides)]
        if part.empty:
            raise InputError(f"no session has features of the region {region}", expected=f"side {' or '.join(sides)}")
        image, kind, member = (part[column].astype(str) for column in FEATURE_COLUMNS)
        name = f"{region}." + image + "_" + kind + "_" + member
        wide = part.assign(name=name).pivot(index=["participant", "session", "run"], columns="name", values="value")
        absent = keys.difference(wide.index)
        if len(absent):
            log.warning(
                "%s: %d of %d sessions lack this region, its features are imputed", region, len(absent), len(keys)
            )
        blocks.append(wide.reindex(keys)[list(dict.fromkeys(name))].reset_index(drop=True))
    return pd.concat([_read_participants(sessions, settings), *blocks], axis=1)


def radiomic_columns(cohort: pd.DataFrame, region: str) -> list[str]:
    """List the feature columns of a region."""
    return [column for column in cohort.columns if column.startswith(f"{region}.")]


def outcome(cohort: pd.DataFrame, settings: dict) -> np.ndarray:
    """Return 1 for sessions of the positive group and 0 for the others."""
    return (cohort["group"] == settings["positive"]).to_numpy().astype(int)


def read_demographic(column: pd.Series) -> pd.Series:
    """Make the texts of participants.tsv numbers: sex 1 for male and 0 for female, NaN where nothing is known.

    Raises
    ------
    InputError
        Where a text is neither a number nor one of the words for missing values, or for sex.
    """
    text = column.astype(str).str.strip().str.lower()
    text = text.where(~text.isin(MISSING))
    values = text.map(SEX) if column.name == "sex" else pd.to_numeric(text, errors="coerce")
    unread = text.notna() & values.isna()
    if unread.any():
        raise InputError(f"participants.tsv: {column.name} cannot be read", found=str(sorted(set(text[unread]))[:5]))
    return values.astype(float)


def _one_setting(tidy: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Keep one map and one discretisation, as configured, and refuse to guess between several."""
    tidy = tidy.loc[(tidy["preset"] == settings["preset"]) & (tidy["echo_set"] == settings["echo_set"])]
    for column in UNIQUE:
        if settings[column] is not None:
            tidy = tidy.loc[tidy[column] == settings[column]]
        found = tidy[column].dropna().unique()
        if len(found) > 1:
            raise SettingError(f"several values of {column}: name one", found=", ".join(map(str, found)))
    if tidy.empty:
        asked = {key: settings[key] for key in ("preset", "echo_set", *UNIQUE) if settings[key] is not None}
        raise InputError("no features with these settings", expected=str(asked))
    return tidy


def _read_participants(sessions: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Make the demographic variables numbers."""
    sessions = sessions.copy()
    for column in settings["demographics"]:
        if column not in sessions:
            raise InputError(
                f"participants.tsv has no column {column}", found=", ".join(sessions.columns), expected=column
            )
        sessions[column] = read_demographic(sessions[column])
        if sessions[column].isna().all():
            raise InputError(f"participants.tsv: no participant has a value of {column}")
    for column in COHORT_COLUMNS:
        sessions[column] = sessions[column].astype(str)
    return sessions


def _voi_side(region: str) -> tuple[str, tuple[str, ...]]:
    """Split ``CST-L`` into volume and side; without a side, the merged volume or one that has no side."""
    voi, _, side = region.partition("-")
    return voi, (side,) if side else ("LR", "")
