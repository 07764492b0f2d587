"""Of several structural images the right one, masks under the names people have, and a bad image costs itself alone."""

from __future__ import annotations

import gzip

import nibabel as nib
import numpy as np
import pytest

from chiomics.core.errors import SettingError
from chiomics.index import index_bids
from tests.anatomy.template_heads import rigid
from tests.bids_trees import AFFINE, SHAPE, make_bids_tree, multi_echo, put_file

ANAT = "sub-01/anat/sub-01_{}"
MASKS = "derivatives/own/sub-01/anat/sub-01_{}"
FINE = {"affine": np.diag([1.0, 1.0, 1.0, 1.0]), "shape": (30, 31, 32)}
THICK = {"affine": np.diag([1.0, 1.0, 5.0, 1.0]), "shape": (30, 31, 20)}


def index_one(folder, spec, **options):
    (row,) = index_bids(make_bids_tree(folder, multi_echo() | spec), **options)
    return row


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ({"run-1_T1w": FINE}, {"ce-gadolinium_T1w": FINE}),
        ({"acq-longname_rec-norm_run-1_T1w": FINE}, {"acq-postgd_T1w": FINE}),
        ({"acq-pre_T1w": FINE}, {"acq-post_T1w": FINE}),
        ({"acq-nocontrast_T1w": FINE}, {"acq-contrast_T1w": FINE}),
        ({"acq-pregd_T1w": FINE}, {"acq-T1gd_T1w": FINE}),
        ({"acq-mprage_T1w": FINE}, {"acq-mprageGd_T1w": FINE}),
        ({"rec-norm_T1w": FINE}, {"rec-nonorm_T1w": FINE}),
        ({"acq-mprage_T1w": FINE}, {"acq-localizer_T1w": FINE}),
        ({"acq-mprage_rec-x_T1w": FINE}, {"T1w": THICK}),
        ({"rec-norm_T1w": FINE}, {"T1w": FINE}),
        ({"acq-space_T1w": FINE}, {"acq-a_T1w": FINE | {"MRAcquisitionType": "2D"}}),
        ({"run-2_T1w": FINE}, {"run-1_T1w": FINE | {"shape": (30, 31, 32, 2)}}),
        ({"acq-x_T1w": FINE}, {"UNIT1": FINE}),
    ],
)
def test_the_better_image_is_taken_whatever_its_name(tmp_path, right, wrong):
    row = index_one(tmp_path, {ANAT.format(name): image for name, image in (right | wrong).items()})
    assert row["T1w"] == ANAT.format(f"{next(iter(right))}.nii.gz")
    assert ANAT.format(next(iter(wrong))) in " ".join(row["warnings"])


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ({"acquisition": "mp2rage"}, "acq-mp2rage_T1w"),
        ({"acq": None}, "T1w"),
        ({"ceagent": "*"}, "ce-gd_T1w"),
        ({"run": 2, "suffix": "T1w"}, "run-02_T1w"),
        ({"acq": ["absent", "mp2rage"]}, "acq-mp2rage_T1w"),
    ],
)
def test_a_filter_of_entities_names_the_image(tmp_path, wanted, name):
    spec = {ANAT.format(f"{one}T1w"): FINE for one in ("ce-gd_", "acq-mp2rage_")}
    spec |= {ANAT.format(name): FINE, ANAT.format("acq-z_run-1_T1w"): THICK}
    assert index_one(tmp_path, spec, T1w=wanted)["T1w"] == ANAT.format(f"{name}.nii.gz")


def test_a_filter_that_nothing_meets_takes_nothing_and_a_wrong_key_is_refused(tmp_path):
    row = index_one(tmp_path, {ANAT.format("T1w"): FINE}, T1w={"acq": "x"})
    assert row["T1w"] == ""
    assert "index.T1w" in row["warnings"][0]
    with pytest.raises(SettingError, match="acquistion"):
        index_bids(tmp_path, T1w={"acquistion": "x"})


