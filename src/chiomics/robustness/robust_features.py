"""Which features are robust in every region, how subsets of the cohort compare, and what is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from chiomics.core.features.columns import REGION, SESSION
from chiomics.core.features.rows import Rows, different
from chiomics.core.features.table import FeatureTable
from chiomics.robustness.counts import SETTING, SHAPE
from chiomics.robustness.ratings import Axis, Ratings
from chiomics.robustness.settings import ECHO_SETS, Settings
from chiomics.robustness.tables import ALL, CLASSES, FEATURE, STRATUM, TABLES

NO_RECONSTRUCTION = "the session has no such reconstruction of this region"


def list_robust(icc: pd.DataFrame, setting: dict, printed: pd.DataFrame) -> pd.DataFrame:
    """Find the features that are robust in all regions, shape left out.

    Parameters
    ----------
    icc : pandas.DataFrame
        The table ``icc.parquet``.
    setting : dict
        Grey-level setting: preset, n_gray_levels, bin_width.
    printed : pandas.DataFrame
        Columns feature_class and feature of a published list, for the column ``published``.

    Returns
    -------
    pandas.DataFrame
        The table ``whitelist.tsv`` of the whole cohort along the study's axis: sides merged, sides separate, and both
        (``sides`` is ``all``), which is the study's list.
    """
    here = at_setting(icc, setting)
    here = here[
        (here["cohort"] == ALL) & (here["perturbation"] == ECHO_SETS) & (here["feature_class"] != SHAPE)
    ].reset_index(drop=True)
    parts = [(name, here[here["sides"] == name]) for name in ("merged", "separate")]
    tables = [_over_regions(part).assign(sides=name) for name, part in [*parts, (ALL, here)] if len(part)]
    frame = pd.concat(tables, ignore_index=True).assign(cohort=ALL, perturbation=ECHO_SETS, **setting)
    named = pd.MultiIndex.from_frame(printed[["feature_class", "feature"]])
    frame["published"] = pd.MultiIndex.from_frame(frame[["feature_class", "feature"]]).isin(named)
    return in_class_order(frame, ["sides"])


def compare_groups(
    icc: pd.DataFrame, optimal: pd.DataFrame, counts: pd.DataFrame, setting: dict, settings: Settings, sessions: dict
) -> pd.DataFrame:
    """Compare subsets of the cohort, and sides merged with sides separate.

    Parameters
    ----------
    icc, optimal, counts : pandas.DataFrame
        The tables ``icc.parquet``, ``optimal_gray_level.tsv`` and ``counts.tsv``.
    setting : dict
        The reported grey-level setting.
    settings : Settings
        With the threshold.
    sessions : dict of str to tuple of int
        Cohort to its numbers of sessions and participants.

    Returns
    -------
    pandas.DataFrame
        The table ``groups.tsv``: `agreement_with_all` is the share of features with the verdict of the whole cohort.
    """
    names = ["cohort", "sides", "perturbation", "preset"]
    best = optimal[optimal["optimal"] & np.isclose(optimal["threshold"], settings.threshold)]
    total = counts[
        (counts[["voi", "hemisphere", "feature_class"]] == ALL).all(axis=1)
        & np.isclose(counts["threshold"], settings.threshold)
    ]
    best = best.merge(total[[*STRATUM, "n_features", "percent"]], on=list(STRATUM), how="left")
    reported = icc[(icc["feature_class"] != SHAPE) & np.isfinite(icc["icc"])]
    reported = at_setting(reported, setting, preset=False)
    keys = ["sides", "perturbation", "preset", *SETTING[1:], *REGION, *FEATURE]
    whole = reported[reported["cohort"] == ALL].set_index(keys)[["icc", "robust"]].add_suffix("_all")
    rows = []
    for name, part in reported.groupby(names, sort=False):
        joined = part.set_index(keys)[["icc", "robust"]].join(whole, how="inner")
        difference = (joined["icc"] - joined["icc_all"]).mean()
        agreement = (joined["robust"] == joined["robust_all"]).mean()
        rows.append((*name, part["icc"].median(), difference, agreement))
    described = pd.DataFrame(rows, columns=[*names, "median_icc", "mean_difference_from_all", "agreement_with_all"])
    frame = best.merge(described, on=names, how="left")
    frame["n_sessions"] = [sessions[cohort][0] for cohort in frame["cohort"]]
    frame["n_participants"] = [sessions[cohort][1] for cohort in frame["cohort"]]
    return frame[list(TABLES["groups.tsv"])]


def list_missing(features: FeatureTable, axis: Axis, ratings: Ratings, keep: dict) -> pd.DataFrame:
    """Count the sessions without a value, by reconstruction and region, and say why.

    Parameters
    ----------
    features : FeatureTable
        Feature tables.
    axis : Axis
        What is varied.
    ratings : Ratings
        What was read along it.
    keep : dict
        As it was read.

    Returns
    -------
    pandas.DataFrame
        The table ``missing.tsv``; empty where nothing is missing.
    """
    if not any(np.isnan(one).any() for one in ratings.values):
        return pd.DataFrame(columns=TABLES["missing.tsv"])
    region = ["preset", *REGION]
    block = ratings.columns.groupby(region, sort=False).ngroup().to_numpy()
    heads = ratings.columns.loc[~ratings.columns.duplicated(region), region].reset_index(drop=True)
    reasons = _reasons(features, axis, keep)
    rows = []
    for k, rater in enumerate(ratings.raters):
        for number, head in enumerate(heads.itertuples(index=False)):
            lost = np.isnan(ratings.values[:, k][:, block == number])
            for place in np.flatnonzero(lost.any(axis=1)):
                session = ratings.sessions.loc[place, list(SESSION)]
                why = reasons.get((*session, rater, *head), NO_RECONSTRUCTION)
                rows.append((*head, rater, why, int(lost[place].sum())))
    frame = pd.DataFrame(rows, columns=[*region, "rater", "reason", "n_features"])
    counted = frame.groupby([*region, "rater", "reason"], sort=False)["n_features"].agg(["size", "max"]).reset_index()
    counted = counted.rename(columns={"size": "n_sessions", "max": "n_features"})
    return counted.assign(perturbation=axis.name)


def at_setting(frame: pd.DataFrame, setting: dict, *, preset: bool = True) -> pd.DataFrame:
    """Keep the rows of one grey-level setting."""
    same = np.ones(len(frame), dtype=bool)
    for name in SETTING if preset else SETTING[1:]:
        same &= (frame[name].isna() if pd.isna(setting[name]) else frame[name] == setting[name]).to_numpy()
    return frame[same]


def in_class_order(frame: pd.DataFrame, first: list[str]) -> pd.DataFrame:
    """Sort by some columns, and then by class and feature in the paper's order."""
    order = {name: number for number, name in enumerate(CLASSES)}
    ranked = frame.assign(rank=frame["feature_class"].map(order).fillna(len(order)))
    keys = [*first, "rank", "feature_class", "feature"]
    return ranked.sort_values(keys, kind="stable").drop(columns="rank").reset_index(drop=True)


