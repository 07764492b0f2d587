"""Which prepared sessions a study takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.needs import why_too_few


def choose_sessions(prepared: Prepared, study: str, settings: Mapping[str, Any]) -> Prepared:
    """Keep the study's groups, and where it asks for them the sessions with lesions.

    Parameters
    ----------
    prepared : Prepared
        All sessions.
    study : {"wang2020", "seok2023"}
        Whose.
    settings : mapping
        ``groups``, ``positive``, ``lesions_required`` and ``folds`` of the paper, and what `needs.why_too_few` reads.

    Returns
    -------
    Prepared
        In the order of their names.

    Raises
    ------
    InputError
        Where no session is left, a group has too few participants for the study, or a participant is in both.
    """
    return prepared.take(rows_of_study(prepared.table, study, settings))


def rows_of_study(table: pd.DataFrame, study: str, settings: Mapping[str, Any]) -> np.ndarray:
    """Return the rows of the table that `choose_sessions` keeps, in their order; raises as it does."""
    if table.empty:
        raise InputError("not one session of the study could be prepared", expected="FLAIR, T1w and known lesions")
    kept = table["group"].isin(settings["groups"]).to_numpy()
    if settings["lesions_required"]:
        kept = kept & (table["lesion_count"].to_numpy() > 0)
    rows = np.flatnonzero(kept)
    rows = rows[np.argsort(table["participant"].astype(str).to_numpy()[rows], kind="stable")]
    found = table.iloc[rows]
    groups = found.groupby("participant")["group"].nunique()
    if (groups > 1).any():
        raise InputError("a participant is in both groups", found=str(groups.index[groups > 1][0]))
    what = "with lesions" if settings["lesions_required"] else "whose images could be prepared"
    columns = (found[name].astype(str).tolist() for name in ("group", "participant"))
    if why := why_too_few(study, settings, *columns, what=what):
        raise InputError(f"{study}: {why}")
    return rows