@pytest.mark.parametrize(
    ("codes", "angle", "words"),
    [((2, 1), 25, "25 degrees apart; the sform is taken"), ((1, 1), 25, "where the head points"), ((1, 1), 0, "")],
)
@pytest.mark.parametrize("axis", [0, 2])
def test_contradicting_forms_cost_the_image_alone(tmp_path, codes, angle, words, axis):
    make_bids_tree(tmp_path, multi_echo() | {ANAT.format("T1w"): FINE, ANAT.format("FLAIR"): FINE})
    path = tmp_path / ANAT.format("FLAIR.nii.gz")
    image = nib.load(path)
    turned = nib.Nifti1Image(np.asanyarray(image.dataobj), None, image.header)
    turned.set_sform(rigid([angle * (axis == i) for i in range(3)], (0, 0, 0)) @ FINE["affine"], codes[0])
    turned.set_qform(FINE["affine"], codes[1])
    nib.save(turned, path)
    (row,) = index_bids(tmp_path)
    said = " ".join(row["warnings"])
    assert (row["status"], row["T1w"]) == ("included", ANAT.format("T1w.nii.gz"))
    assert bool(row["FLAIR"]) == ("where the head" not in words)
    assert words in said if words else said == ""


@pytest.mark.parametrize(
    ("name", "kind"), [("T1W", "T1w"), ("t1w", "T1w"), ("UNIT1", "T1w"), ("flair", "FLAIR"), ("T2FLAIR", "FLAIR")]
)
def test_other_spellings_are_read_and_said(tmp_path, name, kind):
    row = index_one(tmp_path, {ANAT.format(name): FINE})
    assert row[kind] == ANAT.format(f"{name}.nii.gz")
    assert "is read as" in row["warnings"][0]


def test_freesurfer_and_paired_files_are_read_and_a_t2w_is_named(tmp_path):
    make_bids_tree(tmp_path, {ANAT.format("T2w"): FINE})
    voxels = np.zeros((30, 31, 32), np.float32)
    nib.save(nib.MGHImage(voxels, np.diag([1.0, 1, 1, 1])), tmp_path / ANAT.format("T1w.mgz"))
    row = index_one(tmp_path, {})
    assert row["T1w"] == ANAT.format("T1w.mgz")
    assert "T2w does not stand for the FLAIR" in row["warnings"][0]
    nib.save(nib.Nifti1Pair(voxels, np.diag([1.0, 1, 1, 1])), tmp_path / ANAT.format("FLAIR.img"))
    assert index_one(tmp_path, {})["FLAIR"] == ANAT.format("FLAIR.img")


def _bad(kind: str, path) -> None:
    image = nib.Nifti1Image(np.zeros((24, 24, 24), np.int16), np.diag([2.0, 2, 2, 1]))
    image.set_qform(image.affine, 1)
    if kind == "volumes":
        image = nib.Nifti1Image(np.zeros((24, 24, 24, 2), np.int16), np.diag([2.0, 2, 2, 1]))
    elif kind == "metres":
        image = nib.Nifti1Image(np.zeros((24, 24, 24), np.int16), np.diag([0.002, 0.002, 0.002, 1]))
    elif kind == "colour":
        image = nib.Nifti1Image(np.zeros((24, 24, 24), [(c, "u1") for c in "RGB"]), np.diag([2.0, 2, 2, 1]))
    nib.save(image, path)
    raw = bytearray(gzip.decompress(path.read_bytes()))
    if kind == "scale":
        raw[112:120] = np.array([1, np.nan], np.float32).tobytes()
    if kind == "orientation":
        raw[252:256] = bytes(4)
    if kind == "sform":
        raw[280:328] = bytes(48)
        raw[254:256] = np.int16(1).tobytes()
    path.write_bytes(gzip.compress(bytes(raw)))


