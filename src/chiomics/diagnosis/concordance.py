"""AUC as concordance, averaged over repeats, with the placements that DeLong's method and the bootstrap need.

ψ(i, j) is 1, ½ or 0 as positive i scores above, equal to or below negative j, and AUC is its mean over all pairs
(Hanley and McNeil 1982). Repeated cross-validation gives every session one score per repeat: ψ is averaged over the
repeats, so that the mean of the repeats' AUCs is again the mean of one kernel over pairs, and its variance over
subjects follows as for a single test. Averaging ψ, rather than the scores, keeps scores of different models apart.

A participant with several sessions is one cluster (Obuchowski 1997): placements are summed within participants. With
one session each, this is the method of DeLong et al. (1988).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError


@dataclass(frozen=True)
class Concordance:
    """Mean ψ of the sessions of one model.

    Attributes
    ----------
    psi : ndarray, shape (positives, negatives)
        Mean over repeats.
    positives, negatives : ndarray of int
        The participant of each row and column of `psi`, numbered within its class.
    per_repeat : ndarray, shape (repeats,)
        AUC of each repeat.
    """

    psi: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    per_repeat: np.ndarray

    @property
    def auc(self) -> float:
        """Mean AUC over repeats."""
        return float(self.psi.mean())

    def components(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what each positive and each negative participant adds to the variance of the AUC.

        Returns
        -------
        positives, negatives : ndarray, shape (participants of the class,)
            Deviation of the participant's placements from the AUC, per session of the class, times participants.
        """
        deviation = self.psi - self.auc
        return _by_participant(deviation.mean(axis=1), self.positives), _by_participant(
            deviation.mean(axis=0), self.negatives
        )


def concordance(y: np.ndarray, scores: np.ndarray, participants: np.ndarray) -> Concordance:
    """Compare every positive with every negative session.

    Parameters
    ----------
    y : ndarray, shape (sessions,)
        1 or true for the positive class.
    scores : ndarray, shape (sessions,) or (repeats, sessions)
        Higher for the positive class.
    participants : ndarray, shape (sessions,)
        Whose session it is.

    Returns
    -------
    Concordance
        The mean over repeats.

    Raises
    ------
    InputError
        Where a class is empty or a score is not finite.
    """
    y, scores = np.asarray(y).astype(bool), np.atleast_2d(np.asarray(scores, dtype=float))
    if y.all() or not y.any():
        raise InputError("an AUC needs sessions of both classes", found=f"{y.sum()} positive of {len(y)}")
    if not np.isfinite(scores).all():
        raise InputError("a score is not finite")
    above, below = scores[:, y], scores[:, ~y]
    total = np.zeros((y.sum(), (~y).sum()))
    per_repeat = np.empty(len(scores))
    for number, (a, b) in enumerate(zip(above, below, strict=True)):
        psi = (a[:, None] > b) + 0.5 * (a[:, None] == b)
        per_repeat[number] = psi.mean()
        total += psi
    who = np.asarray(participants)
    codes = [np.unique(who[members], return_inverse=True)[1] for members in (y, ~y)]
    return Concordance(total / len(scores), *codes, per_repeat)


def concordance_of(predictions: pd.DataFrame) -> Concordance:
    """Read the concordance of one model and scheme from its table of predictions (`contracts.PREDICTIONS`)."""
    sessions = predictions.assign(key=predictions[["participant", "session", "run"]].astype(str).agg("/".join, axis=1))
    scores = sessions.pivot(index="repeat", columns="key", values="score")
    first = sessions.drop_duplicates("key").set_index("key").loc[scores.columns]
    if scores.isna().to_numpy().any():
        raise InputError(
            "a repeat lacks the score of a session", found=f"{int(scores.isna().to_numpy().sum())} of them"
        )
    return concordance(first["y"].to_numpy(), scores.to_numpy(), first["participant"].to_numpy())


def auc(y: np.ndarray, score: np.ndarray) -> float:
    """Return the AUC of one vector of scores."""
    return concordance(y, score, np.arange(len(np.asarray(y)))).auc


def _by_participant(placement: np.ndarray, codes: np.ndarray) -> np.ndarray:
    count = codes.max() + 1
    return np.bincount(codes, placement, count) * count / len(codes)
