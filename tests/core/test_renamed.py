import pytest

from chiomics.core.errors import SettingError
from chiomics.core.settings.renamed import KEYS, check_renamed


@pytest.mark.parametrize(("old", "new"), KEYS.items())
def test_an_old_key_is_refused_with_its_place_and_the_new_name(old, new):
    with pytest.raises(SettingError, match=rf"section\.inner\.{old} .*expected {new}$"):
        check_renamed({"section": {"fine": 1, "inner": {old: 3}}})


def test_an_old_value_is_refused_with_the_new_one():
    with pytest.raises(SettingError, match=r"qsm\.phase\.background .*found projection; expected pdf"):
        check_renamed({"qsm": {"phase": {"background": "projection"}}})


def test_new_names_pass():
    check_renamed({"section": {"inner": dict.fromkeys(KEYS.values(), 1)}, "qsm": {"phase": {"background": "pdf"}}})
