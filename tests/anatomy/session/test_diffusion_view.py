"""How much of the brain a diffusion series saw is measured whatever tracts are made from, at no cost to the rest."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from chiomics.anatomy import files as kept
from chiomics.anatomy.files import SessionFiles
from chiomics.anatomy.registration.settings import settings
from chiomics.anatomy.session.checks import Checks
from chiomics.anatomy.session.coverage import measure_coverage, template_points
from chiomics.anatomy.session.regions import _seen
from chiomics.anatomy.session.segmentation import _Session
from chiomics.core.files import write_sidecar
from chiomics.core.space.transforms import Chain
from tests.anatomy.template_heads import head, rigid

#: Where the head lies in the diffusion images: turned, and at another table position.
FAR, NEAR = rigid((4, -3, 5), (700, -400, 900)), rigid((4, -3, 5), (6, -9, 4))


@pytest.fixture(scope="module")
def heads():
    """T1w and brain in the template's place."""
    return head(np.eye(4), resolution=3.0)


def session(folder, heads, volumes, affine) -> _Session:
    """Write T1w and series, and open the session."""
    paths = {"T1w": folder / "sub-01_T1w.nii.gz", "dwi": folder / "sub-01_dwi.nii.gz", "bval": folder / "sub-01.bval"}
    heads[0].write(paths["T1w"])
    nib.save(nib.Nifti1Image(np.stack(volumes, axis=-1).astype(np.float32), affine), paths["dwi"])
    paths["bval"].write_text(" ".join(["0", *["1000"] * (len(volumes) - 1)]))
    out = folder / "segmentation"
    out.mkdir()
    return _Session(SessionFiles(**paths), out, folder / "scratch", settings("fast"), {}, Checks())


@pytest.mark.parametrize(("pose", "below"), [(FAR, None), (NEAR, 20.0)], ids=["whole", "slab"])
def test_what_a_series_saw_is_measured_through_its_registration(heads, tmp_path, pose, below):
    t1w, brain = heads
    series, _ = head(pose, resolution=3.0, contrast="FLAIR", seed=1)
    # The whole head, or what lies above a plane of the moved head's world.
    cut = 0 if below is None else int(np.rint((below + pose[2, 3] - series.affine[2, 3]) / 3))
    affine = series.affine.copy()
    affine[2, 3] += 3 * cut
    seen = series.voxels[..., cut:]
    own = session(tmp_path, heads, [seen, seen * 0.4], affine)
    own.diffusion(t1w, brain).write(own.out_dir / kept.DWI)
    assert own.notes["Warnings"] == []

    Chain().write(own.out_dir / kept.TO_TEMPLATE)
    write_sidecar(own.out_dir / kept.SIDECAR, {"AnatomicalImage": "T1w"})
    points = template_points()
    shares, warnings = measure_coverage(points, _seen(own.out_dir, t1w, t1w, None, has_gre=False))
    there = {name: (pose @ np.vstack([found, np.ones(found.shape[1])]))[2] for name, found in points.items()}
    held = {name: (heights > affine[2, 3] - 1.5).mean() for name, heights in there.items()}
    # A registration of 3 mm voxels is off by less than one of them: 3 % of the brain where a plane cuts it.
    assert shares["DWI"] == {name: pytest.approx(share, abs=0.03) for name, share in held.items()}
    assert [text.startswith("the DWI saw") for text in warnings] == [True] * (below is not None)


@pytest.mark.parametrize("what", ["noise", "constant"])
def test_a_series_that_cannot_be_used_is_said_and_costs_nothing_else(heads, tmp_path, what):
    t1w, brain = heads
    noise = np.random.default_rng(2).normal(100, 10, t1w.voxels.shape)
    own = session(tmp_path, heads, [noise if what == "noise" else noise * 0 + 5] * 2, t1w.affine)
    assert own.diffusion(t1w, brain) is None
    (said,) = own.notes["Warnings"]
    assert said == own.notes["DWI"]["Refused"]
    assert said.startswith("what the DWI saw is not known: ")
    assert ("the registration DWI to anatomical image failed" if what == "noise" else "the image is constant") in said
    assert not (own.out_dir / kept.DWI_TO_ANATOMY).exists()


def test_without_a_series_nothing_is_said(heads, tmp_path):
    heads[0].write(tmp_path / "T1w.nii.gz")
    own = _Session(SessionFiles(T1w=tmp_path / "T1w.nii.gz"), tmp_path, tmp_path, settings("fast"), {}, Checks())
    assert own.diffusion(heads[0], heads[1]) is None
    assert "DWI" not in own.notes
