"""What else could tell the groups apart: age, disability, scanner and lesion load, beside the network's score.

In Seok et al. 2023 age and EDSS differ by design; in Wang et al. 2020 the protocol changed over the years.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import roc_auc_score
from statsmodels.discrete.discrete_model import Logit
from statsmodels.tools.sm_exceptions import ConvergenceWarning, PerfectSeparationError, PerfectSeparationWarning

from chiomics.core.scores.concordance import concordance
from chiomics.core.scores.intervals import bootstrap_interval
from chiomics.flair.study.scanners import name_scanners

#: Two sessions match in load where their log volumes differ by less than this.
CALIPER = 0.25
#: Fewest sessions of a class for an AUC of its own.
MIN_PER_CLASS = 5


def table_of_confounders(mean_scores: pd.DataFrame, table: pd.DataFrame, *, draws: int, seed: int) -> pd.DataFrame:
    """Score a network within parts of the cohort, and after adjustment for lesion load.

    Parameters
    ----------
    mean_scores : pandas.DataFrame
        Columns participant, session, y and p, the mean over repeats, of one arm.
    table : pandas.DataFrame
        Of the sessions.
    draws, seed : int
        Of the bootstrap over patients.

    Returns
    -------
    pandas.DataFrame
        Columns ``what``, ``auc``, ``low``, ``high``, ``p``, ``n``, ``note``.
    """
    found = mean_scores.merge(table, on=["participant", "session"], how="left")
    rows = [score_part("all sessions", found, draws, seed)]
    rows.append(score_part("sessions with lesions", found[found["lesion_count"] > 0], draws, seed))
    rows.append(score_part("sessions without lesions", found[found["lesion_count"] == 0], draws, seed))
    age = pd.to_numeric(found.get("age", pd.Series(np.nan, found.index)), errors="coerce")
    if age.notna().sum() >= 6 * MIN_PER_CLASS:
        cuts = age.quantile([1 / 3, 2 / 3]).to_numpy()
        for number, name in enumerate(("youngest", "middle", "oldest")):
            part = found[(np.digitize(age, cuts) == number) & age.notna()]
            rows.append(score_part(f"{name} third by age", part, draws, seed))
    rows.append(score_part("pairs of equal lesion volume", _match(found), draws, seed))
    rows.append(_likelihood_ratio(found))
    found["scanner"] = name_scanners(found.to_dict("records"))
    for value, part in found[found["scanner"] != ""].groupby("scanner"):
        rows.append(score_part(f"within {value}", part, draws, seed))
    return pd.DataFrame(rows)


def score_part(what: str, part: pd.DataFrame, draws: int, seed: int) -> dict:
    """Return the row of a part of the sessions (columns y, p, participant): AUC with its interval over patients."""
    counts = part["y"].value_counts()
    row = {"what": what, "auc": np.nan, "low": np.nan, "high": np.nan, "p": np.nan, "n": len(part), "note": ""}
    if len(counts) < 2 or counts.min() < MIN_PER_CLASS:
        return row | {"note": f"fewer than {MIN_PER_CLASS} sessions of a class"}
    model = concordance(part["y"].to_numpy(), part["p"].to_numpy(), part["participant"].to_numpy())
    low, high = bootstrap_interval(model, draws=draws, seed=seed)
    return row | {"auc": model.auc, "low": low, "high": high}


def _match(found: pd.DataFrame) -> pd.DataFrame:
    """Pair sessions of both classes whose log volumes are nearest, each used once."""
    load = np.log1p(found["lesion_volume_mm3"].to_numpy(float))
    positive, negative = (list(np.flatnonzero(found["y"].to_numpy() == label)) for label in (1, 0))
    apart = np.abs(load[positive][:, None] - load[negative][None])
    kept: list[int] = []
    while apart.size and apart.min() <= CALIPER:
        first, second = np.unravel_index(apart.argmin(), apart.shape)
        kept += [positive.pop(first), negative.pop(second)]
        apart = np.delete(np.delete(apart, first, axis=0), second, axis=1)
    return found.iloc[sorted(kept)]


def _likelihood_ratio(found: pd.DataFrame) -> dict:
    """Test whether the network adds to lesion volume and number in a logistic regression."""
    load = np.log1p(found[["lesion_volume_mm3", "lesion_count"]].to_numpy(float))
    odds = np.clip(found["p"].to_numpy(), 1e-4, 1 - 1e-4)
    odds = np.log(odds / (1 - odds))[:, None]
    load = load[:, load.std(axis=0) > 1e-9]
    load = (load - load.mean(axis=0)) / load.std(axis=0)
    y = found["y"].to_numpy()
    row = {"what": "network added to lesion load (likelihood ratio)", "auc": np.nan, "low": np.nan, "high": np.nan}
    row |= {"p": np.nan, "n": len(found), "note": "the AUC is that of both, fitted and read on the same sessions"}
    small = _fit(y, load)
    if small is None:
        return row | {"note": "lesion load separates the groups: nothing is left to add"}
    if np.linalg.matrix_rank(np.column_stack([np.ones(len(y)), load, odds])) < load.shape[1] + 2:
        return row | {"note": "the network's score is a function of lesion load"}
    large = _fit(y, np.column_stack([load, odds]))
    # Where both together separate the groups, the likelihood tends to one.
    p = float(stats.chi2.sf(max(2 * ((large.llf if large else 0.0) - small.llf), 0), 1))
    return row | {"p": p, "auc": float(roc_auc_score(y, large.fittedvalues)) if large else 1.0}


def _fit(y: np.ndarray, predictors: np.ndarray):
    """Fit a logistic regression; None where the predictors separate the classes."""
    design = np.column_stack([np.ones(len(y)), predictors])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PerfectSeparationWarning)
            warnings.simplefilter("error", ConvergenceWarning)
            return Logit(y, design).fit(disp=0, maxiter=100)
    except (PerfectSeparationError, PerfectSeparationWarning, ConvergenceWarning, np.linalg.LinAlgError):
        return None


def calibration(mean_scores: pd.DataFrame, *, bins: int = 5) -> pd.DataFrame:
    """Compare predicted with observed shares in bins of equal count (columns predicted, observed, n)."""
    ordered = mean_scores.sort_values("p", kind="stable")
    parts = [ordered.iloc[rows] for rows in np.array_split(np.arange(len(ordered)), bins) if len(rows)]
    return pd.DataFrame([{"predicted": q["p"].mean(), "observed": q["y"].mean(), "n": len(q)} for q in parts])
