"""Whose numbers a text holds: every README and table for reading says it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

#: The mark of figures and of tables for reading.
SIMULATED_MARK = "SIMULATED SUBJECTS"
SIMULATED = (
    "**These numbers come from simulated subjects.** They show that the pipeline runs and what it gives; they say "
    "nothing about patients."
)
GIVEN = "These numbers come from the cohort that was given. Research use only: they support no diagnosis."


SOME_SIMULATED = (
    "**{share} are of simulated subjects.** What these numbers say of the cohort as a whole is no finding on patients. "
    "Research use only: they support no diagnosis."
)


def share_of_simulated(marks: Iterable[bool], what: str = "sessions") -> bool | str:
    """Return whether all or none of a cohort is simulated, or how many are, in words.

    Parameters
    ----------
    marks : iterable of bool
        Whether each session is simulated.
    what : str
        What is counted.

    Returns
    -------
    bool or str
        What figures, tables and texts of the whole cohort take as `simulated`.

    Examples
    --------
    >>> share_of_simulated([True, False, False])
    '1 of 3 sessions'
    >>> share_of_simulated([True, True])
    True
    """
    marks = list(map(bool, marks))  # also those of a table, as texts
    return any(marks) and (all(marks) or f"{sum(marks)} of {len(marks)} {what}")


def mark_of(simulated: bool | str) -> str:
    """Return the mark of figures, tables and pages, with how many where not all are; empty where none is.

    >>> mark_of("1 of 3 sessions")
    'SIMULATED SUBJECTS: 1 of 3 sessions'
    """
    return SIMULATED_MARK + f": {simulated}" * isinstance(simulated, str) if simulated else ""


def say_origin(*, simulated: bool | str) -> str:
    """Return the sentences, in Markdown; `simulated` of `share_of_simulated`."""
    if isinstance(simulated, str):
        return SOME_SIMULATED.format(share=simulated)
    return SIMULATED if simulated else GIVEN


def dataset_is_simulated(folder: str | Path | None) -> bool:
    """Say whether a BIDS folder's ``dataset_description.json`` has ``"Simulated": true``, as the phantom's has."""
    path = Path(folder, "dataset_description.json") if folder else None
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):  # a folder without one, or that no reader of JSON can take: the index says so
        return False
    return isinstance(found, dict) and found.get("Simulated") is True
