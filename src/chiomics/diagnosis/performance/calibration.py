"""Do predicted probabilities mean what they say: Brier score, calibration, and net benefit.

Calibration intercept (in the large, at slope 1) and slope: logistic regression of the outcome on the log odds of the
prediction (Cox 1958; Van Calster et al. 2019). Net benefit at a threshold probability t: TP/n − FP/n · t/(1 − t)
(Vickers and Elkin 2006).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit

from chiomics.diagnosis.contracts import CALIBRATION, DECISION
from chiomics.diagnosis.estimators.newton import maximise

#: Probabilities are kept this far from 0 and 1, where log odds are infinite.
NEAREST = 1e-6
#: Bins at most, and participants that each has at least: a share of fewer moves by a fifth with one of them.
BINS = 10
MIN_PER_BIN = 5
#: Participants of the smaller class that the slope takes: ten events for the one coefficient (Peduzzi et al. 1996).
MIN_PER_CLASS = 10
#: Threshold probabilities of the decision curve.
THRESHOLDS = np.round(np.arange(0.01, 1.0, 0.01), 2)


def brier_score(y: np.ndarray, p: np.ndarray) -> float:
    """Return the mean squared difference of probability and outcome."""
    return float(np.mean((np.asarray(p) - np.asarray(y)) ** 2))


def calibration_intercept(y: np.ndarray, p: np.ndarray) -> float:
    """Return the shift of the log odds that makes the mean prediction equal the share of positives; 0 is ideal."""
    y, odds = np.asarray(y, dtype=float), _log_odds(p)
    return float(brentq(lambda shift: expit(odds + shift).mean() - y.mean(), -50, 50))


def calibration_slope(y: np.ndarray, p: np.ndarray) -> float:
    """Return the slope of the outcome on the log odds: 1 is ideal, below 1 predictions are too extreme.

    NaN where the predictions are all equal, or part the outcomes without an overlap: then no slope is the likeliest.
    """
    y, odds = np.asarray(y, dtype=float), _log_odds(p)
    spread = odds.std()
    positive, negative = odds[y > 0], odds[y == 0]
    if spread < 1e-12 or not len(positive) or not len(negative):
        return float("nan")
    if positive.min() >= negative.max() or negative.min() >= positive.max():
        return float("nan")
    design = np.column_stack([np.ones(len(y)), (odds - odds.mean()) / spread])
    return float(maximise(design[None], y, np.zeros((1, 2)))[0][0, 1] / spread)


def calibration_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """Compare predicted with observed shares in bins of equal count, the scores of all repeats together.

    There are `BINS` bins, or as many as leave each `MIN_PER_BIN` participants; none where that is fewer than two.

    Parameters
    ----------
    predictions : pandas.DataFrame
        `contracts.PREDICTIONS`, any number of models and schemes.

    Returns
    -------
    pandas.DataFrame
        `contracts.CALIBRATION`.
    """
    rows = []
    for (model, scheme), part in predictions.groupby(["model", "scheme"], sort=False):
        ordered = part.sort_values("score", kind="stable")
        bins = min(BINS, part["participant"].nunique() // MIN_PER_BIN)
        if bins < 2:
            continue
        for number, members in enumerate(np.array_split(np.arange(len(ordered)), bins)):
            inside = ordered.iloc[members]
            rows.append((model, scheme, number, inside["score"].mean(), inside["y"].mean(), len(inside)))
    return pd.DataFrame(rows, columns=list(CALIBRATION))


def decision_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """Work out net benefit over threshold probabilities, the mean of the repeats (`contracts.DECISION`)."""
    rows = []
    for (model, scheme), part in predictions.groupby(["model", "scheme"], sort=False):
        y, score = part["y"].to_numpy().astype(bool), part["score"].to_numpy()
        for threshold in THRESHOLDS:
            odds = threshold / (1 - threshold)
            called = score >= threshold
            benefit = (called & y).mean() - (called & ~y).mean() * odds
            rows.append((model, scheme, threshold, benefit, y.mean() - (1 - y.mean()) * odds))
    return pd.DataFrame(rows, columns=list(DECISION))


def _log_odds(p: np.ndarray) -> np.ndarray:
    return logit(np.clip(np.asarray(p, dtype=float), NEAREST, 1 - NEAREST))
