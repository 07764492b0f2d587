"""Confidence intervals of an AUC by four methods, and of a proportion.

DeLong et al. 1988 on the logit scale (Pepe 2003), which keeps the interval within 0 and 1; the percentile bootstrap
over participants, within each class; Hanley and McNeil 1982, Wald, which needs the AUC and the group sizes alone and is
what gives the published interval of the hybrid model of Yan et al. 2021. A proportion: Wilson 1927.

An AUC of 0 or 1 has no variance by any of these three, as if it were certain. There Newcombe's interval takes their
place (2006, Stat Med 25:559, method 5): as Wilson's does for a proportion, it asks of every AUC whether the one found
would be surprising under it, with the variance that this AUC would have.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri

from chiomics.core.scores.concordance import Concordance
from chiomics.core.scores.delong import auc_covariance


def delong_interval(model: Concordance, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of DeLong's variance on the logit scale; Newcombe's for an AUC of 0 or 1."""
    auc = model.auc
    if not 0 < auc < 1:
        return newcombe_interval(auc, *_participants(model), confidence=confidence)
    error = np.sqrt(auc_covariance(model)[0, 0]) / (auc * (1 - auc))
    margin = ndtri(0.5 + confidence / 2) * error
    return float(expit(logit(auc) - margin)), float(expit(logit(auc) + margin))


def bootstrap_aucs(*models: Concordance, draws: int, seed: int) -> np.ndarray:
    """Draw participants anew within each class, and a repeat, and return the AUC of every model.

    Parameters
    ----------
    *models : Concordance
        Of the same sessions.
    draws : int
        Number of samples, at least one per repeat; repeats take turns.
    seed : int
        Of the draw.

    Returns
    -------
    ndarray, shape (draws, models)
        Models see the same samples. The models are not fitted again: as with DeLong's method, the interval is that of
        the scores at hand, and of the repeats' scatter.
    """
    rng = np.random.default_rng(seed)
    first = models[0]
    rows, columns = _weights(rng, first.positives, draws), _weights(rng, first.negatives, draws)
    pairs = rows.sum(axis=1) * columns.sum(axis=1)
    out = np.empty((draws, len(models)))
    for number, model in enumerate(models):
        for repeat, (above, below) in enumerate(zip(model.above, model.below, strict=True)):
            turn = slice(repeat, None, len(model.above))
            psi = (above[:, None] > below) + 0.5 * (above[:, None] == below)
            out[turn, number] = ((rows[turn] @ psi) * columns[turn]).sum(axis=1) / pairs[turn]
    return out


def bootstrap_interval(model: Concordance, *, draws: int, seed: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of the bootstrap over participants; Newcombe's for an AUC of 0 or 1."""
    if not 0 < model.auc < 1:
        return newcombe_interval(model.auc, *_participants(model), confidence=confidence)
    low, high = np.quantile(bootstrap_aucs(model, draws=draws, seed=seed), [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


def hanley_mcneil_error(auc: float, positives: int, negatives: int) -> float:
    """Return the standard error of an AUC by Hanley and McNeil's formula."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return float(np.sqrt(max(spread, 0) / (positives * negatives)))


def hanley_mcneil_interval(
    auc: float, positives: int, negatives: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the Wald interval of Hanley and McNeil, cut at 0 and 1; Newcombe's for an AUC of 0 or 1."""
    if not 0 < auc < 1:
        return newcombe_interval(auc, positives, negatives, confidence=confidence)
    margin = ndtri(0.5 + confidence / 2) * hanley_mcneil_error(auc, positives, negatives)
    return max(auc - margin, 0.0), min(auc + margin, 1.0)


def newcombe_interval(auc: float, positives: int, negatives: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return Newcombe's score-type interval, which has a width at 0 and 1 too.

    Parameters
    ----------
    auc : float
        From 0 to 1.
    positives, negatives : int
        Participants of each class.
    confidence : float
        Of the interval.

    Returns
    -------
    low, high : float
        The values θ with abs(auc - θ) = z·sqrt(V(θ)), where V(θ) = θ(1 - θ)·(1 + n(1 - θ)/(2 - θ) + nθ/(1 + θ)) /
        (positives·negatives) and n = (positives + negatives)/2 - 1 (Newcombe 2006, Stat Med 25:559, method 5).
    """
    z = ndtri(0.5 + confidence / 2)
    n = (positives + negatives) / 2 - 1

    def variance(theta: float) -> float:
        spread = 1 + n * (1 - theta) / (2 - theta) + n * theta / (1 + theta)
        return theta * spread / (positives * negatives)  # times 1 - θ

    def low(found: float) -> float:
        if found == 1:  # both sides share the factor 1 - θ, whose root is not the interval's end
            return brentq(lambda theta: 1 - theta - z**2 * variance(theta), 0.0, 1.0)
        return found and brentq(lambda theta: (found - theta) ** 2 - z**2 * (1 - theta) * variance(theta), 0.0, found)

    return float(low(auc)), float(1 - low(1 - auc))


def wilson_interval(share: float, count: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share of `count` subjects."""
    z = ndtri(0.5 + confidence / 2)
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    margin = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return float(max(centre - margin, 0)), float(min(centre + margin, 1))


def _participants(model: Concordance) -> tuple[int, int]:
    return int(model.positives.max()) + 1, int(model.negatives.max()) + 1


def _weights(rng: np.random.Generator, codes: np.ndarray, draws: int) -> np.ndarray:
    """Count how often each session is drawn, shape (draws, sessions)."""
    participants = codes.max() + 1
    counts = rng.multinomial(participants, np.full(participants, 1 / participants), size=draws)
    return counts[:, codes].astype(float)
