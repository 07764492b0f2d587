"""A file that looks like a mask and is not used is named, with the name or the folder under which it would be."""

from __future__ import annotations

import re

import nibabel as nib
import numpy as np
import pytest

from chiomics.index import index_bids
from tests.bids_trees import make_bids_tree, multi_echo, put_file

ANAT = "sub-01/anat/sub-01_{}"
MASKS = "derivatives/own/sub-01/anat/sub-01_{}"
FINE = {"affine": np.diag([1.0, 1.0, 1.0, 1.0]), "shape": (30, 31, 32)}


def index_one(folder, spec):
    (row,) = index_bids(make_bids_tree(folder, multi_echo() | spec))
    return row


NAMED = {  # what the warning says beside the path
    MASKS.format("desc-manual_mask.nii.gz"): "a lesion mask is called sub-01_label-lesion_mask.nii.gz",
    MASKS.format("space-FLAIR_desc-consensus_mask.nii.gz"): "a lesion mask is called",
    MASKS.format("lesion_mask.nii.gz"): "a lesion mask is called",  # and is none of the brain
    MASKS.format("FLAIR_mask.nii.gz"): "a lesion mask is called",
    MASKS.format("LABEL-lesion_mask.nii.gz"): "a lesion mask is called",
    MASKS.format("label-lesion_mask (1).nii.gz"): "a lesion mask is called",
    "derivatives/own/sub-01/anat/lesion mask.nii.gz": "a lesion mask is called",
    "derivatives/lst/sub-01/anat/ples_lpa_mFLAIR.nii": "a lesion mask is called",
    "derivatives/own/sub-01/anat/ROI1.nii.gz": "a lesion mask is called",
    "sub-01/anat/tumor.nii.gz": "a lesion mask is called",
    MASKS.format("label-lesion_mask.nrrd"): ".nrrd is not read: save it as NIfTI",
    "derivatives/own/sub-01/anat/Segmentation.seg.nrrd": ".nrrd is not read: save it as NIfTI",
    MASKS.format("label-lesion_mask.nii.gz.gz"): "looks like a mask and is not used",
    "derivatives/own/sub-01/anat/sub-02_label-lesion_mask.nii.gz": "its name says sub-02, its folder sub-01",
    "derivatives/own/sub-01/ses-1/anat/sub-01_ses-1_label-lesion_mask.nii.gz": "no session ses-1",
    MASKS.format("run-1_label-lesion_mask.nii.gz"): "its run or echo is not the session's",
    "sub-01/sub-01_label-lesion_mask.nii.gz": "masks lie in anat/",
    "derivatives/own/sub-01_label-lesion_mask.nii.gz": "lies outside derivatives/NAME/sub-01/",
    "derivatives/own/anat/sub-01_label-lesion_mask.nii.gz": "lies outside derivatives/NAME/sub-01/",
    MASKS.format("dseg.nii.gz"): "one with a number for each lesion sub-01_label-lesion_dseg.nii.gz",
    "derivatives/nicMSlesions/sub-01/anat/model_prob_1.nii.gz": "probabilities sub-01_label-lesion_probseg.nii.gz",
    MASKS.format("consensus.nii.gz"): "a lesion mask is called",
    "sourcedata/sub-01/anat/sub-01_label-lesion_mask.nii.gz": "sourcedata/ is not looked into",
    "sourcedata/lesions/sub-01_lesion.nii": "derivatives/NAME/sub-01/anat/sub-01_label-lesion_mask.nii.gz",
    "lesion_masks/sub-01/mask.nii.gz": "lesion_masks/ is not looked into",
}
FOLDERS = {  # what holds a mask and is not looked into
    "sub-01/anat/masks/": "sub-01_label-lesion_mask.nii.gz",
    "derivatives/own/sub-01/lesions/": "sub-01_label-lesion_mask.nii.gz",
    "derivatives/nicmslesions/sub-01/CNN/": "out_CNN.nii.gz",
    "derivatives/lesions/own/sub-01/": "anat/sub-01_label-lesion_mask.nii.gz",
    "derivatives/sub-01/": "anat/sub-01_label-lesion_mask.nii.gz",
    "derivatives/own/01/": "anat/sub-01_label-lesion_mask.nii.gz",
    "derivatives/own/Sub-01/": "anat/sub-01_label-lesion_mask.nii.gz",
}


