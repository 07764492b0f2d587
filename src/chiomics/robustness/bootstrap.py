"""Bootstrap over participants: how far a coefficient, or a number of robust features, depends on who was in the cohort.

A draw takes as many participants as there are, with replacement, and all sessions of each (Davison and Hinkley,
Bootstrap Methods and their Application, 1997, section 3.8). One set of draws serves all features, regions and grey
levels of a cohort, so that their numbers can be added and compared draw by draw.

A participant who is drawn twice makes a draw less varied than a cohort, and the mean of a reconstruction more so: mean
squares of draws are biased, and coefficients near a threshold with them. They are corrected as Brennan does (Unbiased
estimates of variance components with bootstrap procedures, Educational and Psychological Measurement 67:784, 2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from chiomics.robustness.icc import Decomposed, MeanSquares, coefficient, mean_squares

#: Coverage of the percentile intervals.
LEVEL = 0.95
#: Fewer participants have no interval: draws of so few say nothing of others, and those of one are all the same.
MIN_PARTICIPANTS = 5
NOT_ESTIMABLE = "not estimable"


def draw_sessions(participants: Sequence[str], draws: int, seed: int, *, min_participants: int = 1) -> np.ndarray:
    """Draw participants with replacement.

    Parameters
    ----------
    participants : sequence of str
        Participant of each session.
    draws : int
        How many.
    seed : int
        The same seed and participants give the same draws.
    min_participants : int
        Fewer are not drawn from.

    Returns
    -------
    ndarray, shape (draws, sessions)
        How often each draw has each session; no draw where there are too few participants.
    """
    names, of_session = np.unique(np.asarray(participants, dtype=str), return_inverse=True)
    draws = draws if len(names) >= min_participants else 0
    times = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    return times[:, of_session].astype(np.float64)


def bootstrap_coefficients(parts: Decomposed, weights: np.ndarray, kind: str) -> np.ndarray:
    """Compute one coefficient of every draw; NaN for features without one, and for draws of a single session.

    Parameters
    ----------
    parts : Decomposed
        Ratings, from `chiomics.robustness.icc.decompose`.
    weights : ndarray, shape (draws, sessions)
        From `draw_sessions`.
    kind : str
        As for `chiomics.robustness.icc.coefficient`.

    Returns
    -------
    ndarray, shape (draws, features)
        The coefficients.
    """
    drawn = coefficient(unbiased(mean_squares(parts, weights)), kind)
    return np.where(parts.usable & np.isfinite(drawn), drawn, np.nan)


def unbiased(squares: MeanSquares) -> MeanSquares:
    """Correct the mean squares of draws, so that their mean over draws is the cohort's.

    Parameters
    ----------
    squares : MeanSquares
        Of draws of participants with one session each; of several sessions each, nearly so.

    Returns
    -------
    MeanSquares
        Of the same shape.
    """
    grow = squares.n / np.maximum(squares.n - 1, 1)
    columns = squares.columns - squares.error
    return replace(squares, rows=squares.rows * grow, error=squares.error * grow, columns=columns)


def percentile_interval(drawn: np.ndarray, *, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Take the percentile interval over the first axis, leaving out draws without a value.

    Parameters
    ----------
    drawn : ndarray, shape (draws, ...)
        Values of each draw.
    level : float
        Coverage.

    Returns
    -------
    low, high : ndarray, shape (...)
        Values that occur among the draws, so that an interval of numbers of features is whole numbers; NaN where no
        draw has a value.
    """
    if not len(drawn):
        return np.full(drawn.shape[1:], np.nan), np.full(drawn.shape[1:], np.nan)
    ordered = np.sort(drawn, axis=0)  # NaN last
    number = np.count_nonzero(~np.isnan(ordered), axis=0) if ordered.dtype.kind == "f" else np.array(len(ordered))
    tail = (1 - level) / 2
    ends = []
    for share in (tail, 1 - tail):
        place = np.clip(np.ceil(share * number).astype(int) - 1, 0, None) + np.zeros(ordered.shape[1:], dtype=int)
        ends.append(np.take_along_axis(ordered, place[None], axis=0)[0])
    return ends[0], ends[1]
