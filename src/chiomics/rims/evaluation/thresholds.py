"""Thresholds of a rim probability, and the counts that they give."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from chiomics.core.learning.curves import count_above

#: Rows of a table of counts.
COUNTS = ("tp", "fp", "fn", "tn")
METRICS = ("accuracy", "f1", "sensitivity", "specificity", "ppv")


def f1_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the score from which on a call of rims has the highest F1; the highest such score of several.

    Parameters
    ----------
    labels, scores : ndarray, shape (lesions,)
        1 for a rim, and its score.
    """
    thresholds, true, false = count_above(labels, scores)
    f1 = 2 * true / (true + false + true[-1])
    return float(thresholds[np.argmax(f1)])


def sensitive_threshold(labels: np.ndarray, scores: np.ndarray, *, below: float = 0.95) -> float:
    """Return the threshold with the largest sensitivity below a limit, and with the fewest calls of those.

    Zhang et al. 2022 (Discussion) read the number of lesions to review from it. Infinite where even one call reaches
    the limit.
    """
    thresholds, true, _ = count_above(labels, scores)
    reached = np.where(true / true[-1] < below, true, 0)
    return float(thresholds[np.argmax(reached)]) if reached.max() > 0 else np.inf


def count_calls(labels: np.ndarray, calls: np.ndarray) -> dict[str, int]:
    """Count true and false calls: `COUNTS`."""
    labels, calls = np.asarray(labels).astype(bool), np.asarray(calls).astype(bool)
    return {
        "tp": int((labels & calls).sum()), "fp": int((~labels & calls).sum()),
        "fn": int((labels & ~calls).sum()), "tn": int((~labels & ~calls).sum()),
    }  # fmt: skip


def rate(counts: Mapping[str, float] | pd.DataFrame) -> dict[str, np.ndarray]:
    """Return `METRICS` of counts, arrays or numbers; NaN where nothing was called or nothing is there."""
    tp, fp, fn, tn = (np.asarray(counts[name], float) for name in COUNTS)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "accuracy": (tp + tn) / (tp + fp + fn + tn), "f1": 2 * tp / (2 * tp + fp + fn),
            "sensitivity": tp / (tp + fn), "specificity": tn / (tn + fp), "ppv": tp / (tp + fp),
        }  # fmt: skip


def f1_at_prevalence(sensitivity: float, specificity: float, prevalence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return F1 and the positive predictive value that the same detector would have at other shares of rim lesions."""
    share = np.asarray(prevalence, float)
    true, false = share * sensitivity, (1 - share) * (1 - specificity)
    with np.errstate(invalid="ignore", divide="ignore"):
        return 2 * true / (true + false + share), true / (true + false)
