"""`chiomics doctor`: what works on a machine."""

from chiomics.cli import main
from chiomics.commands import doctor


def test_what_is_needed_is_found_here(tmp_path, capsys):
    assert main(["doctor", "--out", str(tmp_path / "not/there/yet")]) == 0
    said = {line[9:].split("  ")[0]: line.split()[0] for line in capsys.readouterr().out.splitlines()}
    assert said["snakemake"] == said["workflow"] == said["disk"] == "ok"


def test_what_is_missing_says_what_does_not_work(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "PROGRAMS", (("no-such-program", "tracts"),))
    monkeypatch.setattr(doctor, "MODULES", (("no_such_module", "such", "images", True),))
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "broken   such" in said
    assert "not installed: no images" in said
    assert "missing  no-such-program" in said
