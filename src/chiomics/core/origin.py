"""Whose numbers a text holds: every README and table for reading says it."""

from __future__ import annotations

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
