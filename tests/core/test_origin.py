"""Whether subjects are simulated is read from the data, wherever they lie."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chiomics.core.origin import dataset_is_simulated, mark_of, say_origin, share_of_simulated

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "simulated"),
    [
        (json.dumps({"Name": "phantom", "Simulated": True}), True),
        (json.dumps({"Name": "phantom", "Simulated": "yes"}), False),
        (json.dumps({"Name": "patients"}), False),
        ("[]", False),
        ("{", False),
        (None, False),
    ],
)
def test_a_folder_says_whose_data_it_holds(tmp_path, text, simulated):
    if text is not None:
        (tmp_path / "dataset_description.json").write_text(text, encoding="utf-8")
    assert dataset_is_simulated(tmp_path) is simulated
    assert not dataset_is_simulated(None)


def test_every_mark_follows_the_data_and_not_the_configuration():
    rules = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "workflow").rglob("*.smk")))
    marks = re.findall(r"\bsimulated\"?(?:=|: )(\w+)", rules)
    of_cohort, of_session = {"FROM_SIMULATED"}, {"is_simulated", "site_is_simulated", "names_of_simulated", "bool"}
    assert len(marks) > 20 and set(marks) == of_cohort | of_session


@pytest.mark.parametrize(
    ("marks", "share", "mark"),
    [
        ([], False, ""),
        ([False, False], False, ""),
        ([True, True], True, "SIMULATED SUBJECTS"),
        ([True, False, False], "1 of 3 sessions", "SIMULATED SUBJECTS: 1 of 3 sessions"),
    ],
)
def test_a_mixed_cohort_says_how_many_of_how_many(marks, share, mark):
    found = share_of_simulated(marks)
    assert found == share and mark_of(found) == mark
    said = say_origin(simulated=found)
    assert ("1 of 3 sessions are of simulated subjects" in said) == isinstance(share, str)
    assert ("nothing about patients" in said) == (share is True)
