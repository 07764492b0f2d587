"""What the paper prints, recomputed: its percentages are whole numbers of features, its total and its marks are not."""

from __future__ import annotations

import pandas as pd
import pytest

from chiomics.radiomics.extraction import expected_features
from chiomics.radiomics.parameters import load_settings
from chiomics.robustness.fiscone2023.published_values import read_published
from chiomics.robustness.tables import CLASSES

NUMBERS = read_published("numbers")
TABLE1 = read_published("table1")


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    """The 107 features of a region, by class."""
    rows = expected_features(load_settings("fiscone107", gray_levels=(64,)))
    return pd.DataFrame(rows, columns=["setting", "image_type", "feature_class", "feature"])


def number_of(percent: float, total: int) -> int:
    """Return the whole number that prints as this percentage, and fail where there is none."""
    found = [count for count in range(total + 1) if abs(100 * count / total - percent) < 0.0501]
    assert len(found) == 1, (percent, total, found)
    return found[0]


def percents(**where: str) -> pd.Series:
    rows = NUMBERS[NUMBERS["quantity"] == "percent robust"]
    for name, value in where.items():
        rows = rows[rows[name] == value]
    return rows.set_index("feature_class")["value"]


def test_features_and_regions_give_the_printed_totals(features: pd.DataFrame) -> None:
    assert len(features) == 107
    printed = NUMBERS.set_index("quantity")["value"]
    assert printed["features in all"] == 7 * len(features) == 749
    assert printed["features in all by side"] == 2 * 7 * len(features) == 1498


def test_percentages_of_tracts_are_whole_numbers_of_93_features(features: pd.DataFrame) -> None:
    total = (features["feature_class"] != "shape").sum()
    rows = NUMBERS[(NUMBERS["source"] == "Discussion") & (NUMBERS["quantity"] == "percent robust")]
    counted = {row.voi: number_of(row.value, total) for row in rows.itertuples()}
    assert counted == {"AF": 93, "CST": 79, "FAT": 90, "IFOF": 85, "OR": 89, "UF": 72}


def test_percentages_of_classes_are_whole_numbers_and_add_up_to_those_of_the_tracts(features: pd.DataFrame) -> None:
    sizes = features["feature_class"].value_counts()
    nawm = {name: number_of(value, sizes[name]) for name, value in percents(voi="NAWM").items() if name in sizes}
    assert nawm == {"ngtdm": 4, "glcm": 19, "gldm": 10, "glrlm": 10, "glszm": 9, "firstorder": 9}
    tracts = {name: number_of(value, 6 * sizes[name]) for name, value in percents(voi="tracts").items()}
    assert tracts == {"glcm": 143, "glrlm": 93, "gldm": 77, "ngtdm": 27, "firstorder": 90, "glszm": 78}
    assert sum(tracts.values()) == 93 + 79 + 90 + 85 + 89 + 72 == 508


def test_the_printed_total_is_neither_with_nor_without_shape() -> None:
    printed = NUMBERS.set_index("quantity")["value"]["robust features"]
    without_shape, shape = 508 + 61, 7 * 14
    assert printed == 555
    assert printed not in (without_shape, without_shape + shape)


def test_first_order_coefficients_above_the_threshold_give_the_printed_percentage() -> None:
    robust = TABLE1[TABLE1["icc"] > 0.85].groupby("voi").size()
    assert robust.to_dict() == {"AF": 18, "CST": 12, "FAT": 18, "IFOF": 13, "OR": 17, "UF": 12, "NAWM": 9}
    assert robust.drop("NAWM").sum() == number_of(percents(voi="tracts")["firstorder"], 6 * 18)
    assert robust["NAWM"] == number_of(percents(voi="NAWM")["firstorder"], 18)


def test_marks_of_table_1_contradict_its_values_where_we_say() -> None:
    marked = TABLE1[(TABLE1["italic"] == "yes") != (TABLE1["icc"] <= 0.85)]
    found = {(row.feature, row.voi) for row in marked.itertuples()}
    assert found == {
        ("Kurtosis", "NAWM"), ("Uniformity", "NAWM"), ("MeanAbsoluteDeviation", "NAWM"),
        ("MeanAbsoluteDeviation", "UF"),
    }  # fmt: skip


def test_names_are_pyradiomics_and_counts_are_the_printed_ones(features: pd.DataFrame) -> None:
    names = set(zip(features["feature_class"], features["feature"], strict=True))
    whitelist, trends = read_published("whitelist"), read_published("trends")
    assert set(zip(whitelist["feature_class"], whitelist["feature"], strict=True)) <= names
    textures = trends[trends["feature_class"] != "volume"]
    assert set(zip(textures["feature_class"], textures["feature"], strict=True)) <= names
    assert {("firstorder", name) for name in TABLE1["feature"]} <= names
    assert len(TABLE1) == 18 * 7
    printed = NUMBERS[NUMBERS["quantity"].str.startswith("robust in every region")].set_index("feature_class")["value"]
    assert whitelist["feature_class"].value_counts().to_dict() == printed.to_dict()
    assert len(whitelist) == 55
    assert (trends["source"] == "Table 2").sum() == 19
    assert set(CLASSES) == set(printed.index)
