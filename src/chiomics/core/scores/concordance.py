"""AUC as concordance, one per repeat, with the placements that DeLong's method needs.

ψ(i, j) is 1, ½ or 0 as positive i scores above, equal to or below negative j, and AUC is its mean over all pairs
(Hanley and McNeil 1982). Repeated cross-validation gives every session one score per repeat. Scores of different
repeats come from different models and are never pooled: the AUC is the mean of the repeats' AUCs.

A participant with several sessions is one cluster (Obuchowski 1997): placements are summed within participants. With
one session each, this is the method of DeLong et al. (1988).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from chiomics.core.errors import InputError


@dataclass(frozen=True)
class Concordance:
    """Scores of one model, by class, and the AUC of every repeat.

    Attributes
    ----------
    above : ndarray, shape (repeats, positives)
        Scores of the positive sessions.
    below : ndarray, shape (repeats, negatives)
        Scores of the negative sessions.
    positives, negatives : ndarray of int
        The participant of each of them, numbered within the class.
    per_repeat : ndarray, shape (repeats,)
        AUC of each repeat.
    """

    above: np.ndarray
    below: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    per_repeat: np.ndarray

    @property
    def auc(self) -> float:
        """Mean AUC over repeats."""
        return float(self.per_repeat.mean())

    def placements(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean ψ of each positive and of each negative session, shapes (repeats, sessions of the class)."""
        return _placements(self.above, self.below)

    def components(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what each positive and each negative participant adds to the variance of the AUC.

        Returns
        -------
        positives, negatives : ndarray, shape (repeats, participants of the class)
            Deviation of the participant's placements from the AUC, per session of the class, times participants.
        """
        over, under = (part - self.per_repeat[:, None] for part in self.placements())
        return _by_participant(over, self.positives), _by_participant(under, self.negatives)


def as_labels(y: np.ndarray) -> np.ndarray:
    """Return labels of 0 and 1, or booleans, as booleans.

    Raises
    ------
    InputError
        For anything else: NaN and words would count as the positive class.
    """
    labels = np.asarray(y)
    if labels.dtype != bool and not (labels.dtype.kind in "iuf" and np.isin(labels, (0, 1)).all()):
        raise InputError(
            "labels are not 0 and 1", found=", ".join(map(str, np.unique(labels.astype(str))[:5])),
            expected="1 or true for the positive class, 0 or false for the other",
        )  # fmt: skip
    return labels.astype(bool)


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
        With the AUC of every repeat.

    Raises
    ------
    InputError
        Where a class is empty, a label is neither 0 nor 1, a score is not finite, lengths differ, or a participant has
        sessions of both classes, whose placements are not independent.
    """
    y, scores = as_labels(y), np.atleast_2d(np.asarray(scores, dtype=float))
    if y.all() or not y.any():
        raise InputError("an AUC needs sessions of both classes", found=f"{y.sum()} positive of {len(y)}")
    if scores.shape[1:] != y.shape or np.shape(participants) != y.shape:
        raise InputError(
            "labels, scores and participants differ in number",
            found=f"{y.shape}, {scores.shape} and {np.shape(participants)}", expected="one of each per session",
        )  # fmt: skip
    if not np.isfinite(scores).all():
        raise InputError("a score is not finite")
    above, below = scores[:, y], scores[:, ~y]
    who = np.asarray(participants)
    if both := sorted(map(str, set(who[y].tolist()) & set(who[~y].tolist()))):
        raise InputError(
            "a participant has sessions of both classes", found=", ".join(both[:5]),
            expected="one class per participant: the variances take the classes' participants for independent",
        )  # fmt: skip
    positives, negatives = (np.unique(who[members], return_inverse=True)[1] for members in (y, ~y))
    return Concordance(above, below, positives, negatives, _placements(above, below)[0].mean(axis=1))


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


def _placements(above: np.ndarray, below: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find placements from ranks: the rank among both classes less the rank within one's own."""
    positives, negatives = above.shape[1], below.shape[1]
    ranks = rankdata(np.concatenate([above, below], axis=1), axis=1)
    over = (ranks[:, :positives] - rankdata(above, axis=1)) / negatives
    under = 1 - (ranks[:, positives:] - rankdata(below, axis=1)) / positives
    return over, under


def _by_participant(placement: np.ndarray, codes: np.ndarray) -> np.ndarray:
    count = codes.max() + 1
    summed = np.zeros((len(placement), count))
    np.add.at(summed.T, codes, placement.T)
    return summed * count / len(codes)
