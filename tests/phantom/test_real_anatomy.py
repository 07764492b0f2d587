"""Laws of the simulation on a real head: its lesions and nuclei come through, with known susceptibility.

Real images (CONTRIBUTING.md says how to lay them out; skipped without them): `atlas-dgm` from
niivue/niivue-demo-images; `atlas-tracts` from frankyeh/data-atlas; `ms-anatomy` from muschellij2/open_ms_data.
"""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.core.images import read_image, write_image
from chiomics.phantom.head import tissue
from chiomics.phantom.head.real_anatomy import simulate_on_anatomy, tissue_fractions

RECIPE = {
    "acquisition": {
        "voxel_size": [2.0, 2.0, 2.0],
        "shape": [96, 112, 66],
        "echo_times": [0.006, 0.016],
        "oversampling": [1.3, 1.3, 1.3],
        "structural_voxel_size": [3.0, 3.0, 3.0],
    },
    "lesions": {"MS": {"rim_share": 0.3}},
}


def test_tissue_shares_come_back_from_intensities():
    rng = np.random.default_rng(0)
    truth = rng.choice(3, (40, 40, 40), p=[0.2, 0.4, 0.4])
    intensity = np.array([80.0, 240, 320])[truth] + 12 * rng.standard_normal(truth.shape)
    grey, white = tissue_fractions(intensity, np.ones(truth.shape, bool))
    found = np.stack([1 - grey - white, grey, white]).argmax(axis=0)
    assert np.mean(found == truth) > 0.99  # classes are six standard deviations apart
    assert ((grey >= 0) & (white >= 0) & (grey + white <= 1.000001)).all()


def test_a_real_ms_lesion_mask_gets_a_gradient_echo_with_known_truth(shared_data, tmp_path):
    case, atlas = shared_data / "ms-anatomy", shared_data / "atlas-dgm" / "AllenAtlas.nii.gz"
    allen = nib.load(atlas)
    structures = {"HCN": [6], "PUT": [9, 134], "GP": [11, 12], "RN": [113], "SN": [114], "DN": [63]}
    structures["THA"] = [*range(27, 42), 131]
    voxels = np.asanyarray(allen.dataobj)
    labels = np.zeros(voxels.shape, np.uint8)
    for nucleus, members in structures.items():
        labels[np.isin(voxels, members)] = tissue.NUCLEUS_LABELS[nucleus]
    right = np.arange(voxels.shape[0]) * allen.affine[0, 0] + allen.affine[0, 3] > 0
    labels[right] += np.where(labels[right] > 0, tissue.RIGHT, 0).astype(np.uint8)
    write_image(tmp_path / "labels.nii.gz", labels, allen.affine)
    bundles = nib.load(shared_data / "atlas-tracts" / "HCP842_tractography.nii.gz")
    for hemisphere, volume in (("L", 4), ("R", 5)):
        mask = np.asanyarray(bundles.dataobj[..., volume]) > 0
        write_image(tmp_path / "tracts" / f"hemi-{hemisphere}_label-CST_mask.nii.gz", mask, bundles.affine)

    out = tmp_path / "bids"
    simulate_on_anatomy(
        case / "patient26_T1w.nii.gz",
        out,
        labels=tmp_path / "labels.nii.gz",
        lesions=case / "patient26_lesions.nii.gz",
        tracts=tmp_path / "tracts",
        recipe=RECIPE,
    )
    truth = out / "derivatives" / "truth" / "sub-real01" / "anat"
    chi, affine = read_image(truth / "sub-real01_Chimap.nii.gz")
    index, _ = read_image(truth / "sub-real01_desc-lesions_dseg.nii.gz")
    mask, mask_affine = read_image(case / "patient26_lesions.nii.gz")
    to_mask = np.linalg.inv(mask_affine) @ affine
    on_gre = ndimage.affine_transform(mask, to_mask[:3, :3], to_mask[:3, 3], output_shape=chi.shape, order=1) > 0.5
    overlap = 2 * ((index > 0) & on_gre).sum() / ((index > 0).sum() + on_gre.sum())
    assert overlap > 0.8  # two samplings of the same mask on 2 mm voxels; nuclei and veins are left out
    description = json.loads((truth / "sub-real01_truth.json").read_text())
    assert description["Rims"] >= 1
    assert description["Lesions"] == index.max()
    dseg, _ = read_image(truth / "sub-real01_desc-truth_dseg.nii.gz")
    assert chi[dseg == tissue.NUCLEUS_LABELS["GP"]].mean() > chi[dseg == tissue.NUCLEUS_LABELS["THA"]].mean() + 0.05
    cst, _ = read_image(truth / "sub-real01_hemi-L_label-CST_mask.nii.gz")
    assert (cst * 8.0).sum() > 5000  # mm³
    echo, _ = read_image(out / "sub-real01" / "anat" / "sub-real01_echo-1_part-mag_MEGRE.nii.gz")
    assert echo[dseg == tissue.WHITE].mean() > 20 * echo[:4, :4, -4:].mean()


def test_an_image_that_is_not_in_mni_space_is_refused(tmp_path):
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = [500, 500, 500]
    write_image(tmp_path / "T1w.nii.gz", np.full((60, 60, 60), 100.0), affine)
    with pytest.raises(InputError, match="no brain"):
        simulate_on_anatomy(tmp_path / "T1w.nii.gz", tmp_path / "bids", recipe=RECIPE)


def test_unknown_labels_are_refused(tmp_path):
    affine = np.diag([3.0, 3, 3, 1])
    affine[:3, 3] = [-96, -132, -80]
    ramp = np.broadcast_to(np.linspace(50, 300, 64, dtype=np.float32)[:, None, None], (64, 80, 60))
    write_image(tmp_path / "T1w.nii.gz", ramp, affine)
    write_image(tmp_path / "labels.nii.gz", np.full((64, 80, 60), 9, np.uint8), affine)
    with pytest.raises(InputError, match="unknown labels"):
        simulate_on_anatomy(
            tmp_path / "T1w.nii.gz", tmp_path / "bids", labels=tmp_path / "labels.nii.gz", recipe=RECIPE
        )
