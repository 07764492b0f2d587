"""Who the patients are, with the tests that the papers' tables print and those that fit better.

Seok et al. 2023, Table 1: the p of .063 for sex is the χ² test with Yates' correction (.0637); without it p is .040, by
Fisher's exact test .051. The p of .020 for the duration is a Mann-Whitney test over scans, of which patients have
several; from the printed means and standard deviations the t test gives .117.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

NUMBERS = {
    "age": "age, years",
    "disease_duration": "disease duration, years",
    "edss": "EDSS",
    "lesion_volume_mm3": "lesion volume, mm³",
    "lesion_share_percent": "lesion volume, % of brain mask",
    "lesion_count": "lesions",
}


def compare_counts(counts: Sequence[Sequence[int]]) -> dict[str, float]:
    """Test a 2 × 2 table of counts.

    Parameters
    ----------
    counts : array_like, shape (2, 2)
        Groups by outcome.

    Returns
    -------
    dict of str to float
        p of the ``chi_square`` test, of the same with Yates' correction (``yates``), and of ``fisher``'s exact test.
    """
    table = np.asarray(counts)
    if (table.sum(axis=0) == 0).any() or (table.sum(axis=1) == 0).any():
        return {"chi_square": np.nan, "yates": np.nan, "fisher": np.nan}
    return {
        "chi_square": float(stats.chi2_contingency(table, correction=False).pvalue),
        "yates": float(stats.chi2_contingency(table, correction=True).pvalue),
        "fisher": float(stats.fisher_exact(table).pvalue),
    }


def compare_numbers(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """Test two samples: p of Student's ``t`` test and of the ``mann_whitney`` test."""
    first, second = (values[np.isfinite(values)] for values in (np.asarray(first, float), np.asarray(second, float)))
    if min(len(first), len(second)) < 2 or np.ptp(np.concatenate([first, second])) == 0:
        return {"t": np.nan, "mann_whitney": np.nan}
    return {
        "t": float(stats.ttest_ind(first, second).pvalue),
        "mann_whitney": float(stats.mannwhitneyu(first, second).pvalue),
    }


def compare_moments(first: tuple[float, float, int], second: tuple[float, float, int]) -> float:
    """Return p of Student's t test of two samples of which mean, standard deviation and size are printed."""
    return float(stats.ttest_ind_from_stats(*first, *second).pvalue)


def is_female(sex: pd.Series) -> pd.Series:
    """Read the words that BIDS allows for sex: 1 for women, 0 for men, NaN for all else."""
    first = sex.astype(str).str.strip().str.lower()
    return first.map({"f": 1.0, "female": 1.0, "m": 0.0, "male": 0.0})


def describe_cohort(table: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """Describe two groups: per variable the summary of each and the tests' p values.

    Parameters
    ----------
    table : pandas.DataFrame
        A row per session.
    groups : sequence of str
        Two names in the column ``group``.

    Returns
    -------
    pandas.DataFrame
        Columns ``variable``, ``statistic``, one per group, and p values by the name of their test; ``unit`` says
        whether patients (first session) or scans are compared.
    """
    patients = table.drop_duplicates("participant")
    rows = [_counts("patients", {group: int((patients["group"] == group).sum()) for group in groups})]
    rows.append(_counts("sessions", {group: int((table["group"] == group).sum()) for group in groups}))
    follow_up = {group: int((table["group"] == group).sum()) - rows[0][group] for group in groups}
    p = compare_counts([[rows[0][group], follow_up[group]] for group in groups])
    rows.append(_counts("follow-up sessions", follow_up) | p | {"unit": "scans"})
    if "sex" in table and (women := is_female(patients["sex"])).notna().any():
        female, known = (
            {group: int((values & (patients["group"] == group)).sum()) for group in groups}
            for values in (women == 1, women.notna())
        )
        p = compare_counts([[female[group], known[group] - female[group]] for group in groups])
        rows.append(_counts("female", female) | p | {"unit": "patients"})
    for name, said in NUMBERS.items():
        if name not in table or pd.to_numeric(table[name], errors="coerce").notna().sum() == 0:
            continue
        for unit, frame in (("patients", patients), ("scans", table)):
            if unit == "scans" and len(patients) == len(table):
                continue
            values = pd.to_numeric(frame[name], errors="coerce")
            own = {group: values[frame["group"] == group].dropna() for group in groups}
            p = compare_numbers(*(own[group].to_numpy() for group in groups))
            for statistic, summary in SUMMARIES.items():
                rows.append(
                    {"variable": said, "statistic": statistic, "unit": unit}
                    | {group: summary(own[group]) if len(own[group]) else np.nan for group in groups}
                    | p
                )
    return pd.DataFrame(rows)


def _counts(name: str, values: Mapping[str, int]) -> dict:
    return {"variable": name, "statistic": "count", "unit": name} | dict(values)


SUMMARIES = {
    "mean": lambda values: values.mean(),
    "sd": lambda values: values.std(ddof=1),
    "median": lambda values: values.median(),
    "q25": lambda values: values.quantile(0.25),
    "q75": lambda values: values.quantile(0.75),
}
