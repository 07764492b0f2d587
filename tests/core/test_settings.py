from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from chiomics.anatomy.settings import check_settings as check_anatomy
from chiomics.core.errors import SettingError
from chiomics.core.settings import check_against_schema, check_key, read_settings
from chiomics.qsm.settings import check_settings as check_qsm
from chiomics.radiomics.checks import check_settings as check_radiomics
from chiomics.radiomics.settings import PRESETS
from chiomics.robustness.checks import check_settings as check_robustness

SCHEMA = yaml.safe_load((Path(__file__).parents[2] / "workflow/schemas/config.schema.yaml").read_text())


@dataclass(frozen=True)
class Example:
    iterations: int = 3
    weights: tuple = ()


def test_a_misspelt_key_is_named_with_the_one_that_was_meant():
    with pytest.raises(SettingError, match=r"a\.section has no such key; found iteratoins; expected iterations\?"):
        read_settings(Example, {"iteratoins": 2}, where="a.section")
    with pytest.raises(SettingError, match="expected iterations, weights"):
        check_key("zzz", ["iterations", "weights"], where="a.section")  # nothing is like it
    assert read_settings(Example, {"weights": [1, 2]}, where="a.section") == Example(weights=(1, 2))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"qsn": {}}, "the configuration has no such key; found qsn; expected qsm?"),
        ({"qsm": {"phase": {"backgrund": "pdf"}}}, "qsm.phase has no such key; found backgrund; expected background?"),
        ({"papers": {"yan2021": {"fold": 5}}}, "papers.yan2021 has no such key; found fold; expected folds?"),
    ],
)
def test_the_schema_s_sections_are_closed(given, message):
    with pytest.raises(SettingError) as refused:
        check_against_schema(given, SCHEMA)
    assert message in str(refused.value)


def test_names_of_the_user_s_own_are_no_typos():
    check_against_schema({"radiomics": {"presets": {"mine": {"gray_levels": [8]}}}}, SCHEMA)
    check_against_schema({"qsm": {"echo_sets": {"early": [1, 2]}}}, SCHEMA)


ANATOMY = {
    "registration": {"program": "ants", "preset": "fast", "parameters": {}}, "tissue": {}, "lesions": {}, "regions": {},
    "nuclei": {"parameters": {}}, "tracts": {"parameters": {}}, "chi_atlas": {"parameters": {}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("check", "section", "place", "near"),
    [
        (check_qsm, {"parameters": {"tv": {"regularization": 1e-3}}}, "qsm.parameters.tv", "regularisation"),
        (check_qsm, {"parameters": {"medi": {"mask": 1}}}, "qsm.parameters.medi", ""),
        (check_radiomics, {"presets": {"fiscone17": {}}}, "radiomics.presets", "fiscone107"),
        (check_anatomy, ANATOMY | {"chi_atlas": {"parameters": {"resoluton": 2}}}, "chi_atlas", "resolution"),
        (check_anatomy, ANATOMY | {"lesions": {"treshold": 0.4}}, "anatomy.lesions", "threshold"),
        (check_anatomy, ANATOMY | {"regions": {"min_voxel": 4}}, "anatomy.regions", "min_voxels"),
        (check_anatomy, ANATOMY | {"nuclei": {"parameters": {"max_chang": 4}}}, "nuclei.parameters", "max_change"),
        (check_anatomy, ANATOMY | {"tracts": {"parameters": {"cutof": 4}}}, "tractography", "cutoff"),
        (
            check_anatomy,
            ANATOMY | {"registration": {"program": "ants", "preset": "fast", "parameters": {"biass": {}}}},
            "anatomy.registration.parameters", "bias",
        ),
        (check_robustness, {"perturbations": {"mine": {"kind": "noisee"}}}, "perturbation mine", "noise"),
    ],
)  # fmt: skip
def test_each_stage_refuses_what_its_jobs_could_not_use(check, section, place, near):
    with pytest.raises(SettingError) as refused:
        check(section)
    assert place in str(refused.value)
    assert near in refused.value.expected


def test_sections_as_shipped_pass():
    check_anatomy(ANATOMY)
    check_qsm({"parameters": {"tv": {"regularisation": 1e-3}, "star": {}}})
    check_radiomics({"presets": {name: {} for name in PRESETS}})
    check_radiomics({"presets": None})
