"""Tables 1 to 4 in Markdown, for reading."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from chiomics.core.origin import say_origin
from chiomics.core.papers import markdown_table

TITLES = {
    "table1": "Table 1. Participants",
    "table2": "Table 2. Selected features",
    "table3": "Table 3. p values of DeLong's test between nuclei",
    "table4": "Table 4. Performance",
}


def tables_markdown(tables: Mapping[str, pd.DataFrame], *, simulated: bool | str) -> str:
    """Lay Tables 1 to 4 out in Markdown, numbers rounded as the paper does."""
    parts = [f"# Tables of Yan et al. 2021 on this cohort\n\n{say_origin(simulated=simulated)}\n"]
    for name, title in TITLES.items():
        table = tables[name]
        if name == "table4":
            table = table.drop(columns=["interval", "confidence", "positive"])
        blocks = [("", table)]
        if name == "table4":
            sources = ("published", "as_published", "nested")
            own = {source: [c for c in table if c.startswith(f"{source}_")] for source in sources}
            blocks = [
                (source.replace("_", " "), table[["model", *columns]].rename(columns=lambda c, s=source: _bare(c, s)))
                for source, columns in own.items()
            ]
        elif name == "table3":
            blocks = [
                (f"{source.replace('_', ' ')}, adjustment: {adjustment}", part.drop(columns=["source", "adjustment"]))
                for (source, adjustment), part in table.groupby(["source", "adjustment"], sort=False)
            ]
        parts.append(f"## {title}\n")
        parts += [(f"{said}\n\n" if said else "") + _markdown(block) for said, block in blocks]
    return "\n".join(parts)


def _bare(column: str, source: str) -> str:
    return column.removeprefix(f"{source}_").replace("_", " ")


def _markdown(table: pd.DataFrame) -> str:
    return markdown_table(list(table.columns), [map(_cell, row) for row in table.itertuples(index=False)])


def _cell(value: object) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, float):
        return "< 0.001" if 0 < value < 0.0005 else f"{value:.3f}".replace("-", "−")
    return str(value)
