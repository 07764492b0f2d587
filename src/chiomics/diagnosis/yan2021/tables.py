"""Tables 1 to 4 of Yan et al. 2021 from this cohort, the published values beside them.

Every table has both schemes side by side: ``as_published`` selects features on all subjects before the
cross-validation, ``nested`` selects within the training folds.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from chiomics.core.scores.delong import holm
from chiomics.diagnosis.contracts import INTERVAL, SCHEMES
from chiomics.diagnosis.group_tests import compare_counts, compare_values
from chiomics.diagnosis.models import DEMOGRAPHIC, HYBRID, Model, list_models
from chiomics.diagnosis.yan2021.published_values import read_published, retest_summary

#: Columns that Table 4 has of every source.
MEASURES = ("auc", "auc_low", "auc_high", "sensitivity", "specificity", "accuracy")
PUBLISHED = "published"


def table1(cohort: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Describe the participants (Table 1): a row per variable, with the test that its values asked for.

    Parameters
    ----------
    cohort : pandas.DataFrame
        One row per session; a participant's first session counts.
    settings : dict
        Keys of `diagnosis.settings.Settings`.

    Returns
    -------
    pandas.DataFrame
        variable, one text column per group, p, test, n_missing, then the published texts and p, and the p that
        follows from the published summary. Normal variables as mean ± SD, others as median (quartiles).
    """
    people = cohort.drop_duplicates("participant")
    groups = tuple(settings["groups"])
    parts = {group: people.loc[people["group"] == group] for group in groups}
    rows = [{"variable": "n"} | {group: str(len(part)) for group, part in parts.items()}]
    for name in settings["demographics"]:
        values = [part[name].dropna().to_numpy(dtype=float) for part in parts.values()]
        describe = _describe_sex if name == "sex" else _describe_values
        texts, found = describe(values, settings["normality_threshold"])
        row = {"variable": name, "n_missing": int(people[name].isna().sum())} | dict(zip(groups, texts, strict=True))
        rows.append(row | ({"p": found.p, "test": found.test} if found else {}))
    published = published_table1().set_index("variable")
    table = pd.DataFrame(rows, columns=["variable", *groups, "p", "test", "n_missing"])
    return table.astype({"n_missing": "Int64"}).join(published, on="variable")


def published_table1() -> pd.DataFrame:
    """Lay out the published Table 1, and test its summaries anew where they allow it."""
    summary = read_published("table1")
    groups = ("MS", "NMOSD")
    rows = [{"variable": "n"} | {f"published_{group}": f"{summary[group].iloc[0]:.0f}" for group in groups}]
    for name in ("sex", "age", "disease_duration", "edss"):
        own = summary.loc[summary["variable"].isin(["male", "female"] if name == "sex" else [name])]
        layout = {"sex": "{:.0f}/{:.0f}", "age": "{:.2f} ± {:.2f}"}.get(name, "{:.2f} ({:.2f}, {:.2f})")
        row = {"variable": name} | {f"published_{group}": layout.format(*own[group]) for group in groups}
        again = retest_summary(summary, name, groups)
        row |= {"published_p": own["p"].iloc[0], "published_test": own["test"].iloc[0]}
        rows.append(row | {"published_p_recomputed": again.p if again else np.nan})
    return pd.DataFrame(rows)


