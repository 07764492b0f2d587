"""Figures of any cohort: no title, letter, legend or caption lies on another one."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.core.figure_boxes import PAGE, overlaps, width
from tests.robustness.figure_tables import make_tables
from tests.robustness.fiscone2023.test_figures import draw_all

LONG = (
    "superior longitudinal fasciculus", "inferior fronto-occipital fasciculus", "uncinate fasciculus",
    "cingulum hippocampal part", "corticospinal tract", "optic radiation", "NAWM",
)  # fmt: skip
FEW = {"levels": (16, 64), "n_sessions": 8, "cohorts": ("all",)}


def of_classes(tables, change):
    """Change the rows of a table's classes, shape and all of them aside."""
    return {
        name: change(table) if "feature_class" in table and len(table) and name != "published.tsv" else table
        for name, table in tables.items()
    }


def two_classes(table):
    kept = table["feature_class"].isin(["firstorder", "glcm", "shape", "all", "volume"])
    return table[kept].reset_index(drop=True)


def twelve_classes(table):
    own = table[table["feature_class"] == "glcm"]
    return pd.concat([table, *(own.assign(feature_class=f"texture{k}") for k in range(6))], ignore_index=True)


COHORTS = {
    "one region": lambda: make_tables(vois=("AF",), **FEW),
    "long names": lambda: make_tables(vois=LONG, **FEW),
    "two classes": lambda: of_classes(make_tables(vois=("AF", "NAWM"), **FEW), two_classes),
    "twelve classes": lambda: of_classes(make_tables(vois=("AF", "CST", "NAWM"), **FEW), twelve_classes),
}


@pytest.mark.parametrize("which", [pytest.param(name, marks=pytest.mark.slow) for name in COHORTS])
def test_no_text_lies_on_another(which):
    for name, figure in draw_all(COHORTS[which]()).items():
        assert not overlaps(figure), name
        assert width(figure) <= PAGE, name
