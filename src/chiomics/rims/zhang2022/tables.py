"""Tables 1 to 3 of Zhang et al. 2022 for this cohort, the published values beside ours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from chiomics.rims.detectors.arms import ARMS
from chiomics.rims.detectors.folds import count_rims
from chiomics.rims.detectors.lesions import Lesions
from chiomics.rims.evaluation.lesion_level import order_of
from chiomics.rims.evaluation.thresholds import COUNTS, METRICS, rate
from chiomics.rims.lesions.ratings import agree
from chiomics.rims.zhang2022.published_values import read_published

#: Columns of participants.tsv by the variable of Table 1.
DEMOGRAPHICS = {"age, years": "age", "disease duration, years": "disease_duration", "EDSS": "edss"}
NOT_RUN = "not run here"


def table1(lesions: Lesions, participants: pd.DataFrame | None, *, kappa: float) -> pd.DataFrame:
    """Describe the cohort.

    Parameters
    ----------
    lesions : Lesions
        Rated lesions.
    participants : pandas.DataFrame, optional
        participants.tsv, for those who have lesions.
    kappa : float
        Of the first two raters; NaN where there are not two.

    Returns
    -------
    pandas.DataFrame
        variable, statistic, paper, here.
    """
    names, counts = count_rims(lesions.subjects, lesions.labels)
    total, rims, some = len(lesions.table), int(counts.sum()), counts[counts > 0]
    median, low, high = np.percentile(some, [50, 25, 75]) if len(some) else [np.nan] * 3
    here = {
        ("subjects", "count"): f"{len(names)}",
        ("lesions", "count"): f"{total}",
        ("lesions with a rim", "count (%)"): f"{rims} ({rims / total:.2%})".replace("%", " %"),
        ("lesions per subject", "mean"): f"{total / len(names):.1f}",
        ("rims per subject", "mean"): f"{rims / len(names):.2f}",
        ("rims per subject", "maximum"): f"{counts.max()}",
        ("rims per subject with one", "median (quartiles)"): f"{median:g} ({low:g}–{high:g})",
        ("agreement of two raters", "Cohen's kappa"): f"{kappa:.2f}" if np.isfinite(kappa) else "",
    }
    if participants is not None:
        own = participants.loc[participants["participant_id"].isin(names)]
        for variable, column in DEMOGRAPHICS.items():
            values = pd.to_numeric(own[column], errors="coerce").dropna() if column in own else pd.Series(dtype=float)
            if len(values):
                here[variable, "mean ± SD"] = f"{values.mean():.2f} ± {values.std():.2f}"
        if "sex" in own and len(own):
            sexes = own["sex"].astype(str).str[:1].str.upper()
            for word, letter in (("female", "F"), ("male", "M")):
                count = int((sexes == letter).sum())
                here[word, "count (%)"] = f"{count} ({count / len(own):.1%})".replace("%", " %")
    table = read_published("table1").rename(columns={"value": "paper"})
    keys = zip(table["variable"], table["statistic"], strict=True)
    return table.assign(here=[here.get(key, "not reported") for key in keys])


def table2(performance: pd.DataFrame, areas: pd.DataFrame) -> pd.DataFrame:
    """Return performance per lesion, our best first; columns as of `results`, and the areas below the curves."""
    order = [arm for arm in order_of(areas) if ARMS[arm].table != "3"]
    missing = [arm for arm in read_published("table2")["arm"] if arm not in order]
    table = results(performance, read_published("table2"), [*order, *missing])
    return table.merge(areas.drop(columns="folds"), on="arm", how="left", sort=False)


def table3(performance: pd.DataFrame) -> pd.DataFrame:
    """Return the ablations in the paper's order, with its ticks."""
    printed = read_published("table3")
    ticks = ["rimnet_fusion", "radiomics", "deepsmote"]
    table = results(performance, printed.drop(columns=ticks), list(printed["arm"]))
    return table.merge(printed[["arm", *ticks]], on="arm", how="left", sort=False)


