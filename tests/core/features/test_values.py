"""A number written in any way is the number that was meant, or is refused; never another one."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chiomics.core.errors import InputError
from chiomics.core.features.demographics import is_category, read_variable
from chiomics.core.features.names import feature_order, image_type_of, side_of, split_feature, split_side
from chiomics.core.features.values import (
    MIN_OTHERS,
    MISSING,
    find_codes,
    find_other_unit,
    is_missing,
    read_numbers,
    without_infinite,
)

WRITTEN = {
    "point": "{}".format,
    "quoted": '"{}"'.format,
    "spaces": "  {} ".format,
    "minus of print": lambda x: f"{x}".replace("-", "−"),
    "complex": lambda x: f"({x}+0j)",
    "R's complex": lambda x: f"{x}+0i",
}
IMAGE_TYPES = (
    "original", "wavelet-LLH", "wavelet2-HHH", "log-sigma-1-5-mm-3D", "square", "squareroot", "logarithm",
    "exponential", "gradient", "lbp-2D", "lbp-3D-m1", "lbp-3D-k",
)  # fmt: skip
finite = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 4))


@given(st.lists(finite, min_size=1, max_size=20), st.sampled_from(sorted(WRITTEN)), st.sampled_from(sorted(MISSING)))
def test_a_number_comes_back_however_it_is_written(numbers, way, missing):
    texts = [WRITTEN[way](number) for number in numbers]
    found = read_numbers([*texts, missing, None, float("nan")])
    assert not found.unread
    np.testing.assert_array_equal(found.values[: len(numbers)], numbers)
    assert np.isnan(found.values[len(numbers) :]).all()


@given(st.lists(finite, min_size=1, max_size=20))
def test_decimal_commas_are_read_only_where_no_comma_can_part_thousands(numbers):
    texts = [f"{number:.4f}".replace(".", ",") for number in numbers]
    found = read_numbers(texts)
    np.testing.assert_allclose(found.values, numbers, rtol=0, atol=1e-12)
    three = read_numbers(["1,234", "5,678"])  # a thousand or one and a bit
    assert len(three.unread) == 2
    both = read_numbers([*texts, "0.5"])
    assert set(both.unread) == set(range(len(texts)))


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1,234.5", "7"], [1234.5, 7]),
        (["1.234,56", "7,5"], [1234.56, 7.5]),
        (["1.5D+03"], [1500.0]),
        (["Inf", "-infinity", "1e200"], [np.inf, -np.inf, 1e200]),
        (["#DIV/0!", "-1.#IND", "<NA>"], [np.nan] * 3),
    ],
)
def test_spellings_of_other_programs(texts, values):
    found = read_numbers(texts)
    assert not found.unread
    np.testing.assert_array_equal(found.values, values)


@pytest.mark.parametrize("text", ["1+2j", "12a", "1_000", "0x10", "1 2", "++1", "ten", "1.2.3"])
def test_what_is_no_number_for_certain_is_refused(text):
    assert read_numbers(["1", text]).unread == (1,)


def test_values_that_cannot_be_squared_count_as_missing():
    values, number = without_infinite(np.array([1.0, np.inf, -1e200, np.nan]))
    assert number == 2 and np.isnan(values[1:]).all() and values[0] == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Left-Putamen", ("Putamen", "L")), ("rh.putamen", ("putamen", "R")), ("ctx-lh-insula", ("ctx-insula", "L")),
        ("CST_R", ("CST", "R")), ("CST-left", ("CST", "L")), ("NAWM", ("NAWM", "")), ("SN", ("SN", "")),
        ("R2", ("R2", "")),
    ],
)  # fmt: skip
def test_sides_in_names_of_regions(name, expected):
    assert split_side(name) == expected


def test_words_for_sides():
    assert [side_of(word) for word in ("lh", "Right", "LR", "both", "", "n/a", "links")] == [
        "L", "R", "LR", "LR", "", "", None,
    ]  # fmt: skip


@given(
    st.sampled_from(IMAGE_TYPES),
    st.sampled_from(["firstorder", "glcm", "shape", "shape2D"]),
    st.booleans(),
)
def test_image_types_of_every_filter_also_as_r_writes_them(image_type, feature_class, by_r):
    written = image_type.replace("-", ".") if by_r else image_type
    found = split_feature(f"{written}_{feature_class}_Mean")
    assert found == {"image_type": image_type, "feature_class": feature_class, "feature": "Mean"}
    assert image_type_of(written) == image_type_of(written.upper()) == image_type_of(written.lower()) == image_type


def test_a_prefix_that_is_no_filter_is_never_original():
    assert split_feature("fancy_glcm_Contrast")["unknown"] == "fancy"
    assert split_feature("glcm_Contrast")["image_type"] == "original"
    assert split_feature("diagnostics_Image-original_Spacing") is None
    assert image_type_of("LoG") is None


def test_the_order_of_features_is_that_of_pyradiomics():
    names = [("original", "firstorder", name) for name in ("MeanAbsoluteDeviation", "Mean", "Median")]
    names += [("wavelet-LLH", "glcm", "Id"), ("wavelet-LLL", "glcm", "Id"), ("log-sigma-1-0-mm-3D", "glcm", "Id")]
    shuffled = [names[place] for place in (3, 0, 5, 2, 4, 1)]
    assert sorted(shuffled, key=lambda name: feature_order(*name)) == names


def test_variables_of_participants():
    age = read_variable(pd.Series(["34", "34Y", "41.5", "n/a", None], name="age"))
    assert age.tolist()[:3] == [34, 34, 41.5] and age.isna().sum() == 2
    sex = read_variable(pd.Series(["m", "Female", "W", "n/a", "O"], name="sex"))
    assert sex.tolist()[:3] == [1, 0, 0] and sex.isna().sum() == 2
    for name, wrong, said in (
        ("age", "89+", "89"), ("age", "30-40", "n/a"), ("age", "-999", "0 to 120"), ("edss", "12", "0 to 10"),
        ("sex", "1", "which is which"), ("disease_duration", "long", "number"),
    ):  # fmt: skip
        with pytest.raises(InputError) as caught:
            read_variable(pd.Series(["1" if name != "sex" else "2", wrong], name=name))
        assert said in str(caught.value.expected)


def test_a_category_is_no_number_and_a_site_never_one():
    assert is_category(pd.Series(["right", "left"], name="handedness"))
    assert is_category(pd.Series([1, 2], name="site"))
    assert not is_category(pd.Series(["1.5", "n/a"], name="disease_duration"))
    with pytest.raises(InputError, match="some cells"):
        is_category(pd.Series(["1.5", "two"], name="disease_duration"))


def test_missing_words():
    assert all(map(is_missing, [None, math.nan, "N/A", "NaN", "", " . ", "NULL"]))
    assert not any(map(is_missing, ["0", "no", "NAWM"]))


@given(
    arrays(float, 12, elements=st.floats(-50, 50, width=32)),
    st.sampled_from([-999.0, 9999.0, -99999.0]),
    st.integers(1, 6),
)
def test_a_code_for_a_missing_value_far_outside_is_found_and_alone_never(values, code, times):
    values = values[:, None]
    assert not find_codes(values)
    held = np.concatenate([values, np.full((times, 1), code)])
    # Beyond all others by ten times their range, or negative where none of them is.
    certain = (code < 0 <= values.min()) or (abs(code) - np.abs(values).max()) > 10 * np.ptp(values)
    assert not certain or find_codes(held) == {0: code}
    assert not find_codes(held[-times - MIN_OTHERS + 1 :]), "too few others are known"


@pytest.mark.parametrize(
    ("others", "value"),
    [((990, 995, 998, 1001, 1003), 999), ((-1020, -1000, -998, -990, -970), -999), ((1e3, 2e4, 5e6, 7e6, 8e6), 9999),
     ((-1.0, 0, 2, 3, 5), -998), ((1000, 1000, 1000, 1000, 1000), 999)],
)  # fmt: skip
def test_a_number_that_only_looks_like_a_code_stays_one(others, value):
    assert not find_codes(np.array([[*others, value]]).T)


@given(
    arrays(float, 9, elements=st.floats(0.5, 5)),
    st.sets(st.integers(0, 8), min_size=1, max_size=8),
    st.sampled_from([1e3, 1e-3, 1e6]),
)
def test_sessions_in_another_unit_are_found_whatever_the_factor_and_who_they_are(spreads, places, factor):
    rows = np.isin(np.arange(9), list(places))
    assert find_other_unit(spreads) is None, "regions and scanners differ by ten, not by a hundred"
    found = find_other_unit(np.append(np.where(rows, factor, 1) * spreads, np.nan))[:-1]
    assert (found == rows).all() or (found == ~rows).all()
    assert found.sum() <= 4


def test_a_spread_of_nothing_is_no_unit():
    assert find_other_unit(np.array([0, 0, np.nan, 1, 2])) is None
    assert find_other_unit(np.array([0, np.nan])) is None


def test_a_code_among_the_variables_of_participants_is_refused():
    years = pd.Series(["1", "2", "4", "3", "2", "-999"], name="years", index=list("abcdef"))
    with pytest.raises(InputError, match=r"years: -999 stands for a missing value; found f"):
        read_variable(years)
