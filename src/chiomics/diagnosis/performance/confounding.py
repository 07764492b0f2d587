"""What the hybrid model gains over demographics alone, with and without variables that differ by design.

In Table 1 of Yan et al. 2021 sex and EDSS differ.

In the paper's cohort sex and EDSS differ between the diseases, so part of what a hybrid model gains may be theirs. The
gain is worked out again with these variables left out of both models.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from chiomics.core.scores.concordance import concordance_of
from chiomics.core.scores.delong import compare_aucs
from chiomics.core.scores.intervals import delong_interval
from chiomics.diagnosis.contracts import CONFOUNDING
from chiomics.diagnosis.models import DEMOGRAPHIC, HYBRID


def gain_table(predictions: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Compare hybrid and demographic models, variables left out a set at a time.

    Parameters
    ----------
    predictions : pandas.DataFrame
        `contracts.PREDICTIONS` of the models of `models.list_models`.
    settings : dict
        Keys of `diagnosis.settings.Settings`.

    Returns
    -------
    pandas.DataFrame
        `contracts.CONFOUNDING`. Where every variable is left out, the comparison is with 0.5.
    """
    rows = []
    for scheme, part in predictions.groupby("scheme", sort=False):
        models = dict(tuple(part.groupby("model", sort=False)))
        for left_out in ([], *settings["confounders"]):
            suffix = "_without_" + "_".join(left_out) if left_out else ""
            if HYBRID + suffix not in models:
                continue
            hybrid = concordance_of(models[HYBRID + suffix])
            if DEMOGRAPHIC + suffix in models:
                demographic = concordance_of(models[DEMOGRAPHIC + suffix])
                found = compare_aucs(hybrid, demographic, confidence=settings["confidence"])
                numbers = (demographic.auc, hybrid.auc, found.difference, found.low, found.high, found.p)
            else:
                low, high = delong_interval(hybrid, confidence=settings["confidence"])
                numbers = (0.5, hybrid.auc, hybrid.auc - 0.5, low - 0.5, high - 0.5, np.nan)
            rows.append((scheme, " ".join(left_out) or "none", *numbers))
    return pd.DataFrame(rows, columns=list(CONFOUNDING))
