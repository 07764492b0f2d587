"""What Zhang et al. (NeuroImage: Clinical 2022, 34:102979, doi:10.1016/j.nicl.2022.102979) print, as tables.

Typed from the paper. ``table1`` adds the cohort's numbers of the text, ``numbers`` holds what stands in the text only;
``departures`` lists what the paper leaves open or gets wrong, and what is done here.
"""

from __future__ import annotations

from importlib.resources import files

import pandas as pd


def read_published(name: str) -> pd.DataFrame:
    """Read ``table1``, ``table2``, ``table3``, ``numbers`` or ``departures``; text in ``table1`` and ``departures``."""
    with files("chiomics.rims.zhang2022").joinpath("published", f"{name}.tsv").open(encoding="utf-8") as lines:
        text = name in ("table1", "departures")
        return pd.read_csv(lines, sep="\t", dtype=str if text else None, keep_default_na=not text, quoting=3)


def published_number(arm: str, measure: str) -> float:
    """Give a number of the text, NaN where the paper has none."""
    numbers = read_published("numbers")
    found = numbers.loc[(numbers["arm"] == arm) & (numbers["measure"] == measure), "value"]
    return float(found.iloc[0]) if len(found) else float("nan")
