"""Tests of a variable between two groups, from values or from published summaries (Yan et al. 2021, Table 1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from chiomics.core.errors import InputError
from chiomics.diagnosis.normality import lilliefors


@dataclass(frozen=True)
class GroupTest:
    """One test.

    Attributes
    ----------
    test : str
        ``chi-square``, ``t`` or ``Mann-Whitney``.
    statistic : float
        χ², t or U of the first group.
    p : float
        Two-sided.
    """

    test: str
    statistic: float
    p: float


def compare_counts(table: np.ndarray, *, yates: bool = False) -> GroupTest:
    """Compare shares by Pearson's χ² test; the paper's p needs no Yates correction (Table 1).

    Parameters
    ----------
    table : ndarray, shape (groups, categories)
        Counts.
    yates : bool
        Correct for continuity.

    Raises
    ------
    InputError
        Where a row or column is empty.
    """
    table = np.asarray(table)
    if (table.sum(axis=0) == 0).any() or (table.sum(axis=1) == 0).any():
        raise InputError("a group or category without subjects cannot be tested", found=str(table.tolist()))
    found = stats.chi2_contingency(table, correction=yates)
    return GroupTest("chi-square", float(found.statistic), float(found.pvalue))


def compare_moments(mean_1: float, sd_1: float, n_1: int, mean_2: float, sd_2: float, n_2: int) -> GroupTest:
    """Compare means by Student's t test of equal variances, from means, SDs and group sizes."""
    found = stats.ttest_ind_from_stats(mean_1, sd_1, n_1, mean_2, sd_2, n_2, equal_var=True)
    return GroupTest("t", float(found.statistic), float(found.pvalue))


def compare_values(first: np.ndarray, second: np.ndarray, *, normality: float = 0.05) -> GroupTest:
    """Compare values by Student's t test where the Lilliefors test rejects normality in neither group, else by ranks.

    Parameters
    ----------
    first, second : ndarray, shape (subjects,)
        Finite values.
    normality : float
        p of the Lilliefors test below which the Mann-Whitney test is used.
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if all(lilliefors(values[:, None])[1][0] >= normality for values in (first, second)):
        found = stats.ttest_ind(first, second)
        return GroupTest("t", float(found.statistic), float(found.pvalue))
    found = stats.mannwhitneyu(first, second, method="asymptotic")
    return GroupTest("Mann-Whitney", float(found.statistic), float(found.pvalue))
