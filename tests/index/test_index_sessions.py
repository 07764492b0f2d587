"""Sessions, runs and echoes that only some participants have, what goes with them, and inheritance."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from chiomics.core.errors import InputError
from chiomics.index import index_bids, index_files
from chiomics.index.manifest import summarise
from tests.bids_trees import AFFINE, GRE, SHAPE, make_bids_tree, multi_echo

MASK = "derivatives/masks/sub-01/anat/sub-01_{}"


def by_session(rows):
    return {row["session"]: row for row in rows}


def test_sessions_runs_and_echoes_of_some(tmp_path):
    spec = {
        **multi_echo("01", 3),
        **multi_echo("02", 4, session="ses-{a,b}/"),
        "sub-03/ses-1/anat/{name}_run-{1,02}_echo-{1,2}_part-{mag,phase}_MEGRE": GRE,
        "sub-03/ses-2/anat/{name}_T1w": {},
        "sub-10/anat/{name}_T1w": {},
    }
    every = index_bids(make_bids_tree(tmp_path, spec))
    rows = [row for row in every if row["status"] == "included"]
    assert [row["session"] for row in rows] == [
        "sub-01", "sub-02_ses-a", "sub-02_ses-b", "sub-03_ses-1_run-02", "sub-03_ses-1_run-1",
    ]  # fmt: skip
    assert [row["n_echoes"] for row in rows] == [3, 4, 4, 2, 2]
    assert [row["session_id"] for row in rows][::2] == ["", "ses-b", "ses-1"]
    assert [row["run"] for row in rows] == ["", "", "", "02", "1"]
    others = {row["session"]: row["reason"] for row in every if row["status"] == "structural"}
    assert list(others) == ["sub-03_ses-2", "sub-10"]
    said = "no input for a χ map; found T1w; serves anatomy alone, with tissue (without a FLAIR lesions are not known)"
    assert all(reason.startswith(said) and "expected part-mag" in reason for reason in others.values())


def test_a_row_for_every_session_of_the_folder(tmp_path):
    spec = multi_echo("01", session="ses-1/") | {
        "sub-01/ses-2/func/{name}_task-rest_part-{mag,phase}_bold": {},
        "sub-01/ses-3/fmap/{name}_dir-{AP,PA}_epi": {},
        "sub-01/ses-4/anat/{name}_part-phase_T1rho": {},
        "sub-02/perf/{name}_asl": {},
        "sub-03/ses-1/notes.txt": "an empty session",
        "sub-04/anat/{name}_T2w": {},
    }  # fmt: skip
    rows = by_session(index_bids(make_bids_tree(tmp_path, spec)))
    expected = ["sub-01_ses-1", "sub-01_ses-2", "sub-01_ses-3", "sub-01_ses-4", "sub-02", "sub-03_ses-1", "sub-04"]
    assert list(rows) == expected
    assert "not looked into: func; phase of EPI (bold) is not read" in rows["sub-01_ses-2"]["reason"]
    assert "found epi; an EPI field map (fmap/epi) holds no phase" in rows["sub-01_ses-3"]["reason"]
    assert "sub-01_ses-4_part-phase_T1rho.nii.gz seems to hold phase" in rows["sub-01_ses-4"]["reason"]
    assert "folders that are not looked into: perf" in rows["sub-02"]["reason"]
    assert "found no image" in rows["sub-03_ses-1"]["reason"]
    assert index_bids(tmp_path, cache=tmp_path / "cache") == index_bids(tmp_path, cache=tmp_path / "cache")


def test_one_bad_run_leaves_the_others(tmp_path):
    spec = {
        f"sub-01/anat/{{name}}_run-{run}_part-{{mag,phase}}_MEGRE": {"EchoTime": time, "MagneticFieldStrength": 3}
        for run, time in ((1, 0.02), (2, 20))
    }
    rows = by_session(index_bids(make_bids_tree(tmp_path, spec)))
    assert rows["sub-01_run-1"]["status"] == "included"
    assert "milliseconds" in rows["sub-01_run-2"]["reason"]


def test_an_echo_time_in_another_unit_is_given_in_seconds(tmp_path):
    for folder, found, said in (("ms", 20, "in milliseconds"), ("us", 6000, "in microseconds")):
        spec = multi_echo("01", 1) | {"echo-1_MEGRE.json": {"EchoTime": found}}
        spec = {key: ({} if "part" in key else value) for key, value in spec.items()}
        (row,) = index_bids(make_bids_tree(tmp_path / folder, spec))
        assert said in row["reason"]
        assert row["reason"].endswith("0.02" if found == 20 else "0.006")


def test_a_t1w_that_serves_another_session_is_not_called_unused(tmp_path):
    spec = multi_echo("01", session="ses-1/") | {"sub-01/ses-2/anat/{name}_T1w": {}}
    one, two = index_bids(make_bids_tree(tmp_path, spec))
    assert one["T1w"] == "sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz"
    assert "serves sub-01_ses-1 too" in " ".join(two["warnings"])
    assert "is not used" not in " ".join(two["warnings"])


def test_order_does_not_depend_on_the_order_of_writing(tmp_path):
    names = ["03", "01", "10", "02"]
    first = make_bids_tree(tmp_path / "a", {key: value for name in names for key, value in multi_echo(name).items()})
    second = make_bids_tree(
        tmp_path / "b", {key: value for name in names[::-1] for key, value in multi_echo(name).items()}
    )
    assert index_bids(first) == index_bids(second)


def test_sidecars_are_inherited_and_overridden(tmp_path):
    spec = {
        "sub-01/ses-{1,2}/anat/{name}_echo-{1,2}_part-{mag,phase}_MEGRE": {},
        "MEGRE.json": {"MagneticFieldStrength": 1.5, "Manufacturer": "root"},
        "echo-1_MEGRE.json": {"EchoTime": 0.004},
        "echo-2_MEGRE.json": {"EchoTime": 0.5},
        "T1w.json": {"MagneticFieldStrength": 9},
        "sub-01/sub-01_echo-2_MEGRE.json": {"EchoTime": 0.012},
        "sub-01/ses-2/sub-01_ses-2_MEGRE.json": {"MagneticFieldStrength": 7},
    }
    one, two = index_bids(make_bids_tree(tmp_path, spec))
    assert one["reason"] == two["reason"] == ""
    assert one["echo_times"] == two["echo_times"] == [0.004, 0.012]
    assert (one["field_strength"], two["field_strength"]) == (1.5, 7)
    assert one["manufacturer"] == "root"


def test_the_more_specific_sidecar_of_a_folder_wins(tmp_path):
    spec = {
        "sub-01/anat/{name}_echo-{1,2}_part-{mag,phase}_MEGRE": {},
        "echo-1_part-mag_MEGRE.json": {"EchoTime": 0.004},
        "echo-1_part-phase_MEGRE.json": {"EchoTime": 0.004},
        "part-mag_MEGRE.json": {"EchoTime": 0.012, "MagneticFieldStrength": 3},
    }
    assert index_bids(make_bids_tree(tmp_path, spec))[0]["echo_times"] == [0.004, 0.012]


def test_sidecars_of_other_folders_and_entities_do_not_apply(tmp_path):
    spec = multi_echo("{01,02}", 1) | {
        "sub-02/anat/sub-02_acq-other_MEGRE.json": {"MagneticFieldStrength": 7},
        "sub-01/sub-01_MEGRE.json": {"Manufacturer": "first"},
    }
    one, two = index_bids(make_bids_tree(tmp_path, spec))
    assert (one["manufacturer"], two["manufacturer"], two["field_strength"]) == ("first", "", 3)


def test_structural_images_of_the_session_or_of_the_only_one(tmp_path):
    spec = multi_echo("01", session="ses-{1,2,3}/") | {
        "sub-01/ses-{1,2}/anat/{name}_T1w": {},
        "sub-01/ses-1/anat/{name}_FLAIR": {},
        "sub-01/ses-1/anat/{name}_acq-mp2rage_T1w": {},
    }
    rows = by_session(index_bids(make_bids_tree(tmp_path, spec)))
    one, two, three = (rows[f"sub-01_ses-{n}"] for n in (1, 2, 3))
    assert one["T1w"] == "sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz"
    assert "left aside: sub-01/ses-1/anat/sub-01_ses-1_acq-mp2rage_T1w.nii.gz" in one["warnings"][0]
    assert two["T1w"] == "sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz"
    assert two["FLAIR"] == three["FLAIR"] == one["FLAIR"] != ""
    assert two["warnings"] == ["FLAIR is taken from ses-1"]
    assert three["T1w"] == ""
    assert three["warnings"][-1] == "no T1w in this session, and several others have one: ses-1, ses-2"


def test_the_longest_diffusion_series_with_inherited_gradients(tmp_path):
    spec = multi_echo() | {
        "sub-01/dwi/{name}_dir-AP_dwi": {"shape": (*SHAPE, 3)},
        "sub-01/dwi/{name}_dir-PA_dwi": {"shape": (*SHAPE, 2)},
        "sub-01/dwi/sub-01_dir-PA_dwi.bval": "0 0",
        "sub-01/dwi/sub-01_dir-PA_dwi.bvec": "0 0\n0 0\n0 0\n",
        "sub-01/dwi/sub-01_dir-AP_dwi.bval": "0 1000 1000",
        "dwi.bvec": "0 1 0\n0 0 1\n0 0 0\n",
    }
    (row,) = index_bids(make_bids_tree(tmp_path, spec))
    assert row["dwi"] == "sub-01/dwi/sub-01_dir-AP_dwi.nii.gz"
    assert (row["bval"], row["bvec"]) == ("sub-01/dwi/sub-01_dir-AP_dwi.bval", "dwi.bvec")
    assert "left aside: sub-01/dwi/sub-01_dir-PA_dwi.nii.gz" in row["warnings"][0]


def test_diffusion_without_gradients_is_not_used(tmp_path):
    (row,) = index_bids(make_bids_tree(tmp_path, multi_echo() | {"sub-01/dwi/{name}_dwi": {}}))
    assert row["dwi"] == ""
    assert "no bval or no bvec" in row["warnings"][0]


def test_derivatives(tmp_path):
    spec = multi_echo() | {
        MASK.format("desc-brain_mask"): {},
        MASK.format("desc-lesion_mask"): {},
        MASK.format("desc-lesions_dseg"): {},
        MASK.format("desc-voi_dseg"): {},
        MASK.format("label-CSF_mask"): {},
        "derivatives/maps/sub-01/anat/sub-01_Chimap": {},
    }
    (row,) = index_bids(make_bids_tree(tmp_path, spec))
    assert row["input_kind"] == "magnitude_phase"
    assert row["brain_mask"] == MASK.format("desc-brain_mask.nii.gz")
    assert row["lesion_mask"] == MASK.format("desc-lesion_mask.nii.gz")
    assert row["lesion_labels"] == MASK.format("desc-lesions_dseg.nii.gz")
    assert row["voi_labels"] == MASK.format("desc-voi_dseg.nii.gz")
    assert row["chi_map"] == "derivatives/maps/sub-01/anat/sub-01_Chimap.nii.gz"
    (row,) = index_bids(tmp_path, derivatives=["maps"])
    assert (row["brain_mask"], row["chi_map"]) == ("", "derivatives/maps/sub-01/anat/sub-01_Chimap.nii.gz")
    assert index_bids(tmp_path, derivatives=[])[0]["chi_map"] == ""
    with pytest.raises(InputError, match=r"index.derivatives names a folder that does not exist"):
        index_bids(tmp_path, derivatives=["mops"])


def test_truth_is_taken_only_where_it_is_named(tmp_path):
    make_bids_tree(tmp_path, multi_echo() | {"derivatives/truth/sub-01/anat/sub-01_Chimap": {}})
    assert index_bids(tmp_path)[0]["chi_map"] == ""
    assert index_bids(tmp_path, derivatives="truth")[0]["chi_map"] != ""


def test_ambiguous_derivative_excludes(tmp_path):
    make_bids_tree(tmp_path, multi_echo() | {"derivatives/{a,b}/sub-01/anat/sub-01_desc-brain_mask": {}})
    (row,) = index_bids(tmp_path)
    assert "several files could be the brain_mask; found derivatives/a/" in row["reason"]
    assert "index.derivatives" in row["reason"]
    assert index_bids(tmp_path, derivatives=["b"])[0]["brain_mask"].startswith("derivatives/b/")


def test_a_brain_mask_with_its_axes_in_another_order_is_on_the_grid(tmp_path):
    x, y, z = SHAPE
    turned = AFFINE @ np.array([[0.0, -1, 0, x - 1], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    spec = multi_echo() | {MASK.format("desc-brain_mask"): {"affine": turned, "shape": (z, x, y)}}
    (row,) = index_bids(make_bids_tree(tmp_path, spec))
    assert (row["brain_mask"], row["warnings"]) == (MASK.format("desc-brain_mask.nii.gz"), [])


def test_mask_on_another_grid_is_not_used(tmp_path):
    other = {"affine": np.diag([1.0, 1.0, 1.0, 1.0]), "shape": (30, 30, 30)}
    spec = multi_echo() | {
        "sub-01/anat/{name}_T1w": other,
        MASK.format("desc-brain_mask"): other,
        MASK.format("desc-lesion_mask"): other,
        MASK.format("space-MNI_desc-lesion_mask"): {"affine": AFFINE * 1.1, "shape": (40, 40, 40)},
        MASK.format("space-MNI_desc-brain_mask"): {"affine": AFFINE * 1.1, "shape": (40, 40, 40)},
        MASK.format("desc-aseg_dseg"): other,
    }
    (row,) = index_bids(make_bids_tree(tmp_path, spec))
    assert (row["status"], row["brain_mask"]) == ("included", "")
    name = MASK.format("space-MNI_desc-brain_mask.nii.gz")
    assert f"{name}: not on the grid of the GRE, not used" in row["warnings"]
    assert row["T1w_mask"] == MASK.format("desc-brain_mask.nii.gz")  # the brain as drawn on the T1w
    assert row["tissue_labels"] == MASK.format("desc-aseg_dseg.nii.gz")
    assert row["lesion_mask"] == MASK.format("desc-lesion_mask.nii.gz")  # drawn on the T1w
    assert any("space-MNI" in text and "not used" in text for text in row["warnings"])


def test_derivative_of_each_run(tmp_path):
    spec = {
        "sub-01/anat/{name}_run-{1,2}_part-{mag,phase}_MEGRE": {"EchoTime": 0.02, "MagneticFieldStrength": 3},
        MASK.format("run-1_desc-brain_mask"): {},
        MASK.format("desc-voi_dseg"): {},
        MASK.format("desc-lesion_mask"): {},
    }
    one, two = index_bids(make_bids_tree(tmp_path, spec))
    assert (one["brain_mask"] != "", two["brain_mask"]) == (True, "")
    assert one["voi_labels"] == two["voi_labels"] == ""  # whose of the two runs is not known
    assert any("names no run, and the session has several" in text for text in two["warnings"])
    assert one["lesion_mask"] == two["lesion_mask"] != ""


def test_sessions_with_only_a_map(tmp_path):
    spec = multi_echo("01") | {
        "sub-02/anat/{name}_{T1w,FLAIR}": {},
        "derivatives/maps/sub-{02,03}/anat/{name}_Chimap": {"MagneticFieldStrength": 7},
        "derivatives/maps/sub-04/ses-1/anat/{name}_run-{1,2}_Chimap": {},
        "sub-05/anat/{name}_echo-{1,2}_part-mag_MEGRE": GRE,
        "derivatives/maps/sub-05/anat/{name}_Chimap": {},
    }
    rows = by_session(index_bids(make_bids_tree(tmp_path, spec)))
    assert list(rows) == ["sub-01", "sub-02", "sub-03", "sub-04_ses-1_run-1", "sub-04_ses-1_run-2", "sub-05"]
    assert [row["input_kind"] for row in rows.values()] == ["magnitude_phase", *["chi_map"] * 5]
    assert rows["sub-02"]["T1w"] == "sub-02/anat/sub-02_T1w.nii.gz"
    assert (rows["sub-03"]["field_strength"], rows["sub-03"]["shape"]) == (7, [24, 22, 20])
    assert (
        rows["sub-04_ses-1_run-2"]["chi_map"] == "derivatives/maps/sub-04/ses-1/anat/sub-04_ses-1_run-2_Chimap.nii.gz"
    )
    assert len(rows["sub-05"]["magnitude"]) == 2


def test_map_goes_before_a_field_map_and_magnitudes_of_several_acquisitions(tmp_path):
    spec = {
        "derivatives/maps/sub-{01,02}/anat/{name}_Chimap": {},
        "sub-01/fmap/{name}_{magnitude1,magnitude2,phasediff}": {"EchoTime1": 0.005, "EchoTime2": 0.007},
        "sub-02/anat/{name}_acq-{a,b}_part-mag_MEGRE": GRE,
    }
    one, two = index_bids(make_bids_tree(tmp_path, spec))
    assert (one["input_kind"], one["magnitude"]) == ("chi_map", [])
    assert (two["input_kind"], two["magnitude"]) == ("chi_map", [])
    assert two["warnings"] == ["several magnitudes go with the χ map, none is used"]


def test_derivative_without_session_belongs_to_the_only_session(tmp_path):
    spec = multi_echo("01", session="ses-1/") | multi_echo("02", session="ses-{1,2}/") | {
        "derivatives/masks/sub-{01,02}/anat/{name}_desc-lesion_mask": {},
    }  # fmt: skip
    one, two, three = index_bids(make_bids_tree(tmp_path, spec))
    assert one["lesion_mask"] != ""
    assert two["lesion_mask"] == three["lesion_mask"] == ""
    assert "names no session, and there are several" in two["warnings"][0]


def test_participants_table(tmp_path, caplog):
    table = [
        ["participant_id", "group", "status", "age"],
        ["sub-01", "MS", "remission", 40],
        ["02", "", "relapse", "n/a"],
    ]
    one, two, three = index_bids(make_bids_tree(tmp_path, multi_echo("{01,02,03}", 1) | {"participants.tsv": table}))
    assert (one["group"], one["participants_status"], one["age"]) == ("MS", "remission", "40")
    assert (two["group"], two["participants_status"], two["age"]) == ("n/a", "relapse", "n/a")
    assert (three["group"], three["status"]) == ("n/a", "included")
    assert list(one)[-3:] == ["group", "participants_status", "age"]
    assert "1 participants have no line in participants.tsv: sub-03" in caplog.text


def test_results_below_derivatives_are_no_input_of_the_next_run(tmp_path):
    folder = make_bids_tree(tmp_path, multi_echo())
    first = index_bids(folder)
    results = "derivatives/chiomics/results"
    made = ("rec-tv_desc-all_Chimap", "desc-brain_mask", "desc-lesions_dseg")
    spec = {f"{results}/sub-01/anat/{{name}}_{name}": {} for name in made} | {f"{results}/manifest.tsv": [["session"]]}
    assert index_bids(make_bids_tree(folder, spec)) == first


@pytest.mark.parametrize("name", ["participants.csv", "participants.xlsx", "Participants.txt"])
def test_another_table_of_participants_is_not_passed_over_in_silence(tmp_path, caplog, name):
    folder = make_bids_tree(tmp_path, multi_echo())
    (folder / name).write_text("participant_id,age\nsub-01,30\n")
    (folder / "participants.json").write_text("{}")
    with caplog.at_level("WARNING"):
        index_bids(folder)
    assert f"{name} is not read: group, age and sex come from participants.tsv alone" in caplog.text


def test_cells_in_quotes_and_signs_of_no_width_mean_what_is_seen(tmp_path):
    text = 'participant_id\tgroup\tnote\n\u200bsub-01\t"MS"\t"a ""b"", c"\nsub-02\tM\u00adS\t5"\n'
    folder = make_bids_tree(tmp_path, multi_echo("{01,02}") | {"participants.tsv": text})
    assert [(row["group"], row["note"]) for row in index_bids(folder)] == [("MS", 'a "b", c'), ("MS", '5"')]


def test_two_scanners_in_one_folder_are_said(tmp_path):
    other = GRE | {"MagneticFieldStrength": 7, "affine": np.diag([0.6, 0.6, 1.2, 1])}
    second = {"sub-03/anat/{name}_echo-{1,2,3}_part-{mag,phase}_MEGRE": other}
    said = summarise(index_bids(make_bids_tree(tmp_path / "two", multi_echo("{01,02}") | second)))
    assert "2 with 1 x 1 x 2 mm, 1 with 0.6 x 0.6 x 1.2 mm" in said
    assert "field strengths differ: 2 with 3 T, 1 with 7 T" in said
    alike = GRE | {"affine": np.diag([1.0001, 1, 2, 1])}
    second = {"sub-03/anat/{name}_echo-{1,2,3}_part-{mag,phase}_MEGRE": alike}
    assert "differ" not in summarise(index_bids(make_bids_tree(tmp_path / "one", multi_echo("{01,02}") | second)))


def test_lines_without_a_folder_are_named_with_who_may_be_meant(tmp_path, caplog):
    lines = [["participant_id", "age"], ["sub-1", "30"], ["sub-02", "40"], ["sub-09", "50"]]
    folder = make_bids_tree(tmp_path, multi_echo("{01,02}") | {"participants.tsv": lines})
    (folder / "sub-03").symlink_to(folder / "nowhere")
    with caplog.at_level("WARNING"):
        index_bids(folder)
    assert "2 lines of participants.tsv have no folder: sub-09, sub-1" in caplog.text
    assert "sub-1 and sub-01" in caplog.text
    assert "sub-03: not read, the link leads nowhere" in caplog.text
    caplog.clear()
    with caplog.at_level("WARNING"):
        index_bids(folder, participants=["02"])
    assert "sub-02" not in caplog.text  # whoever is not asked for has a folder all the same
    assert "no folder: sub-09, sub-1" in caplog.text


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([["participant", "age"], ["sub-01", 1]], "participant_id is missing"),
        ([["participant_id"], ["sub-01"], ["01"]], "two lines; found sub-01"),
        (
            [["participant_id;age"], ["sub-01;1"]],
            "missing; found participant_id;age; expected columns separated by tabs, not by semicolons",
        ),
        ([["participant_id,age"], ["sub-01,1"]], "by tabs, not by commas"),
        ([["Participant_ID", "age"], ["sub-01", 1]], "exactly this name, in lower case"),
        ([["participant_id", "age"], ["sub-01", 1, ""]], "without a tab at the end"),
        ([["participant_id", "age"], ["sub-01"]], "line 2 has another number of columns"),
        ([["participant_id", "age", "age"], ["sub-01", 1, 2]], "column name is repeated"),
        ([["participant_id", "age"], ["sub-01", "1" * 200_000]], "cannot be read; found field larger than"),
    ],
)
def test_bad_participants_table(tmp_path, table, message):
    make_bids_tree(tmp_path, multi_echo() | {"participants.tsv": table})
    with pytest.raises(InputError, match=f"participants.tsv.*{message}"):
        index_bids(tmp_path)


def test_only_named_participants(tmp_path):
    make_bids_tree(tmp_path, multi_echo("{01,02,03}", 1))
    assert [row["session"] for row in index_bids(tmp_path, participants=["03", "sub-01"])] == ["sub-01", "sub-03"]
    with pytest.raises(InputError, match="found sub-04"):
        index_bids(tmp_path, participants=["04"])


def test_files_that_do_not_exist_are_grouped_alike(tmp_path):
    spec = multi_echo("01", session="ses-{1,2}/") | multi_echo("02", 4) | {
        "sub-{01,02}/anat/{name}_T1w": {},
        "sub-02/anat/{name}_FLAIR": {},
        "derivatives/lesions/sub-02/anat/{name}_desc-lesion_mask": {},
        "derivatives/truth/sub-02/anat/{name}_Chimap": {},
        "participants.tsv": [["participant_id", "group"], ["sub-01", "MS"], ["sub-02", "HC"]],
    }  # fmt: skip
    on_disk = index_bids(make_bids_tree(tmp_path, spec))
    files = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.nii.gz")]
    facts = ("echo_times", "field_strength", "shape", "voxel_size")
    constants = {row["session"]: {fact: row[fact] for fact in facts} for row in on_disk}
    people = [{"participant_id": "sub-01", "group": "MS"}, {"participant_id": "sub-02", "group": "HC"}]
    assert index_files(files, people, constants=constants) == on_disk
    constants["sub-02"] = {**constants["sub-02"], "echo_times": [0.004]}
    with pytest.raises(InputError, match="number of echo times is not that of the echoes; found 1 for sub-02"):
        index_files(files, people, constants=constants)


def test_only_named_sessions(tmp_path):
    make_bids_tree(tmp_path, multi_echo("{01,02}", 1, session="ses-{1,2}/"))
    assert [row["session"] for row in index_bids(tmp_path, sessions=["2"])] == ["sub-01_ses-2", "sub-02_ses-2"]
    with pytest.raises(InputError, match="found ses-3; expected some of ses-1, ses-2"):
        index_bids(tmp_path, sessions=["ses-1", "3"])


def test_a_session_with_a_file_of_the_future_waits_until_the_clocks_agree(tmp_path):
    bids, cache = make_bids_tree(tmp_path / "bids", multi_echo("{01,02,03}")), tmp_path / "cache.json"
    make_bids_tree(bids, {"sub-03/anat/{name}_T1w": {}, "sub-01/anat/{name}_acq-x_T2w": {}})
    ahead = time.time() + 3600
    for name in ("sub-02/anat/sub-02_echo-2_part-phase_MEGRE.nii.gz", "sub-03/anat/sub-03_T1w.nii.gz"):
        os.utime(bids / name, (ahead, ahead))
    os.utime(bids / "sub-01/anat/sub-01_acq-x_T2w.nii.gz", (ahead, ahead))  # which nothing reads
    for _ in range(2):  # the second time from the cache
        rows = {row["session"]: row for row in index_bids(bids, cache=cache)}
        assert [row["status"] for row in rows.values()] == ["included", "excluded", "excluded"]
    assert "in the future" in rows["sub-02"]["reason"] and "echo-2_part-phase" in rows["sub-02"]["reason"]
    for name in ("sub-02/anat/sub-02_echo-2_part-phase_MEGRE.nii.gz", "sub-03/anat/sub-03_T1w.nii.gz"):
        os.utime(bids / name)
    assert {row["status"] for row in index_bids(bids, cache=cache)} == {"included"}
