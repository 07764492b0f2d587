"""What simulated effects allow at best, beside what was found, and what so few participants can show at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from chiomics.core.papers import markdown_table
from chiomics.core.scores.intervals import newcombe_interval

#: AUC whose interval shows what the number of participants can tell.
EXAMPLE = 0.8


def say_oracle(oracle: Sequence[Mapping], table4: pd.DataFrame, cohort: pd.DataFrame, *, positive: str) -> str:
    """Set the best AUC that the built-in effect of each nucleus allows beside the one that was found.

    Parameters
    ----------
    oracle : sequence of mapping
        ``nucleus``, ``kind`` of the effect (mean, texture, both, null) and ``auc``, from the recipe of the simulation.
    table4 : pandas.DataFrame
        Of `chiomics.diagnosis.yan2021.tables.paper_tables`.
    cohort : pandas.DataFrame
        With ``participant`` and ``group``.
    positive : str
        The group of the positive class.

    Returns
    -------
    str
        Markdown: a table and a sentence; nothing where the subjects are not simulated.
    """
    if not oracle:
        return ""
    people = cohort.drop_duplicates("participant")["group"]
    positives, negatives = int((people == positive).sum()), int((people != positive).sum())
    found = table4.set_index("model")
    rows = [
        [row["nucleus"], {"null": "none"}.get(row["kind"], row["kind"]), f"{row['auc']:.2f}", *_found(found, row)]
        for row in oracle
        if row["nucleus"] in found.index
    ]
    low, high = newcombe_interval(EXAMPLE, positives, negatives)
    said = (
        f"With {positives} and {negatives} participants an AUC of {EXAMPLE} has a 95 % interval from {low:.2f} to "
        f"{high:.2f}: such a cohort shows that the chain runs and where a large effect lies, and tells no two of these "
        "models apart."
    )
    head = ["Nucleus", "built-in effect", "best possible AUC", "as published, here", "nested, here"]
    return markdown_table(head, rows) + "\n" + said + "\n"


def _found(table4: pd.DataFrame, row: Mapping) -> list[str]:
    values = [table4.loc[row["nucleus"], f"{scheme}_auc"] for scheme in ("as_published", "nested")]
    return ["n/a" if pd.isna(value) else f"{value:.2f}" for value in values]
