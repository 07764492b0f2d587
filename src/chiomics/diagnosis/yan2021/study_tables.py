"""Files of the study's tables: tab-separated or Parquet, and Tables 1 to 4 in Markdown for reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from chiomics.core.origin import say_origin
from chiomics.core.tables import write_frame
from chiomics.diagnosis.contracts import SCHEMES

MISSING = "n/a"
TITLES = {
    "table1": "Table 1. Participants",
    "table2": "Table 2. Selected features",
    "table3": "Table 3. p values of DeLong's test between nuclei",
    "table4": "Table 4. Performance",
}


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table of the stage; only ``n/a`` is missing, empty text and the word none stay text."""
    path = Path(path)
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, sep="\t", keep_default_na=False, na_values=[MISSING])


def read_parts(paths: Sequence[str | Path], models: Sequence[str]) -> pd.DataFrame:
    """Read a table in parts that jobs wrote, the same whatever the jobs and their order.

    Parameters
    ----------
    paths : sequence of path-like
        Parts of `contracts.PREDICTIONS`, `contracts.SELECTED` or `contracts.PERMUTATION`. A repeat or permutation of a
        model and scheme is in one part, its rows in the order that they keep.
    models : sequence of str
        All models in the order of the study.

    Returns
    -------
    pandas.DataFrame
        By model, scheme, and repeat or permutation.
    """
    parts = pd.concat(map(read_table, paths), ignore_index=True)
    model, scheme = (
        parts[name].map({value: place for place, value in enumerate(order)}).astype(int)
        for name, order in (("model", models), ("scheme", SCHEMES))
    )
    number = parts["repeat" if "repeat" in parts else "permutation"]
    return parts.iloc[np.lexsort((number, scheme, model))].reset_index(drop=True)  # lexsort is stable


def write_table(frame: pd.DataFrame, path: str | Path, *, simulated: bool) -> None:
    """Write a table whole or not at all, with a last column that says whether its subjects are simulated."""
    write_tidy(frame.assign(subjects="simulated" if simulated else "real"), path)


def write_tidy(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table of the stage, Parquet or tab-separated by its ending."""
    write_frame(frame, path, missing=MISSING)


def tables_markdown(tables: Mapping[str, pd.DataFrame], *, simulated: bool) -> str:
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
    rows = [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    lines = [list(map(str, table.columns)), ["---"] * table.shape[1], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _cell(value: object) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, float):
        return "< 0.001" if 0 < value < 0.0005 else f"{value:.3f}".replace("-", "−")
    return str(value)
