"""Another workflow uses this one as a module (Snakemake, Modularization)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.bids_trees import make_bids_tree, multi_echo

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


#: An outer workflow that shows which sessions the rules of this one hold for.
PATTERNS = """
module chiomics:
    snakefile: "{root}/Snakefile"
    config: config["chiomics"]

use rule * from chiomics as chiomics_*

for rule in workflow.rules:
    for file in rule.output:
        print("FOLDER", rule.name, file.regex().pattern)
    for file in rule.input:
        if "sub-0" in str(getattr(file, "_file", file)):
            print("LISTED", rule.name, file)
"""


def folders_by_rule(folder, bids):
    """Return a pattern of a file by rule, of those that map sessions."""
    folder.mkdir()
    (folder / "Snakefile").write_text(PATTERNS.format(root=ROOT))
    (folder / "config.yaml").write_text(json.dumps({"chiomics": {"bids_dir": str(bids)}}))
    done = run(folder, "--list-rules")
    assert done.returncode == 0, done.stderr
    listed = re.findall(r"^LISTED (\S+)", done.stdout + done.stderr, flags=re.MULTILINE)
    assert not listed, "lists of all sessions are read at the start of every job of every session"
    found = dict(re.findall(r"^FOLDER (\S+) (.+)$", done.stdout + done.stderr, flags=re.MULTILINE))
    return {name: pattern for name, pattern in found.items() if re.search(r"reconstruct_qsm|map_anatomy", name)}


def test_no_pattern_names_sessions_whether_the_cohort_is_alike_or_mixed(tmp_path):
    alike = multi_echo("{01,02,03}")
    mixed = multi_echo("{01,02}", echoes=4) | multi_echo("03", echoes=2)
    for name, spec, groups in (("alike", alike, 1), ("mixed", mixed, 2)):
        patterns = folders_by_rule(tmp_path / name, make_bids_tree(tmp_path / f"bids {name}", spec))
        assert sum("reconstruct_qsm" in rule for rule in patterns) == groups
        assert not [pattern for pattern in patterns.values() if "sub-0" in pattern], "a list slows every match down"
