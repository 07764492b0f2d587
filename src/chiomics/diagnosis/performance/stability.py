"""How many features each step leaves (Yan et al. 2021, Radiomic features-only model), which ones, and how steadily.

Stability over training sets after Nogueira, Sechidis and Brown (2018, JMLR 18:174): 1 where every set gives the same
features, 0 where they agree as by chance.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from chiomics.diagnosis.contracts import SELECTION_COUNTS, SELECTION_STABILITY, STEPS

#: Counts that the paper prints per step and nucleus; AIC counts are of its text and, where they differ, of its Table 2.
PUBLISHED = {
    "extracted": dict.fromkeys(("HCN", "DN", "GP", "PUT", "RN", "SN", "THA"), "874"),
    "univariate": {"HCN": "51", "DN": "59", "GP": "206", "PUT": "49", "RN": "78", "SN": "9", "THA": "192"},
    "spearman": {"HCN": "19", "DN": "21", "GP": "57", "PUT": "27", "RN": "33", "SN": "7", "THA": "67"},
    "aic": {"HCN": "4 (3)", "DN": "4", "GP": "3 (4)", "PUT": "3", "RN": "5", "SN": "2", "THA": "3"},
}


def selection_counts(selected: pd.DataFrame, extracted: dict[str, int]) -> pd.DataFrame:
    """Count the features that each step leaves.

    Parameters
    ----------
    selected : pandas.DataFrame
        `contracts.SELECTED`; demographic variables are not counted.
    extracted : dict of str to int
        Radiomic features that each model starts from; models without any are left out.

    Returns
    -------
    pandas.DataFrame
        `contracts.SELECTION_COUNTS`: median and quartiles over training sets, one set for as_published.
    """
    rows = []
    radiomic = selected.loc[selected["feature"].str.contains(".", regex=False)]
    for (model, scheme), part in selected.groupby(["model", "scheme"], sort=False):
        if not extracted.get(model):
            continue
        sets = part[["repeat", "fold"]].drop_duplicates()
        own = radiomic.loc[(radiomic["model"] == model) & (radiomic["scheme"] == scheme)]
        for step in STEPS:
            here = own.loc[own["step"] == step]
            sizes = here.groupby(["repeat", "fold"]).size().reindex(pd.MultiIndex.from_frame(sets), fill_value=0)
            if step == "extracted":
                sizes[:] = extracted[model]
            stability = np.nan if step == "extracted" else nogueira(membership(here, sets), extracted[model])
            quartiles = np.quantile(sizes, [0.5, 0.25, 0.75])
            rows.append((model, scheme, step, *quartiles, stability, PUBLISHED[step].get(model, "")))
    return pd.DataFrame(rows, columns=list(SELECTION_COUNTS))


def selection_stability(selected: pd.DataFrame) -> pd.DataFrame:
    """Return the share of training sets in which each step left a feature (`contracts.SELECTION_STABILITY`)."""
    sets = selected.drop_duplicates(["model", "scheme", "repeat", "fold"]).groupby(["model", "scheme"]).size()
    counts = selected.groupby(["model", "scheme", "step", "feature"], sort=False).size().rename("count").reset_index()
    total = sets.loc[pd.MultiIndex.from_frame(counts[["model", "scheme"]])].to_numpy()
    counts["frequency"] = counts["count"].to_numpy() / total
    ordered = counts.sort_values(["frequency", "feature"], ascending=[False, True], kind="stable")
    place = {name: number for number, name in enumerate(dict.fromkeys(selected["model"]))}
    ordered = ordered.iloc[np.lexsort((ordered["step"], ordered["scheme"], ordered["model"].map(place)))]
    return ordered[list(SELECTION_STABILITY)].reset_index(drop=True)


def membership(chosen: pd.DataFrame, sets: pd.DataFrame) -> np.ndarray:
    """Say which training set chose which feature, shape (sets, features chosen at least once)."""
    index = pd.MultiIndex.from_frame(sets[["repeat", "fold"]])
    rows = index.get_indexer(pd.MultiIndex.from_frame(chosen[["repeat", "fold"]]))
    codes, names = pd.factorize(chosen["feature"])
    table = np.zeros((len(index), len(names)), dtype=bool)
    table[rows, codes] = True
    return table


def nogueira(chosen: np.ndarray, features: int) -> float:
    """Return the stability of sets of features.

    Parameters
    ----------
    chosen : ndarray of bool, shape (sets, columns)
        Columns that no set chose may be left out.
    features : int
        All features there were to choose from.

    Returns
    -------
    float
        1 at most; NaN with one set, or where nothing or everything was chosen.
    """
    sets = len(chosen)
    mean = chosen.sum() / max(sets, 1) / features
    if sets < 2 or not 0 < mean < 1:
        return float("nan")
    share = chosen.mean(axis=0)
    variance = (sets / (sets - 1) * share * (1 - share)).sum() / features
    return float(1 - variance / (mean * (1 - mean)))
