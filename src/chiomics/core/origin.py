"""Whose numbers a text holds: every README and table for reading says it."""

from __future__ import annotations

import json
from pathlib import Path

#: The mark of figures and of tables for reading.
SIMULATED_MARK = "SIMULATED SUBJECTS"
SIMULATED = (
    "**These numbers come from simulated subjects.** They show that the pipeline runs and what it gives; they say "
    "nothing about patients."
)
GIVEN = "These numbers come from the cohort that was given. Research use only: they support no diagnosis."


def say_origin(*, simulated: bool) -> str:
    """Return the sentences, in Markdown."""
    return SIMULATED if simulated else GIVEN


def dataset_is_simulated(folder: str | Path | None) -> bool:
    """Say whether a BIDS folder's ``dataset_description.json`` has ``"Simulated": true``, as the phantom's has."""
    path = Path(folder, "dataset_description.json") if folder else None
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):  # a folder without one, or that no reader of JSON can take: the index says so
        return False
    return isinstance(found, dict) and found.get("Simulated") is True
