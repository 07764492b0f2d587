"""What Snakemake cannot read behind --config ends with one message, from the profiles that it reads first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from snakemake.cli import parse_config

from chiomics.commands.run_snakemake import read_configuration
from chiomics.commands.snakemake_words import check_words, in_braces
from chiomics.core.errors import InputError
from chiomics.core.files import read_yaml
from chiomics.phantom.recipe import load_recipe

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            "--config qsm.inversions=tkd",
            ["qsm.inversions", "found tkd", "a list of", "--config qsm='{inversions: ...}'"],
        ),
        ("--config qsm.inversions=[tkd]", ["no key with a dot", "--config qsm='{inversions: [tkd]}'"]),
        ("-n -C anatomy.nuclei.refin=no", ["found refin", "refine?"]),
        ("-n --config bids_dir=x yan2021", ["yan2021 stands behind --config", "behind ` -- `"]),
        ("-n --config bids_dir=x yan2021 -q", ["yan2021 stands behind --config"]),
        ("--configfile no.yaml", ["no.yaml", "does not exist"]),
        ("--configfile=no.yaml", ["no.yaml", "does not exist"]),
        ("--configfile config/zhang2022.yaml zhang2022", ["zhang2022 stands behind --configfile"]),
        ("--config q=1", ["found q=1", "config/README.md"]),
    ],
)
def test_what_cannot_be_read_is_named_with_what_would_be(typed, said, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(InputError) as raised:
        check_words(typed.split())
    for words in said:
        assert words in str(raised.value)


CONTENTS = {
    "a section twice": ("a.yaml", "qsm: {inversions: [tkd]}\nqsm: {reference: none}\n", "qsm is there twice"),
    "a key of a section twice": ("a.yaml", "qsm: {reference: csf, reference: none}", "reference is there twice"),
    "the same in JSON": ("a.json", '{"seed": 1, "seed": 2}', "seed is there twice"),
    "tabs": ("a.yaml", "qsm:\n\treference: none\n", "line 2"),
    "a list": ("a.yaml", "- tkd\n", "has no keys"),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_a_configuration_that_says_less_than_it_seems_to_is_refused(case, tmp_path):
    """PyYAML alone takes the last of two equal keys: a section that stands twice loses what stood above."""
    name, content, said = CONTENTS[case]
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=said):
        check_words(["--configfile", str(tmp_path / name)])
    with pytest.raises(InputError, match=said):
        read_configuration(tmp_path / name)


def test_json_may_be_indented_by_tabs_and_yaml_has_powers_of_ten_without_a_point(tmp_path):
    (tmp_path / "a.json").write_text('{\n\t"qsm": {"reference": "none"}\n}')
    (tmp_path / "a.yaml").write_text("regularisation: 1e-4", encoding="utf-8-sig")
    assert read_configuration(tmp_path / "a.json") == {"qsm": {"reference": "none"}}
    assert read_configuration(tmp_path / "a.yaml") == {"regularisation": 1e-4}


@pytest.mark.parametrize("read", [read_yaml, load_recipe])
def test_no_yaml_of_a_user_has_a_key_twice(read, tmp_path):
    (tmp_path / "a.yaml").write_text("seed: 1\nseed: 2\n")
    with pytest.raises(InputError, match="seed is there twice"):
        read(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    "typed",
    [
        "yan2021 -n --config bids_dir=x redo=[qsm] --directory OUT",
        "--configfile config/zhang2022.yaml --config bids_dir=/a.b/c -- zhang2022",
        "--config=bids_dir=x zhang2022 --configfile=config/demo.yaml yan2021",
        "--config --cores 4 qsm",
    ],
)
def test_what_snakemake_reads_is_let_pass(typed, monkeypatch):
    monkeypatch.chdir(ROOT)
    check_words(typed.split())


def test_the_braces_are_what_snakemake_reads():
    typed = in_braces("anatomy.nuclei.refine", "false").removeprefix("--config ").replace("'", "")
    assert parse_config([typed]) == {"anatomy": {"nuclei": {"refine": "false"}}}


@pytest.mark.parametrize("profile", ["default", "slurm"])
def test_plain_snakemake_says_it_in_one_message(profile, tmp_path):
    line = [sys.executable, "-m", "snakemake", "-n", "--snakefile", str(ROOT / "Snakefile"), "--workflow-profile"]
    line += [str(ROOT / "profiles" / profile), "--config", "bids_dir=x", "yan2021"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "yan2021 stands behind --config" in done.stderr