@pytest.mark.parametrize("kind", ["volumes", "colour", "orientation", "scale", "metres"])
@pytest.mark.parametrize("suffix", ["T1w", "FLAIR"])
def test_a_header_that_cannot_be_used_costs_that_image_alone(tmp_path, kind, suffix):
    make_bids_tree(tmp_path, multi_echo())
    _bad(kind, tmp_path / ANAT.format(f"{suffix}.nii.gz"))
    row = index_one(tmp_path, {})
    assert (row["status"], row[suffix]) == ("included", "")
    assert ANAT.format(suffix) in row["warnings"][0]
    assert "not used" in row["warnings"][0]


def test_a_sform_of_zeros_gives_way_to_the_qform(tmp_path):
    make_bids_tree(tmp_path, multi_echo())
    _bad("sform", tmp_path / ANAT.format("T1w.nii.gz"))
    row = index_one(tmp_path, {})
    assert row["T1w"] == ANAT.format("T1w.nii.gz")
    assert "qform is taken" in row["warnings"][0]


@pytest.mark.parametrize(
    "path",
    [
        MASKS.format("label-L_mask"),
        MASKS.format("label-lesion_roi"),
        MASKS.format("label-lesion_probseg"),
        MASKS.format("label-WMH_mask"),
        MASKS.format("space-orig_label-WMH_mask"),
        MASKS.format("space-flair_seg-lst"),
        MASKS.format("T1w_label-lesion_roi"),
        "derivatives/samseg/sub-01/seg.nii.gz",
        "derivatives/nicmslesions/sub-01/anat/model_hard_seg.nii.gz",
        ANAT.format("label-lesion_mask"),
        ANAT.format("space-FLAIR_label-lesion_roi"),
    ],
)
def test_the_names_that_people_have(tmp_path, path):
    make_bids_tree(tmp_path, multi_echo() | {ANAT.format("{T1w,FLAIR}"): FINE})
    file = tmp_path / (path if path.endswith(".nii.gz") else f"{path}.nii.gz")
    file.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.zeros(FINE["shape"], np.uint8), FINE["affine"]), file)
    assert index_one(tmp_path, {})["lesion_mask"] == str(file.relative_to(tmp_path))


def test_lesions_by_number_and_a_mask_before_its_probabilities(tmp_path):
    spec = {ANAT.format("{T1w,FLAIR}"): FINE, MASKS.format("label-lesion_dseg"): FINE}
    spec |= {MASKS.format(f"space-flair_{end}"): FINE for end in ("seg-lst", "seg-lst_prob", "desc-annotated_seg-lst")}
    row = index_one(tmp_path, spec)
    assert row["lesion_labels"] == MASKS.format("label-lesion_dseg.nii.gz")
    assert row["lesion_mask"] == MASKS.format("space-flair_seg-lst.nii.gz")


def test_a_file_that_looks_like_a_mask_and_is_not_used_is_named(tmp_path):
    spec = {ANAT.format("FLAIR"): FINE, MASKS.format("FLAIR_lesions"): FINE, ANAT.format("roi"): FINE}
    said = " ".join(index_one(tmp_path, spec)["warnings"])
    assert MASKS.format("FLAIR_lesions.nii.gz") in said
    assert ANAT.format("roi.nii.gz") in said
    assert "sub-01_label-lesion_mask.nii.gz" in said


def test_a_space_that_the_session_lacks_is_said(tmp_path):
    row = index_one(tmp_path, {ANAT.format("T1w"): FINE, MASKS.format("space-FLAIR_label-lesion_mask"): FINE})
    assert row["lesion_mask"] == ""
    assert "space FLAIR, which no image of the session has" in row["warnings"][0]


def test_a_borrowed_image_brings_its_masks_along_and_both_sessions_say_so(tmp_path):
    spec = multi_echo("01", session="ses-{1,2}/") | {
        "sub-01/ses-1/anat/{name}_{T1w,FLAIR}": FINE,
        "derivatives/own/sub-01/ses-1/anat/{name}_space-FLAIR_label-lesion_mask": FINE,
        "derivatives/own/sub-01/ses-1/anat/{name}_space-T1w_desc-brain_mask": FINE,
    }
    one, two = index_bids(make_bids_tree(tmp_path, spec))
    assert one["lesion_mask"] == two["lesion_mask"] != ""
    assert one["T1w_mask"] == two["T1w_mask"] != ""
    assert one["warnings"] == [
        f"{what} sub-01_ses-2 too"
        for what in ("its FLAIR serves", "its T1w serves", f"{one['T1w_mask']} serves", f"{one['lesion_mask']} serves")
    ]
    for kind, image in (("lesion_mask", "FLAIR"), ("T1w_mask", "T1w")):
        assert f"{two[kind]} is taken from ses-1 with the {image} that it was drawn on" in two["warnings"]


