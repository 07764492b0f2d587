"""The study of Fiscone et al. (2023) from feature tables alone: every table of the stage, by its file name."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from chiomics.core.errors import InputError, SettingError
from chiomics.core.features.people import may_be_read_when_planned
from chiomics.core.features.table import FeatureTable, open_features
from chiomics.core.left_out import LeftOut
from chiomics.core.logs import without_words
from chiomics.robustness.analysis import analyse, cohorts_of
from chiomics.robustness.counts import count_robust, optimal_setting, reported_setting
from chiomics.robustness.fiscone2023.left_out import check_discretisation, note_left_out
from chiomics.robustness.fiscone2023.published_values import read_published
from chiomics.robustness.fiscone2023.tracts import (
    check_contradictions,
    compare_trends,
    session_volumes,
    tabulate_distributions,
)
from chiomics.robustness.fiscone2023.volumes import adjust_volumes
from chiomics.robustness.ratings import Axis, Ratings, read_ratings
from chiomics.robustness.robust_features import compare_groups, list_missing, list_robust
from chiomics.robustness.settings import ECHO_SETS, Settings
from chiomics.robustness.sides import compare_sides

log = logging.getLogger(__name__)


def analyse_agreement(features: FeatureTable, settings: Settings) -> dict[str, pd.DataFrame]:
    """Measure how far features agree along every axis, and count those that are robust.

    Parameters
    ----------
    features : FeatureTable
        From `chiomics.core.features.table.open_features`.
    settings : Settings
        What to analyse.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``icc.parquet``, ``counts.tsv``, ``optimal_gray_level.tsv``, ``missing.tsv``, ``left_out.tsv``, ``sides.tsv``,
        ``groups.tsv`` and ``whitelist.tsv``.

    Raises
    ------
    InputError
        Where the study's own axis cannot be analysed.
    """
    settings, keep = _prepare(features, settings)
    left_out = LeftOut()
    tables: dict[str, list[pd.DataFrame]] = {}
    sides, cohorts, setting = pd.DataFrame(), {}, {}
    for axis in settings.all_axes():
        try:
            ratings = read_ratings(features, axis, keep=keep, group_column=settings.group_column)
        except InputError as error:
            if axis.name == ECHO_SETS:
                raise
            left_out.add("axis", axis.name, str(error))
            continue
        check_discretisation(ratings)
        analysis = analyse(ratings, axis.name, settings)
        found = {
            "icc.parquet": analysis.icc,
            "counts.tsv": count_robust(analysis, axis.name, settings),
            "optimal_gray_level.tsv": optimal_setting(analysis, axis.name, settings),
            "missing.tsv": list_missing(features, axis, ratings, keep),
        }
        for name, frame in found.items():
            tables.setdefault(name, []).append(frame)
        if axis.name == ECHO_SETS:
            setting = reported_setting(found["optimal_gray_level.tsv"], settings)
            log.info("reported at %s", ", ".join(f"{name} {value}" for name, value in setting.items()))
            note_left_out(features, ratings, analysis.icc, settings, left_out)
            sides = compare_sides(ratings, axis.name, setting, settings)
            cohorts = _sizes(ratings, settings)
    whole = {name: _join(frames) for name, frames in tables.items()}
    left_out.warn()
    inputs = (whole["icc.parquet"], whole["optimal_gray_level.tsv"], whole["counts.tsv"])
    return {
        **whole,
        "left_out.tsv": left_out.table(),
        "sides.tsv": sides,
        "groups.tsv": compare_groups(*inputs, setting, settings, cohorts),
        "whitelist.tsv": list_robust(whole["icc.parquet"], setting, read_published("whitelist")),
    }


def lacking_in_tables(paths: Sequence[str | Path], settings: Settings, column_map: Mapping | None = None) -> str:
    """Read tables of features as the first job would, and say why they cannot serve; large ones are not read.

    Parameters
    ----------
    paths : sequence of path-like
        The tables.
    settings : Settings
        What to analyse.
    column_map : mapping, optional
        Of tables under other names, from `chiomics.core.features.wide.read_column_map`.

    Returns
    -------
    str
        One sentence, empty where nothing lacks.
    """
    if not may_be_read_when_planned(paths):
        return ""
    with without_words():  # the job that reads them says them
        try:
            features = open_features(list(paths), column_map=column_map)
            settings, keep = _prepare(features, settings)
            ratings = read_ratings(features, settings.all_axes()[0], keep=keep, group_column=settings.group_column)
            check_discretisation(ratings)
        except InputError as error:
            return str(error)
    if len(ratings.sessions) < 2:
        return f"one session alone cannot be compared: {ratings.sessions['participant'].iloc[0]}"
    return ""


def describe_tracts(
    features: FeatureTable, optimal: pd.DataFrame, settings: Settings, brain_volumes: pd.DataFrame | None = None
) -> dict[str, pd.DataFrame]:
    """Describe volumes, first-order and texture features of the regions on the reference map.

    Parameters
    ----------
    features : FeatureTable
        From `chiomics.core.features.table.open_features`.
    optimal : pandas.DataFrame
        The table ``optimal_gray_level.tsv``.
    settings : Settings
        What to analyse.
    brain_volumes : pandas.DataFrame, optional
        Of every session, see `chiomics.robustness.fiscone2023.volumes`.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``volumes.tsv``, ``distributions.parquet``, ``trends.tsv`` and ``contradictions.tsv``.
    """
    settings = settings.with_found(features)
    setting = reported_setting(optimal, settings)
    study = settings.all_axes()[0]
    reference = Axis("reference", ECHO_SETS, settings.echo_sets[:1], study.where)
    by_number = setting["n_gray_levels"] == setting["n_gray_levels"]
    keep = {
        "preset": (setting["preset"],),
        "voi": settings.vois,
        "n_gray_levels" if by_number else "bin_width": (setting["n_gray_levels" if by_number else "bin_width"],),
    }
    if not features.distinct("preset"):
        keep["preset"] = ()
    ratings = read_ratings(features, reference, keep=keep, group_column=settings.group_column)
    volumes = adjust_volumes(session_volumes(ratings), brain_volumes, whole=settings.whole)
    distributions = tabulate_distributions(ratings, volumes)
    return {
        "volumes.tsv": volumes,
        "distributions.parquet": distributions,
        "trends.tsv": compare_trends(distributions, settings),
        "contradictions.tsv": check_contradictions(distributions, settings),
    }


def _prepare(features: FeatureTable, settings: Settings) -> tuple[Settings, dict[str, Sequence]]:
    """Check what holds for all axes; complete the settings, and say which rows they need."""
    _check_table(features, settings)
    settings = settings.with_found(features)
    keep: dict[str, Sequence] = {"voi": settings.vois, "n_gray_levels": settings.gray_levels}
    keep["preset"] = settings.presets if features.distinct("preset") else ()
    features.refuse_untold(("preset", "echo_set", "inversion"), {"voi": settings.vois})
    return settings, keep


def _check_table(features: FeatureTable, settings: Settings) -> None:
    """Refuse a cohort of several voxel sizes, and a group column that is not there."""
    sizes = features.distinct("voxel_size")
    if len(sizes) > 1:
        raise InputError("several voxel sizes in one study", found=", ".join(sizes[:5]), expected="one: resample first")
    column = settings.group_column
    if column != "group" and features.find_column(column) is None:
        raise SettingError(f"group_column {column}", found=", ".join(features.others) or "no further column")


def _sizes(ratings: Ratings, settings: Settings) -> dict[str, tuple[int, int]]:
    """Count the sessions and the participants of the cohort and its subsets."""
    cohorts = cohorts_of(ratings.sessions["group"], settings)
    participants = ratings.sessions["participant"]
    return {name: (int(rows.sum()), participants[rows].nunique()) for name, rows in cohorts.items()}


def _join(frames: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0]