def results(performance: pd.DataFrame, printed: pd.DataFrame, arms: list[str]) -> pd.DataFrame:
    """Set performance beside what is printed.

    Parameters
    ----------
    performance : pandas.DataFrame
        Of `lesion_level.performance`.
    printed : pandas.DataFrame
        Published table.
    arms : list of str
        Rows.

    Returns
    -------
    pandas.DataFrame
        arm, method, threshold, counts and metrics with intervals, `paper_*` as printed and `recomputed_*` from the
        printed counts; an arm that was not trained has one row, `threshold` says so.
    """
    beside = printed.set_index("arm").add_prefix("paper_")
    again = pd.DataFrame(rate(printed.rename(columns=str)), index=printed["arm"]).add_prefix("recomputed_")
    rows = []
    for arm in arms:
        own = performance.loc[performance["arm"] == arm]
        known = own.to_dict("records") or [{"arm": arm, "threshold": NOT_RUN}]
        for row in known:
            shares = {f"{name}_share": row[name] / sum(row[c] for c in COUNTS) for name in COUNTS if name in row}
            rows.append({"arm": arm, "method": ARMS[arm].title, **row, **shares})
    columns = ["arm", "method", "threshold", *METRICS, *COUNTS, *(f"{name}_share" for name in COUNTS)]
    columns += [f"{name}_{end}" for name in METRICS for end in ("low", "high")]
    table = pd.DataFrame(rows).reindex(columns=columns)
    return table.merge(beside.join(again), left_on="arm", right_index=True, how="left", sort=False)


def kappa_of(table: pd.DataFrame) -> float:
    """Return Cohen's kappa of the first two raters, NaN where there are fewer."""
    raters = table.filter(regex="^rater_").apply(pd.to_numeric)
    pairs = raters.loc[:, raters.notna().any()].iloc[:, :2].dropna()
    return agree(*pairs.to_numpy().T).kappa if pairs.shape[1] == 2 and len(pairs) else float("nan")


def text_numbers(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Set the numbers of the paper's text beside ours; NaN where an arm was not trained."""
    rows = []
    for row in read_published("numbers").to_dict("records"):
        rows.append(row | {"paper": row.pop("value"), "here": _ours(tables, row["arm"], row["measure"])})
    return pd.DataFrame(rows)[["arm", "measure", "paper", "here", "source"]]


def _ours(tables: Mapping[str, pd.DataFrame], arm: str, measure: str) -> float:
    def cell(table: str, column: str, **equal: str) -> float:
        frame = tables[table]
        for name, value in {"arm": arm, **equal}.items():
            frame = frame.loc[frame[name] == value]
        return float(frame[column].iloc[0]) if len(frame) else np.nan

    if measure in ("proc_auc", "pr_auc"):
        return cell("areas", measure)
    if measure.startswith("review") or measure == "saved":
        return cell("review", {"review_fp": "fp"}.get(measure, measure))
    if measure.startswith("disagreement_"):
        outcome = measure.removeprefix("disagreement_")
        parts = [
            cell("error_analysis", outcome, factor="disagreement", level=level, threshold="published")
            for level in ("differ", "agree")
        ]
        differ, agree = np.nan_to_num(parts)
        return differ / (differ + agree) if differ + agree else np.nan
    if measure == "seconds_per_subject":
        own = tables["timing"].loc[tables["timing"]["arm"] == arm]
        return float(own["predict_seconds"].sum() / own["subjects"].sum()) if len(own) else np.nan
    if measure == "f1_gain_of_smote":
        plain = tables["performance"].query("arm == 'aprl_rf_plain' and threshold == 'published'")
        return cell("performance", "f1", threshold="published") - float(plain["f1"].iloc[0]) if len(plain) else np.nan
    return cell("subject_level", measure, threshold="published")
