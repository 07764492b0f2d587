"""What Snakemake cannot read behind --config ends with one message, from the profiles that it reads first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from snakemake.cli import parse_config

from chiomics.commands.snakemake_words import check_words, in_braces
from chiomics.core.errors import InputError

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
