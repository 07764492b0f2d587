from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest

from chiomics.core.errors import SettingError
from chiomics.core.settings import Given, Keys, Limits, Size, check_key, check_value, order_keys, read_settings


@dataclass(frozen=True)
class Example:
    iterations: int = 3
    weights: tuple[int, ...] = ()


@dataclass(frozen=True)
class Checked:
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.share > 1:
            raise SettingError("share of it", found=str(self.share), expected="1 at most")


@dataclass(frozen=True)
class Section:
    inner: Annotated[dict, Given(f"{__name__}:Checked")] = field(default_factory=dict)


def test_a_value_that_a_sections_own_check_refuses_is_named_with_its_section():
    with pytest.raises(SettingError, match=r"^outer\.inner, share of it; found 2; expected 1 at most$"):
        read_settings(Section, {"inner": {"share": 2}}, where="outer")


def test_a_blank_that_yaml_wants_is_named_where_a_key_holds_a_colon():
    with pytest.raises(SettingError, match=r"a blank behind the colon \(iterations: 3\)"):
        read_settings(Example, {"iterations:3": None}, where="a.section")


def test_a_misspelt_key_is_named_with_the_one_that_was_meant():
    with pytest.raises(SettingError, match=r"a\.section has no such key; found iteratoins; expected iterations\?"):
        read_settings(Example, {"iteratoins": 2}, where="a.section")
    with pytest.raises(SettingError, match="expected iterations, weights"):
        check_key("zzz", ["iterations", "weights"], where="a.section")  # nothing is like it
    assert read_settings(Example, {"weights": [1, 2]}, where="a.section") == Example(weights=(1, 2))


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (bool, False), (int, 3), (float, 3), (float, 1e-3), (str, "x"), (str | None, None), (float | None, 2.0),
        (Literal["auto", True, False], True), (Literal["auto", True, False], "auto"), (Literal[1, -1], -1),
        (tuple[int, ...], [1, 2]), (tuple[float, float], [0.5, 2]), (Literal["all"] | tuple[str, ...], ["a"]),
        (dict[str, tuple[int, ...]], {"a": [1]}), (Annotated[float, Limits(0, 1)], 1),
        (Annotated[tuple[int, ...], Size(1, 2, unique=True)], [1, 2]), (Annotated[dict[str, int], Keys()], {"a1": 1}),
    ],
)  # fmt: skip
def test_a_value_of_the_right_type_stays_as_it_is(hint, value):
    found = check_value(hint, value, where="a")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        (bool, "false", False), (int, "12", 12), (float, "1e-3", 1e-3), (bool | None, "null", None),
        (str | None, "null", None), (Literal["auto", True, False], "True", True), (Literal[1, -1], "-1", -1),
        (tuple[float, ...], ["1e-3", 2], [1e-3, 2]), (str, "12", "12"), (str, "true", "true"),
        (Literal["off", "on"], "off", "off"),
    ],
)  # fmt: skip
def test_text_stands_for_what_it_spells_where_no_text_is_taken(hint, text, value):
    found = check_value(hint, text, where="a")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("hint", "value", "found"),
    [
        (str, 1, "1"),
        (tuple[str, ...], [1, 2], ["1", "2"]),
        (str | None, 1, "1"),
        (str | int, 1, 1),
        (float | str, 1, 1),
    ],
)
def test_a_whole_number_is_a_name_where_only_text_is_taken(hint, value, found):
    """Groups and sites are called 1 and 2, and YAML reads these as numbers."""
    assert repr(check_value(hint, value, where="a")) == repr(found)


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (bool, 1, "true or false"), (bool, "maybe", "true or false"), (int, True, "a whole number"),
        (int, 2.5, "a whole"), (float, "fast", "a number"), (float, float("nan"), "a number"), (str, 3.5, "text"),
        (str, True, "text"),
        (int, None, "a whole number"), (Literal["csf", "none"], "cfs", "csf? All valid values: csf, none"),
        (Literal[1, -1], True, "1, -1"), (tuple[str, ...], "tkd", "a list of [text], e.g. [tkd]"),
        (tuple[float, float], [1], "a list of 2"), (dict[str, int], [1], "a section"),
        (Annotated[float, Limits(0, below=1)], 1.0, "a number >= 0 and < 1"),
        (Annotated[int, Limits(8, multiple=2)], 9, "a multiple of 2"),
        (Annotated[tuple[int, ...], Size(1, unique=True)], [1, 1], "none twice"),
        (Annotated[dict[str, int], Keys()], {"a b": 1}, "letters and digits"), (float | None, "x", "null or a number"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_with_what_was_expected(hint, value, expected):
    with pytest.raises(SettingError) as refused:
        check_value(hint, value, where="section.key")
    assert refused.value.problem.startswith("section.key")
    assert expected in refused.value.expected


def test_the_one_wrong_entry_of_a_list_is_named():
    with pytest.raises(SettingError, match=r"a, entry 2: .*found 0; expected a whole number >= 1"):
        check_value(Annotated[tuple[Annotated[int, Limits(1)], ...], Size(1)] | None, [1, 0], where="a")


def test_the_order_of_keys_has_no_meaning():
    default = {"b": {"y": 0, "x": 0}, "a": {"patients": 1, "controls": 2}}
    given = {"a": {"own": [{"q": 1, "p": 2}], "controls": 0, "patients": 3}, "z": 1, "b": {"x": 1, "y": 2}}
    other = {"b": {"y": 2, "x": 1}, "z": 1, "a": {"patients": 3, "own": [{"p": 2, "q": 1}], "controls": 0}}
    order_keys(given, default)
    order_keys(other, default)
    assert repr(given) == repr(other)
    assert list(given) == ["b", "a", "z"], "the default's keys come first, in its order"
    assert list(given["a"]) == ["patients", "controls", "own"]
