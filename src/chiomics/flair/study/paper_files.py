"""What a paper's folder says of departures and in tables for reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from chiomics.core.papers import markdown_table, read_published


def departures(study: str, settings: Mapping[str, Any], **facts: object) -> pd.DataFrame:
    """List what the paper leaves open or gets wrong, and what is done here with these settings."""
    table = read_published(f"chiomics.flair.{study}", "departures")
    known = {key: ", ".join(map(str, value)) if isinstance(value, list) else value for key, value in settings.items()}
    return table.assign(here=[str(text).format_map(known | facts) for text in table["here"]])


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
