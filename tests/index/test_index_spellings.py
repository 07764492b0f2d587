"""Every spelling that real data sets use gives the same kind of row.

Real images (CONTRIBUTING.md says how to lay them out; skipped without them): `gre-crop` from
korbinian90/MriResearchTools.jl; `real-bids` from neurolabusc/dcm_qa_philips_enh; `siemens-fieldmap` from
neurolabusc/dcm_qa_me.
"""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiomics.core.bids import build_name
from chiomics.index import index_bids
from chiomics.index.names import name_file, read_gre
from tests.bids_trees import AFFINE, GRE, make_bids_tree, multi_echo, write_image

ANAT = "sub-01/anat/{name}"
MEGRE = f"{ANAT}_echo-{{1,2,3}}_part-{{mag,phase}}_MEGRE"


def only_row(folder, spec, **options):
    rows = index_bids(make_bids_tree(folder, spec), **options)
    assert len(rows) == 1
    assert rows[0]["status"] == "included", rows[0]["reason"]
    return rows[0]


@pytest.mark.parametrize(
    "pattern",
    [
        "anat/{name}_echo-{1,2,3}_part-{mag,phase}_MEGRE",
        "anat/{name}_part-{mag,phase}_echo-{1,2,3}_MEGRE",
        "anat/{name}_echo-{01,02,03}_part-{mag,phase}_GRE",
        "swi/{name}_echo-{1,2,3}_part-{mag,phase}_GRE",
        "anat/{name}_echo-{1,2,3}_part-{mag,phase}_T2starw",
        "anat/{name}_echo-{1,2,3}_part-{magnitude,phase}_T2Starw",
        "swi/{name}_echo-{1,2,3}_part-{mag,phase}_swi",
        "anat/{name}_echo-{1,2,3}_{magnitude,phase}",
    ],
)
def test_magnitude_and_phase(tmp_path, pattern):
    row = only_row(tmp_path, {f"sub-01/{pattern}": GRE})
    assert row["input_kind"] == "magnitude_phase"
    assert row["n_echoes"] == 3
    assert row["echo_times"] == GRE["EchoTime"][:3]
    assert row["field_strength"] == 3
    assert len(row["magnitude"]) == len(row["phase"]) == 3
    assert all("mag" in path for path in row["magnitude"])
    assert all("phase" in path for path in row["phase"])


@pytest.mark.parametrize("image", [".NII.GZ", ".NII", ".Nii.gz"])
@pytest.mark.parametrize("sidecar", [".json", ".JSON"])
def test_endings_in_capitals_change_nothing(tmp_path, image, sidecar):
    expected = only_row(tmp_path / "usual", {MEGRE: GRE})
    folder = make_bids_tree(tmp_path / "capitals", {MEGRE: GRE})
    for path in sorted((folder / "sub-01/anat").iterdir()):
        stem = path.name.partition(".")[0]
        ending = sidecar if path.suffix == ".json" else image
        if image == ".NII" and path.suffix != ".json":
            nib.save(nib.load(path), path.with_name(f"{stem}.nii"))
            path.unlink()
            path = path.with_name(f"{stem}.nii")
        path.rename(path.with_name(stem + ending))
    row = only_row(folder, {})
    assert [path.partition(".")[0] for path in row["phase"]] == [path.partition(".")[0] for path in expected["phase"]]
    assert {key: row[key] for key in ("echo_times", "field_strength", "shape", "voxel_size")} == {
        key: expected[key] for key in ("echo_times", "field_strength", "shape", "voxel_size")
    }


def test_magnitude_may_lack_its_part(tmp_path):
    spec = {f"{ANAT}_echo-{{1,2}}_MEGRE": GRE, f"{ANAT}_echo-{{1,2}}_part-phase_MEGRE": GRE}
    row = only_row(tmp_path, spec)
    assert row["magnitude"] == [f"sub-01/anat/sub-01_echo-{n}_MEGRE.nii.gz" for n in (1, 2)]


