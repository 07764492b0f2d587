"""Tables 1 to 3 of Wang et al. 2020 on a cohort, and what the paper does not show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from chiomics.core.learning.resnet import count_parameters
from chiomics.core.papers import read_published
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.settings import PUBLISHED_WIDTHS, REFERENCE_ARM
from chiomics.flair.study.demographics import describe_cohort
from chiomics.flair.study.networks.architectures import build_network
from chiomics.flair.study.trainings import TITLES, WANG_ARMS, left_out_of_wang, weights_of_wang

SHOWN = ("accuracy", "sensitivity", "specificity", "auc", "average_precision", "brier")
#: Sizes of the paper, by which its parameters are counted.
PUBLISHED_NETWORK = {
    "edge": 100, "widths": PUBLISHED_WIDTHS, "widths_3d": PUBLISHED_WIDTHS, "views": (0, 1),
    "compression": "stem", "dropout": 0.15,
}  # fmt: skip


def paper_tables(
    prepared: Prepared, tables: Mapping[str, pd.DataFrame], curves: pd.DataFrame, settings: Mapping[str, Any]
) -> dict[str, pd.DataFrame]:
    """Make the tables.

    Parameters
    ----------
    prepared : Prepared
        The cohort.
    tables : mapping of str to pandas.DataFrame
        Of `study.combine.summarise_study`.
    curves : pandas.DataFrame
        Of all trainings.
    settings : mapping
        Of the paper.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``table1`` to ``table3``, ``table2_tests``, ``table_s1`` (inputs and decays), ``table_s2`` (error cases),
        ``confounders``.
    """
    performance = tables["performance"]
    return {
        "table1": describe_cohort(prepared.table, settings["groups"]).assign(published=float("nan")),
        "table2": table_of_performance(performance, settings),
        "table2_tests": tables["comparisons"],
        "table3": table_of_complexity(curves, settings),
        "table_s1": table_of_variants(performance, settings),
        "table_s2": tables["case_errors"],
        "confounders": tables["confounders"],
    }


def table_of_performance(performance: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Table 2: every arm, as published and nested, pooled and as the mean of folds; published values beside."""
    published = read_published("chiomics.flair.wang2020", "table2").set_index("arm")
    notes = left_out_of_wang(settings) | weights_of_wang(settings)
    rows = []
    arms = [arm for arm in WANG_ARMS if arm in settings["arms"]]
    counting = [arm for arm in dict.fromkeys(performance["arm"]) if arm not in WANG_ARMS]
    for arm in (*arms, *counting):
        row: dict[str, Any] = {"arm": arm, "title": TITLES[arm], "note": notes.get(arm, "")}
        for metric in ("accuracy", "sensitivity", "specificity"):
            row[f"published_{metric}"] = published[metric].get(arm, float("nan"))
        own = performance[(performance["arm"] == arm) & (performance["labels"] == 0)]
        main = own[own["input"].isin([settings["input"], "numbers"]) & own["decay"].isin([settings["decays"][0], 1.0])]
        if arm in WANG_ARMS:
            main = main[main["decay"] == settings["decays"][0]]
        for scheme, epoch, name in SCHEMES:
            part = main[(main["scheme"] == scheme) & ((main["epoch"] == epoch) | (main["input"] == "numbers"))]
            if name == "as_published_last" and arm not in WANG_ARMS:
                continue
            part = part.set_index("metric")
            for metric in SHOWN:
                if metric in part.index:
                    row[f"{name}_{metric}_fold_mean"] = part.loc[metric, "fold_mean"]
                    row[f"{name}_{metric}_pooled"] = part.loc[metric, "pooled"]
            if "auc" in part.index:
                row[f"{name}_auc_low"], row[f"{name}_auc_high"] = part.loc["auc", "low"], part.loc["auc", "high"]
                row["n_sessions"], row["n_repeats"] = part.loc["auc", "n_sessions"], part.loc["auc", "n_repeats"]
        rows.append(row)
    return pd.DataFrame(rows)


#: Schemes with the epoch that is reported, and their name in the tables.
SCHEMES = (
    ("as_published", "best", "as_published"),
    ("as_published", "last", "as_published_last"),
    ("nested", "best", "nested"),
)


def table_of_complexity(curves: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Table 3: parameters at the paper's sizes and here, and seconds of training here."""
    rows = []
    for arm in settings["arms"]:
        own = curves[curves["arm"] == arm]
        per_training = own.groupby(["scheme", "input", "decay", "labels", "repeat", "fold"])["seconds"].sum()
        rows.append(
            {
                "arm": arm,
                "title": TITLES[arm],
                "parameters_at_published_size": count_parameters(build_network(arm, PUBLISHED_NETWORK)),
                "parameters_here": count_parameters(build_network(arm, dict(settings))),
                "published_parameters": float("nan"),
                "published_training_time": float("nan"),
                "cpu_seconds_per_training": per_training.mean() if len(own) else float("nan"),
                "epochs": settings["epochs"],
            }
        )
    return pd.DataFrame(rows)


def table_of_variants(performance: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Table S1: the reference arm by input and by the reading of the learning rate's fall, and on permuted labels."""
    own = performance[(performance["arm"] == REFERENCE_ARM) & performance["metric"].isin(["auc", "accuracy"])]
    kept = ["input", "decay", "scheme", "epoch", "labels", "metric", "pooled", "fold_mean", "low", "high", "n_repeats"]
    own = own[kept].copy()
    own["labels"] = own["labels"].map({0: "true", -1: "permuted"})
    return own.sort_values(["labels", "input", "decay", "scheme", "epoch", "metric"], ignore_index=True)
