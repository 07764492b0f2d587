"""The job that averages the controls' maps, run as Snakemake runs it."""

from __future__ import annotations

import logging
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from chiomics.anatomy.files import GRE_TO_TEMPLATE
from chiomics.core import logs
from chiomics.core.files import write_sidecar
from chiomics.core.space.template import template_brain
from chiomics.core.space.transforms import Chain
from chiomics.core.space.volume import Volume

SCRIPT = Path(__file__).resolve().parents[3] / "scripts/anatomy/average_chi.py"
FLUID = (0.0, 0.03, -0.02)


class Outputs(SimpleNamespace):
    """Outputs by name, as Snakemake gives them."""

    def __getitem__(self, name):
        return getattr(self, name)


@pytest.mark.parametrize("referred", [True, False])
def test_maps_are_averaged_relative_to_the_reference_of_the_features(tmp_path, monkeypatch, referred):
    """Subjects that are alike but for their zero of χ vary where it stays, and only there."""
    monkeypatch.setattr(logs, "start_log", lambda path: logging.getLogger("chiomics"))
    onto = template_brain(8.0)
    inside = onto.voxels > 0
    files = {name: [] for name in ("chi", "valid_masks", "segmentations", "references")}
    for number, offset in enumerate(FLUID):
        place = tmp_path / f"sub-{number}"
        paths = (place / "chi.nii.gz", place / "mask.nii.gz", place / "segmentation", place / "reference.json")
        onto.like(np.where(inside, 0.05 + offset, 0).astype(np.float32)).write(paths[0])
        onto.like(inside).write(paths[1])
        Chain.from_matrix(np.eye(4), place / "stay.mat").write(paths[2] / GRE_TO_TEMPLATE)
        write_sidecar(paths[3], {"ReferenceValue": offset, "ReferenceTrusted": True})
        for name, path in zip(files, paths, strict=True):
            files[name].append(str(path))
    del files["valid_masks"][1]  # a control with a χ map of its own and no mask
    if not referred:
        files["references"] = []
    names = {"mean": "mean.nii.gz", "variance": "var.nii.gz", "coverage": "n.nii.gz", "tracts": "tracts.tsv"}
    names |= {"figure": "atlas.png", "vector": "atlas.svg"}
    job = SimpleNamespace(
        input=SimpleNamespace(**files, tracts=[]),
        output=Outputs(**{key: str(tmp_path / name) for key, name in names.items()}),
        log=[str(tmp_path / "log")],
        params=SimpleNamespace(
            settings={"resolution": 8.0},
            groups=["HC"],
            sessions=["sub-0", "sub-1", "sub-2"],
            simulated=True,
            masked=[True, False, True],
        ),
    )
    runpy.run_path(str(SCRIPT), init_globals={"snakemake": job})
    variance, count = Volume.read(job.output["variance"]).voxels, Volume.read(job.output["coverage"]).voxels
    seen = count == len(FLUID)
    assert seen.sum() > 100
    expected = 0.0 if referred else np.var(FLUID, ddof=1)
    np.testing.assert_allclose(variance[seen], expected, rtol=1e-4, atol=1e-12)  # maps are stored as float32
    mean = Volume.read(job.output["mean"]).voxels[seen]
    np.testing.assert_allclose(mean, 0.05 + (0.0 if referred else np.mean(FLUID)), rtol=1e-4)
