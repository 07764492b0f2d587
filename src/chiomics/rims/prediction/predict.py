"""Probabilities and calls of a detector, and the burden of rim lesions per session for clinical statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from chiomics.rims.detectors.lesions import KEYS, Lesions
from chiomics.rims.prediction.sessions import warn_outside

#: What is said of each lesion beside the keys.
LESION_COLUMNS = (
    "place", "volume_mm3", "x", "y", "z", "chi_mean", "cropped", "rim_probability", "rim_call", "rim_review",
    "outside_training_range",
)  # fmt: skip


def predict_lesions(detector: Any, card: Mapping[str, Any], lesions: Lesions) -> pd.DataFrame:
    """Score lesions.

    Parameters
    ----------
    detector, card
        Of `model_file.load_detector`.
    lesions : Lesions
        Of one or several sessions.

    Returns
    -------
    pandas.DataFrame
        Keys and `LESION_COLUMNS`, the most probable rims first: `rim_call` at the threshold that was chosen on subjects
        that the detector had not seen, `rim_review` at the one that misses about one rim in twenty.
    """
    probability = detector.predict(lesions)
    limits = card["thresholds"]
    table = lesions.table.assign(
        rim_probability=probability,
        rim_call=(probability >= limits["inner"]).astype(int),
        rim_review=(probability >= min(limits["sensitive"], limits["inner"])).astype(int),
        outside_training_range=warn_outside(lesions.table, card).astype(int),
    )
    kept = table[[*KEYS, *(name for name in LESION_COLUMNS if name in table)]]
    return kept.sort_values("rim_probability", ascending=False, kind="stable").reset_index(drop=True)


def count_burden(predicted: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    """Sum up each session, those without lesions included.

    Parameters
    ----------
    predicted : pandas.DataFrame
        Of `predict_lesions`, all sessions.
    sessions : pandas.DataFrame
        participant_id, session_id and run of all sessions.

    Returns
    -------
    pandas.DataFrame
        Per session: lesions, their volume (mm³), rim lesions, their volume and its share, rims per place, and whether
        there is at least one and at least four.
    """
    rows = []
    for session in sessions.to_dict("records"):
        own = predicted
        for key, value in session.items():
            own = own.loc[own[key].astype(str) == value]
        rims = own.loc[own["rim_call"] == 1]
        volume, rim_volume = float(own["volume_mm3"].sum()), float(rims["volume_mm3"].sum())
        row = session | {"lesions": len(own), "volume_mm3": volume, "rim_lesions": len(rims)}
        row |= {"rim_volume_mm3": rim_volume, "rim_volume_share": rim_volume / volume if volume else np.nan}
        row |= {"expected_rim_lesions": float(own["rim_probability"].sum()), "to_review": int(own["rim_review"].sum())}
        for place in ("periventricular", "juxtacortical", "infratentorial", "deep"):
            row[f"rim_lesions_{place}"] = int((rims["place"] == place).sum())
        rows.append(row | {"at_least_one": int(len(rims) >= 1), "at_least_four": int(len(rims) >= 4)})
    return pd.DataFrame(rows)


def review_table(predicted: pd.DataFrame) -> pd.DataFrame:
    """Return the lesions to review as a table of ratings: an expert fills `rim`, and the workflow reads it back."""
    wanted = predicted.loc[predicted["rim_review"] == 1, KEYS]
    return wanted.assign(rater="", rim="")
