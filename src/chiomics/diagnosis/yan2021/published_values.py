"""What Yan et al. (Frontiers in Neuroscience 2021, 15:765634, doi:10.3389/fnins.2021.765634) print, as tables.

Typed from the paper: ``table1`` to ``table4`` are its tables, in the models' names of this stage. In ``table2`` the
misread glrIm is glrlm. ``table4`` adds the demographic and the hybrid model of the text, and the rightly called
subjects (MS positive) that give the printed shares. ``departures`` lists what the paper leaves open or gets wrong.
"""

from __future__ import annotations

from functools import partial

import pandas as pd

from chiomics.core import papers
from chiomics.diagnosis.group_tests import GroupTest, compare_counts, compare_moments

WING = "chiomics.diagnosis.yan2021"
#: Reads one of them: table1 to table4, departures, clear; see `chiomics.core.papers.read_published`.
read_published = partial(papers.read_published, WING)


def retest_summary(summary: pd.DataFrame, variable: str, groups: tuple[str, str]) -> GroupTest | None:
    """Repeat the test of a variable from its summary.

    Parameters
    ----------
    summary : pandas.DataFrame
        Columns variable, statistic and one per group, as in ``table1``; a row ``n``, and rows ``male`` and ``female``
        for the variable ``sex``.
    variable : str
        E.g. ``sex`` or ``age``.
    groups : tuple of str
        The two columns.

    Returns
    -------
    GroupTest or None
        χ² test without Yates' correction of counts, t test of means and SDs; None for medians, from which nothing
        follows.
    """
    if variable == "sex":
        counts = summary.set_index("variable").loc[["male", "female"], list(groups)]
        return compare_counts(counts.to_numpy().T)
    own = summary.loc[summary["variable"] == variable].set_index("statistic")[list(groups)]
    if not {"mean", "sd"} <= set(own.index):
        return None
    sizes = summary.set_index("variable").loc["n"]
    parts = [(own.loc["mean", group], own.loc["sd", group], int(sizes[group])) for group in groups]
    return compare_moments(*parts[0], *parts[1])
