"""The configuration says the same thing in all the places that speak of it."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
import yaml

from chiomics.diagnosis.contracts import DEFAULTS
from chiomics.qsm.chain import PRESETS
from chiomics.qsm.inversions.invert import INVERSIONS
from chiomics.qsm.phase.phase_scale import RULES
from chiomics.qsm.reference import METHODS
from chiomics.robustness import settings as robustness_settings

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


def shipped(config: dict, properties: dict, path: str = "") -> list[tuple[str, object, object]]:
    """List the shipped values with the schema's defaults; sections, whose values are, apart."""
    found = []
    for name, value in config.items():
        inner = properties[name].get("properties") if name not in ("phantom", "parameters") else None
        if inner and value:
            found += shipped(value, inner, f"{path}{name}.")
        else:
            found.append((f"{path}{name}", value, properties[name]["default"]))
    return found


@pytest.mark.parametrize(("key", "value", "default"), shipped(CONFIG, SCHEMA))
def test_the_shipped_values_are_the_defaults_of_the_schema(key, value, default):
    assert value == default


def test_the_defaults_of_the_studies_are_those_of_the_code():
    of_papers = SCHEMA["papers"]["properties"]
    robustness = {field.name: field for field in dataclasses.fields(robustness_settings.Settings)}
    for name, schema in of_papers["fiscone2023"]["properties"].items():
        if name in ("include", "perturbations"):
            continue
        field = robustness[name]
        default = field.default if field.default is not dataclasses.MISSING else field.default_factory()
        assert json.loads(json.dumps(default)) == schema["default"], name
    diagnosis = {key: value["default"] for key, value in of_papers["yan2021"]["properties"].items()}
    assert {key: diagnosis[key] for key in DEFAULTS} == DEFAULTS
    assert set(diagnosis) - set(DEFAULTS) == {"include", "jobs_per_batch"}


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


def rules_of(text: str) -> list[str]:
    """Split a rule file into its rules."""
    return re.split(r"(?m)^ *rule(?: \w+)?:$", text)[1:]


@pytest.mark.parametrize("path", sorted((ROOT / "workflow/rules").glob("*.smk")), ids=lambda path: path.stem)
def test_every_rule_that_computes_says_what_it_needs(path):
    for rule in rules_of(path.read_text(encoding="utf-8")):
        if "script:" in rule and "localrule" not in rule:
            assert "mem_mb=" in rule, rule
            assert "conda:" in rule and "log:" in rule, rule


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_environments_have_the_versions_of_the_lock(path):
    lock = (ROOT / "requirements.lock").read_text() + (ROOT / "requirements-torch.txt").read_text()
    locked = dict(re.findall(r"(?m)^([\w.-]+)==([\w.]+)", lock.lower()))
    names = {"pytorch": "torch", "snakemake-minimal": "snakemake"}
    for line in yaml.safe_load(path.read_text())["dependencies"]:
        for pin in [line] if isinstance(line, str) else line["pip"]:
            name, _, version = pin.replace("==", "=").partition("=")
            if name not in ("python", "pip"):
                assert locked[names.get(name, name)] == version, pin


def test_the_environment_of_the_workflow_figure_can_ask_for_the_graph():
    asked = yaml.safe_load((ROOT / "envs/statistics.yaml").read_text())["dependencies"]
    names = {line.partition("=")[0] for line in asked if isinstance(line, str)}
    assert {"snakemake-minimal", "networkx"} <= names
