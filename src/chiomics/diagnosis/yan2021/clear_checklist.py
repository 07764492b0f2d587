"""The CLEAR checklist, filled in as far as a run knows the answers.

Kocak et al. 2023, CheckList for EvaluAtion of Radiomics research (CLEAR), Insights into Imaging 14:75,
doi:10.1186/s13244-023-01415-8. The 58 items are worded here in brief; the publication says what each one asks for.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from chiomics.diagnosis.yan2021.published_values import read_published

STATUSES = ("reported", "not reported", "not applicable")
COLUMNS = ("number", "section", "item", "status", "statement", "where")


def fill_checklist(facts: Mapping[str, str], *, simulated: bool | str) -> pd.DataFrame:
    """Fill the checklist in.

    Parameters
    ----------
    facts : mapping of str to str
        Of `study_facts.study_facts`.
    simulated : bool or str
        Whether the subjects are simulated, or how many of them, which answers some items.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, one row per item; status is one of `STATUSES`. What only authors can know is not reported.
    """
    items = read_published("clear")
    if simulated is True:
        items = items.assign(status=items["status_simulated"], statement=items["statement_simulated"])
    statements = [text.format_map(facts) for text in items["statement"]]
    return items.assign(statement=statements, number=items["number"].astype(int))[list(COLUMNS)]


def summarise_checklist(checklist: pd.DataFrame) -> str:
    """Count the items by status, in words."""
    counts = checklist["status"].value_counts()
    return ", ".join(f"{counts.get(status, 0)} {status}" for status in STATUSES)
