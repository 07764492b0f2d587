"""The job that perturbs a session, run as Snakemake runs it."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from chiomics.core import logs
from chiomics.core.features.simulated import says_simulated

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/robustness/perturb_session.py"


class Inputs(SimpleNamespace):
    """Inputs by name, as Snakemake gives them."""

    def get(self, name):
        return getattr(self, name, None)


@pytest.mark.parametrize("simulated", [True, False])
def test_the_table_says_whether_its_subjects_are_simulated(tmp_path, monkeypatch, simulated):
    """As the session's own table does: a study of perturbed tables alone would otherwise pass for one of people."""
    monkeypatch.setattr(logs, "start_log", lambda path: logs.logging.getLogger("chiomics"))  # leave pytest's own alone
    chi = np.random.default_rng(0).standard_normal((8, 8, 8)).astype(np.float32)
    chi_map, voi = tmp_path / "sub-01_Chimap.nii.gz", tmp_path / "sub-01_label-CST_mask.nii.gz"
    nib.save(nib.Nifti1Image(chi, np.eye(4)), chi_map)
    nib.save(nib.Nifti1Image((chi > 0).astype(np.uint8), np.eye(4)), voi)
    features = tmp_path / "features.parquet"
    job = SimpleNamespace(
        input=Inputs(maps=[chi_map], vois=[voi], valid_mask=[]),
        output=SimpleNamespace(features=features),
        log=[str(tmp_path / "log")],
        wildcards=SimpleNamespace(subject="sub-01", run=""),
        params=SimpleNamespace(
            identity={"participant": "sub-01", "session": "", "run": ""}, preset="fiscone107",
            options={"gray_levels": [4]}, map_names=[["given", "given"]],
            reference={"inversion": None, "echo_sets": []},
            perturbations={"noise": {"kind": "noise", "sd": 0.1}}, seed=1, engine="chiomics",
            isolated_voxels="pyradiomics", simulated=simulated, raw=[chi_map],
            on_failure={"failed_dir": tmp_path / "failed", "settings": {}},
        ),
    )  # fmt: skip
    runpy.run_path(str(SCRIPT), init_globals={"snakemake": job})
    assert says_simulated(features) == simulated