def test_a_brain_mask_of_the_t1w_is_no_mask_of_a_gradient_echo_on_the_same_grid(tmp_path):
    """The head may have moved between the two."""
    grid = {"affine": AFFINE, "shape": SHAPE}
    spec = {ANAT.format("T1w"): grid, MASKS.format("space-T1w_desc-brain_mask"): grid}
    row = index_one(tmp_path, spec)
    assert (row["T1w_mask"], row["brain_mask"]) == (MASKS.format("space-T1w_desc-brain_mask.nii.gz"), "")


def test_a_mask_whose_header_cannot_be_used_does_not_cost_the_session(tmp_path):
    shape = (*SHAPE, 2)
    row = index_one(tmp_path, {MASKS.format("desc-lesion_mask"): {"affine": AFFINE, "shape": shape}})
    assert (row["status"], row["lesion_mask"]) == ("included", MASKS.format("desc-lesion_mask.nii.gz"))


def test_t1w_and_flair_without_gre_serve_the_anatomy_alone(tmp_path):
    spec = {"sub-02/anat/sub-02_T1w": FINE, "sub-02/anat/sub-02_FLAIR": THICK, "sub-03/anat/sub-03_T1w": FINE}
    spec |= {"derivatives/own/sub-02/anat/sub-02_label-lesion_mask": THICK, "sub-04/anat/sub-04_FLAIR": THICK}
    _, both, t1w_alone, flair_alone = index_bids(make_bids_tree(tmp_path, multi_echo() | spec))
    assert both["status"] == "structural"
    assert "serves anatomy alone" in both["reason"]
    assert (both["T1w"], both["FLAIR"]) == ("sub-02/anat/sub-02_T1w.nii.gz", "sub-02/anat/sub-02_FLAIR.nii.gz")
    assert both["lesion_mask"] == "derivatives/own/sub-02/anat/sub-02_label-lesion_mask.nii.gz"
    assert (both["shape"], both["voxel_size"]) == (list(FINE["shape"]), [1.0, 1.0, 1.0])
    assert (t1w_alone["status"], t1w_alone["T1w"]) == ("structural", "sub-03/anat/sub-03_T1w.nii.gz")
    assert "serves anatomy alone, with tissue (without a FLAIR lesions are not known)" in t1w_alone["reason"]
    assert (flair_alone["status"], flair_alone["FLAIR"]) == ("excluded", "")
    assert "a T1w of this session" in flair_alone["reason"] and "serves" not in flair_alone["reason"]


def test_a_session_in_the_name_of_a_derived_mask_counts(tmp_path):
    spec = multi_echo("01", session="ses-{1,2}/") | {
        "sub-01/ses-{1,2}/anat/{name}_FLAIR": FINE,
        "derivatives/own/sub-01/anat/sub-01_ses-2_label-lesion_mask": FINE,
    }
    one, two = index_bids(make_bids_tree(tmp_path, spec))
    assert one["lesion_mask"] == ""
    assert two["lesion_mask"].endswith("sub-01_ses-2_label-lesion_mask.nii.gz")


