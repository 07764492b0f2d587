"""What Zhang et al. (NeuroImage: Clinical 2022, 34:102979, doi:10.1016/j.nicl.2022.102979) print, as tables.

Typed from the paper. ``table1`` adds the cohort's numbers of the text, ``numbers`` holds what stands in the text only;
``departures`` lists what the paper leaves open or gets wrong, and what is done here.
"""

from __future__ import annotations

from functools import partial

from chiomics.core import papers

#: The package of this paper.
WING = "chiomics.rims.zhang2022"

#: Reads one of them; see `chiomics.core.papers.read_published`.
read_published = partial(papers.read_published, WING)


def published_number(arm: str, measure: str) -> float:
    """Return a number of the text, NaN where the paper has none."""
    numbers = read_published("numbers")
    found = numbers.loc[(numbers["arm"] == arm) & (numbers["measure"] == measure), "value"]
    return float(found.iloc[0]) if len(found) else float("nan")
