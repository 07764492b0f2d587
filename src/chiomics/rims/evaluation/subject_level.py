"""Rim lesions per subject: counted by a detector against the experts (Zhang et al. 2022, sections 2.5 and 3.2).

Beside Pearson's r and the mean squared error of the paper: ICC(A,1) and Bland and Altman's limits, since r is blind to
a detector that counts double; Williams' test of two correlations with the same expert counts (Williams 1959; Steiger
1980), since the paper names none; and the detection of subjects with at least one and at least four rims.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from chiomics.rims.evaluation.calls import RULES

#: Rim lesions per subject that matter: one (2024 revision of the McDonald criteria), four (Absinta et al. 2019).
MIN_COUNTS = (1, 4)


def count_per_subject(calls: pd.DataFrame) -> pd.DataFrame:
    """Count rim lesions of every subject.

    Parameters
    ----------
    calls : pandas.DataFrame
        `calls.CALLS`.

    Returns
    -------
    pandas.DataFrame
        arm, participant_id, lesions, expert, predicted_published, predicted_inner.
    """
    grouped = calls.groupby(["arm", "participant_id"], sort=False)
    return grouped.agg(
        lesions=("label", "size"), expert=("label", "sum"), predicted_published=("call_published", "sum"),
        predicted_inner=("call_inner", lambda calls: calls.sum(min_count=1)),
    ).reset_index()  # fmt: skip


def subject_level(counts: pd.DataFrame) -> pd.DataFrame:
    """Compare the counts of every arm and threshold with the experts'.

    Parameters
    ----------
    counts : pandas.DataFrame
        Of `count_per_subject`.

    Returns
    -------
    pandas.DataFrame
        One row per arm and threshold: subjects, r with Fisher's interval, mse, icc, bias and limits of agreement,
        range and median of the counts, sensitivity and specificity for at least one and at least four rims.
    """
    rows = []
    for arm, own in counts.groupby("arm", sort=False):
        for rule in RULES:
            predicted, expert = own[f"predicted_{rule}"].to_numpy(float), own["expert"].to_numpy(float)
            if np.isnan(predicted).any():
                continue
            r = correlation(predicted, expert)
            low, high = fisher_interval(r, len(own))
            difference = predicted - expert
            spread = 1.96 * difference.std(ddof=1)
            row = {"arm": arm, "threshold": rule, "subjects": len(own), "r": r, "r_low": low, "r_high": high}
            row |= {"mse": float(np.mean(difference**2)), "icc": icc_agreement(predicted, expert)}
            row |= {"bias": difference.mean(), "limit_low": difference.mean() - spread}
            row |= {"limit_high": difference.mean() + spread}
            for name, values in (("expert", expert), ("predicted", predicted)):
                some = values[values > 0]
                quartiles = np.percentile(some, [50, 25, 75]) if len(some) else [np.nan] * 3
                row |= {f"{name}_max": values.max()}
                row |= dict(zip((f"{name}_median", f"{name}_q1", f"{name}_q3"), quartiles, strict=True))
            for least in MIN_COUNTS:
                has, called = expert >= least, predicted >= least
                row[f"sensitivity_{least}"] = called[has].mean() if has.any() else np.nan
                row[f"specificity_{least}"] = (~called[~has]).mean() if (~has).any() else np.nan
            rows.append(row)
    return pd.DataFrame(rows)


def compare_correlations(counts: pd.DataFrame, first: str, rule: str) -> pd.DataFrame:
    """Test an arm's correlation with the experts against that of every other, on the same subjects.

    Returns
    -------
    pandas.DataFrame
        first, second, threshold, difference, t, p.
    """
    wide = counts.pivot(index="participant_id", columns="arm", values=f"predicted_{rule}")
    expert = counts.drop_duplicates("participant_id").set_index("participant_id")["expert"].reindex(wide.index)
    rows = []
    for second in [arm for arm in counts["arm"].unique() if arm != first]:
        if wide[[first, second]].isna().to_numpy().any():
            continue
        a, b = (correlation(wide[arm].to_numpy(float), expert.to_numpy(float)) for arm in (first, second))
        between = correlation(wide[first].to_numpy(float), wide[second].to_numpy(float))
        t, p = williams_test(a, b, between, len(wide))
        rows.append({"first": first, "second": second, "threshold": rule, "difference": a - b, "t": t, "p": p})
    return pd.DataFrame(rows, columns=["first", "second", "threshold", "difference", "t", "p"])


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Return Pearson's r, NaN where one does not vary."""
    return float(np.corrcoef(x, y)[0, 1]) if x.std() > 0 and y.std() > 0 else np.nan


def fisher_interval(r: float, count: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of a correlation by Fisher's z."""
    if count < 4 or not np.isfinite(r) or abs(r) >= 1:
        return np.nan, np.nan
    margin = stats.norm.ppf(0.5 + confidence / 2) / np.sqrt(count - 3)
    return float(np.tanh(np.arctanh(r) - margin)), float(np.tanh(np.arctanh(r) + margin))


def icc_agreement(x: np.ndarray, y: np.ndarray) -> float:
    """Return ICC(A,1) of two counters (McGraw and Wong 1996)."""
    table, n, k = np.stack([x, y], axis=1), len(x), 2
    total = table.mean()
    rows = k * np.sum((table.mean(axis=1) - total) ** 2) / (n - 1)
    columns = n * np.sum((table.mean(axis=0) - total) ** 2) / (k - 1)
    rest = np.sum((table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + total) ** 2) / ((n - 1) * (k - 1))
    below = rows + (k - 1) * rest + k * (columns - rest) / n
    return float((rows - rest) / below) if below > 0 else np.nan


def williams_test(first: float, second: float, between: float, count: int) -> tuple[float, float]:
    """Test two correlations with one shared variable: Williams' T2 (Steiger 1980, eq. 7).

    Parameters
    ----------
    first, second : float
        Correlations of two variables with the shared one.
    between : float
        Of the two with each other.
    count : int
        Subjects.

    Returns
    -------
    t, p : float
        With count − 3 degrees of freedom, two-sided.
    """
    if not np.isfinite([first, second, between]).all() or count < 4:
        return np.nan, np.nan
    if abs(first - second) < 1e-12:
        return 0.0, 1.0
    determinant = 1 - first**2 - second**2 - between**2 + 2 * first * second * between
    mean = (first + second) / 2
    scale = 2 * (count - 1) / (count - 3) * max(determinant, 0) + mean**2 * (1 - between) ** 3
    t = (first - second) * np.sqrt((count - 1) * (1 + between) / scale)
    return float(t), float(2 * stats.t.sf(abs(t), count - 3))
