"""Who trains and who is tested.

Wang et al. 2020: "randomly divided into five equal-sized groups", so neither stratified nor grouped by patient, and the
held-out group both selects and reports. ``nested`` is stratified and keeps a patient's scans together, and an inner
part of the training patients selects. Seok et al. 2023: for each of 100 seeds, 15 + 15 patients without follow-up are
the test, and group folds of the rest train; which of their models is tested is not told, so all are, by their mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from chiomics.core.errors import SettingError
from chiomics.flair.study.needs import size_of_draw

#: Share of the training patients that selects the epoch in the nested scheme, as one of so many folds; fewer folds
#: where a class has fewer patients.
INNER_FOLDS = 5


@dataclass(frozen=True)
class Split:
    """Rows of a training.

    Attributes
    ----------
    train : ndarray of int
        What is learnt from.
    select : ndarray of int
        What chooses the epoch.
    test : ndarray of int
        What is reported.
    """

    train: np.ndarray
    select: np.ndarray
    test: np.ndarray


def wang_splits(
    y: np.ndarray, participants: np.ndarray, *, scheme: str, folds: int, repeat: int, seed: int
) -> list[Split]:
    """Return the folds of one repeat.

    Parameters
    ----------
    y : ndarray of int, shape (sessions,)
        Class.
    participants : ndarray, shape (sessions,)
        Whose session it is.
    scheme : {"as_published", "nested"}
        See the head of this file.
    folds, repeat, seed : int
        Number of folds, which repeat, and the study's seed.

    Returns
    -------
    list of Split
        One per fold; as published, ``select`` and ``test`` are the same rows.
    """
    rng = np.random.default_rng([seed, repeat, 1])
    if scheme == "as_published":
        parts = np.array_split(rng.permutation(len(y)), folds)
        rows = np.arange(len(y))
        return [Split(np.setdiff1d(rows, part), np.sort(part), np.sort(part)) for part in parts]
    splits = []
    for outside, test in _grouped(y, participants, folds, rng):
        inner, select = _inner_part(y[outside], participants[outside], rng)
        splits.append(Split(outside[inner], outside[select], test))
    return splits


def draw_test(
    y: np.ndarray, participants: np.ndarray, sessions: np.ndarray, *, per_class: int, repeat: int, seed: int
) -> np.ndarray:
    """Draw the test sessions of Seok et al.: patients with one session alone, as many of each class.

    Parameters
    ----------
    y, participants, sessions : ndarray, shape (sessions,)
        Class, patient and name of each session.
    per_class : int
        Patients of each class; no more than a third of the smaller class that has no follow-up is drawn.
    repeat, seed : int
        Which draw, and the study's seed.

    Returns
    -------
    ndarray of int
        Rows.
    """
    names, counts = np.unique(participants, return_counts=True)
    single = np.isin(participants, names[counts == 1])
    size = size_of_test(y, participants, per_class=per_class)
    rng = np.random.default_rng([seed, repeat, 2])
    return np.sort(np.concatenate([rng.choice(np.flatnonzero(single & (y == k)), size, replace=False) for k in (0, 1)]))


def size_of_test(y: np.ndarray, participants: np.ndarray, *, per_class: int) -> int:
    """Say how many patients of each class a test set has: as published, or a third of the smaller class."""
    names, counts = np.unique(participants, return_counts=True)
    single = np.isin(participants, names[counts == 1])
    smaller = min(int((single & (y == label)).sum()) for label in (0, 1))
    size = size_of_draw(smaller, per_class)
    if size < 1:
        raise SettingError(
            "too few patients without follow-up for a test set", found=f"{smaller} in the smaller class", expected="3"
        )
    return size


def seok_splits(
    y: np.ndarray, participants: np.ndarray, test: np.ndarray, *, folds: int, repeat: int, seed: int
) -> list[Split]:
    """Return the group folds that train on all but the test patients; ``select`` is the fold that is left out."""
    rest = np.flatnonzero(~np.isin(participants, participants[test]))
    rng = np.random.default_rng([seed, repeat, 3])
    return [Split(rest[a], rest[b], test) for a, b in _grouped(y[rest], participants[rest], folds, rng)]


def scanner_split(y: np.ndarray, participants: np.ndarray, here: np.ndarray, *, seed: int) -> Split:
    """Train on the scanners but one and test on that; an inner part of the training patients selects.

    Parameters
    ----------
    y, participants : ndarray, shape (sessions,)
        Class and patient of each session.
    here : ndarray of bool, shape (sessions,)
        Whether it comes from the scanner that is left out; a patient of it trains nowhere.
    seed : int
        Of the inner part.

    Returns
    -------
    Split
        One.
    """
    rest = np.flatnonzero(~np.isin(participants, participants[here]))
    rng = np.random.default_rng([seed, 5])
    inner, select = _inner_part(y[rest], participants[rest], rng)
    return Split(rest[inner], rest[select], np.flatnonzero(here))


def _inner_part(y: np.ndarray, participants: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Divide training patients into those that are learnt from and those that choose the epoch."""
    fewest = min(len(np.unique(participants[y == label])) for label in (0, 1))
    return next(iter(_grouped(y, participants, max(min(INNER_FOLDS, fewest), 2), rng)))


def _grouped(y: np.ndarray, participants: np.ndarray, folds: int, rng: np.random.Generator) -> list:
    state = int(rng.integers(2**31))
    for label in (0, 1):
        if (count := len(np.unique(participants[y == label]))) < folds:
            raise SettingError("more folds than patients of a class", found=f"{folds} > {count}")
    return list(StratifiedGroupKFold(folds, shuffle=True, random_state=state).split(y, y, participants))
