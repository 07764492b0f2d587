"""The configuration says the same thing in all the places that speak of it."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import yaml

from chiomics.anatomy.registration.quality import SAME_HEAD
from chiomics.anatomy.registration.settings import settings
from chiomics.anatomy.settings import ChecksSection
from chiomics.configuration import check_configuration, complete_configuration
from chiomics.core.errors import SettingError
from chiomics.qsm.chain import PRESETS
from chiomics.qsm.inversions.invert import INVERSIONS
from chiomics.qsm.phase.phase_scale import RULES
from chiomics.qsm.reference import METHODS
from chiomics.qsm.settings import Inversion, PhaseSettings, QsmSettings

ROOT = Path(__file__).resolve().parents[2]
DEFAULTS = complete_configuration({})
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())
README = (ROOT / "config/README.md").read_text()


def keys(section: dict, prefix: str = "") -> list[str]:
    found = []
    for name, value in section.items():
        found += keys(value, f"{prefix}{name}.") if isinstance(value, dict) and value else [f"{prefix}{name}"]
    return found


@pytest.mark.parametrize("key", keys(DEFAULTS))
def test_every_key_is_explained(key):
    names = key.split(".")
    ways = {".".join(names[number:]) for number in range(len(names))} | {f"….{names[-1]}"}
    # A section without defaults is explained by its keys, one of a few numbers with its section.
    of_section = f"`{key}." in README or f"`{names[-1]}." in README or (len(names) > 3 and f"`{names[-2]}`" in README)
    assert any(f"`{name}`" in README for name in ways) or of_section


def shipped(config: dict, defaults: dict, path: str = "") -> list[tuple[str, object, object]]:
    """List the shipped values with the defaults of the code."""
    found = []
    for name, value in config.items():
        if isinstance(value, dict) and value:
            found += shipped(value, defaults[name], f"{path}{name}.")
        else:
            found.append((f"{path}{name}", value, defaults[name]))
    return found


@pytest.mark.parametrize(("key", "value", "default"), shipped(CONFIG, DEFAULTS))
def test_the_shipped_values_are_the_defaults(key, value, default):
    assert value == default


def test_the_settings_know_what_the_code_knows():
    assert {field.name for field in fields(PhaseSettings)} == set().union(*PRESETS.values())
    for preset in PRESETS.values():
        assert complete_configuration({"qsm": {"phase": preset}})["qsm"]["phase"] == preset
    assert set(get_args(Inversion)) == set(INVERSIONS)
    for name, known in (("preset", PRESETS), ("phase_scale", {"auto", *RULES}), ("reference", METHODS)):
        assert set(get_args(get_type_hints(QsmSettings)[name])) == set(known)
    assert {field.name for field in fields(ChecksSection)} == set(SAME_HEAD)


def nest(key: str, value: object) -> dict:
    for name in reversed(key.split(".")):
        value = {name: value}
    return value


# At every depth: the key, what stands there, and what the message names.
TYPOS = [
    ("qsn", {}, ["found qsn", "qsm?"]),
    ("on_bad_sesion", "fail", ["on_bad_session?"]),
    ("on_bad_session", "exlude", ["on_bad_session", "exclude?"]),
    ("index.participant", ["01"], ["index has", "participants?"]),
    ("index.participants", "01", ["index.participants", "found '01'", "a list of [text]"]),
    ("index.T1w", {"aquisition": "x"}, ["index.T1w", "aquisition"]),
    ("index.minimum_slices", "few", ["index.minimum_slices", "found few", "a whole number"]),
    ("qsm.inversions", "tkd", ["qsm.inversions", "found tkd", "a list of", "[tkd]"]),
    ("qsm.inversions", ["tvv"], ["qsm.inversions, entry 1", "found tvv", "tv?"]),
    ("qsm.preset", "pubished", ["qsm.preset", "published?"]),
    ("qsm.phase.backgrund", "pdf", ["qsm.phase has", "background?"]),
    ("qsm.phase.background", "pdff", ["qsm.phase.background", "pdf?"]),
    ("qsm.echo_sets", {"all": [1]}, ["qsm.echo_sets", "but not all"]),
    ("qsm.parameters.tkdd", {}, ["qsm.parameters has", "tkd?"]),
    ("qsm.parameters.tv.regularization", 1e-3, ["qsm.parameters.tv has", "regularisation?"]),
    ("qsm.parameters.tv.regularisation", "weak", ["qsm.parameters.tv.regularisation", "found weak", "a number"]),
    ("anatomy.nuclei.refine", "yes please", ["anatomy.nuclei.refine", "true or false"]),
    ("anatomy.nuclei.parameters.max_chang", 4, ["anatomy.nuclei.parameters has", "max_change?"]),
    ("anatomy.chi_atlas.parameters.resoluton", 2, ["chi_atlas.parameters has", "resolution?"]),
    ("anatomy.chi_atlas.parameters.resolution", 0, ["chi_atlas.parameters.resolution", "found 0"]),
    ("anatomy.lesions.treshold", 0.4, ["anatomy.lesions has", "threshold?"]),
    ("anatomy.regions.min_voxels", "many", ["anatomy.regions.min_voxels", "a whole number"]),
    ("anatomy.tracts.parameters.cutof", 0.1, ["anatomy.tracts.parameters has", "cutoff?"]),
    ("anatomy.tracts.parameters.streamlines", -5, ["anatomy.tracts.parameters.streamlines", "above 0"]),
    ("anatomy.registration.parameters.nonlinear", {"iterations": [-60, 30, 10]}, ["iterations, entry 1", "found -60"]),
    ("qsm.parameters.tkd.threshold", -1, ["qsm.parameters.tkd.threshold", "> 0"]),
    ("anatomy.registration.parameters.biass", {}, ["registration.parameters has", "bias?"]),
    ("anatomy.registration.parameters.bias", {"resolution": "fine"}, ["parameters.bias.resolution", "a number"]),
    ("anatomy.brain_volume", [2.0, 0.9], ["anatomy.brain_volume", "[min, max]"]),
    ("radiomics.presets.fiscone17", {}, ["radiomics.presets", "fiscone107?"]),
    ("radiomics.presets.fiscone107", {"gray_level": [8]}, ["radiomics.presets.fiscone107 has", "gray_levels?"]),
    ("radiomics.presets.mine", {"parameter_file": "none.yaml"}, ["parameter_file", "none.yaml, no file"]),
    ("rims.lesions.patch.shape", [32, 32], ["rims.lesions.patch.shape", "a list of 3"]),
    ("rims.lesions.consensus", "majorty", ["rims.lesions.consensus", "majority?"]),
    ("papers.yan2022", {}, ["papers has", "yan2021?"]),
    ("papers.fiscone2023.perturbations", {"mine": {"kind": "noisee"}}, ["perturbation mine: kind", "noise?"]),
    ("papers.fiscone2023.perturbations", {"mine": {"kind": "noise", "sdd": 1}}, ["mine of kind noise has", "sd?"]),
    ("papers.fiscone2023.axes.mine", {"colum": "echo_set"}, ["axes.mine has", "column?"]),
    ("papers.fiscone2023.axes.mine", {"column": "inversions"}, ["axes.mine", "inversion?"]),
    ("papers.yan2021.fold", 5, ["papers.yan2021 has", "folds?"]),
    ("papers.yan2021.positive", "HC", ["papers.yan2021.positive", "MS or NMOSD"]),
    ("papers.yan2021.threshold_rule.nestd", "half", ["papers.yan2021.threshold_rule has", "nested?"]),
    ("papers.wang2020.arms", ["2v18"], ["papers.wang2020.arms, entry 1", "2v-18?"]),
    ("papers.wang2020.pretrained", {"50": "x"}, ["papers.wang2020.pretrained", "18 or 34"]),
    ("papers.seok2023.pixels", 100, ["papers.seok2023.pixels", "128, 64, 32"]),
    ("papers.zhang2022.arms", ["qsmrin"], ["papers.zhang2022.arms", "qsmrim?"]),
    ("papers.zhang2022.augmentation.flp", 1, ["papers.zhang2022.augmentation has", "flip?"]),
]


@pytest.mark.parametrize(("key", "value", "words"), TYPOS, ids=[f"{key}={value}" for key, value, _ in TYPOS])
def test_what_no_job_could_use_is_refused_with_key_and_nearest_name(key, value, words):
    with pytest.raises(SettingError) as refused:
        check_configuration(complete_configuration(nest(key, value)))
    assert [word for word in words if word not in str(refused.value)] == [], str(refused.value)


@pytest.mark.parametrize("part", ["bias", "extraction", "rigid", "affine", "nonlinear"])
def test_no_number_of_a_registration_is_negative(part):
    chosen = getattr(settings("accurate"), part)
    for field in fields(chosen):
        value = getattr(chosen, field.name)
        if isinstance(value, (int, float)) or field.name in ("iterations", "shrink_factors", "smoothing"):
            settings("accurate", {part: {field.name: value}})
            wrong = [-1] * len(value) if isinstance(value, tuple) else -1
            with pytest.raises(SettingError, match=field.name):
                settings("accurate", {part: {field.name: wrong}})


def test_what_is_given_as_text_on_the_command_line_is_what_it_spells():
    text = {
        "anatomy": {"nuclei": {"refine": "false", "atlas": "null"}},
        "qsm": {"parameters": {"tv": {"outside": "1e-3"}}},
    }
    found = complete_configuration(text)
    assert found["anatomy"]["nuclei"]["refine"] is False
    assert found["anatomy"]["nuclei"]["atlas"] is None
    check_configuration(found)


def test_names_of_the_user_s_own_are_no_typos():
    mine = {"radiomics": {"presets": {"yan874": {"gray_levels": [8]}}}, "qsm": {"echo_sets": {"early": [1, 2]}}}
    check_configuration(complete_configuration(mine))


def test_a_section_with_nothing_behind_it_is_the_default():
    assert complete_configuration({"qsm": None, "anatomy": {"lesions": None}}) == DEFAULTS


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
    names = {"python-isal": "isal", "pytorch": "torch", "snakemake-minimal": "snakemake"}
    for line in yaml.safe_load(path.read_text())["dependencies"]:
        for pin in [line] if isinstance(line, str) else line["pip"]:
            name, _, version = pin.replace("==", "=").partition("=")
            if name not in ("python", "pip"):
                assert locked[names.get(name, name)] == version, pin


def test_the_environment_of_the_workflow_figure_can_ask_for_the_graph():
    asked = yaml.safe_load((ROOT / "envs/statistics.yaml").read_text())["dependencies"]
    names = {line.partition("=")[0] for line in asked if isinstance(line, str)}
    assert {"snakemake-minimal", "networkx"} <= names


def test_every_rule_that_a_cluster_runs_says_what_it_takes():
    without = []
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for block in re.split(r"\n(?=\s*rule\b[^\n]*:\n)", path.read_text()):
            name = re.match(r"\s*rule\b\s*(\w*)", block)
            if name and "script:" in block and not re.search(r"resources:|localrule: True", block):
                without.append(name[1] or block[:200])
    assert without == []


def test_the_reference_engine_is_asked_for_before_anything_runs(monkeypatch):
    monkeypatch.setattr("chiomics.radiomics.reference.find_spec", lambda _: None)
    with pytest.raises(SettingError, match=r"engine pyradiomics is not installed.*pyradiomics==3\.0\.1"):
        check_configuration(complete_configuration(nest("radiomics.engine", "pyradiomics")))
