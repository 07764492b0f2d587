"""The job that traces tracts takes the settings of the configuration."""

from __future__ import annotations

import logging
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from chiomics.anatomy.atlases import atlas
from chiomics.anatomy.diffusion import session
from chiomics.anatomy.files import SessionFiles
from chiomics.configuration import complete_configuration
from chiomics.core import logs

SCRIPT = Path(__file__).resolve().parents[3] / "scripts/anatomy/trace_tracts.py"


class Inputs(dict):
    __getattr__ = dict.__getitem__


@pytest.mark.parametrize("program", ["ants", "fsl"])
def test_tracts_are_registered_by_the_configured_program(tmp_path, monkeypatch, program):
    taken = {}

    def trace(*_, registration, settings, **__):
        taken.update(program=registration.program, streamlines=settings.streamlines)
        return SimpleNamespace(sidecar={}, masks={}, reasons={})

    monkeypatch.setattr(logs, "start_log", lambda path: logging.getLogger("chiomics"))
    monkeypatch.setattr(session, "trace_or_leave", trace)
    monkeypatch.setattr(atlas, "read_atlas", lambda path: None)
    monkeypatch.setattr(SessionFiles, "read_magnitude", lambda self: None)
    given = {"registration": {"program": program, "preset": "fast"}, "tracts": {"parameters": {"streamlines": 7}}}
    empty = {"dwi": "a.nii", "bval": "a.bval", "bvec": "a.bvec", "segmentation": "s", "atlas": "t"}
    job = SimpleNamespace(
        input=Inputs(empty), output=SimpleNamespace(traced=str(tmp_path / "traced")), log=["log"],
        wildcards=SimpleNamespace(subject="sub-01", run=""),
        params=SimpleNamespace(
            settings=complete_configuration({"anatomy": given})["anatomy"],
            on_failure={"failed_dir": str(tmp_path / "failed"), "stage": "anatomy"},
        ),
    )  # fmt: skip
    runpy.run_path(str(SCRIPT), init_globals={"snakemake": job})
    assert taken == {"program": program, "streamlines": 7}
