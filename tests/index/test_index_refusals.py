"""Each thing that makes a session unusable excludes it, and the reason names the file, what was found and expected."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from chiomics.core.errors import InputError
from chiomics.index import EmptyCohortError, check_cohort, index_bids, summarise
from tests.bids_trees import AFFINE, GRE, make_bids_tree, multi_echo

ANAT = "sub-01/anat/{name}"
MEGRE = f"{ANAT}_echo-{{1,2,3}}_part-{{mag,phase}}_MEGRE"
SECOND = f"{ANAT}_echo-2_part-phase_MEGRE"
SHIFTED = AFFINE + np.array([[0, 0, 0, 0.5], [0] * 4, [0] * 4, [0] * 4])
TILTED = AFFINE @ np.array([[1, 0, 0, 0], [0, 0.999, -0.0447, 0], [0, 0.0447, 0.999, 0], [0, 0, 0, 1]])


def field_strength(value):
    return {**GRE, "MagneticFieldStrength": value}


REFUSALS = {
    "no phase": ({f"{ANAT}_echo-{{1,2}}_part-mag_MEGRE": GRE}, ["there is no phase image", "echo-1_part-mag"]),
    "no magnitude": (
        {f"{ANAT}_echo-{{1,2}}_part-phase_MEGRE": GRE},
        ["there is no magnitude image", "echo-1_part-phase"],
    ),
    "real alone": ({f"{ANAT}_part-real_MEGRE": field_strength(3)}, ["there is no magnitude image"]),
    "an echo without phase": (
        {f"{ANAT}_echo-{{1,2,3}}_part-mag_MEGRE": GRE, f"{ANAT}_echo-{{1,3}}_part-phase_MEGRE": GRE},
        ["an echo lacks its magnitude or its phase", "magnitude of echo 1, 2, 3, phase of echo 1, 3"],
    ),
    "no echo time": ({MEGRE: {"MagneticFieldStrength": 3}}, ["EchoTime is missing", "echo-1_part-mag", "JSON sidecar"]),
    "milliseconds": (
        {MEGRE: {**GRE, "EchoTime": [4, 12, 20]}},
        ["EchoTime is in milliseconds", "found 4", "expected seconds, as BIDS: 0.004"],
    ),
    "an echo time of zero": ({MEGRE: {**GRE, "EchoTime": [0, 0.1, 0.2]}}, ["EchoTime is not positive"]),
    "a list of echo times": ({MEGRE: {**GRE, "EchoTime": [[0.004, 0.008]]}}, ["EchoTime is not a number", "0.008"]),
    "echo times that descend": (
        {MEGRE: {**GRE, "EchoTime": [0.012, 0.004, 0.02]}},
        ["the echo times do not ascend", "0.012, 0.004, 0.02 s"],
    ),
    "equal echo times": ({MEGRE: {**GRE, "EchoTime": [0.004, 0.004, 0.02]}}, ["the echo times do not ascend"]),
    "parts with two echo times": (
        {MEGRE: GRE, SECOND: {**GRE, "EchoTime": 0.013}},
        ["disagree in EchoTime", "0.012 s and 0.013 s"],
    ),
    "no field strength": ({MEGRE: {"EchoTime": GRE["EchoTime"]}}, ["the field strength is missing"]),
    "a field strength in mT": ({MEGRE: field_strength(3000)}, ["not a field strength in T", "found 3000"]),
    "a field strength in words": ({MEGRE: field_strength("3T")}, ["not a field strength in T", "'3T'"]),
    "a frequency in Hz": (
        {MEGRE: {"EchoTime": GRE["EchoTime"], "ImagingFrequency": 127748500}},
        ["ImagingFrequency is not a frequency in MHz", "127748500"],
    ),
    "a frequency of another field strength": (
        {MEGRE: {**GRE, "ImagingFrequency": 297.2}},
        ["MagneticFieldStrength and ImagingFrequency disagree", "3 T and 297.2 MHz, which is 6.98", "echo-1_part-mag"],
    ),
    "two directions": (
        {f"{ANAT}_dir-{{AP,PA}}_echo-{{1,2,3}}_part-{{mag,phase}}_MEGRE": GRE},
        ["several GRE acquisitions", "dir-AP_MEGRE, dir-PA_MEGRE", "index.acquisition"],
    ),
    "all echoes of one part in one file": (
        {
            f"{ANAT}_part-mag_MEGRE": {**GRE, "EchoTime": [[0.004, 0.008, 0.012]], "shape": (24, 22, 20, 3)},
            f"{ANAT}_echo-{{1,2,3}}_part-phase_MEGRE": GRE,
        },
        ["an echo lacks its", "without number", "1, 2, 3"],
    ),
    "two field strengths": (
        {MEGRE: GRE, SECOND: {**GRE, "EchoTime": 0.012, "MagneticFieldStrength": 1.5}},
        ["disagree in field strength", "found 3 T", "expected 1.5 T as in"],
    ),
    "another shape": (
        {MEGRE: GRE, SECOND: {"shape": (24, 22, 21)}},
        ["differ in shape", "echo-2_part-phase", "found 24 x 22 x 21", "expected 24 x 22 x 20"],
    ),
    "a shifted image": (
        {MEGRE: GRE, SECOND: {"affine": SHIFTED}},
        ["differ in position or orientation", "echo-2_part-phase"],
    ),
    "a tilted image": ({MEGRE: GRE, SECOND: {"affine": TILTED}}, ["differ in position or orientation"]),
    "few slices": ({MEGRE: {**GRE, "shape": (64, 64, 19)}}, ["too few slices", "64 x 64 x 19", "at least 20"]),
    "large voxels": (
        {MEGRE: {**GRE, "affine": np.diag([1, 1, 4, 1])}},
        ["voxels are too large", "1 x 1 x 4 mm", "below 4 mm"],
    ),
    "voxel sizes in m": (
        {MEGRE: {**GRE, "affine": np.diag([1e-3, 1e-3, 2e-3, 1])}},
        ["no head's in size", "read in mm"],
    ),
    "sheared axes": (
        {MEGRE: {**GRE, "affine": np.diag([1.0, 1, 2, 1]) @ (np.eye(4) + 0.1 * np.eye(4, k=1))}},
        ["voxel axes are sheared", "a cosine of 0.1"],
    ),
    "unknown orientation": ({MEGRE: {**GRE, "code": 0}}, ["orientation is unknown", "sform_code 0 and qform_code 0"]),
    "complex voxels": ({MEGRE: {**GRE, "dtype": np.complex64}}, ["complex or colour", "datatype 32"]),
    "a 4-D image": ({MEGRE: {**GRE, "shape": (24, 22, 20, 8)}}, ["a 4-D image", "8 volumes", "EchoTime the list"]),
    "uncombined coils": (
        {f"{ANAT}_coil-{{01,02}}_echo-{{1,2}}_part-{{mag,phase}}_MEGRE": GRE},
        ["uncombined coils", "coil-01", "adaptive combine"],
    ),
    "two acquisitions": (
        {f"{ANAT}_acq-{{fast,fine}}_echo-{{1,2}}_part-{{mag,phase}}_MEGRE": GRE},
        ["several GRE acquisitions", "index.acquisition", "acq-fast_MEGRE, acq-fine_MEGRE"],
    ),
    "two reconstructions": (
        {f"{ANAT}{{_rec-norm,}}_echo-{{1,2}}_part-{{mag,phase}}_MEGRE": GRE},
        ["several GRE acquisitions", "MEGRE, rec-norm_MEGRE"],
    ),
    "one run of another acquisition": (
        {f"{ANAT}_acq-{{a}}_run-1_part-{{mag,phase}}_GRE": field_strength(3), f"{ANAT}_part-{{mag,phase}}_GRE": GRE},
        ["several GRE acquisitions"],
    ),
    "the same echo twice": (
        {f"{ANAT}_echo-{{1,01}}_part-{{mag,phase}}_MEGRE": {"EchoTime": 0.004}},
        ["two files for the magnitude of one echo", "echo-01_part-mag"],
    ),
    "echo in some names": (
        {MEGRE: GRE, f"{ANAT}_part-{{mag,phase}}_MEGRE": {"EchoTime": 0.004}},
        ["some images of one acquisition have echo- in their name"],
    ),
    "an echo in words": (
        {f"{ANAT}_echo-first_part-{{mag,phase}}_MEGRE": {}},
        ["the echo is not a number", "echo-first"],
    ),
    "an unknown part": ({f"{ANAT}_part-{{mag,argument}}_MEGRE": {}}, ["unknown part", "part-argument"]),
    "a difference without magnitude": (
        {"sub-01/fmap/{name}_phasediff": {"EchoTime1": 0.005, "EchoTime2": 0.007}},
        ["needs a magnitude", "0 magnitude and 1 phase difference"],
    ),
    "a difference without its times": (
        {"sub-01/fmap/{name}_{magnitude1,phasediff}": {"EchoTime": 0.007, "MagneticFieldStrength": 3}},
        ["EchoTime1 or EchoTime2 is missing", "phasediff"],
    ),
    "a field map without its unit": (
        {"sub-01/fmap/{name}_{magnitude,fieldmap}": {"MagneticFieldStrength": 3}},
        ["not said to be in Hz", '"Units": "Hz"'],
    ),
    "a field map in Tesla": (
        {"sub-01/fmap/{name}_{magnitude,fieldmap}": {"MagneticFieldStrength": 3, "Units": "T"}},
        ["not said to be in Hz; file sub-01/fmap/sub-01_fieldmap.nii.gz; found Units 'T'"],
    ),
    "a field map alone": ({"sub-01/fmap/{name}_fieldmap": {"Units": "Hz"}}, ["a field map needs a magnitude"]),
    "a list of times for another number of volumes": (
        {f"{ANAT}_part-{{mag,phase}}_MEGRE": {**GRE, "EchoTime": [[0.004, 0.008]], "shape": (24, 22, 20, 3)}},
        ["differ in length", "3 volumes, 2 times"],
    ),
    "NaN for an echo time": ({MEGRE: {**GRE, "EchoTime": float("nan")}}, ["EchoTime is not a number", "found NaN"]),
    "variants by desc": (
        {f"{ANAT}_desc-{{a,b}}_echo-{{1,2}}_part-{{mag,phase}}_MEGRE": GRE},
        ["several GRE acquisitions", "desc-a_MEGRE, desc-b_MEGRE"],
    ),
    "several weightings": (
        {f"{ANAT}_{{flip-1_mt-on,flip-2_mt-off}}_echo-{{1,2}}_part-{{mag,phase}}_MPM": GRE},
        ["several GRE acquisitions", "flip-1_mt-on_MPM, flip-2_mt-off_MPM"],
    ),
    "a broken sidecar": ({MEGRE: GRE, "MEGRE.json": "{"}, ["the sidecar cannot be read", "MEGRE.json"]),
    "a sidecar that is a list": ({MEGRE: GRE, "MEGRE.json": "[]"}, ["the sidecar does not hold fields"]),
    "an empty image": ({MEGRE: GRE, f"{SECOND}.nii.gz/": b""}, ["the file is empty", "echo-2_part-phase"]),
    "an image that is none": (
        {MEGRE: GRE, f"{SECOND}.nii.gz/": b"text" * 100},
        ["not gzip-compressed", "echo-2_part-phase"],
    ),
    "a name of another participant": (
        {"sub-01/anat/sub-02_part-{mag,phase}_MEGRE": GRE},
        ["disagree in participant or session", "sub-01/anat/sub-02"],
    ),
    "a participant's label with a hyphen": (
        {"sub-a-1/anat/sub-a-1_part-{mag,phase}_MEGRE": GRE},
        ["label that is not BIDS", "found sub-a-1", "letters and digits alone"],
    ),
    "a participant's label with a space": (
        {"sub-a 1/anat/sub-a 1_part-{mag,phase}_MEGRE": GRE},
        ["label that is not BIDS", "found sub-a 1"],
    ),
    "an entity with a space": (
        {"sub-01/anat/sub-01_acq-my fast_part-{mag,phase}_MEGRE": GRE},
        ["the file name is not BIDS"],
    ),
    "a name without its session": (
        {"sub-01/ses-1/anat/sub-01_part-{mag,phase}_MEGRE": GRE},
        ["disagree in participant or session"],
    ),
}


@pytest.mark.parametrize(("spec", "words"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusal(tmp_path, spec, words):
    files = {path.rstrip("/"): content for path, content in spec.items() if not isinstance(content, bytes)}
    make_bids_tree(tmp_path, files)
    for pattern, content in spec.items():
        if isinstance(content, bytes):
            (tmp_path / pattern.rstrip("/").format(name="sub-01")).write_bytes(content)
    rows = index_bids(tmp_path)
    assert {row["status"] for row in rows} == {"excluded"}
    for row in rows:
        for word in words:
            assert word in row["reason"]
        assert "\n" not in row["reason"]
        assert str(tmp_path) not in row["reason"]


def test_link_to_content_that_was_not_fetched(tmp_path):
    make_bids_tree(tmp_path, multi_echo())
    image = tmp_path / "sub-01/anat/sub-01_echo-1_part-mag_MEGRE.nii.gz"
    image.unlink()
    image.symlink_to(tmp_path / ".git/annex/objects/absent")
    assert "datalad get" in index_bids(tmp_path)[0]["reason"]


def test_truncated_header(tmp_path):
    make_bids_tree(tmp_path, multi_echo())
    image = tmp_path / "sub-01/anat/sub-01_echo-1_part-mag_MEGRE.nii.gz"
    image.write_bytes(image.read_bytes()[:30])
    assert "the file is cut short; file sub-01/anat/sub-01_echo-1_part-mag" in index_bids(tmp_path)[0]["reason"]
    image.write_bytes(gzip.compress(b"<html>404 Not Found</html>" * 40))
    assert "not a NIfTI image" in index_bids(tmp_path)[0]["reason"]


@pytest.mark.parametrize(
    ("acquisition", "echoes"), [("fast", 2), ("acq-fine", 3), ("acq-fine_MEGRE", 3), ("acq-none", 4), ("T2starw", 1)]
)
def test_acquisition_chooses(tmp_path, acquisition, echoes):
    spec = {
        f"{ANAT}_acq-fast_echo-{{1,2}}_part-{{mag,phase}}_MEGRE": GRE,
        f"{ANAT}_acq-fine_echo-{{1,2,3}}_part-{{mag,phase}}_MEGRE": GRE,
        f"{ANAT}_echo-{{1,2,3,4}}_part-{{mag,phase}}_MEGRE": GRE,
        f"{ANAT}_acq-star_part-{{mag,phase}}_T2starw": {"EchoTime": 0.02, "MagneticFieldStrength": 3},
    }
    (row,) = index_bids(make_bids_tree(tmp_path, spec), acquisition=acquisition)
    assert (row["status"], row["n_echoes"]) == ("included", echoes)


def test_acquisition_that_a_session_lacks(tmp_path):
    (row,) = index_bids(make_bids_tree(tmp_path, multi_echo()), acquisition="fine")
    assert "no GRE of the acquisition that index.acquisition names; found MEGRE; expected fine" in row["reason"]


def test_field_map_of_another_use_is_no_bad_session(tmp_path):
    spec = multi_echo() | {
        "sub-02/fmap/{name}_{magnitude1,magnitude2,phasediff}": {"EchoTime1": 0.005, "EchoTime2": 0.007}
    }
    row, other = index_bids(make_bids_tree(tmp_path, spec), acquisition="MEGRE")
    assert (row["session"], row["status"]) == ("sub-01", "included")
    assert "another acquisition than the one that is used: fieldmap" in other["reason"]
    check_cohort([row, other], on_bad_session="fail")
    field_map = index_bids(tmp_path, acquisition="fieldmap")[-1]
    assert (field_map["session"], field_map["input_kind"]) == ("sub-02", "phase_difference")


def test_combined_images_go_before_coils(tmp_path):
    coils = {f"{ANAT}_rec-uncombined_coil-{{01,02}}_echo-{{1,2,3}}_part-{{mag,phase}}_MEGRE": GRE}
    (row,) = index_bids(make_bids_tree(tmp_path, multi_echo() | coils))
    assert row["status"] == "included"
    assert row["warnings"] == ["uncombined coils are left aside beside coil-combined images"]


def test_gap_in_the_echo_numbers_is_a_warning(tmp_path):
    (row,) = index_bids(make_bids_tree(tmp_path, {f"{ANAT}_echo-{{1,3}}_part-{{mag,phase}}_MEGRE": GRE}))
    assert (row["status"], row["warnings"]) == ("included", ["echo numbers are missing: 2"])


def test_template_space_is_a_warning(tmp_path):
    (row,) = index_bids(make_bids_tree(tmp_path, {MEGRE: {**GRE, "code": 4}}))
    assert row["status"] == "included"
    assert "B0 may not be along its z axis" in row["warnings"][0]


def test_bad_session_excludes_or_stops(tmp_path):
    bad = {"sub-02/anat/{name}_echo-{1,2}_part-mag_MEGRE": GRE}
    rows = index_bids(make_bids_tree(tmp_path, multi_echo() | bad))
    assert [row["status"] for row in rows] == ["included", "excluded"]
    check_cohort(rows, on_bad_session="exclude")
    with pytest.raises(
        InputError, match=r"1 sessions failed: 1 excluded \(sub-02\): there is no phase image; file sub-02"
    ):
        check_cohort(rows, on_bad_session="fail")
    with pytest.raises(InputError, match="unknown on_bad_session"):
        check_cohort(rows, on_bad_session="ignore")


def test_summary_counts_equal_problems_once(tmp_path):
    rows = index_bids(make_bids_tree(tmp_path, multi_echo() | {"sub-{02,03}/anat/{name}_part-mag_MEGRE": GRE}))
    assert summarise(rows).splitlines() == [
        "3 sessions of 3 participants: 1 included, 2 excluded",
        "  1 with magnitude_phase, 3 echoes",
        "  2 excluded (sub-02, sub-03): there is no phase image; "
        "file sub-02/anat/sub-02_part-mag_MEGRE.nii.gz; expected magnitude and phase for each echo",
    ]


def test_empty_cohorts(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        index_bids(tmp_path / "absent")
    make_bids_tree(tmp_path, {"sub-01/anat/{name}_FLAIR": {}, "sub-01/anat/GRE_echo1.nii.gz": {}})
    rows = index_bids(tmp_path)
    assert "found FLAIR and 1 images whose name is not BIDS (sub-01/anat/GRE_echo1.nii.gz)" in rows[0]["reason"]
    with pytest.raises(EmptyCohortError, match=r"no session can be used: 1 excluded .* expected part-mag"):
        check_cohort(rows)
    make_bids_tree(tmp_path / "other", {"notes/scan.nii.gz": {}})
    with pytest.raises(EmptyCohortError, match=r"no session; found 0 participants with 0 images"):
        index_bids(tmp_path / "other")
    make_bids_tree(tmp_path, {f"{ANAT}_part-mag_MEGRE": GRE})
    with pytest.raises(EmptyCohortError, match="no session can be used: 1 excluded"):
        check_cohort(index_bids(tmp_path))