def test_one_file_without_echo_is_one_echo(tmp_path):
    row = only_row(tmp_path, {f"{ANAT}_part-{{mag,phase}}_T2starw": {"EchoTime": 0.02, "MagneticFieldStrength": 7}})
    assert (row["n_echoes"], row["echo_times"], row["field_strength"]) == (1, [0.02], 7)


def test_uncompressed_images(tmp_path):
    row = only_row(tmp_path, {f"{ANAT}_echo-{{1,2}}_part-{{mag,phase}}_MEGRE": {**GRE, "extension": ".nii"}})
    assert row["magnitude"][0].endswith("MEGRE.nii")


def test_ten_echoes_are_in_numerical_order(tmp_path):
    times = [round(0.003 * n, 4) for n in range(1, 12)]
    numbers = ",".join(str(n) for n in range(1, 12))
    row = only_row(tmp_path, {f"{ANAT}_echo-{{{numbers}}}_part-{{mag,phase}}_MEGRE": {**GRE, "EchoTime": times}})
    assert row["echo_times"] == times


def test_real_and_imaginary(tmp_path):
    row = only_row(tmp_path, {f"{ANAT}_echo-{{1,2}}_part-{{real,imag}}_MEGRE": GRE})
    assert row["input_kind"] == "real_imaginary"
    assert row["real"] == [f"sub-01/anat/sub-01_echo-{n}_part-real_MEGRE.nii.gz" for n in (1, 2)]
    assert row["imaginary"] == [f"sub-01/anat/sub-01_echo-{n}_part-imag_MEGRE.nii.gz" for n in (1, 2)]
    assert row["magnitude"] == row["phase"] == []


def test_magnitude_and_phase_go_before_real_and_imaginary(tmp_path):
    row = only_row(tmp_path, {f"{ANAT}_echo-{{1,2}}_part-{{mag,phase,real,imag}}_MEGRE": GRE})
    assert row["input_kind"] == "magnitude_phase"
    assert "imaginary, real images are left aside" in row["warnings"][0]


@pytest.mark.parametrize(
    "magnitudes", ["fmap/{name}_magnitude{1,2}", "anat/{name}_echo-{1,2}_part-mag_MEGRE", "fmap/{name}_echo-{1,2}_GRE"]
)
def test_phase_difference(tmp_path, magnitudes):
    folder = magnitudes.partition("/")[0]
    difference = {"EchoTime1": 0.00492, "EchoTime2": 0.00738, "MagneticFieldStrength": 3}
    row = only_row(tmp_path, {f"sub-01/{magnitudes}": {}, f"sub-01/{folder}/{{name}}_phasediff": difference})
    assert row["input_kind"] == "phase_difference"
    assert row["echo_times"] == [0.00492, 0.00738]
    assert len(row["magnitude"]) == 2
    assert row["phase"] == [f"sub-01/{folder}/sub-01_phasediff.nii.gz"]


def test_two_phases_of_a_field_map(tmp_path):
    spec = {
        f"sub-01/fmap/{{name}}_{{magnitude,phase}}{n}": {"EchoTime": time, "MagneticFieldStrength": 3}
        for n, time in ((1, 0.005), (2, 0.0075))
    }
    row = only_row(tmp_path, spec)
    assert (row["input_kind"], row["echo_times"]) == ("magnitude_phase", [0.005, 0.0075])
    assert "field map" in row["warnings"][0]


def test_field_map_gives_way_to_gre_and_to_a_cohort_with_gre(tmp_path):
    field_map = {
        "sub-{01,02}/fmap/{name}_magnitude{1,2}": {},
        "sub-{01,02}/fmap/{name}_phasediff": {"EchoTime1": 0.005, "EchoTime2": 0.0075, "MagneticFieldStrength": 3},
    }
    row, other = index_bids(make_bids_tree(tmp_path, field_map | multi_echo("01")))
    assert (row["session"], row["input_kind"], row["n_echoes"]) == ("sub-01", "magnitude_phase", 3)
    assert (other["session"], other["status"]) == ("sub-02", "excluded")
    assert "index.acquisition: fieldmap" in other["reason"]


