"""What chance and a leak would give: permuted labels, and lesions split without regard to whose they are.

A split of lesions tests a detector on subjects that it has seen. What that flatters is small beside the luck of one
split, so both kinds of split are drawn many times with the same detector and number of folds, and compared in pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.model_selection import StratifiedKFold

from chiomics.core.learning.curves import average_precision
from chiomics.core.scores.concordance import auc
from chiomics.rims.detectors.folds import assign_folds, count_rims, strata_of
from chiomics.rims.detectors.lesions import Lesions

#: The forests that are checked. APRL's first-order features hold the absolute χ, by whose zero subjects can be told:
#: its leak is three to seven times the reference's. Lesions that SMOTE makes hide half of it and double the time.
CHECKED = ("reference", "aprl_rf_plain")

Train = Callable[[Lesions, int], Any]
#: What splits are compared by, the area to be judged by first: few lesions have a rim.
LEAK_MEASURES = {"ap": "PR AUC", "auc": "AUC"}


def permute_within_strata(subjects: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shuffle labels among the lesions of the subjects of each stratum of rim counts."""
    stratum = lesion_strata(subjects, labels)
    permuted = labels.copy()
    for number in np.unique(stratum):
        rows = np.flatnonzero(stratum == number)
        permuted[rows] = rng.permutation(labels[rows])
    return permuted


def lesion_strata(subjects: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return every lesion the stratum of its subject."""
    names, counts = count_rims(subjects, labels)
    return strata_of(counts)[np.searchsorted(names, subjects)]


def check_chance(
    lesions: Lesions, train: Train, settings: Mapping[str, Any], *, arm: str, permutations: int, repeats: int
) -> pd.DataFrame:
    """Evaluate one arm on permuted labels, and with lesions split at random beside subjects.

    Parameters
    ----------
    lesions : Lesions
        All of the cohort.
    train : callable
        Takes lesions and a seed, gives a detector.
    settings : mapping
        Folds and seed.
    arm : str
        Its name, for the table.
    permutations : int
        Of the labels.
    repeats : int
        Splits of either kind; a pair has one number and one seed of the detector.

    Returns
    -------
    pandas.DataFrame
        arm, scheme (`permuted`, `subject_split`, `lesion_split`), number, auc and ap: of all lesions in one list, each
        scored by the detector that has not seen it; for permuted labels means over folds and strata, within which
        they were shuffled.
    """
    labels, subjects, folds, seed = lesions.labels, lesions.subjects, settings["folds"], settings["seed"]
    rows = []
    for number in range(repeats):
        splits = {
            "subject_split": assign_folds(subjects, labels, folds=folds, seed=seed + number),
            "lesion_split": split_lesions(labels, folds=folds, seed=seed + number),
        }
        for scheme, fold_of in splits.items():
            scores = _cross_validate(lesions, train, fold_of, seed + number)
            rows.append(
                {
                    "arm": arm,
                    "scheme": scheme,
                    "number": number,
                    "auc": auc(labels, scores),
                    "ap": average_precision(labels, scores),
                }
            )
    by_subject = assign_folds(subjects, labels, folds=folds, seed=seed)
    stratum = lesion_strata(subjects, labels)
    for number in range(permutations):
        rng = np.random.default_rng([seed, number])
        other = permute_within_strata(subjects, labels, rng)
        scores = _cross_validate(lesions.relabel(other), train, by_subject, seed)
        rows.append(
            {"arm": arm, "scheme": "permuted", "number": number, **_areas(other, scores, [by_subject, stratum])}
        )
    return pd.DataFrame(rows)


def leak_check(chance: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Compare splits of lesions with splits of subjects, pair by pair.

    Parameters
    ----------
    chance : pandas.DataFrame
        Of `check_chance`.
    confidence : float
        Of the interval.

    Returns
    -------
    pandas.DataFrame
        arm, measure (`LEAK_MEASURES`), subject_split, lesion_split (means), difference with low and high (Student's
        interval over the pairs: of the luck of the split, for this cohort), repeats. An interval above 0 is a leak.
    """
    splits = chance.loc[chance["scheme"] != "permuted"]
    rows = []
    for arm in splits["arm"].unique():
        for measure in LEAK_MEASURES:
            wide = splits.loc[splits["arm"] == arm].pivot(index="number", columns="scheme", values=measure)
            difference, count = wide["lesion_split"] - wide["subject_split"], len(wide)
            quantile = stats.t.ppf(0.5 + confidence / 2, count - 1) if count > 1 else np.nan
            mean, half = float(difference.mean()), quantile * difference.std() / np.sqrt(count)
            row = {"arm": arm, "measure": measure, **wide[["subject_split", "lesion_split"]].mean().to_dict()}
            rows.append(row | {"difference": mean, "low": mean - half, "high": mean + half, "repeats": count})
    return pd.DataFrame(rows)


def split_lesions(labels: np.ndarray, *, folds: int, seed: int) -> np.ndarray:
    """Deal lesions out to folds by their label alone, whoever's they are, shape (lesions,)."""
    fold_of = np.zeros(len(labels), int)
    for number, (_, test) in enumerate(StratifiedKFold(folds, shuffle=True, random_state=seed).split(fold_of, labels)):
        fold_of[test] = number
    return fold_of


def _cross_validate(lesions: Lesions, train: Train, fold_of: np.ndarray, seed: int) -> np.ndarray:
    scores = np.zeros(len(fold_of))
    for fold in np.unique(fold_of):
        test = np.flatnonzero(fold_of == fold)
        detector = train(lesions.take(np.flatnonzero(fold_of != fold)), seed)
        scores[test] = detector.predict(lesions.take(test))
    return scores


def _areas(labels: np.ndarray, scores: np.ndarray, groups: list[np.ndarray]) -> dict[str, float]:
    """Average over groups, each weighted by its pairs of a lesion with and one without a rim."""
    code = np.unique(np.stack(groups), axis=1, return_inverse=True)[1].ravel()
    found, weights = [], []
    for number in np.unique(code):
        own = code == number
        pairs = int(labels[own].sum()) * int((1 - labels[own]).sum())
        if pairs:
            found.append((auc(labels[own], scores[own]), average_precision(labels[own], scores[own])))
            weights.append(pairs)
    mean = np.average(found, axis=0, weights=weights)
    return {"auc": float(mean[0]), "ap": float(mean[1])}
