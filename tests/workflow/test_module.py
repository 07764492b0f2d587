"""Another workflow uses this one as a module (Snakemake, Modularization)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTER = """
module chiomics:
    snakefile: "{root}/Snakefile"
    config: config["chiomics"]

use rule * from chiomics as chiomics_*

rule count_maps:
    default_target: True
    input:
        rules.chiomics_qsm.input,
    output:
        "results/number_of_maps.txt",
    shell:
        "echo {{input}} | wc -w > {{output}}"
"""


def run(folder, *options):
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--directory", str(folder)]
    command += ["--snakefile", str(folder / "Snakefile"), "--configfile", str(folder / "config.yaml"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_workflow_is_a_module_of_another(tmp_path):
    (tmp_path / "Snakefile").write_text(OUTER.format(root=ROOT))
    (tmp_path / "config.yaml").write_text("chiomics: {phantom: {groups: {HC: 2, MS: 0, NMOSD: 1}}}\n")
    planned = run(tmp_path, "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "chiomics_reconstruct_qsm" in planned.stdout + planned.stderr
    done = run(tmp_path, "--", "results/phantom/participants.tsv")
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "results/phantom/participants.tsv").read_text().splitlines()) == 4
    assert (tmp_path / "results/manifest.tsv").is_file()