def test_difference_with_one_magnitude_and_field_map_in_hertz(tmp_path):
    times = {"EchoTime1": 0.00492, "EchoTime2": 0.00738, "MagneticFieldStrength": 3}
    row = only_row(tmp_path / "a", {"sub-01/fmap/{name}_{magnitude1,phasediff}": times})
    assert (row["status"], row["input_kind"], row["n_echoes"]) == ("included", "phase_difference", 2)
    assert (row["echo_times"], row["magnitude"]) == ([0.00492, 0.00738], ["sub-01/fmap/sub-01_magnitude1.nii.gz"])
    hertz = {"Units": "Hz", "MagneticFieldStrength": 3}
    row = only_row(tmp_path / "b", {"sub-01/fmap/{name}_{magnitude,fieldmap}": hertz})
    assert (row["status"], row["input_kind"], row["n_echoes"], row["echo_times"]) == ("included", "field_map", 1, [])
    assert row["phase"] == ["sub-01/fmap/sub-01_fieldmap.nii.gz"]


def test_all_echoes_in_one_file(tmp_path):
    fields = {"EchoTime": [[0.004, 0.008, 0.012]], "MagneticFieldStrength": 3, "shape": (24, 22, 20, 3)}
    row = only_row(tmp_path, {f"{ANAT}_part-{{mag,phase}}_MEGRE": fields})
    assert (row["status"], row["n_echoes"], row["echo_times"]) == ("included", 3, [0.004, 0.008, 0.012])
    assert row["shape"] == [24, 22, 20]


def test_all_echoes_of_real_and_imaginary_parts_in_two_files(tmp_path):
    fields = {"EchoTime": [[0.004, 0.008, 0.012]], "MagneticFieldStrength": 3, "shape": (24, 22, 20, 3)}
    row = only_row(tmp_path, {f"{ANAT}_part-{{real,imag}}_MEGRE": fields})
    assert (row["input_kind"], row["n_echoes"], row["echo_times"]) == ("real_imaginary", 3, [0.004, 0.008, 0.012])


def test_a_direction_is_named_like_an_acquisition(tmp_path):
    spec = {f"{ANAT}_dir-{{AP,PA}}_echo-{{1,2,3}}_part-{{mag,phase}}_MEGRE": GRE}
    row = only_row(tmp_path, spec, acquisition="dir-PA")
    assert all("_dir-PA_" in path for path in row["magnitude"] + row["phase"])


def test_a_frequency_beside_the_field_strength_is_no_matter_where_they_agree(tmp_path):
    # A Siemens "3 T" runs at 123.2 MHz, 2.89 T.
    row = only_row(tmp_path, {MEGRE: {**GRE, "ImagingFrequency": 123.2}})
    assert (row["field_strength"], row["warnings"]) == (3, [])


def test_mpm_and_desc_variants_by_the_operators_choice(tmp_path):
    mpm = {f"{ANAT}_{{flip-1_mt-on,flip-2_mt-off}}_echo-{{1,2}}_part-{{mag,phase}}_MPM": GRE}
    row = only_row(tmp_path / "a", mpm, acquisition="mt-off")
    assert (row["status"], row["n_echoes"]) == ("included", 2)
    assert row["phase"][0] == "sub-01/anat/sub-01_flip-2_mt-off_echo-1_part-phase_MPM.nii.gz"
    variants = {f"{ANAT}{{_desc-norm,}}_echo-{{1,2}}_part-{{mag,phase}}_MEGRE": GRE}
    row = only_row(tmp_path / "b", variants)
    assert row["magnitude"][0] == "sub-01/anat/sub-01_echo-1_part-mag_MEGRE.nii.gz"
    assert row["warnings"] == ["left aside beside images without desc-: desc-norm_MEGRE"]
    row = only_row(tmp_path / "b", variants, acquisition="desc-norm")
    assert row["magnitude"][0] == "sub-01/anat/sub-01_desc-norm_echo-1_part-mag_MEGRE.nii.gz"


