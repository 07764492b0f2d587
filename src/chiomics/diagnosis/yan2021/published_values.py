"""What Yan et al. (Frontiers in Neuroscience 2021, 15:765634, doi:10.3389/fnins.2021.765634) print, as tables.

Typed from the paper: ``table1`` to ``table4`` are its tables, in the models' names of this stage. In ``table2`` the
misread glrIm is glrlm. ``table4`` adds the demographic and the hybrid model of the text, and the rightly called
subjects (MS positive) that give the printed shares. ``departures`` lists what the paper leaves open or gets wrong.
"""

from __future__ import annotations

from importlib.resources import files

import pandas as pd

from chiomics.diagnosis.group_tests import GroupTest, compare_counts, compare_moments

TEXT = {"model", "model_1", "model_2", "variable", "statistic", "test", "feature", "starred", "source"}


def read_published(name: str) -> pd.DataFrame:
    """Read one of the tables.

    Parameters
    ----------
    name : {"table1", "table2", "table3", "table4", "departures", "clear"}
        ``clear`` holds the items of the CLEAR checklist and what a run can say to them.

    Returns
    -------
    pandas.DataFrame
        Numbers in the tables of the paper, NaN where nothing is printed; text elsewhere.
    """
    with files("chiomics.diagnosis.yan2021").joinpath("published", f"{name}.tsv").open(encoding="utf-8") as lines:
        frame = pd.read_csv(lines, sep="\t", dtype=str, keep_default_na=False, quoting=3)
    if name.startswith("table"):
        for column in set(frame.columns) - TEXT:
            frame[column] = pd.to_numeric(frame[column])
    return frame


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
