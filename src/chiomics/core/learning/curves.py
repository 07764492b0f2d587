"""ROC and precision-recall curves of folds, interpolated piecewise constant on a common grid and averaged.

As Zhang et al. 2022 (section 2.5) evaluate detectors of rare lesions. The area of the partial ROC is divided by its
width: a perfect detector has 1, chance has half the highest false positive rate (.05 for .1). This is not the
standardised partial area of McClish 1989, by which chance has .5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chiomics.core.errors import InputError

#: Points of the common grid.
POINTS = 1001
Fold = tuple[np.ndarray, np.ndarray]


def count_above(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count true and false positives at every threshold.

    Parameters
    ----------
    labels, scores : ndarray, shape (samples,)
        1 for the positive class, and its score.

    Returns
    -------
    thresholds, true, false : ndarray
        Thresholds in falling order, and how many positive and negative samples score as high or higher.

    Raises
    ------
    InputError
        Where a class is empty or a score is not finite.
    """
    labels, scores = np.asarray(labels).astype(bool), np.asarray(scores, dtype=float)
    if labels.all() or not labels.any():
        raise InputError("a curve needs both classes", found=f"{int(labels.sum())} positive of {len(labels)}")
    if not np.isfinite(scores).all():
        raise InputError("a score is not finite")
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    true = np.cumsum(labels[order])[ends]
    return scores[order][ends], true, ends + 1 - true


def roc_on_grid(labels: np.ndarray, scores: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return the highest true positive rate at a false positive rate no higher than each of the grid."""
    _, true, false = count_above(labels, scores)
    rates = np.append(0, false / false[-1])
    return np.append(0, true / true[-1])[np.searchsorted(rates, grid + 1e-12, side="right") - 1]


def precision_on_grid(labels: np.ndarray, scores: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return the precision at the lowest recall that reaches each of the grid, as average precision sums it."""
    _, true, false = count_above(labels, scores)
    found = true > 0
    true, false = true[found], false[found]
    return (true / (true + false))[np.searchsorted(true / true[-1], grid - 1e-12, side="left")]


def mean_roc(
    folds: Sequence[Fold], *, max_fpr: float = 0.1, points: int = POINTS
) -> tuple[np.ndarray, np.ndarray, float]:
    """Average the ROC curves of folds up to a false positive rate.

    Parameters
    ----------
    folds : sequence of (labels, scores)
        Of the evaluated samples of each fold.
    max_fpr : float
        Highest false positive rate.
    points : int
        Of the common grid.

    Returns
    -------
    fpr, tpr : ndarray, shape (points,)
        Averaged curve.
    area : float
        Below it, divided by `max_fpr`.
    """
    grid = np.linspace(0, max_fpr, points)
    curve = np.mean([roc_on_grid(*fold, grid) for fold in folds], axis=0)
    return grid, curve, float(np.trapezoid(curve, grid) / max_fpr)


def mean_precision(folds: Sequence[Fold], *, points: int = POINTS) -> tuple[np.ndarray, np.ndarray, float]:
    """Average the precision-recall curves of folds; returns as `mean_roc`: recall, precision and the area."""
    grid = np.linspace(0, 1, points)
    curve = np.mean([precision_on_grid(*fold, grid) for fold in folds], axis=0)
    return grid, curve, float(np.trapezoid(curve, grid))


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Sum precision over the steps of recall."""
    _, true, false = count_above(labels, scores)
    return float(np.sum(np.diff(true, prepend=0) / true[-1] * true / (true + false)))
