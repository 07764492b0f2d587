"""Tables for reading in a paper's README."""

from __future__ import annotations

import pandas as pd

from chiomics.core.papers import markdown_table


def to_markdown(frame: pd.DataFrame) -> str:
    """Lay a table out in Markdown, three digits."""
    head = [str(name).replace("_", " ") for name in frame.columns]
    return markdown_table(head, ([_cell(value) for value in row] for row in frame.itertuples(index=False)))


def _cell(value: object) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, float):
        return "< 0.001" if 0 < value < 0.0005 else f"{value:.3f}".replace("-", "−")
    return str(value)