def test_imaging_frequency_in_place_of_the_field_strength(tmp_path):
    row = only_row(tmp_path, {MEGRE: {"EchoTime": GRE["EchoTime"], "ImagingFrequency": 127.7485}})
    assert row["field_strength"] == pytest.approx(3.0004, abs=1e-3)  # the frequency of a proton is known to more digits
    assert len(row["warnings"]) == 1
    assert "3.0004 T from ImagingFrequency 127.749 MHz" in row["warnings"][0]


def test_sidecar_in_latin_1(tmp_path):
    text = '{"MagneticFieldStrength": 3, "InstitutionName": "Universität"}'
    spec = {MEGRE: {"EchoTime": GRE["EchoTime"]}, "MEGRE.json": text.encode("latin-1")}
    row = only_row(tmp_path, spec)
    assert (row["status"], row["field_strength"]) == ("included", 3)
    assert row["warnings"] == ["MEGRE.json: not in UTF-8, read as Latin-1"]


def test_many_sidecars_in_latin_1_are_said_once(tmp_path):
    text = '{{"EchoTime": {}, "MagneticFieldStrength": 3, "InstitutionName": "Universität"}}'
    stem = "sub-01/anat/sub-01_echo-{}_part-{}_MEGRE.{}"
    spec = {stem.format(echo, part, "nii.gz"): {} for echo in (1, 2) for part in ("mag", "phase")}
    for echo in (1, 2):
        for part in ("mag", "phase"):
            spec[stem.format(echo, part, "json")] = text.format(0.005 * echo).encode("latin-1")
    row = only_row(tmp_path, spec)
    assert [warning.partition(": ")[2] for warning in row["warnings"]] == ["not in UTF-8, read as Latin-1, as 3 more"]


def test_fewest_slices_is_a_setting(tmp_path):
    thin = {MEGRE: {**GRE, "shape": (24, 22, 12)}}
    (row,) = index_bids(make_bids_tree(tmp_path, thin))
    assert "index.minimum_slices" in row["reason"]
    assert only_row(tmp_path, thin, minimum_slices=12)["status"] == "included"


@pytest.mark.parametrize(
    ("codes", "tilt", "words"),
    [
        ((2, 1), 25, "25 degrees apart; B0 follows the qform"),
        ((1, 2), 25, "25 degrees apart; B0 follows the sform"),
        ((1, 1), 25, "disagree about the direction of B0"),
        ((2, 2), 25, "disagree about the direction of B0"),
        ((4, 1), 25, "B0 follows the qform"),
        ((1, 1), 0, ""),
    ],
)
def test_two_forms_of_a_header(tmp_path, codes, tilt, words):
    make_bids_tree(tmp_path, multi_echo())
    turn = np.eye(4)
    angle = np.radians(tilt)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    for path in tmp_path.rglob("*.nii.gz"):
        image = nib.load(path)
        image = nib.Nifti1Image(np.asanyarray(image.dataobj), None, image.header)
        image.set_sform(turn @ AFFINE, codes[0])
        image.set_qform(AFFINE, codes[1])
        nib.save(image, path)
    (row,) = index_bids(tmp_path)
    said = row["reason"] or " ".join(row["warnings"])
    assert words in said if words else said == ""
    assert (row["status"] == "excluded") == ("disagree" in words)


