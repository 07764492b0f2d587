"""Intraclass correlation of many features at once, by sums of squares.

A feature is measured once per session (row, a random sample) with each of k reconstructions (column, the raters). The
two-way analysis of variance splits its sum of squares into sessions, raters and error. Three coefficients follow
(McGraw and Wong, Psychological Methods 1:30, 1996; in the terms of Shrout and Fleiss, Psychological Bulletin 86:420,
1979, they are ICC(1,1), ICC(2,1) and ICC(3,1)), with n sessions and mean squares R (rows), C (columns), E (error) and
W (within rows, columns and error together):

    ICC(1,1) = (R - W) / (R + (k - 1) W)                            one way: raters have no identity
    ICC(A,1) = (R - E) / (R + (k - 1) E + k (C - E) / n)            absolute agreement
    ICC(C,1) = (R - E) / (R + (k - 1) E)                            consistency: a rater's offset does not count

Confidence intervals come from F distributions (McGraw and Wong, table 7); the one of ICC(A,1) is Satterthwaite's
approximation. They suppose normal values. The bootstrap, which does not, draws sessions: with weights w, the number of
times a session was drawn, every sum of squares is a sum over sessions times w, so that all draws of all features are a
few matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

#: Values that differ by less than this part of the largest one differ by rounding only.
ROUNDING = 1e-12
TOO_FEW_RATERS = "fewer than two reconstructions"
TOO_FEW_SESSIONS = "fewer than two sessions with all reconstructions"
CONSTANT = "constant: all values are equal"


@dataclass(frozen=True, eq=False)
class MeanSquares:
    """Mean squares of the two-way analysis of variance.

    Parameters
    ----------
    n : ndarray, shape (..., features)
        Sessions that have all reconstructions.
    k : int
        Reconstructions.
    rows, columns, error : ndarray, shape (..., features)
        Of sessions, of reconstructions and of what neither explains.
    """

    n: np.ndarray
    k: int
    rows: np.ndarray
    columns: np.ndarray
    error: np.ndarray

    @property
    def within(self) -> np.ndarray:
        """Mean square within sessions, where reconstructions have no identity."""
        return (self.columns + (self.n - 1) * self.error) / self.n


@dataclass(frozen=True, eq=False)
class Decomposed:
    """Ratings as the sums that the analysis of variance adds up, one term per session.

    Parameters
    ----------
    complete : ndarray of bool, shape (sessions, features)
        Whether all reconstructions have a value; the terms of other sessions are 0.
    session_means : ndarray, shape (sessions, features)
        Minus the mean of all.
    rater_means : ndarray, shape (raters, features)
        Minus the mean of all.
    residuals : ndarray, shape (raters, sessions, features)
        What session and rater do not explain.
    """

    complete: np.ndarray
    session_means: np.ndarray
    rater_means: np.ndarray
    residuals: np.ndarray
    spread: np.ndarray

    @property
    def usable(self) -> np.ndarray:
        """Whether a coefficient exists: two sessions, two reconstructions, values that differ."""
        return (self.complete.sum(axis=0) >= 2) & (len(self.residuals) >= 2) & (self.spread > ROUNDING)


def decompose(ratings: np.ndarray) -> Decomposed:
    """Split ratings into sessions, raters and residuals.

    Parameters
    ----------
    ratings : ndarray, shape (sessions, raters, features)
        Values; a session without a finite value of every rater is left out, feature by feature.

    Returns
    -------
    Decomposed
        With the range of the values relative to the largest of them as `spread`.
    """
    ratings = np.asarray(ratings, dtype=np.float64)
    complete = np.isfinite(ratings).all(axis=1)
    number = np.maximum(complete.sum(axis=0), 1)
    known = np.where(complete[:, None], ratings, 0.0)
    largest = np.abs(known).max(axis=(0, 1), initial=0.0)
    # Scaled so that squares neither overflow nor vanish: energies reach 1e9, grey-level emphases 1e-9.
    known /= np.where(largest > 0, largest, 1.0)
    mean = known.sum(axis=(0, 1)) / (number * ratings.shape[1])
    centred = np.where(complete[:, None], known - mean, 0.0)
    spread = _range(centred, complete)
    session_means = centred.mean(axis=1)
    rater_means = centred.sum(axis=0) / number
    residuals = np.where(complete[:, None], centred - session_means[:, None] - rater_means, 0.0)
    return Decomposed(complete, session_means, rater_means, np.moveaxis(residuals, 1, 0), spread)


def mean_squares(parts: Decomposed, weights: np.ndarray | None = None) -> MeanSquares:
    """Add up the mean squares, of the sessions as they are or of draws of them.

    Parameters
    ----------
    parts : Decomposed
        From `decompose`.
    weights : ndarray, shape (draws, sessions), optional
        How often each draw has each session; once each by default.

    Returns
    -------
    MeanSquares
        Arrays of shape (draws, features), or (features,) without weights. In units of the largest value squared.
    """
    w = np.ones((1, len(parts.complete))) if weights is None else np.asarray(weights, dtype=np.float64)
    k = len(parts.residuals)
    n = w @ parts.complete if not parts.complete.all() else w.sum(axis=1, keepdims=True) + np.zeros(parts.spread.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = w @ parts.session_means / n
        rows = k * (w @ parts.session_means**2 - n * mean**2)
        columns, error = np.zeros_like(rows), w @ (parts.residuals**2).sum(axis=0)
        for residual, rater_mean in zip(parts.residuals, parts.rater_means, strict=True):
            drift = w @ residual / n
            error -= n * drift**2
            columns += n * (rater_mean + drift) ** 2
        squares = (rows / (n - 1), columns / (k - 1), np.maximum(error, 0) / ((n - 1) * (k - 1)))
    shown = [part if weights is not None else part[0] for part in (n, *squares)]
    return MeanSquares(shown[0], k, *shown[1:])


def coefficient(squares: MeanSquares, kind: str) -> np.ndarray:
    """Compute one coefficient; NaN where it is 0 over 0.

    Parameters
    ----------
    squares : MeanSquares
        From `mean_squares`.
    kind : {"icc_11", "icc_a1", "icc_c1"}
        ICC(1,1), ICC(A,1) or ICC(C,1).

    Returns
    -------
    ndarray
        Of the shape of the mean squares; at most 1, and negative where raters disagree more than sessions differ.
    """
    unexplained = squares.within if kind == "icc_11" else squares.error
    with np.errstate(divide="ignore", invalid="ignore"):
        total = squares.rows + (squares.k - 1) * unexplained
        if kind == "icc_a1":
            total = total + squares.k / squares.n * (squares.columns - squares.error)
        return (squares.rows - unexplained) / total


def confidence_interval(squares: MeanSquares, kind: str, *, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Compute the confidence interval of one coefficient (McGraw and Wong 1996, table 7).

    Parameters
    ----------
    squares : MeanSquares
        From `mean_squares` without weights.
    kind : {"icc_11", "icc_a1", "icc_c1"}
        As for `coefficient`.
    level : float
        Its coverage.

    Returns
    -------
    low, high : ndarray
        Both 1 where sessions explain everything.
    """
    n, k, rows, columns, error = squares.n, squares.k, squares.rows, squares.columns, squares.error
    tail = 1 - (1 - level) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "icc_a1":
            icc = coefficient(squares, kind)
            a = k * icc / (n * (1 - icc))
            b = 1 + a * (n - 1)
            freedom = (a * columns + b * error) ** 2 / (
                (a * columns) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
            )
            upper, lower = stats.f.ppf(tail, n - 1, freedom), stats.f.ppf(tail, freedom, n - 1)
            spread = k * columns + (k * n - k - n) * error
            low = n * (rows - upper * error) / (upper * spread + n * rows)
            high = n * (lower * rows - error) / (spread + n * lower * rows)
        else:
            unexplained = squares.within if kind == "icc_11" else error
            freedom = n * (k - 1) if kind == "icc_11" else (n - 1) * (k - 1)
            low = rows / unexplained / _quantiles(tail, n - 1, freedom)
            high = rows / unexplained * _quantiles(tail, freedom, n - 1)
            low, high = ((ratio - 1) / (ratio + k - 1) for ratio in (low, high))
    certain = coefficient(squares, kind) >= 1 - ROUNDING
    return np.where(certain, 1.0, low), np.where(certain, 1.0, high)


def why_missing(parts: Decomposed) -> np.ndarray:
    """Say for each feature why it has no coefficient; empty where it has one."""
    reasons = np.full(parts.spread.shape, "", dtype=object)
    reasons[parts.spread <= ROUNDING] = CONSTANT
    reasons[parts.complete.sum(axis=0) < 2] = TOO_FEW_SESSIONS
    if len(parts.residuals) < 2:
        reasons[:] = TOO_FEW_RATERS
    return reasons


def _range(centred: np.ndarray, complete: np.ndarray) -> np.ndarray:
    high = np.where(complete[:, None], centred, -np.inf).max(axis=(0, 1), initial=-np.inf)
    low = np.where(complete[:, None], centred, np.inf).min(axis=(0, 1), initial=np.inf)
    return np.maximum(high - low, 0)


def _quantiles(tail: float, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Look up F quantiles once per distinct pair of degrees of freedom."""
    pairs, inverse = np.unique(np.stack([first, second]), axis=1, return_inverse=True)
    return stats.f.ppf(tail, *pairs)[inverse.ravel()]
