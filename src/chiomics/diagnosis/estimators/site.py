"""What sites do to a study: whether every fold can be trained, and whether the site alone tells the diagnosis."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError
from chiomics.core.features.demographics import SITES, is_category
from chiomics.core.features.values import is_missing
from chiomics.core.scores.concordance import auc
from chiomics.core.scores.splits import LABELS, permute_labels, split, stream_seed
from chiomics.diagnosis.cohort import outcome
from chiomics.diagnosis.contracts import SITE

#: Permutations of the diagnosis among participants.
DRAWS = 999
#: Site and diagnosis are called tied below it.
LEVEL = 0.05

log = logging.getLogger(__name__)


def check_study(cohort: pd.DataFrame, settings: dict) -> None:
    """Stop before the first model where a fold or a site cannot serve.

    Parameters
    ----------
    cohort : pandas.DataFrame
        One row per session.
    settings : dict
        Keys of `diagnosis.settings.Settings`.

    Raises
    ------
    InputError
        Where a training set lacks a class, or a site that an adjustment needs.
    """
    y = outcome(cohort, settings)
    column = settings["groups_column"]
    if column:
        _check_sites(cohort, y, column, settings)
    named = settings["adjust_for"] if settings["adjust"] else []
    categories = [name for name in named if settings["adjust"] == "combat" or is_category(cohort[name])]
    for name in dict.fromkeys([*categories, *filter(None, [column])]):
        _refuse_spellings(cohort, name)
    fewest = 2 if settings["adjust"] == "combat" else 1
    for name in categories:
        if name == column:
            raise InputError(f"a fold leaves out a {name} that the adjustment has to know", found=f"adjust_for {name}")
        if (absent := cohort[name].map(is_missing)).any():
            who = ", ".join(cohort.loc[absent, "participant"].astype(str).unique()[:5])
            raise InputError(f"adjust_for {name}: participants without a value", found=who, expected=f"a {name}")
        sizes = cohort.groupby(name)["participant"].nunique()
        log.info("adjusted for %s: %s", name, ", ".join(f"{level} ({count})" for level, count in sizes.items()))
        if len(alone := sizes[sizes < 2]):
            raise InputError(
                f"adjust_for {name}: one participant alone", found=", ".join(map(str, alone.index)),
                expected="two or more: merge it with another, or leave it out",
            )  # fmt: skip
        if len(sizes) > 1 and (cohort.groupby(name)["group"].nunique() == 1).all():
            raise InputError(
                f"adjust_for {name}: no {name} has both groups, so that its effect is the diagnosis'",
                found=_table(cohort, name), expected="both groups in one of them or more, or no adjustment",
            )  # fmt: skip
    short: dict[tuple[str, str], int] = {}
    few, total = 0, 0
    for train, test, labels in _all_folds(cohort, y, settings):
        total += 1
        if len(np.unique(labels[train])) < 2:
            raise InputError("a fold has one class only to train on", found=_table(cohort, column or "group"))
        few += min(np.bincount(labels[test], minlength=2)) < 2
        for name in categories:
            counts = cohort.iloc[train].groupby(name)["participant"].nunique()
            for level in cohort[name].unique():
                if counts.get(level, 0) < fewest:
                    short[(name, str(level))] = short.get((name, str(level)), 0) + 1
    if short:
        (name, level), times = next(iter(short.items()))
        raise InputError(
            f"adjust_for {name}: too few participants of {level} for the folds",
            found=f"{times} of {total} folds train on fewer than {fewest}",
            expected="more of them, fewer folds, or sites merged",
        )  # fmt: skip
    if few:
        log.warning("%d of %d folds test on fewer than two participants of a class", few, total)


def site_table(cohort: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Say how well the site alone tells the diagnosis.

    Parameters
    ----------
    cohort : pandas.DataFrame
        One row per session.
    settings : dict
        Keys of `diagnosis.settings.Settings`.

    Returns
    -------
    pandas.DataFrame
        `contracts.SITE`, one row per column that names sites: AUC of the share of the positive class at a
        participant's site, the mean of the same where diagnoses are permuted, and p.
    """
    people = cohort.drop_duplicates("participant")
    y = outcome(people, settings)
    named = [settings["groups_column"], *(settings["adjust_for"] if settings["adjust"] else [])]
    columns = [name for name in cohort.columns if name in named or name.casefold() in SITES]
    rows = []
    for name in columns:
        words = people[name]
        if name not in (settings["groups_column"],) and not is_category(words):
            continue
        code = pd.factorize(words.astype(str))[0]
        if code.max(initial=0) < 1:
            continue
        rng = np.random.default_rng(stream_seed(settings, LABELS))
        null = np.array([_auc_of_shares(rng.permutation(y), code) for _ in range(DRAWS)])
        found = _auc_of_shares(y, code)
        p = float(((null >= found - 1e-12).sum() + 1) / (DRAWS + 1))
        rows.append((name, int(code.max()) + 1, found, float(null.mean()), p, bool(p < LEVEL), _table(people, name)))
    return pd.DataFrame(rows, columns=list(SITE))