@pytest.mark.parametrize("path", NAMED)
def test_a_mask_that_cannot_be_used_is_named_with_what_to_do(tmp_path, path):
    put_file(tmp_path, path)
    row = index_one(tmp_path, {ANAT.format("{T1w,FLAIR}"): FINE})
    assert row["lesion_mask"] == row["T1w_mask"] == row["brain_mask"] == ""
    (said,) = row["warnings"]
    assert said.startswith(f"{path}: ")
    assert NAMED[path] in said


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_of_masks_that_is_not_looked_into_is_named(tmp_path, folder):
    put_file(tmp_path, folder + FOLDERS[folder])
    (said,) = index_one(tmp_path, {ANAT.format("T1w"): FINE})["warnings"]
    assert said.startswith(f"{folder}: the folder is not looked into")


def test_the_folder_of_freesurfer_is_named_with_the_names_that_are_read(tmp_path):
    put_file(tmp_path, "derivatives/freesurfer/sub-01/mri/aparc+aseg.nii.gz")
    (said,) = index_one(tmp_path, {ANAT.format("T1w"): FINE})["warnings"]
    (name,) = re.findall(r"\S+aparcaseg_dseg\.mgz", said)
    assert said.startswith("derivatives/freesurfer/sub-01/mri/: ")
    path = tmp_path / name.replace("NAME", "own")
    path.parent.mkdir(parents=True)
    nib.save(nib.MGHImage(np.zeros(FINE["shape"], np.uint8), FINE["affine"]), path)
    (row,) = index_bids(tmp_path)
    assert (row["tissue_labels"], row["warnings"]) == (path.relative_to(tmp_path).as_posix(), [])


@pytest.mark.parametrize(
    ("name", "role"), [("sub-01_desc-aparcaseg_dseg", "tissue_labels"), ("seg", "lesion_mask"), ("sub-01_WMH_mask", "")]
)
@pytest.mark.parametrize(("side", "ending"), [(256, "mgz"), (256, "nii.gz"), (255, "mgz")])
def test_labels_on_freesurfers_own_grid_are_laid_on_the_t1w_by_position(tmp_path, name, role, side, ending):
    """Its conformed grid, which no image of the user has, lies in the world of the T1w; no other grid is known to."""
    path = tmp_path / f"derivatives/samseg/sub-01/anat/{name}.{ending}"
    path.parent.mkdir(parents=True)
    affine = np.array([[-1.0, 0, 0, 128], [0, 0, 1, -128], [0, -1, 0, 128], [0, 0, 0, 1]])
    kind = nib.MGHImage if ending == "mgz" else nib.Nifti1Image
    nib.save(kind(np.zeros((side, side, 256), np.uint8), affine), path)
    row = index_one(tmp_path, {ANAT.format("T1w"): FINE})
    used = bool(role) and side == 256 and ending == "mgz"
    assert {row["tissue_labels"], row["lesion_mask"]} == {"", path.relative_to(tmp_path).as_posix() if used else ""}
    (said,) = row["warnings"]
    assert ("laid by position on the T1w" in said) == used
    assert not used or row[role]


@pytest.mark.parametrize("path", ["sourcedata/sub-01/anat/sub-01_T1w.nii.gz", "sourcedata/sub-01/mri/brainmask.nii.gz"])
def test_what_sourcedata_holds_beside_masks_of_lesions_is_no_matter(tmp_path, path):
    put_file(tmp_path, path)
    assert index_one(tmp_path, {ANAT.format("{T1w,FLAIR}"): FINE})["warnings"] == []


def test_what_pipelines_write_beside_masks_of_lesions_is_no_matter(tmp_path):
    """An fMRIPrep tree: its masks of brain and tissue are no lost lesions, and of two parcellations one serves."""
    names = (
        "desc-preproc_T1w",
        "desc-brain_mask",
        "dseg",
        "label-GM_probseg",
        "desc-ribbon_mask",
        "hemi-L_desc-cortex_mask",
    )
    names += ("desc-aseg_dseg", "desc-aparcaseg_dseg")
    row = index_one(tmp_path, {ANAT.format("T1w"): FINE} | {MASKS.format(name): FINE for name in names})
    assert row["tissue_labels"] == MASKS.format("desc-aseg_dseg.nii.gz")
    assert row["T1w_mask"] == MASKS.format("desc-brain_mask.nii.gz")
    assert [text.partition(":")[0] for text in row["warnings"]] == [MASKS.format("desc-aparcaseg_dseg.nii.gz")]


