"""Every stage's version was set for the sources as they are, and what is no code is no change."""

from __future__ import annotations

import os

import pytest

from chiomics.core import stage_versions
from chiomics.core.stage_versions import code_alone, digest_sources, main, read_versions, stage_version

SOURCE = '''"""Of a file."""

TEXT = """kept"""  # not this

def add(a, b):
    """Of a function: χ."""
    # neither this

    return a + b  # nor this
'''
CODE = 'TEXT = """kept"""\ndef add(a, b):\n    return a + b'


@pytest.mark.parametrize("stage", read_versions())
def test_the_version_of_a_stage_was_set_for_its_sources(stage):
    _, sources = read_versions()[stage]
    assert digest_sources(stage) == sources, (
        f"the sources of {stage} have changed. Where its numbers change: python -m chiomics.core.stage_versions "
        f"--bump {stage}, and a line in CHANGELOG.md; where they do not: --same {stage}"
    )
    assert stage_version(stage) == str(read_versions()[stage][0])


def test_comments_docstrings_and_blank_lines_are_no_code():
    assert code_alone(SOURCE) == CODE
    assert code_alone(SOURCE.replace("a + b", "a - b")) != CODE
    assert code_alone(CODE) == CODE


def test_one_command_sets_a_version(tmp_path, monkeypatch, capsys):
    package = tmp_path / "chiomics"
    (package / "qsm").mkdir(parents=True)
    (package / "qsm/tv.py").write_text(SOURCE)
    table = tmp_path / "stage_versions.tsv"
    table.write_text("stage\tversion\tsources\nqsm\t3\told\n")
    monkeypatch.setattr(stage_versions, "TABLE", table)
    monkeypatch.setattr(stage_versions, "read_versions", lambda: read_versions(table))
    monkeypatch.setattr(stage_versions, "digest_sources", lambda stage: digest_sources.__wrapped__(stage, package))
    assert main([]) == 1
    assert "--bump qsm, or --same qsm" in capsys.readouterr().out
    assert main(["--same", "all"]) == 0
    assert read_versions(table)["qsm"][0] == 3
    (package / "qsm/tv.py").write_text(SOURCE.replace("a + b", "a - b"))
    assert stage_versions.stage_version.__wrapped__("qsm").startswith("3+")
    assert main(["--bump", "qsm"]) == 0
    assert stage_versions.stage_version.__wrapped__("qsm") == "4"
    (package / "qsm/tv.py").write_text(SOURCE.replace("a + b", "a - b").replace("nor this", "a remark"))
    assert main([]) == 0


def test_sources_are_parsed_once_until_they_change(tmp_path, monkeypatch):
    package, parsed = tmp_path / "chiomics", []
    (package / "qsm").mkdir(parents=True)
    (package / "__pycache__").mkdir()
    source = package / "qsm/tv.py"
    source.write_text(SOURCE)
    monkeypatch.setattr(stage_versions, "code_alone", lambda text: parsed.append(text) or code_alone(text))
    monkeypatch.setattr(stage_versions.sys, "dont_write_bytecode", False)
    first = digest_sources.__wrapped__("qsm", package)
    assert digest_sources.__wrapped__("qsm", package) == first and len(parsed) == 1
    source.write_text(SOURCE.replace("a + b", "a - b"))
    os.utime(source, ns=(0, source.stat().st_mtime_ns + 1))  # of one size, and of one time on a coarse clock
    assert digest_sources.__wrapped__("qsm", package) != first and len(parsed) == 2
    (kept,) = (package / "__pycache__").iterdir()
    kept.write_text("torn")
    assert digest_sources.__wrapped__("qsm", package) != first and len(parsed) == 3
