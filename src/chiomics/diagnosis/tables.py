"""Files of the stage's tables: tab-separated or Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from chiomics.core.papers import MISSING
from chiomics.core.tables import write_frame
from chiomics.diagnosis.contracts import SCHEMES


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


def write_tidy(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table of the stage, Parquet or tab-separated by its ending."""
    write_frame(frame, path, missing=MISSING)