def test_mirrored_and_stretched_forms_are_refused(tmp_path):
    for name, factors, words in (("a", (-1, 1, 1, 1), "which side is left"), ("b", (1, 1, 1.1, 1), "voxel size")):
        make_bids_tree(tmp_path / name, multi_echo())
        for path in (tmp_path / name).rglob("*.nii.gz"):
            image = nib.load(path)
            image = nib.Nifti1Image(np.asanyarray(image.dataobj), None, image.header)
            image.set_sform(np.diag(factors) @ AFFINE, 2)
            image.set_qform(AFFINE, 1)
            nib.save(image, path)
        (row,) = index_bids(tmp_path / name)
        assert words in row["reason"]


def test_nan_in_an_affine_is_named(tmp_path):
    make_bids_tree(tmp_path, multi_echo())
    path = next(tmp_path.rglob("*echo-2_part-mag*.nii.gz"))
    image = nib.load(path)
    image.header["srow_x"][0] = np.nan
    image.header["qform_code"] = 0
    nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj), None, image.header), path)
    (row,) = index_bids(tmp_path)
    assert "affine holds NaN" in row["reason"]


@pytest.mark.parametrize(
    "content",
    [
        b'"participant_id"\t"group"\n"sub-01"\t"MS"\n',
        b'\xef\xbb\xbfparticipant_id\tgroup\r\nsub-01\tMS\r\n',
        b"participant_id\tgroup\rsub-01\tMS\r",
        'participant_id\tgroup\nsub-01\tMS\n'.encode("utf-16"),
        b'participant_id\tgroup\n"sub-01"\t"MS"\n',
        "participant_id\tgroup\tcity\nsub-01\tMS\tMünchen\n".encode("latin-1"),
    ],
    ids=["quotes of R", "mark and CR LF", "CR", "UTF-16", "quotes below", "Latin-1"],
)  # fmt: skip
def test_participants_table_as_programs_write_it(tmp_path, content):
    row = only_row(tmp_path, multi_echo() | {"participants.tsv": content})
    assert (row["participant_id"], row["group"]) == ("sub-01", "MS")


def test_processed_swi_is_no_input(tmp_path):
    row = only_row(tmp_path, multi_echo() | {"sub-01/swi/{name}_{swi,minIP}": {}})
    assert row["warnings"] == []


def test_other_contrasts_with_magnitude_only_are_left_aside(tmp_path):
    row = only_row(tmp_path, multi_echo() | {f"{ANAT}_T2starw": {"EchoTime": 0.02}})
    assert row["warnings"] == ["magnitude without phase is left aside: T2starw"]


def test_paths_with_spaces(tmp_path):
    folder = make_bids_tree(tmp_path / "a folder with spaces" / "my bids", multi_echo())
    assert index_bids(folder)[0]["status"] == "included"


@given(
    sub=st.from_regex(r"[a-zA-Z0-9]{1,6}", fullmatch=True),
    ses=st.none() | st.from_regex(r"[a-zA-Z0-9]{1,4}", fullmatch=True),
    acq=st.none() | st.from_regex(r"[a-zA-Z0-9]{1,4}", fullmatch=True),
    run=st.none() | st.integers(1, 99),
    echo=st.none() | st.integers(1, 20),
    part=st.sampled_from([("mag", "magnitude"), ("phase", "phase"), ("real", "real"), ("imag", "imaginary")]),
)
def test_a_bids_name_is_read_back(sub, ses, acq, run, echo, part):
    name = build_name("MEGRE", sub=sub, ses=ses, acq=acq, run=run, echo=echo, part=part[0])
    folder = f"sub-{sub}/" + (f"ses-{ses}/" if ses else "")
    file = name_file(f"{folder}anat/{name}")
    image = read_gre(file)
    assert (file.participant, file.session) == (f"sub-{sub}", f"ses-{ses}" if ses else "")
    assert (image.part, image.echo) == (part[1], echo)
    assert image.variant == (f"acq-{acq}_MEGRE" if acq else "MEGRE")
    assert file.entities.get("run") == (str(run) if run else None)


