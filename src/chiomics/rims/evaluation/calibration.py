"""Whether a probability means what it says, and what a detector would do at another share of rim lesions."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from chiomics.rims.evaluation.thresholds import f1_at_prevalence

BINS = 10
#: Shares of rim lesions for which F1 is shown.
PREVALENCES = np.array([0.01, 0.02, 0.0425, 0.08, 0.12, 0.2, 0.3, 0.5])


def reliability(calls: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare predicted with found shares of rim lesions, raw and with the training prior taken back.

    Parameters
    ----------
    calls : pandas.DataFrame
        `calls.CALLS`.

    Returns
    -------
    bins : pandas.DataFrame
        arm, which (`probability`, `calibrated`), predicted, found, lesions: ten bins with equally many lesions.
    summary : pandas.DataFrame
        arm, which, brier, brier_of_prevalence, slope and intercept of the logistic recalibration (1 and 0 are ideal).
    """
    bins, summary = [], []
    for arm, own in calls.groupby("arm", sort=False):
        label = own["label"].to_numpy(float)
        for which in ("probability", "calibrated"):
            p = np.clip(own[which].to_numpy(float), 1e-7, 1 - 1e-7)
            for part in np.array_split(np.argsort(p, kind="stable"), BINS):
                if len(part):
                    bins.append(
                        {"arm": arm, "which": which, "predicted": p[part].mean(), "found": label[part].mean(),
                         "lesions": len(part)}
                    )  # fmt: skip
            fitted = LogisticRegression(C=np.inf).fit(logit(p)[:, None], label)
            summary.append(
                {
                    "arm": arm, "which": which, "brier": np.mean((p - label) ** 2),
                    "brier_of_prevalence": label.mean() * (1 - label.mean()), "slope": fitted.coef_[0, 0],
                    "intercept": fitted.intercept_[0],
                }
            )  # fmt: skip
    return pd.DataFrame(bins), pd.DataFrame(summary)


def over_prevalence(performance: pd.DataFrame) -> pd.DataFrame:
    """Return F1 and the positive predictive value of every arm and threshold at `PREVALENCES`."""
    rows = []
    for row in performance.to_dict("records"):
        f1, ppv = f1_at_prevalence(row["sensitivity"], row["specificity"], PREVALENCES)
        rows.append(
            pd.DataFrame(
                {"arm": row["arm"], "threshold": row["threshold"], "prevalence": PREVALENCES, "f1": f1, "ppv": ppv}
            )
        )
    return pd.concat(rows, ignore_index=True)
