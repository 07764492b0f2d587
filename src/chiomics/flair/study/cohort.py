"""Which prepared sessions a study takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chiomics.core.errors import InputError
from chiomics.flair.images.prepare import Prepared


def choose_sessions(prepared: Prepared, settings: Mapping[str, Any]) -> Prepared:
    """Keep the study's groups, and where it asks for them the sessions with lesions.

    Parameters
    ----------
    prepared : Prepared
        All sessions.
    settings : mapping
        ``groups``, ``positive``, ``lesions_required`` and ``folds`` of the paper.

    Returns
    -------
    Prepared
        In the order of their names.

    Raises
    ------
    InputError
        Where a group has too few participants for the folds, or a participant is in both.
    """
    table = prepared.table
    kept = table["group"].isin(settings["groups"]).to_numpy()
    if settings["lesions_required"]:
        kept = kept & (table["lesion_count"].to_numpy() > 0)
    rows = np.flatnonzero(kept)
    rows = rows[np.argsort(table["participant"].astype(str).to_numpy()[rows], kind="stable")]
    found = prepared.take(rows)
    groups = found.table.groupby("participant")["group"].nunique()
    if (groups > 1).any():
        raise InputError("a participant is in both groups", found=str(groups.index[groups > 1][0]))
    for group in settings["groups"]:
        count = found.table.loc[found.table["group"] == group, "participant"].nunique()
        if count < settings["folds"]:
            what = "participants with lesions" if settings["lesions_required"] else "participants"
            raise InputError(
                f"too few {what} of group {group}", found=str(count), expected=f"{settings['folds']} folds"
            )
    return found
