"""Performance of every model under both schemes, and the tests between models (Yan et al. 2021, Tables 3 and 4).

The AUC is the mean over repeats of the AUC of all out-of-fold scores of a repeat; its intervals take in the scatter of
participants and of repeats (`chiomics.core.scores.delong`). Sensitivity, specificity and accuracy
are means over repeats, with Wilson intervals of the number of participants of the class.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from chiomics.core.logs import Progress
from chiomics.core.scores.concordance import Concordance, concordance_of
from chiomics.core.scores.delong import compare_aucs, holm
from chiomics.core.scores.intervals import (
    bootstrap_interval,
    delong_interval,
    hanley_mcneil_interval,
    wilson_interval,
)
from chiomics.core.scores.splits import BOOTSTRAP, stream_seed
from chiomics.core.scores.thresholds import score_calls, youden_threshold
from chiomics.diagnosis.contracts import DELONG, PERFORMANCE, ROC
from chiomics.diagnosis.performance.calibration import (
    MIN_PER_CLASS,
    brier_score,
    calibration_intercept,
    calibration_slope,
)
from chiomics.diagnosis.performance.permutation import permutation_p

#: Fewer events per predictor give unstable coefficients (Peduzzi et al. 1996).
MIN_EVENTS = 10
#: Fewer participants of a class say little of others, whatever the interval.
MIN_CLASS = 20
FPR_GRID = np.linspace(0, 1, 101)


def performance_table(
    predictions: pd.DataFrame, selected: pd.DataFrame, permuted: pd.DataFrame, settings: dict
) -> pd.DataFrame:
    """Summarise every model and scheme.

    Parameters
    ----------
    predictions, selected, permuted : pandas.DataFrame
        `contracts.PREDICTIONS`, `contracts.SELECTED`, `contracts.PERMUTATION` (may be empty).
    settings : dict
        Keys of `diagnosis.settings.Settings`.

    Returns
    -------
    pandas.DataFrame
        `contracts.PERFORMANCE`, in the order of the predictions.
    """
    rows, parts = [], predictions.groupby(["model", "scheme"], sort=False)
    progress = Progress(parts.ngroups)
    for (model, scheme), part in parts:
        chosen = selected.loc[(selected["model"] == model) & (selected["scheme"] == scheme)]
        null = permuted.loc[(permuted["model"] == model) & (permuted["scheme"] == scheme), "auc"].to_numpy()
        rows.append({"model": model, "scheme": scheme} | _describe(part, chosen, null, settings, scheme))
        progress.step(f"performance of {model}, {scheme}")
    return pd.DataFrame(rows, columns=list(PERFORMANCE))


def delong_table(predictions: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Compare all models of a scheme in pairs; Holm's adjustment is over the pairs of the scheme.

    Parameters
    ----------
    predictions : pandas.DataFrame
        `contracts.PREDICTIONS`.
    settings : dict
        Keys of `diagnosis.settings.Settings`.

    Returns
    -------
    pandas.DataFrame
        `contracts.DELONG`.
    """
    tables = []
    for scheme, part in predictions.groupby("scheme", sort=False):
        models = {name: concordance_of(own) for name, own in part.groupby("model", sort=False)}
        rows = []
        for first, second in combinations(models, 2):
            found = compare_aucs(models[first], models[second], confidence=settings["confidence"])
            aucs = (models[first].auc, models[second].auc)
            numbers = (found.difference, found.low, found.high, found.correlation, found.z, found.p)
            rows.append((scheme, first, second, *aucs, *numbers))
        table = pd.DataFrame(rows, columns=list(DELONG[:-1]))
        tables.append(table.assign(p_holm=holm(table["p"].to_numpy())))
    return pd.concat(tables, ignore_index=True)