@pytest.mark.parametrize(
    "masks",
    [
        (
            "derivatives/one/sub-01/anat/sub-01_label-lesion_mask",
            "derivatives/two/sub-01/anat/sub-01_label-lesion_mask",
        ),
        (MASKS.format("label-lesion_desc-rater1_mask"), MASKS.format("label-lesion_desc-rater2_mask")),
        (MASKS.format("label-lesion_mask"), ANAT.format("label-lesion_mask")),
    ],
)
def test_of_two_masks_none_is_guessed_and_the_map_stays(tmp_path, masks):
    row = index_one(tmp_path, {ANAT.format("{T1w,FLAIR}"): FINE} | dict.fromkeys(masks, FINE))
    assert (row["status"], row["lesion_mask"], row["without"]) == ("included", "", ["lesions"])
    (said,) = row["warnings"]
    assert said.startswith("the given lesions are refused: several files")
    assert all(path in said for path in masks)


def test_an_empty_mask_file_costs_the_lesions_alone(tmp_path):
    spec = {ANAT.format("T1w"): FINE, MASKS.format("label-lesion_mask.nii.gz"): {}}
    make_bids_tree(tmp_path, spec)
    (tmp_path / MASKS.format("label-lesion_mask.nii.gz")).write_bytes(b"")
    row = index_one(tmp_path, {})
    assert (row["status"], row["without"]) == ("included", ["lesions"])
    assert "the file is empty" in row["warnings"][0]


def test_of_one_programs_lesions_in_two_spaces_those_on_the_flair_are_taken(tmp_path):
    spec = {ANAT.format("T1w"): FINE, ANAT.format("FLAIR"): THICK}
    spec |= {MASKS.format("space-T1w_label-lesion_mask"): FINE, MASKS.format("space-FLAIR_label-lesion_mask"): THICK}
    row = index_one(tmp_path, spec)
    assert row["lesion_mask"] == MASKS.format("space-FLAIR_label-lesion_mask.nii.gz")
    assert row["warnings"][0].startswith(MASKS.format("space-T1w_label-lesion_mask.nii.gz"))


@pytest.mark.parametrize(
    ("turn", "words"),
    [(rigid((0, 0, 25), (0, 0, 0)), "where the head points"), (np.diag([-1.0, 1, 1, 1]), "which side is left")],
)
def test_a_mask_whose_forms_contradict_is_named_with_that_cause(tmp_path, turn, words):
    make_bids_tree(tmp_path, multi_echo() | {ANAT.format("T1w"): FINE})
    path = tmp_path / MASKS.format("label-lesion_mask.nii.gz")
    path.parent.mkdir(parents=True)
    image = nib.Nifti1Image(np.zeros(FINE["shape"], np.uint8), FINE["affine"])
    image.set_qform(FINE["affine"], 1)
    image.set_sform(turn @ FINE["affine"], 1)
    nib.save(image, path)
    (said,) = index_one(tmp_path, {})["warnings"]
    assert "not on the grid of the GRE or T1w" in said
    assert words in said


LOOKALIKES = {
    "derivatives/fmriprep/sub-01/anat/sub-01_desc-preproc_T1w.nii.gz": "link or copy it",
    ANAT.format("desc-defaced_T1w.nii.gz"): "index.T1w: {desc: defaced} takes it",
    ANAT.format("T1.nii.gz"): "a T1w is called",
    "sub-01/anat/T1.nii.gz": "a T1w is called",
    ANAT.format("T1w_brain.nii.gz"): "a T1w is called",
    ANAT.format("T1w.nrrd"): "convert it to NIfTI",
    ANAT.format("inv-2_MP2RAGE.nii.gz"): "_UNIT1",
    "sub-01/sub-01_T1w.nii.gz": "images lie in anat/",
    "sub-01/anat/sub-02_T1w.nii.gz": "its name says sub-02",
    ANAT.format("desc-brain_FLAIR.nii.gz"): "index.FLAIR: {desc: brain} takes it",
}


@pytest.mark.parametrize("path", LOOKALIKES)
def test_an_image_that_looks_like_the_t1w_or_flair_and_is_not_used_is_named(tmp_path, path):
    put_file(tmp_path, path)
    said = index_one(tmp_path, {})["warnings"]
    assert any(text.startswith(f"{path}: looks like a") and LOOKALIKES[path] in text for text in said), said


