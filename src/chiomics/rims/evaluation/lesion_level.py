"""Performance per lesion: curves over folds, pooled counts, and a bootstrap over subjects (Zhang et al. 2022, 2.5)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from chiomics.core.learning.curves import average_precision, mean_precision, mean_roc
from chiomics.core.scores.concordance import auc
from chiomics.rims.evaluation.calls import RULES
from chiomics.rims.evaluation.thresholds import COUNTS, METRICS, count_calls, rate, sensitive_threshold

CONFIDENCE = 0.95


def curves(calls: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Average the folds' curves.

    Parameters
    ----------
    calls : pandas.DataFrame
        `calls.CALLS`.

    Returns
    -------
    points : pandas.DataFrame
        arm, curve (`roc` to a false positive rate of .1, `pr`), x, y.
    areas : pandas.DataFrame
        arm, proc_auc (chance .05), pr_auc, auc (mean over folds), auc_pooled, ap_pooled, folds.
    """
    points, areas = [], []
    for arm, own in calls.groupby("arm", sort=False):
        folds = [
            (part["label"].to_numpy(), part["probability"].to_numpy())
            for _, part in own.groupby("fold")
            if part["label"].nunique() == 2
        ]
        row = {"arm": arm}
        for name, key, average in (("roc", "proc_auc", mean_roc), ("pr", "pr_auc", mean_precision)):
            x, y, row[key] = average(folds)
            points.append(pd.DataFrame({"arm": arm, "curve": name, "x": x, "y": y}))
        pooled = own["label"].to_numpy(), own["probability"].to_numpy()
        row["auc"] = float(np.mean([auc(*fold) for fold in folds]))
        row |= {"auc_pooled": auc(*pooled), "ap_pooled": average_precision(*pooled), "folds": len(folds)}
        areas.append(row)
    return pd.concat(points, ignore_index=True), pd.DataFrame(areas)


def performance(calls: pd.DataFrame, *, draws: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Count calls over all folds, with intervals, and compare detectors.

    Parameters
    ----------
    calls : pandas.DataFrame
        `calls.CALLS`.
    draws, seed : int
        Of the bootstrap over subjects; all arms see the same samples.

    Returns
    -------
    table : pandas.DataFrame
        One row per arm and threshold (`published`, `inner`): counts, `METRICS` with `_low` and `_high`.
    differences : pandas.DataFrame
        One row per pair of arms, threshold and metric: difference, interval, and p, twice the smaller share of samples
        on one side of 0.
    """
    rows, differences = [], []
    for rule in RULES:
        column, samples = f"call_{rule}", {}
        for arm, own in calls.groupby("arm", sort=False):
            if own[column].isna().any():
                continue
            counts = count_calls(own["label"], own[column])
            samples[arm] = rate(_resample(own, column, draws=draws, seed=seed))
            row = {"arm": arm, "threshold": rule, **counts, **{name: float(v) for name, v in rate(counts).items()}}
            for name in METRICS:
                row[f"{name}_low"], row[f"{name}_high"] = percentiles(samples[arm][name])
            rows.append(row)
        found = {row["arm"]: row for row in rows if row["threshold"] == rule}
        for first, second in combinations(samples, 2):
            for name in METRICS:
                drawn = samples[first][name] - samples[second][name]
                low, high = percentiles(drawn)
                differences.append(
                    {
                        "first": first, "second": second, "threshold": rule, "metric": name,
                        "difference": found[first][name] - found[second][name], "low": low, "high": high,
                        "p": bootstrap_p(drawn),
                    }
                )  # fmt: skip
    return pd.DataFrame(rows), pd.DataFrame(differences)


def review_counts(calls: pd.DataFrame, *, below: float = 0.95) -> pd.DataFrame:
    """Count lesions to review where few rims may be missed.

    Parameters
    ----------
    calls : pandas.DataFrame
        `calls.CALLS`.
    below : float
        Limit of the sensitivity, as of `thresholds.sensitive_threshold`, over all folds.

    Returns
    -------
    pandas.DataFrame
        One row per arm: counts, sensitivity, `review` (true and false calls), and the share of lesions `saved`.
    """
    rows = []
    for arm, own in calls.groupby("arm", sort=False):
        labels, scores = own["label"].to_numpy(), own["probability"].to_numpy()
        limit = sensitive_threshold(labels, scores, below=below)
        counts = count_calls(labels, scores >= limit)
        review = counts["tp"] + counts["fp"]
        sensitivity = counts["tp"] / (counts["tp"] + counts["fn"])
        rows.append(
            {"arm": arm, "limit": limit, **counts, "sensitivity": sensitivity, "review": review,
             "saved": 1 - review / len(own)}
        )  # fmt: skip
    return pd.DataFrame(rows)


def percentiles(values: np.ndarray, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the percentile interval of samples, NaN where there is none."""
    known = values[np.isfinite(values)]
    if not len(known):
        return np.nan, np.nan
    low, high = np.quantile(known, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


def bootstrap_p(drawn: np.ndarray) -> float:
    """Return twice the smaller share of samples on one side of 0, and no less than two of all samples and one more."""
    known = drawn[np.isfinite(drawn)]
    side = min((known <= 0).sum(), (known >= 0).sum())
    return float(min(1.0, 2 * (side + 1) / (len(known) + 1)))


def order_of(areas: pd.DataFrame) -> Sequence[str]:
    """Order the arms by the area below their precision-recall curve, the best first."""
    return list(areas.sort_values("pr_auc", ascending=False, kind="stable")["arm"])


def _resample(own: pd.DataFrame, column: str, *, draws: int, seed: int) -> dict[str, np.ndarray]:
    """Draw subjects anew and sum their counts, each of shape (draws,)."""
    _, code = np.unique(own["participant_id"].to_numpy(str), return_inverse=True)
    subjects = code.max() + 1
    label, call = own["label"].to_numpy(bool), own[column].to_numpy(bool)
    cells = {"tp": label & call, "fp": ~label & call, "fn": label & ~call, "tn": ~label & ~call}
    table = np.stack([np.bincount(code, weights=cells[name], minlength=subjects) for name in COUNTS])
    weights = np.random.default_rng(seed).multinomial(subjects, np.full(subjects, 1 / subjects), size=draws)
    return dict(zip(COUNTS, table @ weights.T, strict=True))
