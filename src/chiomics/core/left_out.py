"""Who and what leaves a study, each with the reason: one table, a line of the log, and a line of the README."""

from __future__ import annotations

import logging

import pandas as pd

#: Columns of ``left_out.tsv``: kind of thing, its name, what it belongs to, and why it is not in the study.
COLUMNS = ("what", "name", "of", "reason")

log = logging.getLogger(__name__)


class LeftOut:
    """What was left out so far."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str, str]] = []

    def add(self, what: str, name: str, reason: str, *, of: str = "") -> None:
        """Add one thing, e.g. ``participant``, ``session``, ``feature``, ``column`` or ``whitelist name``."""
        self.rows.append((what, name, of, reason))

    def table(self) -> pd.DataFrame:
        """Return the table ``left_out.tsv``, each line once."""
        return pd.DataFrame(list(dict.fromkeys(self.rows)), columns=list(COLUMNS))

    def warn(self) -> None:
        """Say in the log how many left and why, the first few by name."""
        for (what, reason), part in self.table().groupby(["what", "reason"], sort=False):
            names = [f"{row.of} {row.name_}".strip() for row in part.rename(columns={"name": "name_"}).itertuples()]
            more = f" and {len(names) - 8} more" if len(names) > 8 else ""
            log.warning("left out, %s: %d (%s%s): %s", what, len(part), ", ".join(names[:8]), more, reason)


def say_left_out(table: pd.DataFrame) -> str:
    """Write a line for the README."""
    if table.empty:
        return "Nobody and nothing was left out.\n"
    counts = table.groupby("what", sort=False).size()
    reasons = table.groupby(["what", "reason"], sort=False).size()
    said = ", ".join(f"{count} {what}{'s' if count > 1 else ''}" for what, count in counts.items())
    lines = [
        f"- {count} {key[0]}{'s' if count > 1 else ''}: {key[1]}"
        for key, count in zip(reasons.index.to_list(), reasons, strict=True)
    ]
    return f"Left out: {said}, each with its reason in `left_out.tsv`.\n\n" + "\n".join(lines) + "\n"
