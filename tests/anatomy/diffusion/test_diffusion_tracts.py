"""The whole route on a simulated subject, with an atlas that lies beside the truth."""

from __future__ import annotations

import json

import numpy as np
import pytest

from chiomics.anatomy.diffusion.tracts import DiffusionSeries, missing_programs, trace_tracts
from chiomics.anatomy.registration.settings import settings
from chiomics.core.space.transforms import Chain
from chiomics.core.space.volume import Volume
from chiomics.phantom.bids_output import simulate_subject

#: How far the atlas' bundles lie beside the subject's, mm: what a good registration to a template leaves.
ASIDE = np.array([1.0, -1.5, 1.0])


@pytest.mark.slow
@pytest.mark.skipif(bool(missing_programs()), reason=f"not on this machine: {', '.join(missing_programs())} (MRtrix3)")
def test_traced_tracts_lie_on_the_true_ones(tmp_path):
    simulate_subject({"groups": {"HC": 1}, "dwi": True}, "sub-HC01", tmp_path)
    raw, truth = tmp_path / "sub-HC01", tmp_path / "derivatives" / "truth" / "sub-HC01" / "anat"
    motion = {name: np.array(matrix) for name, matrix in
              json.loads((truth / "sub-HC01_truth.json").read_text())["Motion"].items()}  # fmt: skip
    true, bundles = {}, {}
    for path in sorted(truth.glob("*label-*_mask.nii.gz")):
        hemisphere, tract = path.name.split("hemi-")[1][0], path.name.split("label-")[1].split("_")[0]
        true[tract, hemisphere] = Volume.read(path)
        beside = np.eye(4)
        beside[:3, 3] = ASIDE
        bundles[tract, hemisphere] = Volume(true[tract, hemisphere].voxels, beside @ true[tract, hemisphere].affine)
    gre = true["AF", "L"]
    anatomy = Volume.read(raw / "anat" / "sub-HC01_T1w.nii.gz")
    to_anatomy = Chain.from_matrix(motion["T1w"], tmp_path / "to_anatomy.mat")
    brain = Volume.read(truth / "sub-HC01_desc-brain_mask.nii.gz")
    found = trace_tracts(
        DiffusionSeries.with_sidecar(*(raw / "dwi" / f"sub-HC01_dwi.{end}" for end in ("nii.gz", "bval", "bvec"))),
        bundles, anatomy=anatomy, anatomy_mask=Volume(brain.voxels, motion["T1w"] @ brain.affine),
        atlas_to_anatomy=to_anatomy, anatomy_to_gre=to_anatomy.inverse(), gre=gre, registration=settings(),
        scratch=tmp_path / "scratch",
    )  # fmt: skip

    assert found.sidecar["HarmonicOrder"] == 6 and not found.reasons
    # The head's motion between the two images comes back, to a fifth of a voxel of 2.5 mm all over the brain.
    points = brain.affine @ np.vstack([np.argwhere(brain.voxels > 0).T, np.ones((brain.voxels > 0).sum())])
    expected = (motion["T1w"] @ points)[:3]
    moved = (found.to_anatomy.matrix() @ motion["dwi"] @ points)[:3]
    assert np.linalg.norm(moved - expected, axis=0).max() < 0.5

    overlaps, shifted = {}, {}
    for key, mask in found.masks.items():
        x = (mask.affine[:3, :3] @ np.argwhere(mask.voxels).T)[0] + mask.affine[0, 3]
        middle = (true["CST", "L"].affine @ [*np.argwhere(true["CST", "L"].voxels > 0).mean(0), 1])[0]
        other = (true["CST", "R"].affine @ [*np.argwhere(true["CST", "R"].voxels > 0).mean(0), 1])[0]
        assert (x.mean() < (middle + other) / 2) == (key[1] == "L")
        inside = true[key].voxels > 0
        overlaps[key] = 2 * (mask.voxels & inside).sum() / (mask.voxels.sum() + inside.sum())
        shifted[key] = (mask.voxels & inside).sum() / inside.sum()
    # Tubes of 6 mm, imaged at 2.5 mm: half of their voxels are at the rim, and half of those may be missed.
    assert np.mean(list(overlaps.values())) > 0.65 and min(overlaps.values()) > 0.5
    assert np.mean(list(shifted.values())) > 0.7
