"""Variables of participants as people write them: sex, age, and any other number or category."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError
from chiomics.core.features.values import CODES_OF_MISSING, find_codes, is_missing, read_numbers

SEX = {
    **dict.fromkeys(("m", "male", "man", "boy", "männlich"), 1.0),
    **dict.fromkeys(("f", "female", "woman", "girl", "w", "weiblich"), 0.0),
}
#: Words that are no missing cell and still say neither.
NEITHER = ("o", "other", "u", "unknown", "x", "divers", "d")
#: Smallest and largest value that a person can have.
RANGES = {"age": (0, 120), "disease_duration": (0, 100), "edss": (0, 10)}
#: Columns that say where or on what somebody was measured.
SITES = ("site", "scanner", "center", "centre", "institution", "hospital", "site_id", "scanner_id")
_YEARS = re.compile(r"0*(\d+(?:[.,]\d+)?)\s*(?:y|yr|yrs|year|years|a|j)\.?", re.IGNORECASE)
_OPEN = re.compile(r"[<>≥≤]|\d\s*\+$|\d\s*(?:-|–|to)\s*\d")

log = logging.getLogger(__name__)


def read_variable(column: pd.Series, file: str | Path = "participants.tsv") -> pd.Series:
    """Make the texts of a variable numbers: sex 1 for male and 0 for female, NaN where nothing is known.

    Parameters
    ----------
    column : pandas.Series
        Texts or numbers, named as in the table of participants, indexed by whatever names its rows in a message.
    file : path-like
        Where it stands, for the message.

    Returns
    -------
    pandas.Series of float

    Raises
    ------
    InputError
        Where a text is neither a number for certain nor a word for a missing value or for sex, or where no person can
        have such a value.
    """
    name = str(column.name)
    texts = [None if is_missing(text) else str(text).strip() for text in column]
    if name == "sex":
        return _read_sex(column, texts, file)
    bare = [match[1] if text and (match := _YEARS.fullmatch(text)) else text for text in texts]
    found = read_numbers(bare)
    if found.unread:
        wrong = list(dict.fromkeys(str(texts[place]) for place in found.unread))
        hint = "a number or n/a"
        if any(_OPEN.search(text) for text in wrong):
            hint += "; for an open or coarse value such as 89+ give the number that you can stand for, e.g. 89, or n/a"
        first = f"{wrong[:5]}, first of {column.index[found.unread[0]]}"
        raise InputError(f"{name} cannot be read", file=file, found=first, expected=hint)
    for note in found.notes:
        log.warning("%s, %s: %s", file, name, note)
    values = found.values
    low, high = RANGES.get(name, (-np.inf, np.inf))
    if (beyond := np.flatnonzero((values < low) | (values > high) | np.isinf(values))).size:
        who = ", ".join(f"{column.index[place]}: {texts[place]}" for place in beyond[:5])
        raise InputError(f"{name} of nobody", file=file, found=who, expected=f"{low:g} to {high:g}, or n/a")
    if find_codes(values[:, None]):
        first = int(np.flatnonzero(np.isin(values, CODES_OF_MISSING))[0])
        said = f"{name}: {texts[first]} stands for a missing value"
        raise InputError(said, file=file, found=f"{column.index[first]}", expected="n/a where nothing is known")
    return pd.Series(values, index=column.index, name=column.name)


def is_category(column: pd.Series) -> bool:
    """Say whether a variable is one of categories: where somebody was measured, or words.

    Raises
    ------
    InputError
        Where some cells are numbers and some are not.
    """
    if str(column.name).casefold() in SITES:
        return True
    if pd.api.types.is_numeric_dtype(column) or column.name == "sex":
        return False
    known = [str(text).strip() for text in column if not is_missing(text)]
    bare = [match[1] if (match := _YEARS.fullmatch(text)) else text for text in known]
    unread = read_numbers(bare).unread
    if 0 < len(unread) < len(bare):
        wrong = sorted({known[place] for place in unread})
        raise InputError(
            f"{column.name}: some cells are numbers and some are not", found=str(wrong[:5]),
            expected="numbers or n/a, or words in every cell",
        )  # fmt: skip
    return bool(unread)


def contradictions(frame: pd.DataFrame, key: str, names: Sequence[str]) -> tuple[str, str, list[str]] | None:
    """Find the first key that has two different values of a variable; empty cells contradict nothing.

    Returns
    -------
    tuple of str, str and list of str, or None
        Key, variable and its values.
    """
    for name in names:
        known = frame.loc[~frame[name].map(is_missing), [key, name]].drop_duplicates()
        twice = known.loc[known[key].duplicated(keep=False)]
        for who, part in twice.groupby(key, sort=True):
            if len({meaning(name, text) for text in part[name]}) > 1:
                return str(who), name, sorted(map(str, part[name]))
    return None


def without_value(column: pd.Series, group: pd.Series, groups: Sequence[str]) -> tuple[str, str]:
    """Say whether a variable can be completed where it is missing.

    Parameters
    ----------
    column : pandas.Series
        The variable, one row per session.
    group : pandas.Series
        Group of each of the same sessions.
    groups : sequence of str
        Groups that are compared.

    Returns
    -------
    tuple of str
        What forbids it: nobody has a value, or nobody of one group, whose value would be that of the other group and
        so tell the two apart; and what is to be said of single missing values. Each is empty where there is nothing.
    """
    absent = column.map(is_missing).to_numpy()
    if absent.all():
        return f"no participant has a value of {column.name}", ""
    for name in groups:
        members = group.to_numpy() == name
        if members.any() and absent[members].all():
            said = f"no participant of {name} has a value of {column.name}: what would stand in is the other group's"
            return f"{said}. Give it, or take {column.name} out of the settings", ""
    if not absent.any():
        return "", ""
    shown = f"{int(absent.sum())} of {len(column)} sessions have no value of {column.name}"
    return "", f"{shown}: the median of those trained on stands in"


def meaning(name: str, text: object) -> object:
    """Return what a cell means, so that two spellings of it can be compared: 34 and 34.0, M and male."""
    bare = str(text).strip()
    if name.casefold() == "sex" and bare.casefold() in SEX:
        return SEX[bare.casefold()]
    if match := _YEARS.fullmatch(bare):
        bare = match[1]
    numbers = read_numbers([bare])
    return bare if numbers.unread or is_missing(bare) else float(numbers.values[0])


def _read_sex(column: pd.Series, texts: Sequence[str | None], file: str | Path) -> pd.Series:
    numeric = pd.api.types.is_float_dtype(column)
    known = [None if text is None else text.casefold() for text in texts]
    values = [np.nan if text is None else SEX.get(text, float(text) if numeric else np.nan) for text in known]
    neither = [text for text in known if text in NEITHER]
    if neither:
        said = "%s: sex of %d participants is neither male nor female, and counts as missing"
        log.warning(said, file, len(neither))
    unread = sorted({text for text in known if text is not None and text not in SEX and text not in NEITHER})
    if unread and not numeric:
        hint = "M or F, or n/a"
        if set(unread) <= {"0", "1", "2"}:
            hint += ": codes such as 1 and 2 do not say which is which"
        raise InputError("sex cannot be read", file=file, found=str(unread[:5]), expected=hint)
    return pd.Series(values, index=column.index, name=column.name, dtype=float)
