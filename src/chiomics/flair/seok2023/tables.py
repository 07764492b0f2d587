"""Tables 1 and 2 of Seok et al. 2023 on a cohort, and what the paper does not show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from chiomics.core.papers import read_published
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.demographics import describe_cohort
from chiomics.flair.study.trainings import TITLES


def paper_tables(
    prepared: Prepared, tables: Mapping[str, pd.DataFrame], attention: pd.DataFrame, settings: Mapping[str, Any]
) -> dict[str, pd.DataFrame]:
    """Make the tables.

    Parameters
    ----------
    prepared : Prepared
        The cohort.
    tables : mapping of str to pandas.DataFrame
        Of `study.combine.summarise_study`.
    attention : pandas.DataFrame
        Of `study.attention.summarise_attention`.
    settings : mapping
        Of the paper.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``table1``, ``table2``, ``table_s1`` (inputs and permuted labels), ``attention_summary``, ``confounders``.
    """
    performance = tables["performance"]
    variants = performance[performance["metric"].isin(["auc", "accuracy"])]
    kept = ["arm", "input", "labels", "metric", "pooled", "low", "high", "n_repeats"]
    variants = variants[kept].assign(labels=variants["labels"].map({0: "true", -1: "permuted"}))
    return {
        "table1": table_of_patients(prepared, settings),
        "table2": table_of_performance(tables["draws"]),
        "table_s1": variants.reset_index(drop=True),
        "table_s2": tables["case_errors"],
        "attention_summary": attention,
        "confounders": tables["confounders"],
    }


def table_of_patients(prepared: Prepared, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Table 1: the cohort beside the published one; rows that the cohort cannot fill stay empty."""
    groups = settings["groups"]
    own = describe_cohort(prepared.table, groups)
    published = read_published("chiomics.flair.seok2023", "table1").rename(
        columns={"MS": "published_MS", "NMOSD": "published_NMOSD", "p": "published_p", "test": "published_test"}
    )
    known = own.merge(published, on=["variable", "statistic"], how="left")
    place = own.set_index(["variable", "statistic"]).index
    rest = published[[key not in place for key in zip(published["variable"], published["statistic"], strict=True)]]
    return pd.concat([known, rest], ignore_index=True)


def table_of_performance(draws: pd.DataFrame) -> pd.DataFrame:
    """Table 2: mean and intervals over the test draws, for both choices of the positive class."""
    published = read_published("chiomics.flair.seok2023", "table2").rename(
        columns={"mean": "paper_mean", "low": "paper_low", "high": "paper_high"}
    )
    found = draws.merge(published, on="metric", how="left")
    found.loc[found["arm"] != "seok", ["paper_mean", "paper_low", "paper_high"]] = float("nan")
    return found.assign(title=found["arm"].map(TITLES))
