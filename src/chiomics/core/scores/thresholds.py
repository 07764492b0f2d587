"""From scores to calls: threshold rules, and what is right at them.

``youden_training``: the largest Youden index on the training subjects of each fold, taken to the test subjects.
``youden_pooled``: the same on the very scores that are reported, as a ROC curve in a paper is read; optimistic.
``half``: a probability of 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiomics.core.errors import InputError
from chiomics.core.scores.concordance import as_labels


@dataclass(frozen=True)
class Calls:
    """Rightly called positives and negatives.

    Attributes
    ----------
    sensitivity, specificity, accuracy : float
        Shares of the positives, of the negatives and of all that are called rightly.
    """

    sensitivity: float
    specificity: float
    accuracy: float

    @classmethod
    def from_counts(cls, true_positives: int, true_negatives: int, positives: int, negatives: int) -> Calls:
        """Work out the shares from counts."""
        return cls(
            true_positives / positives,
            true_negatives / negatives,
            (true_positives + true_negatives) / (positives + negatives),
        )


def youden_threshold(y: np.ndarray, score: np.ndarray) -> float:
    """Return the threshold of largest sensitivity + specificity.

    Parameters
    ----------
    y : ndarray, shape (subjects,)
        1 or true for the positive class.
    score : ndarray, shape (subjects,)
        A subject is called positive at the threshold and above.

    Returns
    -------
    float
        Midway between two neighbouring scores; of several equally good ones the one nearest the median score.

    Raises
    ------
    InputError
        Where a class is empty, a label is neither 0 nor 1, or a score is not finite.
    """
    y, score = as_labels(y), np.asarray(score, dtype=float)
    if y.all() or not y.any() or not np.isfinite(score).all():
        raise InputError("a threshold needs finite scores of both classes", found=f"{y.sum()} positive of {len(y)}")
    values = np.unique(score)
    cuts = np.concatenate([[values[0]], (values[:-1] + values[1:]) / 2])
    above, below = np.sort(score[y]), np.sort(score[~y])
    sensitivity = 1 - np.searchsorted(above, cuts, side="left") / len(above)
    specificity = np.searchsorted(below, cuts, side="left") / len(below)
    youden = sensitivity + specificity
    best = np.flatnonzero(youden > youden.max() - 1e-12)
    return float(cuts[best[np.argmin(np.abs(cuts[best] - np.median(score)))]])


def score_calls(y: np.ndarray, score: np.ndarray, threshold: np.ndarray | float) -> Calls:
    """Call subjects positive at and above a threshold, one or one per subject, and count what is right."""
    y = as_labels(y)
    called = np.asarray(score) >= threshold
    return Calls.from_counts(int((called & y).sum()), int((~called & ~y).sum()), int(y.sum()), int((~y).sum()))
