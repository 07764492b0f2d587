"""Folds of the cross-validation, the same for every model so that models can be compared in pairs.

Stratified by class; sessions of a participant stay in one fold; with a group column, each of its values (a site) is
left out in turn and there is nothing to repeat.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.model_selection import LeaveOneGroupOut, StratifiedGroupKFold, StratifiedKFold

from chiomics.core.errors import InputError, SettingError

#: Streams of random numbers that must not meet.
FOLDS, LABELS, BOOTSTRAP = 1, 2, 3


def split(
    cohort: pd.DataFrame, y: np.ndarray, settings: dict, *, seeds: tuple[int, ...]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Return training and test rows of every fold of one repeat.

    Parameters
    ----------
    cohort : pandas.DataFrame
        One row per session.
    y : ndarray, shape (sessions,)
        Class to stratify by.
    settings : dict
        Keys of `diagnosis.settings.Settings`.
    seeds : tuple of int
        What the shuffle depends on beside the configured seed, e.g. the repeat.

    Yields
    ------
    train, test : ndarray of int
        Rows.

    Raises
    ------
    InputError, SettingError
        Where a class has fewer participants than there are folds, or a participant is in two groups.
    """
    participants = cohort["participant"].to_numpy()
    rows = np.zeros(len(cohort))
    if settings["groups_column"]:
        yield from LeaveOneGroupOut().split(rows, y, _groups(cohort, settings["groups_column"]))
        return
    for label in (0, 1):
        count = len(np.unique(participants[y == label]))
        if count < settings["folds"]:
            raise SettingError("more folds than participants of a class", found=f"{settings['folds']} > {count}")
    shuffle = {"shuffle": True, "random_state": stream_seed(settings, FOLDS, *seeds)}
    if len(np.unique(participants)) == len(participants):
        yield from StratifiedKFold(settings["folds"], **shuffle).split(rows, y)
    else:
        yield from StratifiedGroupKFold(settings["folds"], **shuffle).split(rows, y, participants)


def stream_seed(settings: dict, *numbers: int) -> int:
    """Derive an independent seed from the configured one."""
    return int(np.random.SeedSequence([settings["seed"], *numbers]).generate_state(1)[0])


def permute_labels(participants: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shuffle the labels of participants; sessions of one participant keep one label.

    Raises
    ------
    InputError
        Where a participant has sessions of both classes.
    """
    names, first, code = np.unique(participants, return_index=True, return_inverse=True)
    labels = y[first]
    if (labels[code] != y).any():
        raise InputError("a participant is in both groups", found=str(names[np.unique(code[labels[code] != y])][0]))
    return rng.permutation(labels)[code]


def _groups(cohort: pd.DataFrame, column: str) -> np.ndarray:
    if column not in cohort:
        raise SettingError(f"groups_column {column} is not a column of participants.tsv")
    if cohort.groupby("participant")[column].nunique().max() > 1:
        raise InputError(f"a participant has several values of {column}")
    return cohort[column].astype(str).to_numpy()