def say_site(table: pd.DataFrame) -> str:
    """Put what `site_table` found in words; empty where no site tells the diagnosis."""
    said = [
        f"{row.column} alone tells the diagnosis with AUC {row.auc:.2f} (by chance {row.auc_chance:.2f}): what is "
        f"found may be the {row.column}'s"
        for row in table.itertuples()
        if row.tied
    ]
    return "; ".join(said)


def _check_sites(cohort: pd.DataFrame, y: np.ndarray, column: str, settings: dict) -> None:
    absent = cohort[column].map(is_missing)
    if absent.any():
        raise InputError(f"groups_column {column}: participants without a value",
                         found=", ".join(cohort.loc[absent, "participant"].unique()[:5]))  # fmt: skip
    sites = cohort[column].astype(str)
    if sites.nunique() < 2:
        raise InputError(f"groups_column {column} has one value", found=sites.iloc[0], expected="two or more")
    for name in sites.unique():
        if len(np.unique(y[(sites != name).to_numpy()])) < 2:
            raise InputError(
                f"groups_column {column}: without {name} one of the groups has nobody to train on",
                found=_table(cohort, column), expected="both groups in two sites or more",
            )  # fmt: skip
        inside = y[(sites == name).to_numpy()]
        if len(np.unique(inside)) < 2:
            log.warning("%s %s has one group only: %s", column, name, _table(cohort, column))
        if cohort.loc[sites == name, "participant"].nunique() < 2:
            log.warning("%s %s has one participant", column, name)


def _refuse_spellings(cohort: pd.DataFrame, column: str) -> None:
    """Refuse two spellings of one category: it would be two sites, or two indicators."""
    alike: dict[str, list[str]] = {}
    for word in sorted(set(cohort[column].astype(str))):
        alike.setdefault(re.sub(r"[\s_-]+", " ", word.casefold()), []).append(word)
    if twice := [words for words in alike.values() if len(words) > 1]:
        found = ", ".join(map(repr, twice[0]))
        raise InputError(f"{column}: one word in two spellings", found=found, expected="one of them in all cells")


def _all_folds(
    cohort: pd.DataFrame, y: np.ndarray, settings: dict
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return training and test rows and labels of every fold of every repeat and permutation."""
    for repeat in range(1 if settings["groups_column"] else settings["repeats"]):
        for train, test in split(cohort, y, settings, seeds=(repeat,)):
            yield train, test, y
    participants = cohort["participant"].to_numpy()
    for number in range(settings["permutations"]):
        rng = np.random.default_rng(stream_seed(settings, LABELS, number))
        labels = permute_labels(participants, y, rng)
        for train, test in split(cohort, labels, settings, seeds=(LABELS, number)):
            yield train, test, labels


def _auc_of_shares(y: np.ndarray, code: np.ndarray) -> float:
    share = np.bincount(code, weights=y) / np.bincount(code)
    return float(auc(y, share[code]))


def _table(cohort: pd.DataFrame, column: str) -> str:
    people = cohort.drop_duplicates("participant")
    counts = people.groupby([column, "group"]).size() if column != "group" else people.groupby(column).size()
    return ", ".join(f"{' '.join(map(str, np.atleast_1d(key)))}: {count}" for key, count in list(counts.items())[:30])
