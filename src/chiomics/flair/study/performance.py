"""Scores of a study: as a paper averages them, and as a new patient would meet them.

Wang et al. 2020 average over folds and repeats. An accuracy that is pooled over all patients lies between sensitivity
and specificity, being their mean weighted by the shares of the groups; a mean over folds of unequal composition need
not, and the paper's .725 with .708 and .719 cannot be pooled. Both are given. Seok et al. 2023 give the mean of 100
overlapping test sets ± 1.96 SD / 10, which is not the uncertainty of a new sample; beside it stand the percentiles of
the draws, Nadeau and Bengio's (2003, Machine Learning 52:239) corrected interval, and a bootstrap over patients.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from chiomics.core.scores.concordance import concordance
from chiomics.core.scores.intervals import bootstrap_interval

KEYS = ["study", "arm", "input", "decay", "scheme", "labels", "epoch"]
METRICS = ("accuracy", "sensitivity", "specificity", "ppv", "npv", "auc", "average_precision", "brier")


def score_sessions(y: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Score probabilities of the positive class at a threshold of one half.

    Parameters
    ----------
    y : ndarray, shape (sessions,)
        1 for the positive class.
    p : ndarray, shape (sessions,)
        Its probability.

    Returns
    -------
    dict of str to float
        `METRICS`; NaN where a class is missing or nothing is called so.
    """
    y, called = np.asarray(y).astype(bool), np.asarray(p) >= 0.5

    def share(of: np.ndarray, within: np.ndarray) -> float:
        return float((of & within).sum() / within.sum()) if within.any() else np.nan

    both = y.any() and not y.all()
    return {
        "accuracy": float((called == y).mean()),
        "sensitivity": share(called, y),
        "specificity": share(~called, ~y),
        "ppv": share(y, called),
        "npv": share(~y, ~called),
        "auc": float(roc_auc_score(y, p)) if both else np.nan,
        "average_precision": float(average_precision_score(y, p)) if both else np.nan,
        "brier": float(np.mean((np.asarray(p) - y) ** 2)),
    }


def swap_classes(scores: dict[str, float]) -> dict[str, float]:
    """Return the same scores with the other class as the positive one, those that follow from them."""
    pairs = {"sensitivity": "specificity", "specificity": "sensitivity", "ppv": "npv", "npv": "ppv"}
    return {name: scores[pairs.get(name, name)] for name in scores if name != "average_precision"}


def pooled_accuracy(sensitivity: float, specificity: float, positives: int, negatives: int) -> float:
    """Return the accuracy that sensitivity and specificity imply for all patients together."""
    return (sensitivity * positives + specificity * negatives) / (positives + negatives)


def average_models(predictions: pd.DataFrame) -> pd.DataFrame:
    """Average the probabilities that several models of one test draw give a session (Seok et al. 2023)."""
    by = [*KEYS, "repeat", "participant", "session", "y"]
    return predictions.groupby(by, sort=False, as_index=False)["p"].mean().assign(fold=0)


def summarise(predictions: pd.DataFrame, *, draws: int, seed: int) -> pd.DataFrame:
    """Score every arm.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Of one study, columns as of `train_once`; test draws already averaged over their models.
    draws, seed : int
        Of the bootstrap over patients.

    Returns
    -------
    pandas.DataFrame
        A row per arm, input, decay, scheme, labels, epoch and metric: ``pooled``, the mean over repeats of the score
        of all their sessions, with ``pooled_sd``; ``fold_mean`` with ``fold_sd``, over all folds and repeats;
        ``low`` and ``high``, 95 % over patients, for the AUC; ``n_sessions``, ``n_repeats``.
    """
    rows = []
    for key, part in predictions.groupby(KEYS, sort=False):
        pooled = pd.DataFrame([score_sessions(own["y"], own["p"]) for _, own in part.groupby("repeat")])
        folds = pd.DataFrame([score_sessions(own["y"], own["p"]) for _, own in part.groupby(["repeat", "fold"])])
        low, high = patient_interval(part, draws=draws, seed=seed)
        for metric in METRICS:
            rows.append(
                dict(zip(KEYS, key, strict=True))
                | {
                    "metric": metric,
                    "pooled": pooled[metric].mean(),
                    "pooled_sd": pooled[metric].std(ddof=1) if len(pooled) > 1 else np.nan,
                    "fold_mean": folds[metric].mean(),
                    "fold_sd": folds[metric].std(ddof=1) if len(folds) > 1 else np.nan,
                    "low": low if metric == "auc" else np.nan,
                    "high": high if metric == "auc" else np.nan,
                    "n_sessions": part.groupby(["participant", "session"]).ngroups,
                    "n_repeats": len(pooled),
                }
            )
    return pd.DataFrame(rows)


def patient_interval(part: pd.DataFrame, *, draws: int, seed: int) -> tuple[float, float]:
    """Return the 95 % interval of the AUC, its mean over repeats, over patients; all tested or not."""
    wide = part.pivot_table(index=["participant", "session", "y"], columns="repeat", values="p").reset_index()
    y, scores = wide["y"].to_numpy(), wide.drop(columns=["participant", "session", "y"]).to_numpy()
    if len(np.unique(y)) < 2:
        return np.nan, np.nan
    if not np.isfinite(scores).all():
        return _interval_of_draws(y, scores, wide["participant"].to_numpy(), draws=draws, seed=seed)
    scores = scores.T
    return bootstrap_interval(concordance(y, scores, wide["participant"].to_numpy()), draws=draws, seed=seed)