def test_real_bids(shared_data):
    (row,) = index_bids(shared_data / "real-bids")
    assert row["status"] == "included"
    assert (row["echo_times"], row["field_strength"], row["manufacturer"]) == ([0.0023, 0.0046], 3, "Philips")
    assert (row["shape"], row["voxel_size"]) == ([80, 80, 53], [3, 3, 3])
    assert row["T1w"] == "sub-philips3t/anat/sub-philips3t_T1w.nii.gz"
    assert row["bvec"] == "sub-philips3t/dwi/sub-philips3t_dwi.bvec"
    assert (row["group"], row["sex"]) == ("HC", "n/a")


@pytest.mark.parametrize("in_fmap", [True, False])
def test_siemens_field_map(shared_data, tmp_path, in_fmap):
    names = {f"echo-{n}_part-mag": f"fmap/sub-01_magnitude{n}" if in_fmap else f"anat/sub-01_echo-{n}_part-mag_GRE"
             for n in (1, 2)}  # fmt: skip
    names["phasediff"] = f"{'fmap' if in_fmap else 'anat'}/sub-01_phasediff"
    for source, target in names.items():
        for extension in (".nii.gz", ".json"):
            link = tmp_path / "sub-01" / f"{target}{extension}"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(shared_data / "siemens-fieldmap" / f"{source}{extension}")
    (row,) = index_bids(tmp_path)
    assert (row["status"], row["reason"]) == ("included", "")
    assert (row["input_kind"], row["echo_times"]) == ("phase_difference", [0.00519, 0.00765])
    assert (row["manufacturer"], row["field_strength"]) == ("Siemens", 3)
    assert row["voxel_size"] == pytest.approx([3, 3, 3.6], abs=1e-4)  # stored in float32


def test_gre_crop_as_a_stack_and_split(shared_data, tmp_path):
    make_bids_tree(tmp_path, {"GRE.json": {"MagneticFieldStrength": 3}})
    for part, source in (("mag", "Mag"), ("phase", "Phase")):
        file = shared_data / "gre-crop" / f"{source}.nii.gz"
        stack = nib.load(file)
        for folder, count in (("sub-stack", 1), ("sub-split", 3)):
            (tmp_path / folder / "anat").mkdir(parents=True, exist_ok=True)
            for echo in range(count):
                entity = "" if folder == "sub-stack" else f"_echo-{echo + 1}"
                name = tmp_path / folder / "anat" / f"{folder}{entity}_part-{part}_GRE"
                (name.with_name(f"{name.name}.json")).write_text(f'{{"EchoTime": {0.004 * (echo + 1)}}}')
                target = name.with_name(f"{name.name}.nii.gz")
                if folder == "sub-stack":
                    target.symlink_to(file)
                else:
                    nib.save(stack.slicer[..., echo], target)
    split, stacked = index_bids(tmp_path)
    assert (split["status"], split["n_echoes"], split["shape"]) == ("included", 3, [51, 51, 41])
    assert split["voxel_size"] == pytest.approx([0.46875, 0.46875, 1])
    assert stacked["status"] == "excluded"
    assert "4-D image" in stacked["reason"]
    assert "3 volumes" in stacked["reason"]


def test_oblique_affine_is_accepted(tmp_path):
    angle = np.deg2rad(20)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([0.5, 0.5, 1.5])
    row = only_row(tmp_path, {f"{ANAT}_echo-{{1,2}}_part-{{mag,phase}}_MEGRE": {**GRE, "affine": affine}})
    assert row["voxel_size"] == pytest.approx([0.5, 0.5, 1.5], abs=1e-4)  # stored in float32


def test_image_writer_writes_what_nibabel_reads(tmp_path):
    write_image(tmp_path / "image.nii", shape=(24, 22, 20, 2))
    assert nib.load(tmp_path / "image.nii").shape == (24, 22, 20, 2)
