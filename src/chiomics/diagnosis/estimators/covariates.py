"""Covariates of an adjustment as columns of the design matrix: a number stays one, a category becomes indicators.

Sites of ComBat are codes in the order in which they appear, so that what a site is called changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError
from chiomics.core.features.demographics import is_category, read_variable
from chiomics.core.features.values import is_missing

#: Joins the name of a category's column with one of its words in the name of an indicator.
EQUALS = "="


def covariate_columns(cohort: pd.DataFrame, settings: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make the covariates of a cohort columns of numbers.

    Parameters
    ----------
    cohort : pandas.DataFrame
        One row per session.
    settings : dict
        Keys of `diagnosis.settings.Settings`.

    Returns
    -------
    numbers, categories : pandas.DataFrame
        Numbers, NaN where missing; and indicators such as ``site=A`` or, for ComBat, codes of the sites.

    Raises
    ------
    InputError
        Where a category is missing: nothing says what it might be.
    """
    numbers, categories = {}, {}
    for name in settings["adjust_for"]:
        column = cohort[name]
        if settings["adjust"] != "combat" and not is_category(column):
            numbers[name] = read_variable(column).to_numpy()
            continue
        words = column.astype(str).to_numpy()
        if (absent := column.map(is_missing).to_numpy()).any():
            who = ", ".join(cohort.loc[absent, "participant"].unique()[:5])
            raise InputError(f"adjust_for {name}: participants without a value", found=who, expected="a value for all")
        levels = list(dict.fromkeys(words))
        if settings["adjust"] == "combat":
            categories[name] = np.array([levels.index(word) for word in words], dtype=float)
        else:
            categories |= {f"{name}{EQUALS}{level}": (words == level).astype(float) for level in levels}
    return pd.DataFrame(numbers, index=cohort.index), pd.DataFrame(categories, index=cohort.index)


def count_covariates(columns: Sequence[str], settings: dict) -> tuple[list[str], int]:
    """Find the covariates among the columns of a design matrix, and how many of the last ones are categories."""
    if not settings["adjust"]:
        return [], 0
    names = [str(name) for name in settings["adjust_for"]]
    indicators = [column for column in columns if column.partition(EQUALS)[0] in names and EQUALS in column]
    plain = [column for column in columns if column in names]
    return [*plain, *indicators], len(plain) if settings["adjust"] == "combat" else len(indicators)


def levels_of(cohort: pd.DataFrame, name: str) -> list[str]:
    """List the words of a category in the order of their codes."""
    return list(dict.fromkeys(cohort[name].astype(str)))