@pytest.mark.parametrize("participant", ["sub-WMH01", "sub-lesion1", "sub-mask"])
def test_a_participants_own_name_makes_no_image_a_mask(tmp_path, participant):
    """Studies of white matter hyperintensities call their participants so: their T1w is no lost mask."""
    spec = multi_echo() | {ANAT.format("{T1w,FLAIR}"): FINE}
    spec = {path.replace("sub-01", participant): content for path, content in spec.items()}
    put_file(tmp_path, f"sourcedata/{participant}/anat/{participant}_T1w.nii.gz")
    (row,) = index_bids(make_bids_tree(tmp_path, spec))
    assert row["T1w"]
    assert row["warnings"] == []


@pytest.mark.parametrize("participant", ["sub-brain01", "sub-headache2"])
def test_a_participants_own_name_hides_no_lost_mask(tmp_path, participant):
    path = f"derivatives/own/{participant}/anat/{participant}_desc-manual_mask.nii.gz"
    put_file(tmp_path, path)
    spec = {name.replace("sub-01", participant): content for name, content in multi_echo().items()}
    (row,) = index_bids(make_bids_tree(tmp_path, spec))
    assert any(said.startswith(f"{path}: looks like a mask and is not used") for said in row["warnings"])


def test_a_participants_own_name_is_no_kind_of_image(tmp_path):
    """Each image of sub-FLAIR01 has a name of no kind beside its participant's: it is not passed over."""
    path = "sub-FLAIR01/anat/sub-FLAIR01_final.nii.gz"
    spec = {name.replace("sub-01", "sub-FLAIR01"): content for name, content in multi_echo().items()}
    (row,) = index_bids(make_bids_tree(tmp_path, spec | {path: FINE}))
    assert [said.partition(":")[0] for said in row["warnings"]] == [path]


def test_a_mask_in_the_space_of_the_gradient_echo_lies_on_the_voxels_of_a_map_of_chi(tmp_path):
    """Where the user's own map stands for the gradient echo, space-GRE names its grid."""
    chi, mask = MASKS.format("Chimap.nii.gz"), MASKS.format("space-GRE_label-lesion_mask.nii.gz")
    (row,) = index_bids(make_bids_tree(tmp_path, {chi: FINE, mask: FINE, ANAT.format("T1w"): FINE}))
    assert (row["input_kind"], row["lesion_mask"]) == ("chi_map", mask)


@pytest.mark.parametrize(
    "name",
    [
        "gtv", "MSles", "lesmask", "black-holes", "T1blackholes", "infarct", "FLAIRseg", "segFLAIR",
        "manseg", "segm2", "reader2", "expert1", "delineation", "outline", "drawn", "tracing",
        "annotated", "label-enhancing", "labelmap", "prediction", "lst-lpa", "samseg", "desc-v2_JS",
        "final",
    ],
)  # fmt: skip
def test_no_drawing_in_anat_is_left_aside_without_a_word(tmp_path, name):
    row = index_one(tmp_path, {ANAT.format("{T1w,FLAIR}"): FINE, ANAT.format(name): FINE})
    (said,) = row["warnings"]
    assert said.startswith(ANAT.format(f"{name}.nii.gz") + ":") and "not used" in said
    assert "_label-lesion_mask.nii.gz" in said


def test_what_bids_calls_by_name_is_no_lost_mask(tmp_path):
    names = ("PDw", "T2starw", "angio", "acq-mt_MTR", "T1map", "inplaneT2", "UNIT1", "inv-1_MP2RAGE", "defacemask")
    row = index_one(tmp_path, {ANAT.format(name): FINE for name in ("T1w", "FLAIR", *names)})
    assert not [said for said in row["warnings"] if "mask:" in said or "a mask" in said]