def table2(selected: pd.DataFrame, stability: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """List the selected features per model (Table 2).

    Parameters
    ----------
    selected, stability : pandas.DataFrame
        `contracts.SELECTED` and `contracts.SELECTION_STABILITY`.
    settings : dict
        Keys of `diagnosis.settings.Settings`.

    Returns
    -------
    pandas.DataFrame
        model, feature, selected (on all subjects), coefficient per SD (log odds of the positive class) and odds ratio
        of the model of all subjects, nested_frequency (share of the training folds that selected it), published.
        Features that only the paper selected stand below the cohort's own.
    """
    printed = read_published("table2")
    final = selected.loc[(selected["step"] == "aic") & (selected["scheme"] == "as_published")]
    nested = stability.loc[(stability["step"] == "aic") & (stability["scheme"] == "nested")]
    frequency = nested.set_index(["model", "feature"])["frequency"]
    rows = []
    for name in main_models(settings):
        own = final.loc[final["model"] == name]
        paper = [f"{name}.{feature}" for feature in printed.loc[printed["model"] == name, "feature"]]
        for feature, coefficient in zip(own["feature"], own["coefficient"], strict=True):
            rows.append((name, feature, "yes", coefficient, np.exp(coefficient), feature in paper))
        rows += [(name, feature, "no", np.nan, np.nan, True) for feature in paper if feature not in set(own["feature"])]
    table = pd.DataFrame(rows, columns=["model", "feature", "selected", "coefficient", "odds_ratio", "published"])
    keys = pd.MultiIndex.from_frame(table[["model", "feature"]])
    table.insert(5, "nested_frequency", frequency.reindex(keys, fill_value=0.0).to_numpy())
    return table.assign(published=np.where(table["published"], "yes", "no"))


def table3(delong: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Lay out the p values of DeLong's test between the nuclei, upper triangle (Table 3).

    Parameters
    ----------
    delong : pandas.DataFrame
        `contracts.DELONG`.
    settings : dict
        Keys of `diagnosis.settings.Settings`.

    Returns
    -------
    pandas.DataFrame
        source (published or a scheme), adjustment (none, or Holm's over these pairs), model, then one column per
        nucleus.
    """
    printed = read_published("table3").assign(scheme=PUBLISHED)
    nuclei = list(settings["nuclei"])
    blocks = []
    for source, pairs in pd.concat([printed, delong]).groupby("scheme", sort=False):
        own = pairs.loc[pairs["model_1"].isin(nuclei) & pairs["model_2"].isin(nuclei)]
        for adjustment in ("none", "Holm"):
            p = holm(own["p"].to_numpy(dtype=float)) if adjustment == "Holm" else own["p"].to_numpy(dtype=float)
            either = {frozenset(pair): value for *pair, value in zip(own["model_1"], own["model_2"], p, strict=True)}
            for place, row in enumerate(nuclei[:-1]):
                cells = {column: either.get(frozenset((row, column)), np.nan) for column in nuclei[place + 1 :]}
                blocks.append({"source": source, "adjustment": adjustment, "model": row} | cells)
    return pd.DataFrame(blocks, columns=["source", "adjustment", "model", *nuclei[1:]])


def table4(performance: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Set published, as-published and nested performance side by side (Table 4).

    Parameters
    ----------
    performance : pandas.DataFrame
        `contracts.PERFORMANCE`.
    settings : dict
        Keys of `diagnosis.settings.Settings`.

    Returns
    -------
    pandas.DataFrame
        A row per model: `MEASURES` of each source, and per scheme the p value and mean AUC of permuted labels.
    """
    printed = read_published("table4").set_index("model")
    table = pd.DataFrame({"model": list(main_models(settings))})
    for measure in MEASURES:
        table[f"{PUBLISHED}_{measure}"] = printed[measure].reindex(table["model"]).to_numpy()
    for scheme in SCHEMES:
        own = performance.loc[performance["scheme"] == scheme].set_index("model").reindex(table["model"])
        own = own.rename(columns={f"auc_{INTERVAL}_{end}": f"auc_{end}" for end in ("low", "high")})
        for measure in (*MEASURES, "threshold_rule", "auc_permuted_mean", "p_permutation", "events_per_variable"):
            table[f"{scheme}_{measure}"] = own[measure].to_numpy()
    return table.assign(interval=INTERVAL, confidence=settings["confidence"], positive=settings["positive"])


def paper_tables(cohort: pd.DataFrame, tables: Mapping[str, pd.DataFrame], settings: dict) -> dict[str, pd.DataFrame]:
    """Make all tables of the paper from the cohort and the tables of the stage by name."""
    return {
        "table1": table1(cohort, settings),
        "table2": table2(tables["selected"], tables["selection_stability"], settings),
        "table3": table3(tables["delong"], settings),
        "table4": table4(tables["performance"], settings),
        "selection_counts": tables["selection_counts"].loc[
            tables["selection_counts"]["model"].isin(list(main_models(settings)))
        ],
    }


def main_models(settings: dict) -> dict[str, Model]:
    """List the models that tables and figures show, in order."""
    return {name: model for name, model in list_models(settings).items() if model.main}


def figure5_models(settings: dict) -> list[str]:
    """List the models of Figure 5: demographics, the nucleus of the hybrid model where it is declared, and hybrid."""
    wanted = (DEMOGRAPHIC, settings["hybrid_nucleus"], HYBRID)
    return [name for name in wanted if name in main_models(settings)]


def _describe_sex(values: list[np.ndarray], normality: float) -> tuple[list[str], object]:
    counts = np.array([[int((part == 1).sum()), int((part == 0).sum())] for part in values])
    texts = [f"{male}/{female}" for male, female in counts]
    testable = counts.sum(axis=0).all() and counts.sum(axis=1).all()
    return texts, compare_counts(counts) if testable else None


def _describe_values(values: list[np.ndarray], normality: float) -> tuple[list[str], object]:
    if min(map(len, values)) < 2:
        return ["n/a" if not len(part) else f"{np.median(part):.2f}" for part in values], None
    found = compare_values(*values, normality=normality)
    if found.test == "t":
        return [f"{part.mean():.2f} ± {part.std(ddof=1):.2f}" for part in values], found
    quartiles = [np.quantile(part, [0.5, 0.25, 0.75]) for part in values]
    return ["{:.2f} ({:.2f}, {:.2f})".format(*part) for part in quartiles], found
