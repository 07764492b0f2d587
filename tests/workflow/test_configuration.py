"""The configuration says the same thing in all the places that speak of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from chiomics.qsm.chain import PRESETS
from chiomics.qsm.invert import INVERSIONS
from chiomics.qsm.phase_scale import RULES
from chiomics.qsm.reference import METHODS

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())["properties"]
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())
README = (ROOT / "config/README.md").read_text()


def keys(properties: dict, prefix: str = "") -> list[str]:
    found = []
    for name, schema in properties.items():
        inner = schema.get("properties") if name != "parameters" else None
        found += keys(inner, f"{prefix}{name}.") if inner else [f"{prefix}{name}"]
    return found


@pytest.mark.parametrize("key", keys(SCHEMA))
def test_every_key_is_explained(key):
    assert f"`{key}`" in README or f"`{key.rpartition('.')[2]}`" in README or f"`….{key.rpartition('.')[2]}`" in README


@pytest.mark.parametrize("section", [name for name in SCHEMA if name != "phantom" and "properties" in SCHEMA[name]])
def test_the_shipped_values_are_the_defaults_of_the_schema(section):
    for name, value in CONFIG[section].items():
        assert SCHEMA[section]["properties"][name]["default"] == value


def test_the_schema_knows_what_the_code_knows():
    qsm = SCHEMA["qsm"]["properties"]
    assert set(qsm["preset"]["enum"]) == set(PRESETS)
    assert set(qsm["phase"]["properties"]) == set().union(*PRESETS.values())
    assert set(qsm["inversions"]["items"]["enum"]) == set(qsm["parameters"]["properties"]) == set(INVERSIONS)
    assert set(qsm["phase_scale"]["enum"]) == {"auto", *RULES}
    assert set(qsm["reference"]["enum"]) == set(METHODS)


def test_no_key_can_be_added_by_mistake():
    def open_objects(schema: dict, path: str = ""):
        if (
            schema.get("type") == "object"
            and "properties" in schema
            and schema.get("additionalProperties") is not False
        ):
            yield path
        for name, inner in schema.get("properties", {}).items():
            yield from open_objects(inner, f"{path}.{name}")

    whole = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    assert list(open_objects(whole)) == []