@pytest.mark.parametrize("shape", [(64, 64, 1), (64, 64, 5), (30, 31, 32, 4)])
@pytest.mark.parametrize("suffix", ["T1w", "FLAIR"])
def test_a_slice_a_localizer_and_several_volumes_are_not_used_and_said(tmp_path, suffix, shape):
    row = index_one(tmp_path, {ANAT.format(suffix): FINE | {"shape": shape}})
    assert row[suffix] == ""
    (said,) = row["warnings"]
    assert "is not used" in said
    assert " x ".join(map(str, shape)) in said or f"{shape[-1]} volumes" in said


@pytest.mark.parametrize(
    ("name", "image", "words"),
    [
        ("ce-gd_T1w", FINE, "after a contrast agent"),
        ("acq-localizer_T1w", FINE, "a localizer by its name"),
        ("T1w", THICK | {"shape": (30, 31, 12)}, "has 12 slices"),
    ],
)
def test_a_poor_image_that_is_the_only_one_is_used_and_said(tmp_path, name, image, words):
    row = index_one(tmp_path, {ANAT.format(name): image})
    assert row["T1w"] == ANAT.format(f"{name}.nii.gz")
    assert words in row["warnings"][0]


@pytest.mark.parametrize("extension", [".NII.GZ", ".NII"])
def test_upper_case_extensions_are_read(tmp_path, extension):
    put_file(tmp_path, ANAT.format(f"T1w{extension}"))
    put_file(tmp_path, MASKS.format(f"label-lesion_mask{extension}"))
    row = index_one(tmp_path, {})
    assert row["T1w"] == ANAT.format(f"T1w{extension}")
    assert row["lesion_mask"] == MASKS.format(f"label-lesion_mask{extension}")


@pytest.mark.parametrize("content", [b"", b"no image" * 50])
def test_a_brain_mask_of_the_t1w_that_cannot_be_read_costs_itself_alone(tmp_path, content):
    make_bids_tree(tmp_path, multi_echo() | {MASKS.format("space-T1w_desc-brain_mask.nii.gz"): {}})
    (tmp_path / MASKS.format("space-T1w_desc-brain_mask.nii.gz")).write_bytes(content)
    row = index_one(tmp_path, {ANAT.format("T1w"): FINE})
    assert (row["status"], row["T1w_mask"], row["brain_mask"]) == ("included", "", "")
    assert "the brain mask of the T1w" in row["warnings"][0]


def test_of_a_mask_and_lesions_by_number_it_is_said_which_serve(tmp_path):
    spec = {ANAT.format("FLAIR"): FINE, MASKS.format("label-lesion_mask"): FINE}
    labels = "derivatives/{}/sub-01/anat/sub-01_label-lesion_dseg"
    row = index_one(tmp_path / "one", spec | {labels.format("other"): FINE})
    assert row["warnings"] == [f"{row['lesion_mask']}: {row['lesion_labels']} is used in its place"]
    row = index_one(tmp_path / "two", spec | {labels.format(name): FINE for name in ("other", "third")})
    assert (row["lesion_labels"], row["without"]) == ("", [])
    assert row["warnings"][0].startswith(f"{row['lesion_mask']} is used, for several files could be the lesion_labels")


@pytest.mark.parametrize(
    ("shape", "affine"),
    [
        (FINE["shape"], [[-1, 0, 0, 29], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
        ((31, 30, 32), [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
        ((32, 30, 31), [[0, 1, 0, 0], [0, 0, -1, 30], [-1, 0, 0, 31], [0, 0, 0, 1]]),  # as FreeSurfer turns them
    ],
)
def test_a_mask_whose_axes_a_program_reordered_lies_where_it_lay(tmp_path, shape, affine):
    spec = {ANAT.format("FLAIR"): FINE, ANAT.format("T1w"): THICK}
    row = index_one(tmp_path, spec | {MASKS.format("label-lesion_mask"): {"shape": shape, "affine": np.array(affine)}})
    assert row["lesion_mask"] == MASKS.format("label-lesion_mask.nii.gz")
    assert row["warnings"] == []