def _over_regions(part: pd.DataFrame) -> pd.DataFrame:
    known = part.assign(icc=part["icc"].fillna(-np.inf)).sort_values("icc", kind="stable")
    worst = known.groupby(list(FEATURE), sort=False).first()
    number = part.groupby(list(FEATURE), sort=False)["robust"].agg(["size", "sum"])
    return pd.DataFrame(
        {
            "n_regions": number["size"],
            "n_robust": number["sum"],
            "min_icc": worst["icc"].replace(-np.inf, np.nan),
            "min_icc_voi": worst["voi"],
            "min_icc_hemisphere": worst["hemisphere"],
            "robust": number["size"] == number["sum"],
        }
    ).reset_index()


def _reasons(features: FeatureTable, axis: Axis, keep: dict) -> dict[tuple, str]:
    """Read why values are missing, by session, reconstruction and region; the first reason where there are several."""
    if "reason" not in features.columns:
        return {}
    columns = [*SESSION, axis.column, "preset", *REGION, "reason"]
    rows = Rows(features, columns, keep={**keep, **axis.where, axis.column: axis.values})
    parts = []
    for part in rows:
        lacking = np.isnan(part["value"])
        parts.append(different([part[name][lacking] for name in columns]))
    found = different(list(np.concatenate(parts, axis=1)))
    words = [np.array(rows.words[name].known, dtype=object)[codes] for name, codes in zip(columns, found, strict=True)]
    reasons: dict[tuple, str] = {}
    for *what, why in zip(*words, strict=True):
        reasons.setdefault(tuple(what), why)
    return reasons