def _interval_of_draws(
    y: np.ndarray, scores: np.ndarray, participants: np.ndarray, *, draws: int, seed: int
) -> tuple[float, float]:
    """Draw patients anew within each class, weigh every test draw's pairs by them, and average the draws' AUCs."""
    rng = np.random.default_rng(seed)
    weights = np.zeros((draws, len(y)))
    for label in (0, 1):
        rows = np.flatnonzero(y == label)
        names, code = np.unique(participants[rows], return_inverse=True)
        counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
        weights[:, rows] = counts[:, code]
    sums, counted = np.zeros(draws), np.zeros(draws)
    for column in scores.T:
        tested = np.isfinite(column)
        above, below = np.flatnonzero(tested & (y == 1)), np.flatnonzero(tested & (y == 0))
        psi = (column[above][:, None] > column[below]) + 0.5 * (column[above][:, None] == column[below])
        pairs = weights[:, above].sum(axis=1) * weights[:, below].sum(axis=1)
        seen = pairs > 0
        auc = ((weights[:, above] @ psi) * weights[:, below]).sum(axis=1)[seen] / pairs[seen]
        sums[seen] += auc
        counted[seen] += 1
    low, high = np.quantile(sums[counted > 0] / counted[counted > 0], [0.025, 0.975])
    return float(low), float(high)


def intervals_of_draws(values: Sequence[float], *, n_test: int, n_train: int) -> dict[str, float]:
    """Return the intervals of a score over repeated test draws.

    Parameters
    ----------
    values : sequence of float
        The score of each draw.
    n_test, n_train : int
        Sessions of a test and of its training.

    Returns
    -------
    dict of str to float
        ``mean``, ``sd``; ``published_low`` and ``published_high``: mean ± 1.96 SD / √n; ``draw_low`` and ``draw_high``:
        the 2.5th and 97.5th percentile; ``corrected_low`` and ``corrected_high``: Nadeau and Bengio's t interval. NaN
        where no draw has a score, as the predictive value of a class that is never called.
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if not len(values):
        kinds = ("published", "draw", "corrected")
        return dict.fromkeys(["mean", "sd", *(f"{kind}_{end}" for kind in kinds for end in ("low", "high"))], np.nan)
    n, mean, sd = len(values), values.mean(), values.std(ddof=1) if len(values) > 1 else np.nan
    half = 1.96 * sd / np.sqrt(n)
    corrected = stats.t.ppf(0.975, max(n - 1, 1)) * sd * np.sqrt(1 / n + n_test / n_train)
    low, high = np.percentile(values, [2.5, 97.5])
    return {
        "mean": mean,
        "sd": sd,
        "published_low": mean - half,
        "published_high": mean + half,
        "draw_low": low,
        "draw_high": high,
        "corrected_low": mean - corrected,
        "corrected_high": mean + corrected,
    }


def compare_arms(first: pd.DataFrame, second: pd.DataFrame, *, metric: str = "accuracy") -> dict[str, float]:
    """Test whether two arms differ over the same folds.

    Parameters
    ----------
    first, second : pandas.DataFrame
        Predictions of one arm each, over the same repeats and folds.
    metric : str
        One of `METRICS`.

    Returns
    -------
    dict of str to float
        ``difference`` of the fold means; ``p_corrected``: Nadeau and Bengio's corrected resampled t test over folds;
        ``p_repeats``: the paired t test over repeats, optimistic, since repeats share their patients.
    """
    parts = []
    for frame in (first, second):
        folds = {key: score_sessions(own["y"], own["p"])[metric] for key, own in frame.groupby(["repeat", "fold"])}
        sizes = frame.groupby(["repeat", "fold"]).size()
        parts.append(pd.Series(folds))
    difference = (parts[0] - parts[1]).dropna()
    n, mean, variance = len(difference), difference.mean(), difference.var(ddof=1)
    total = first.groupby("repeat").size().mean()
    share = sizes.mean() / max(total - sizes.mean(), 1)
    spread = np.sqrt(variance * (1 / n + share)) if n > 1 else np.nan
    t = mean / spread if spread else 0.0
    by_repeat = difference.groupby(level=0).mean()
    plain = stats.ttest_1samp(by_repeat, 0).pvalue if len(by_repeat) > 1 and by_repeat.std() > 0 else np.nan
    p = float(2 * stats.t.sf(abs(t), n - 1)) if n > 1 else np.nan
    return {"difference": mean, "p_corrected": p, "p_repeats": float(plain)}


def case_errors(predictions: pd.DataFrame, table: pd.DataFrame, *, flag: float = 0.8) -> pd.DataFrame:
    """Say how often each session is called wrongly over the repeats (the "high error rate cases" of Wang et al. 2020).

    Parameters
    ----------
    predictions : pandas.DataFrame
        Of one arm, true labels.
    table : pandas.DataFrame
        Of the sessions, with the numbers of their lesions.
    flag : float
        Error rate above which a case is marked.

    Returns
    -------
    pandas.DataFrame
        Worst first: ``error_rate``, mean probability, number of tests, lesion numbers, ``high_error``.
    """
    wrong = predictions.assign(wrong=(predictions["p"] >= 0.5) != predictions["y"].astype(bool))
    by = wrong.groupby(["participant", "session"], as_index=False)
    found = by.agg(error_rate=("wrong", "mean"), mean_p=("p", "mean"), tests=("p", "size"))
    columns = ["participant", "session", "group", "lesion_count", "lesion_volume_mm3", "ventricle_distance_mm"]
    found = found.merge(table[columns], on=["participant", "session"], how="left")
    found["high_error"] = found["error_rate"] > flag
    return found.sort_values(["error_rate", "participant"], ascending=[False, True], ignore_index=True)
