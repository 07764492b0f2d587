"""Which lesions a detector gets wrong: by raters' disagreement, kind, place and size (Zhang et al. 2022, section 4)."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from chiomics.rims.detectors.lesions import KEYS

OUTCOMES = ("TP", "FP", "FN", "TN")


def disagreement(table: pd.DataFrame) -> pd.Series:
    """Say for every lesion whether two raters differ; NaN where fewer than two rated it."""
    raters = table.filter(regex="^rater_").apply(pd.to_numeric)
    differ = pd.Series(False, index=table.index)
    for first, second in combinations(raters.columns, 2):
        differ |= (raters[first] - raters[second]).abs() > 0
    return differ.astype(float).where(raters.notna().sum(axis=1) >= 2)


def error_analysis(calls: pd.DataFrame, table: pd.DataFrame, *, rule: str = "published") -> pd.DataFrame:
    """Count outcomes by what is known of the lesions.

    Parameters
    ----------
    calls : pandas.DataFrame
        `calls.CALLS`.
    table : pandas.DataFrame
        The cohort's lesions.
    rule : {"published", "inner"}
        Threshold.

    Returns
    -------
    pandas.DataFrame
        arm, factor (`disagreement`, `kind`, `vein`, `place`, `size`, `cropped`), level, TP, FP, FN, TN.
    """
    known = pd.DataFrame({"disagreement": disagreement(table).map({0.0: "agree", 1.0: "differ"})}, index=table.index)
    for factor in ("kind", "vein", "place"):
        if factor in table:
            known[factor] = table[factor].astype("string").astype(object)
    if "cropped" in table:
        known["cropped"] = np.where(table["cropped"].astype(float) > 0, "cropped", "whole")
    thirds = pd.qcut(table["volume_mm3"].rank(method="first"), 3, labels=["smallest third", "middle", "largest third"])
    known["size"] = thirds.astype(str)
    known[KEYS] = table[KEYS].astype(str)
    called = calls.loc[calls[f"call_{rule}"].notna()]
    joined = called.astype(dict.fromkeys(KEYS, str)).merge(known, on=KEYS, how="left", validate="many_to_one")
    joined["outcome"] = outcomes(joined["label"], joined[f"call_{rule}"])
    rows = []
    for factor in [name for name in ("disagreement", "kind", "vein", "place", "size", "cropped") if name in known]:
        for (arm, level), own in joined.dropna(subset=[factor]).groupby(["arm", factor], sort=True):
            counts = own["outcome"].value_counts()
            row = {"arm": arm, "factor": factor, "level": level}
            rows.append(row | {name: int(counts.get(name, 0)) for name in OUTCOMES})
    return pd.DataFrame(rows, columns=["arm", "factor", "level", *OUTCOMES])


def outcomes(labels: pd.Series, calls: pd.Series) -> np.ndarray:
    """Name every call: TP, FP, FN or TN."""
    label, call = np.asarray(labels, bool), np.asarray(calls, bool)
    return np.where(label, np.where(call, "TP", "FN"), np.where(call, "FP", "TN"))
