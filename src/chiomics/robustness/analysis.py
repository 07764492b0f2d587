"""Coefficients of every feature and region along one axis, for a cohort and its subsets, and how many are robust."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError
from chiomics.core.logs import Progress
from chiomics.robustness.bootstrap import (
    MIN_PARTICIPANTS,
    bootstrap_coefficients,
    draw_sessions,
    percentile_interval,
)
from chiomics.robustness.icc import coefficient, confidence_interval, decompose, mean_squares, why_missing
from chiomics.robustness.ratings import Ratings
from chiomics.robustness.settings import Settings
from chiomics.robustness.tables import ALL, COEFFICIENTS

#: What a block of columns has in common: a region at one grey-level setting.
BLOCK = ("preset", "n_gray_levels", "bin_width", "voi", "hemisphere")
SIDES = ("L", "R")
#: Coefficients of draws that are held at once: about 0.3 GB with all that they are made of.
MAX_DRAWN = 4_000_000
#: Values that are taken apart at once: 64 MB, and as much of each term.
MAX_RATED = 8_000_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Analysis:
    """Result of one axis.

    Parameters
    ----------
    icc : pandas.DataFrame
        The table ``icc.parquet``.
    blocks : pandas.DataFrame
        The columns of `BLOCK`; one row per region and setting.
    classes : tuple of str
        Feature classes, sorted.
    n_features : mapping of str to ndarray, shape (blocks, classes)
        Cohort to numbers of features of each class that have a coefficient.
    robust : mapping of str to ndarray, shape (blocks, classes, thresholds)
        Cohort to numbers of robust features.
    drawn : mapping of str to ndarray, shape (draws, blocks, classes, thresholds)
        The same of every bootstrap draw.
    """

    icc: pd.DataFrame
    blocks: pd.DataFrame
    classes: tuple[str, ...]
    n_features: Mapping[str, np.ndarray]
    robust: Mapping[str, np.ndarray]
    drawn: Mapping[str, np.ndarray]


def cohorts_of(groups: Sequence[str], settings: Settings) -> dict[str, np.ndarray]:
    """Name the cohort and its subsets, and say which sessions each has.

    Parameters
    ----------
    groups : sequence of str
        Group of each session.
    settings : Settings
        With the subsets.

    Returns
    -------
    dict of str to ndarray of bool
        ``all`` first.
    """
    groups = np.asarray(groups, dtype=str)
    subsets = {name: np.isin(groups, list(members)) for name, members in settings.groups.items()}
    return {ALL: np.ones(len(groups), dtype=bool), **subsets}


def analyse(ratings: Ratings, perturbation: str, settings: Settings) -> Analysis:
    """Compute the coefficients of one axis, their intervals, and the numbers of robust features.

    Parameters
    ----------
    ratings : Ratings
        Values along the axis.
    perturbation : str
        The axis' name.
    settings : Settings
        Coefficient, thresholds, subsets and bootstrap.

    Returns
    -------
    Analysis
        For every subset with two sessions.
    """
    block = ratings.columns.groupby(list(BLOCK), sort=False, dropna=False).ngroup().to_numpy()
    starts = np.flatnonzero(np.diff(block, prepend=-1))
    slices = [slice(a, b) for a, b in zip(starts, [*starts[1:], len(block)], strict=True)]
    blocks = ratings.columns.loc[starts, list(BLOCK)].reset_index(drop=True)
    classes, of_class = np.unique(ratings.columns["feature_class"].to_numpy(str), return_inverse=True)
    member = np.eye(len(classes), dtype=np.float32)[of_class]
    tables, robust, drawn, n_features = [], {}, {}, {}
    for cohort, rows in cohorts_of(ratings.sessions["group"], settings).items():
        if np.count_nonzero(rows) < 2:
            log.warning("%s, %s: left out, %d sessions", perturbation, cohort, np.count_nonzero(rows))
            continue
        weights = draw_sessions(
            ratings.sessions["participant"][rows], settings.bootstraps, settings.seed, min_participants=MIN_PARTICIPANTS
        )
        found = {name: np.full(len(block), np.nan) for name in _measures()}
        found["reason"] = np.full(len(block), "", dtype=object)
        if not len(weights):
            said = "%s, %s: %d participants give no interval and no verdict, estimates stand alone"
            log.warning(said, perturbation, cohort, ratings.sessions["participant"][rows].nunique())
        shape = (len(slices), len(classes), len(settings.thresholds))
        robust[cohort] = np.zeros(shape, dtype=np.int32)
        drawn[cohort] = np.zeros((len(weights), *shape), dtype=np.int32)
        n_features[cohort] = np.zeros(shape[:2], dtype=int)
        parts = list(_in_parts(slices, len(weights), np.count_nonzero(rows) * len(ratings.raters)))
        progress = Progress(len(parts))
        for number, columns in parts:
            values, samples = _of_block(ratings.values[rows, :, columns], weights, settings)
            for name, result in values.items():
                found[name][columns] = result
            n_features[cohort][number] += (np.isfinite(values["icc"]) @ member[columns]).astype(int)
            for k, threshold in enumerate(settings.thresholds):
                robust[cohort][number, :, k] += ((values["icc"] > threshold) @ member[columns]).astype(np.int32)
                above = (samples > threshold).astype(np.float32) @ member[columns]
                drawn[cohort][:, number, :, k] += above.astype(np.int32)
            progress.step(f"{perturbation}, {cohort}, coefficients and draws of a region")
        tables.append(_table(ratings, found, cohort, perturbation, np.count_nonzero(rows), settings))
        log.info("%s, %s: %d coefficients", perturbation, cohort, np.isfinite(found["icc"]).sum())
    if not tables:
        found = f"{len(ratings.sessions)} session: {', '.join(ratings.sessions['participant'])}"
        raise InputError(f"too few sessions to compare along {perturbation}", found=found, expected="two or more")
    return Analysis(pd.concat(tables, ignore_index=True), blocks, tuple(classes), n_features, robust, drawn)


def _in_parts(slices: list[slice], draws: int, rated: int) -> Iterator[tuple[int, slice]]:
    """Cut blocks of very many features, or of very many ratings each, whose sums would not fit into memory at once."""
    size = max(1, min(MAX_DRAWN // max(draws, 1), MAX_RATED // rated))
    for number, block in enumerate(slices):
        for first in range(block.start, block.stop, size):
            yield number, slice(first, min(first + size, block.stop))


def sides_of(hemispheres: pd.Series) -> np.ndarray:
    """Say how a region treats the sides: L and R each on its own, or both as one."""
    return np.where(hemispheres.isin(SIDES), "separate", "merged")


def _measures() -> list[str]:
    ends = [f"{name}{end}" for name in COEFFICIENTS for end in ("", "_low", "_high")]
    return ["n_sessions", *ends, "icc", "bootstrap_low", "bootstrap_high"]


def _of_block(values: np.ndarray, weights: np.ndarray, settings: Settings) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Compute a region at one setting: measures by name, and the coefficient of every draw."""
    parts = decompose(values)
    squares, usable = mean_squares(parts), parts.usable
    found: dict[str, np.ndarray] = {"n_sessions": parts.complete.sum(axis=0), "reason": why_missing(parts)}
    for kind in COEFFICIENTS:
        ends = (coefficient(squares, kind), *confidence_interval(squares, kind))
        for end, value in zip(("", "_low", "_high"), ends, strict=True):
            found[kind + end] = np.where(usable & (not end or len(weights) > 0), value, np.nan)
    samples = bootstrap_coefficients(parts, weights, settings.coefficient)
    found["icc"] = found[settings.coefficient]
    found["bootstrap_low"], found["bootstrap_high"] = percentile_interval(samples)
    return found, samples


def _table(
    ratings: Ratings, found: dict[str, np.ndarray], cohort: str, perturbation: str, n_rows: int, settings: Settings
) -> pd.DataFrame:
    sessions = found.pop("n_sessions").astype(np.int32)
    head = ratings.columns.assign(
        cohort=cohort,
        sides=sides_of(ratings.columns["hemisphere"]),
        perturbation=perturbation,
        n_raters=np.int32(len(ratings.raters)),
        n_sessions=sessions,
        n_missing=np.int32(n_rows) - sessions,
    )
    return head.assign(**found, robust=found["icc"] > settings.threshold)
