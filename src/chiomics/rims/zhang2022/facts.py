"""What the README of the study and the card of a detector say of the cohort and the training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from chiomics.core.provenance import find_versions
from chiomics.rims.detectors.lesions import Lesions


def study_facts(lesions: Lesions, *, source: str) -> dict[str, Any]:
    """Return source, subjects, lesions, rims and their share."""
    labels = lesions.labels
    return {
        "source": source[:1].upper() + source[1:], "subjects": len(np.unique(lesions.subjects)),
        "lesions": len(labels), "rims": int(labels.sum()), "share": float(labels.mean()),
    }  # fmt: skip


def card_facts(
    arm: str,
    lesions: Lesions,
    calls: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    *,
    source: str,
    simulated: bool | str,
) -> dict[str, Any]:
    """Return what a detector's card says of its training.

    Parameters
    ----------
    arm : str
        The detector.
    lesions : Lesions
        It was trained on.
    calls : pandas.DataFrame
        Of the cross-validation, from which its thresholds come.
    tables : mapping
        areas, performance, review.
    source : str
        The cohort.
    simulated : bool or str
        Whether its lesions are simulated, or how many of them.

    Returns
    -------
    dict
        training, thresholds, performance, patch, range of χ, versions.
    """
    own = calls.loc[calls["arm"] == arm]
    folds = own.groupby("fold")[["threshold_published", "threshold_inner"]].mean().mean()
    review = tables["review"].set_index("arm")["limit"]
    measured = tables["areas"].set_index("arm").loc[arm, ["pr_auc", "proc_auc", "auc"]]
    rows = tables["performance"].query("arm == @arm").set_index("threshold")
    performance = {key: float(value) for key, value in measured.items()}
    performance |= {f"f1_{rule}": float(rows.loc[rule, "f1"]) for rule in rows.index}
    inner = float(folds["threshold_inner"])
    chi = lesions.table["chi_mean"].to_numpy(float)
    return {
        "patch": list(lesions.masks.shape[1:]),
        "thresholds": {
            "inner": inner if np.isfinite(inner) else float(folds["threshold_published"]),
            "published": float(folds["threshold_published"]), "sensitive": float(review[arm]),
        },
        "training": {"cohort": source, "simulated": simulated, **study_facts(lesions, source=source)},
        "cross_validated": performance,
        "chi_mean_range_ppb": [float(chi.min()), float(chi.max())],
        "versions": find_versions("numpy", "scikit-learn", "scipy"),
    }  # fmt: skip