def roc_table(predictions: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Draw the mean ROC curve of the repeats, with a pointwise band of the bootstrap over participants.

    Parameters
    ----------
    predictions : pandas.DataFrame
        `contracts.PREDICTIONS`.
    settings : dict
        Keys of `diagnosis.settings.Settings`.

    Returns
    -------
    pandas.DataFrame
        `contracts.ROC`. At a false positive rate, the sensitivity of the step curve, averaged over repeats.
    """
    tables, parts = [], predictions.groupby(["model", "scheme"], sort=False)
    progress = Progress(parts.ngroups)
    tails = [0.5 - settings["confidence"] / 2, 0.5 + settings["confidence"] / 2]
    for (model, scheme), part in parts:
        rng = np.random.default_rng(stream_seed(settings, BOOTSTRAP))
        y, scores, participants = _wide(part)
        curve = np.mean([_curve(y, score, np.ones(len(y))) for score in scores], axis=0)
        names, code = np.unique(participants, return_inverse=True)
        positive = np.array([y[code == number][0] for number in range(len(names))], dtype=bool)
        draws = np.empty((min(settings["bootstraps"], 500), len(FPR_GRID)))
        for draw in range(len(draws)):
            weights = np.zeros(len(names))
            for members in (np.flatnonzero(positive), np.flatnonzero(~positive)):
                weights[members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)))
            repeat = draw % len(scores)
            draws[draw] = _curve(y, scores[repeat], weights[code])
        low, high = np.quantile(draws, tails, axis=0)
        # Single repeats scatter around their mean: the band is theirs, widened where the mean leaves it.
        tables.append(
            pd.DataFrame(
                {
                    "model": model,
                    "scheme": scheme,
                    "fpr": FPR_GRID,
                    "tpr": curve,
                    "tpr_low": np.minimum(low, curve),
                    "tpr_high": np.maximum(high, curve),
                }
            )
        )
        progress.step(f"curve of {model}, {scheme}")
    return pd.concat(tables, ignore_index=True)[list(ROC)]


def _describe(part: pd.DataFrame, chosen: pd.DataFrame, null: np.ndarray, settings: dict, scheme: str) -> dict:
    model = concordance_of(part)
    people = part.drop_duplicates("participant")
    positives, negatives = int(people["y"].sum()), int((1 - people["y"]).sum())
    y, p = part["y"].to_numpy(), part["score"].to_numpy()
    estimable = min(positives, negatives) >= MIN_PER_CLASS
    row = {
        "positive": settings["positive"],
        "n_participants": len(people),
        "n_sessions": len(part.drop_duplicates(["participant", "session", "run"])),
        "n_positive": positives,
        "n_negative": negatives,
        "repeats": part["repeat"].nunique(),
        "folds": part["fold"].nunique(),
        "auc": model.auc,
        "auc_sd_repeats": model.per_repeat.std(ddof=1) if len(model.per_repeat) > 1 else np.nan,
        "confidence": settings["confidence"],
        "brier": brier_score(y, p),
        "brier_prevalence": y.mean() * (1 - y.mean()),
        "calibration_intercept": calibration_intercept(y, p) if estimable else np.nan,
        "calibration_slope": calibration_slope(y, p) if estimable else np.nan,
        "n_permutations": len(null),
        "p_permutation": permutation_p(model.auc, null) if len(null) else np.nan,
        "auc_permuted_mean": null.mean() if len(null) else np.nan,
        "auc_permuted_95": np.quantile(null, 0.95) if len(null) else np.nan,
    }
    row |= _calls(part, settings["threshold_rule"][scheme])
    for name, interval in _intervals(model, row, settings).items():
        row[f"{name}_low"], row[f"{name}_high"] = interval
    predictors = chosen.loc[chosen["step"] == "aic"].groupby(["repeat", "fold"]).size()
    row["n_predictors"] = float(predictors.median()) if len(predictors) else np.nan
    row["events_per_variable"] = min(positives, negatives) / row["n_predictors"]
    row["warning"] = _warning(row, scheme, _lonely_folds(part))
    return row


def _intervals(model: Concordance, row: dict, settings: dict) -> dict[str, tuple[float, float]]:
    """Return the three intervals of the AUC, and those of the shares of positives and negatives called rightly."""
    confidence, seed = settings["confidence"], stream_seed(settings, BOOTSTRAP)
    positives, negatives = row["n_positive"], row["n_negative"]
    return {
        "auc_delong": delong_interval(model, confidence=confidence),
        "auc_bootstrap": bootstrap_interval(model, draws=settings["bootstraps"], seed=seed, confidence=confidence),
        "auc_hanley": hanley_mcneil_interval(model.auc, positives, negatives, confidence=confidence),
        "sensitivity": wilson_interval(row["sensitivity"], positives, confidence=confidence),
        "specificity": wilson_interval(row["specificity"], negatives, confidence=confidence),
    }


def _calls(part: pd.DataFrame, rule: str) -> dict:
    """Average sensitivity, specificity and accuracy over repeats; the pooled rule finds a threshold in each."""
    found, used = [], []
    for _, repeat in part.groupby("repeat"):
        y, score, threshold = (repeat[name].to_numpy() for name in ("y", "score", "threshold"))
        if rule == "youden_pooled":
            threshold = np.full(len(y), youden_threshold(y, score))
        found.append(score_calls(y, score, threshold))
        used.append(threshold.mean())
    names = ("sensitivity", "specificity", "accuracy")
    means = {name: float(np.mean([getattr(calls, name) for calls in found])) for name in names}
    return {"threshold_rule": rule, "threshold": float(np.mean(used)), **means}


def _lonely_folds(part: pd.DataFrame) -> int:
    """Count the folds that test fewer than two participants of a class."""
    people = part.drop_duplicates(["repeat", "fold", "participant"])
    sizes = people.groupby(["repeat", "fold"])["y"].agg(["sum", "size"])
    return int((np.minimum(sizes["sum"], sizes["size"] - sizes["sum"]) < 2).sum())


def _warning(row: dict, scheme: str, lonely: int) -> str:
    parts = []
    if scheme == "as_published":
        parts.append("selected on all subjects: biased upwards")
    if row["events_per_variable"] < MIN_EVENTS:
        parts.append(f"{row['events_per_variable']:.1f} events per variable, fewer than {MIN_EVENTS}")
    smallest = min(row["n_positive"], row["n_negative"])
    if smallest < MIN_CLASS:
        parts.append(f"{smallest} participants in the smaller class, fewer than {MIN_CLASS}")
    if lonely:
        parts.append(f"{lonely} of {row['repeats'] * row['folds']} folds test fewer than two of a class")
    return "; ".join(parts)


def _wide(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return outcome, scores of shape (repeats, sessions), and participants, in one order of sessions."""
    ordered = part.sort_values(["repeat", "participant", "session", "run"], kind="stable")
    repeats = ordered["repeat"].nunique()
    first = ordered.iloc[: len(ordered) // repeats]
    scores = ordered["score"].to_numpy().reshape(repeats, -1)
    return first["y"].to_numpy(), scores, first["participant"].to_numpy()


def _curve(y: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the sensitivity at each rate of `FPR_GRID`, with so many copies of every session."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)
    tpr, fpr = (
        np.append(0, np.cumsum((weights * members)[order])[last] / (weights * members).sum()) for members in (y, 1 - y)
    )
    # Rates are sums of weights: a grid point that a rate equals has to find it.
    return tpr[np.searchsorted(fpr, FPR_GRID + 1e-9, side="right") - 1]
