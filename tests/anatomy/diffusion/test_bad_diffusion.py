"""Diffusion images that cannot be used leave a folder that says why, and the atlas' tracts serve."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from chiomics.anatomy import files as kept
from chiomics.anatomy.diffusion import tracts as tracing
from chiomics.anatomy.diffusion.session import read_traced, trace_or_leave
from chiomics.anatomy.diffusion.settings import DiffusionSettings
from chiomics.anatomy.registration.settings import settings
from chiomics.core.space.transforms import Chain
from chiomics.core.space.volume import Volume


class Tracts:
    """An atlas of one tract."""

    kind = "tracts"

    def structures(self) -> dict:
        return {("CST", "L"): Volume(np.ones((4, 4, 4), np.float32), np.eye(4))}

    def to_template(self) -> Chain:
        return Chain()

    def sidecar(self) -> dict:
        return {"Atlas": "of the test"}


@pytest.mark.parametrize(
    ("bval", "bvec", "words"),
    [
        ("0 1000 1000", "0 1 0\n0 0 1\n0 0 0", "do not fit the image"),
        ("0 1000 1000 1000", "0 1 0 9\n0 0 1 0\n0 0 0 0", "no direction of length 1"),
        ("0 1000 1000 1000", "no numbers", "not a table of numbers"),
    ],
)
def test_bad_gradients_leave_the_atlas_tracts_and_the_reason(tmp_path, monkeypatch, bval, bvec, words):
    monkeypatch.setattr(tracing, "missing_programs", list)
    grid = Volume(np.ones((4, 4, 4), np.float32), np.eye(4))
    for name in (kept.ANATOMY, kept.BRAIN):
        grid.write(tmp_path / "segmentation" / name)
    for name in (kept.TO_GRE, kept.TO_TEMPLATE):
        Chain().write(tmp_path / "segmentation" / name)
    image = tmp_path / "sub-1_dwi.nii.gz"
    nib.save(nib.Nifti1Image(np.ones((4, 4, 4, 4), np.float32), np.eye(4)), image)
    gradients = [image, tmp_path / "sub-1_dwi.bval", tmp_path / "sub-1_dwi.bvec"]
    for path, text in zip(gradients[1:], (bval, bvec), strict=True):
        path.write_text(text)
    found = trace_or_leave(
        gradients, tmp_path / "segmentation", tmp_path / "traced", gre=grid, atlas=Tracts(), registration=settings(),
        settings=DiffusionSettings(), scratch=tmp_path / "scratch",
    )  # fmt: skip
    masks, sidecar = read_traced(tmp_path / "traced")
    assert masks == {}
    assert words in sidecar["Warning"]  # what the manifest and the page show
    assert set(found.reasons) == {("CST", "L")}
