"""Folds of subjects, stratified by how many rim lesions they have (Zhang et al. 2022, section 2.3, Figure 3)."""

from __future__ import annotations

import logging

import numpy as np

#: Rim lesions of a subject up to which each stratum reaches: none, 1 to 3, 4 to 6, more.
STRATA = (0, 3, 6)
STRATUM_NAMES = ("0", "1–3", "4–6", "> 6")

log = logging.getLogger(__name__)


def count_rims(subjects: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return every subject once, sorted, and its number of rim lesions."""
    names, code = np.unique(subjects, return_inverse=True)
    return names, np.bincount(code, weights=labels, minlength=len(names)).astype(int)


def strata_of(counts: np.ndarray) -> np.ndarray:
    """Return the stratum of each count, 0 to 3."""
    return np.searchsorted(STRATA, counts, side="left")


def assign_folds(subjects: np.ndarray, labels: np.ndarray, *, folds: int, seed: int) -> np.ndarray:
    """Deal subjects out to folds within each stratum.

    A stratum with fewer subjects than folds joins the stratum below it, or above where there is none; that is logged.
    The dealing goes on from stratum to stratum where it stopped, so that folds differ by one subject at most.

    Parameters
    ----------
    subjects, labels : ndarray, shape (lesions,)
        Whose lesion it is, and 1 for a rim.
    folds, seed : int
        Number of folds, and of the shuffle.

    Returns
    -------
    ndarray of int, shape (lesions,)
        Fold of each lesion; all of a subject in one.
    """
    names, counts = count_rims(subjects, labels)
    groups = merge_strata(strata_of(counts), folds)
    rng, fold_of, dealt = np.random.default_rng([seed, folds]), np.zeros(len(names), int), 0
    for group in np.unique(groups):
        members = rng.permutation(np.flatnonzero(groups == group))
        fold_of[members] = (dealt + np.arange(len(members))) % folds
        dealt += len(members)
    return fold_of[np.searchsorted(names, subjects)]


def merge_strata(strata: np.ndarray, min_subjects: int) -> np.ndarray:
    """Join strata that have fewer than `min_subjects` subjects with a neighbour."""
    strata = strata.copy()
    while True:
        present, sizes = np.unique(strata, return_counts=True)
        small = present[sizes < min_subjects]
        if not len(small) or len(present) == 1:
            return strata
        number = small[-1]
        place = int(np.flatnonzero(present == number)[0])
        # Subjects without a rim stay apart from the others as long as there is another stratum to join.
        below = place > 0 and not (present[place - 1] == 0 and place + 1 < len(present))
        joined = present[place - 1] if below else present[place + 1]
        log.info(
            "fewer than %d subjects with %s rims: joined with %s",
            min_subjects,
            *(STRATUM_NAMES[s] for s in (number, joined)),
        )
        strata[strata == number] = joined


def inner_split(subjects: np.ndarray, labels: np.ndarray, *, seed: int, share: int = 5) -> np.ndarray:
    """Say which training lesions are held back to choose a threshold: one subject in `share` of each stratum."""
    return assign_folds(subjects, labels, folds=share, seed=seed) == 0
