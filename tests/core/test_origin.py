"""Whether subjects are simulated is read from the data, wherever they lie."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chiomics.core.origin import dataset_is_simulated

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
    assert len(marks) > 20 and set(marks) == {"FROM_SIMULATED"}
