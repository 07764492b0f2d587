"""Whether a network beats counting: the first line of a paper's README."""

from __future__ import annotations

import numpy as np
import pandas as pd

from chiomics.flair.study.trainings import TITLES

#: Models that count and place lesions; demographics is no model of the image.
COUNTING = ("lesion_volume", "lesion_load", "lesion_sites")


def say_verdict(fair: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    """Say in one sentence whether the best network beats the best model of lesion load.

    Parameters
    ----------
    fair : pandas.DataFrame
        Rows of ``performance`` with metric ``auc`` that estimate performance, one per arm.
    comparisons : pandas.DataFrame
        Tests between arms.

    Returns
    -------
    str
        Markdown.
    """
    own = fair.dropna(subset=["pooled"]).set_index("arm")["pooled"]
    networks = own[[arm for arm in own.index if arm not in (*COUNTING, "demographics")]]
    counting = own[[arm for arm in own.index if arm in COUNTING]]
    if networks.empty or counting.empty:
        return "**Networks and lesion load could not be compared.**"
    best, rival = networks.idxmax(), counting.idxmax()
    pair = {best, rival}
    test = comparisons[
        comparisons["first"].isin(pair) & comparisons["second"].isin(pair) & (comparisons["metric"] == "auc")
    ]
    p = float(test["p_corrected"].iloc[0]) if len(test) else np.nan
    said = f"best network ({TITLES[best]}) AUC {networks[best]:.2f}, {TITLES[rival]} {counting[rival]:.2f}" + (
        f", corrected p {p:.2g}" if np.isfinite(p) else ""
    )
    if networks[best] <= counting[rival]:
        return (
            f"**No network beats lesion load here**: {said}. What the networks learnt, counting lesions tells better."
        )
    if not p < 0.05:
        return f"**No network surely beats lesion load here**: {said}."
    return f"**A network beats lesion load here**: {said}."
