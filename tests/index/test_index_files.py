"""The manifest's file, readings that are remembered, verdicts, failure records, headers and the command."""

from __future__ import annotations

import os
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chiomics.index.participant as reading
from chiomics.cli import main
from chiomics.core.errors import InputError, SettingError
from chiomics.core.failures import record_losses
from chiomics.index import (
    COLUMNS,
    check_cohort,
    index_bids,
    read_failures,
    read_manifest,
    record_failure,
    remembered_failure,
    update_manifest,
    write_manifest,
)
from chiomics.index.headers import read_header
from chiomics.index.names import name_file
from tests.bids_trees import GRE, make_bids_tree, multi_echo


def test_manifest_is_read_back(tmp_path):
    spec = multi_echo("{01,02}") | {
        "sub-03/anat/{name}_part-mag_MEGRE": GRE,
        "sub-01/anat/{name}_{acq-a,acq-b}_T1w": {},
        "participants.tsv": [["participant_id", "note"], ["sub-01", 'a "quoted" word; µ'], ["sub-02", "n/a"]],
    }
    rows = index_bids(make_bids_tree(tmp_path / "bids", spec))
    assert write_manifest(rows, tmp_path / "results" / "manifest.tsv")
    assert read_manifest(tmp_path / "results" / "manifest.tsv") == rows
    assert tuple(rows[0])[: len(COLUMNS)] == COLUMNS
    assert rows[0]["warnings"]


def test_manifest_is_replaced_only_when_it_changes(tmp_path):
    bids, manifest = make_bids_tree(tmp_path / "bids", multi_echo()), tmp_path / "manifest.tsv"
    update_manifest(bids, manifest)
    os.utime(manifest, ns=(1, 1))
    update_manifest(bids, manifest)
    assert manifest.stat().st_mtime_ns == 1
    make_bids_tree(bids, {"sub-01/anat/{name}_T1w": {}})
    update_manifest(bids, manifest)
    assert manifest.stat().st_mtime_ns != 1
    assert read_manifest(manifest)[0]["T1w"] == "sub-01/anat/sub-01_T1w.nii.gz"


def test_file_that_is_no_manifest(tmp_path):
    (tmp_path / "other.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(InputError, match="not a manifest"):
        read_manifest(tmp_path / "other.tsv")
    with pytest.raises(InputError, match="cannot be read"):
        read_manifest(tmp_path / "absent.tsv")


def test_only_changed_participants_are_read_again(tmp_path, monkeypatch):
    bids, cache = make_bids_tree(tmp_path / "bids", multi_echo("{01,02}", 1)), tmp_path / "cache.json"
    opened = []

    def spy(folder, file):
        opened.append(file.participant)
        return read_header(folder, file)

    monkeypatch.setattr(reading, "read_header", spy)
    first = index_bids(bids, cache=cache)
    assert set(opened) == {"sub-01", "sub-02"}
    opened.clear()
    assert index_bids(bids, cache=cache) == first
    assert opened == []
    (bids / "sub-02/anat/sub-02_echo-1_part-mag_MEGRE.json").write_text(
        '{"EchoTime": 0.005, "MagneticFieldStrength": 3}'
    )
    (bids / "sub-02/anat/sub-02_echo-1_part-phase_MEGRE.json").write_text('{"EchoTime": 0.005}')
    assert [row["echo_times"] for row in index_bids(bids, cache=cache)] == [[0.004], [0.005]]
    assert set(opened) == {"sub-02"}
    for part in ("mag", "phase"):
        sidecar = bids / f"sub-01/anat/sub-01_echo-1_part-{part}_MEGRE.json"
        before = sidecar.stat()
        sidecar.write_text(sidecar.read_text().replace("0.004", "0.006"))
        os.utime(sidecar, ns=(before.st_atime_ns, before.st_mtime_ns + 1))  # a change that the size does not show
    assert [row["echo_times"] for row in index_bids(bids, cache=cache)] == [[0.006], [0.005]]
    make_bids_tree(bids, {"MEGRE.json": {"Manufacturer": "new"}})
    assert {row["manufacturer"] for row in index_bids(bids, cache=cache)} == {"new"}
    assert index_bids(bids, cache=cache, acquisition="x")[0]["status"] == "excluded"
    cache.write_text("{")
    assert index_bids(bids, cache=cache) == index_bids(bids)


def test_what_a_participants_own_sidecars_hold_is_not_kept_for_the_next(tmp_path):
    spec = multi_echo("{01,02}", 2) | {"MEGRE.json": {"Manufacturer": "root"}}
    bids, contents = make_bids_tree(tmp_path, spec), {}
    for name in ("sub-01", "sub-02"):
        files = [(str(path.relative_to(bids)), path.stat().st_size) for path in sorted((bids / name).glob("anat/*"))]
        found = reading.index_participant(files, bids_dir=str(bids), shared=["MEGRE.json"], contents=contents)
        assert found.rows[0]["manufacturer"] == "root"
    assert [*contents] == ["MEGRE.json"], "else memory grows with the cohort"


def test_images_of_one_geometry_are_checked_each(tmp_path):
    bids = make_bids_tree(tmp_path, multi_echo("01", 2))
    one, other, third = (name_file(f"sub-01/anat/sub-01_echo-{n}_part-mag_MEGRE.nii.gz") for n in (1, 2, 3))
    header = read_header(str(bids), one._replace(size=1))
    assert read_header(str(bids), other._replace(size=1)) == header
    (bids / other.path).write_bytes((bids / one.path).read_bytes()[:20])
    with pytest.raises(InputError, match=other.path):
        read_header(str(bids), other._replace(size=1))
    plain = third._replace(path=third.path.removesuffix(".gz"), size=1)
    nib.save(nib.load(bids / one.path), bids / plain.path)
    assert read_header(str(bids), plain) == header
    (bids / plain.path).write_bytes((bids / plain.path).read_bytes()[:-400])
    with pytest.raises(InputError, match="cut short"):
        read_header(str(bids), plain)


def test_excluded_session_is_read_again(tmp_path, monkeypatch):
    bids, cache = make_bids_tree(tmp_path / "bids", multi_echo("{01,02}", 1)), tmp_path / "cache.json"

    def without_permission(folder, file):
        if file.participant == "sub-02":
            raise InputError("the image cannot be read", file=file.path, found="Permission denied")
        return read_header(folder, file)

    with monkeypatch.context() as patched:
        patched.setattr(reading, "read_header", without_permission)
        assert [row["status"] for row in index_bids(bids, cache=cache)] == ["included", "excluded"]
    assert [row["status"] for row in index_bids(bids, cache=cache)] == ["included", "included"]


def test_mended_session_comes_back(tmp_path):
    bids, cache = tmp_path / "bids", tmp_path / "cache.json"
    make_bids_tree(bids, multi_echo("{01,02}", 1) | {"sub-02/anat/{name}_echo-1_part-mag_MEGRE": {"EchoTime": 4}})
    assert [row["status"] for row in index_bids(bids, cache=cache)] == ["included", "excluded"]
    make_bids_tree(bids, multi_echo("02", 1))
    assert [row["status"] for row in index_bids(bids, cache=cache)] == ["included", "included"]


def test_verdicts_of_the_operator(tmp_path, caplog):
    table = [
        ["session", "reason"],
        ["sub-01_ses-1", "moved"],
        ["02", "wrong person"],
        ["sub-03_run-2", "ghosting"],
        ["sub-09", "x"],
    ]
    spec = multi_echo("{01,02}", 1, session="ses-{1,2}/") | {
        "sub-03/anat/{name}_run-{1,2}_echo-1_part-{mag,phase}_MEGRE": GRE,
        "qc_exclude.tsv": table,
    }
    rows = index_bids(make_bids_tree(tmp_path, spec))
    assert {row["session"]: row["reason"] for row in rows if row["status"] == "excluded"} == {
        "sub-01_ses-1": "operator's verdict: moved",
        "sub-02_ses-1": "operator's verdict: wrong person",
        "sub-02_ses-2": "operator's verdict: wrong person",
        "sub-03_run-2": "operator's verdict: ghosting",
    }
    assert "line 5: no session is called sub-09" in caplog.text
    check_cohort(rows, on_bad_session="fail")  # a verdict is no failure
    caplog.clear()
    for some in ({"participants": ["03"]}, {"participants": ["01", "02"], "sessions": ["2"]}):
        index_bids(tmp_path, **some)
    assert "no session is called sub-09" in caplog.text
    for key in ("sub-01", "sub-02", "02 ", "sub-03"):
        assert f"no session is called {key}" not in caplog.text, "there is one, that this run leaves out"


def test_verdicts_by_participant_session_and_run(tmp_path):
    make_bids_tree(tmp_path / "bids", multi_echo("{01,02}", 1, session="ses-{1,2}/"))
    verdicts = tmp_path / "verdicts.tsv"
    verdicts.write_text("participant_id\tsession_id\trun\treason\n01\t2\tn/a\tmoved\nsub-02\tses-1\t\tmoved\n")
    rows = index_bids(tmp_path / "bids", qc_exclude=verdicts)
    assert [row["status"] for row in rows] == ["included", "excluded", "excluded", "included"]


@pytest.mark.parametrize("text", ["session\treason\nsub-01\t\n", "session\tcause\nsub-01\tmoved\n", "reason\nmoved\n"])
def test_bad_verdicts(tmp_path, text):
    make_bids_tree(tmp_path, multi_echo() | {"qc_exclude.tsv": text})
    with pytest.raises(InputError, match=r"qc_exclude.tsv.*line 2 names no session or no reason"):
        index_bids(tmp_path)


def test_failed_job_is_remembered_until_something_changes(tmp_path, caplog):
    bids, failed = make_bids_tree(tmp_path / "bids", multi_echo("{01,02}", 1)), tmp_path / "results/qc/failed"
    config = {"qsm": {"inversion": ["ilsqr"], "limit": np.float64(0.1)}, "radiomics": {"bin_width": 25}}
    image = bids / "sub-01/anat/sub-01_echo-1_part-phase_MEGRE.nii.gz"
    error = InputError("the image holds NaN or infinite voxels", file=image, found="3 voxels", expected="finite values")
    path = record_failure(failed, "sub-01", error, inputs=[image], settings={"qsm": config["qsm"]})
    assert path == failed / "sub-01.json"

    def reasons(**changes):
        rows = index_bids(bids, failed_dir=failed, settings=config | changes)
        return [row["reason"] for row in rows]

    first, second = reasons()
    assert "a job failed on this input" in first
    assert "NaN or infinite voxels; found 3 voxels; expected finite values" in first
    assert str(path) in first
    assert second == ""
    assert reasons(radiomics={}) == [first, ""]
    assert reasons(qsm={"inversion": ["star"]}) == ["", ""]
    assert "sub-01 is tried again, the settings have changed (qsm)" in caplog.text
    os.utime(image, ns=(1, 1))
    assert reasons() == ["", ""]
    assert "sub-01 is tried again, its input has changed" in caplog.text


def test_a_failure_of_one_stage_leaves_the_session_to_the_others_until_its_step_is_accepted(tmp_path, caplog):
    bids, failed = make_bids_tree(tmp_path / "bids", multi_echo("{01,02}", 1)), tmp_path / "failed"
    error = InputError("the registration T1w to GRE failed", found="sharpness 0.1 below 0.3")
    path = record_failure(failed, "sub-01", error, inputs=[], stage="anatomy")
    assert path.name == "sub-01.json"
    first, second = index_bids(bids, failed_dir=failed)
    assert (first["status"], first["without"], second["without"]) == ("included", ["anatomy"], [])
    assert "sharpness 0.1 below 0.3" in first["warnings"][-1]
    with pytest.raises(InputError, match="left out of anatomy"):
        check_cohort([first, second], on_bad_session="fail")
    (bids / "qc_accept.tsv").write_text("session\tstep\nsub-01\tT1w to GRE\n")
    first, second = index_bids(bids, failed_dir=failed)
    assert (first["without"], first["accepted"], second["accepted"]) == ([], ["T1w to GRE"], [])
    assert "the accepted steps have changed" in caplog.text
    # It failed again although the step is accepted: another one did.
    record_failure(failed, "sub-01", error, inputs=[], stage="anatomy", accepted=["T1w to GRE"])
    assert index_bids(bids, failed_dir=failed)[0]["without"] == ["anatomy"]
    (bids / "qc_accept.tsv").write_text("session\tstep\nsub-01\tn/a\n")
    with pytest.raises(InputError, match=r"qc_accept.tsv.*line 2 names no session or no step"):
        index_bids(bids)


def test_failure_is_a_failure_for_on_bad_session(tmp_path):
    bids = make_bids_tree(tmp_path / "bids", multi_echo("{01,02}", 1))
    record_failure(tmp_path / "failed", "sub-02", ValueError("cut short"), inputs=[])
    rows = index_bids(bids, failed_dir=tmp_path / "failed")
    check_cohort(rows)
    with pytest.raises(InputError, match="cut short"):
        check_cohort(rows, on_bad_session="fail")


def test_what_a_session_is_mapped_without_stands_in_the_manifest_and_stops_nothing(tmp_path):
    bids, failed = make_bids_tree(tmp_path / "bids", multi_echo("{01,02}", 1)), tmp_path / "failed"
    record_losses(failed, "sub-02", {"FLAIR": "bad FLAIR", "lesions": "bad mask"}, inputs=[], stage="anatomy")
    record_losses(failed, "sub-02", {"DWI": "bad bvec"}, inputs=[], stage="anatomy", name="DWI")
    rows = index_bids(bids, failed_dir=failed)
    assert rows[1]["without"] == ["FLAIR", "lesions", "DWI"]
    said = " ".join(rows[1]["warnings"])
    assert "mapped without FLAIR, lesions: bad FLAIR; bad mask" in said
    assert "mapped without DWI: bad bvec" in said
    check_cohort(rows, on_bad_session="fail")
    record_losses(failed, "sub-02", {}, inputs=[], stage="anatomy", name="DWI")
    assert index_bids(bids, failed_dir=failed)[1]["without"] == ["FLAIR", "lesions"]
    record_failure(failed, "sub-01", ValueError("no brain"), inputs=[], stage="anatomy")
    with pytest.raises(InputError, match="no brain"):
        check_cohort(index_bids(bids, failed_dir=failed), on_bad_session="fail")


def test_only_bad_input_is_remembered_and_no_bad_setting(tmp_path):
    for error, remembered in ((InputError("NaN"), True), (SettingError("no inversion"), False)):
        with pytest.raises(type(error)), remembered_failure(tmp_path, "sub-01", inputs=[]):
            raise error
        assert (tmp_path / "sub-01.json").exists() is remembered
        (tmp_path / "sub-01.json").unlink(missing_ok=True)


def test_unreadable_failure_record(tmp_path):
    (tmp_path / "sub-01.json").write_text("{}")
    with pytest.raises(InputError, match="delete it to go on"):
        read_failures(tmp_path)
    assert read_failures(tmp_path / "absent") == []


@settings(max_examples=40, deadline=None)
@given(
    quaternion=st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: sum(x * x for x in q) > 0.01),
    zooms=st.lists(st.floats(0.2, 3.9), min_size=3, max_size=3),
    offset=st.lists(st.floats(-200, 200), min_size=3, max_size=3),
    flip=st.booleans(),
    codes=st.sampled_from([(1, 0), (0, 1), (1, 1), (2, 2)]),
    big_endian=st.booleans(),
    compressed=st.booleans(),
)
def test_header_gives_what_nibabel_gives(
    tmp_path_factory, quaternion, zooms, offset, flip, codes, big_endian, compressed
):
    qform_code, sform_code = codes
    rotation = nib.quaternions.quat2mat(np.array(quaternion) / np.linalg.norm(quaternion))
    affine = nib.affines.from_matvec(rotation @ np.diag([*zooms[:2], -zooms[2] if flip else zooms[2]]), offset)
    header = nib.Nifti1Header(endianness=">" if big_endian else "<")
    image = nib.Nifti1Image(np.zeros((5, 6, 7), np.int16), None, header)
    image.header.set_qform(affine, code=qform_code)
    image.header.set_sform(affine + (0.1 if sform_code else 0) * np.eye(4)[[0, 1, 2, 2]], code=sform_code)
    folder = tmp_path_factory.mktemp("header")
    path = "sub-1/anat/sub-1_MEGRE.nii" + (".gz" if compressed else "")
    (folder / "sub-1/anat").mkdir(parents=True)
    nib.save(image, folder / path)
    read = read_header(str(folder), name_file(path, 1))
    expected = nib.load(folder / path)
    assert read.shape == expected.shape
    # Quaternions are stored in float32, and their real part is the root of what is left to 1: twice the root of 2^-23,
    # times the largest voxel size, 3.9 mm.
    np.testing.assert_allclose(read.affine, expected.affine[:3], atol=2.8e-3)
    np.testing.assert_allclose(read.voxel_size, nib.affines.voxel_sizes(expected.affine), rtol=2e-3)


def test_nifti2_header(tmp_path):
    affine = np.diag([1, 2, 3, 1])
    (tmp_path / "sub-1").mkdir()
    nib.save(nib.Nifti2Image(np.zeros((4, 5, 6, 2), np.int16), affine), tmp_path / "sub-1/sub-1_MEGRE.nii.gz")
    read = read_header(str(tmp_path), name_file("sub-1/sub-1_MEGRE.nii.gz", 1))
    assert (read.shape, read.volumes, read.voxel_size) == ((4, 5, 6), 2, (1, 2, 3))


def test_command(tmp_path, capsys, monkeypatch):
    bids = make_bids_tree(tmp_path / "my bids", multi_echo("01") | {"sub-02/anat/{name}_part-mag_MEGRE": GRE})
    monkeypatch.chdir(tmp_path)
    assert main(["index", str(bids)]) == 0
    assert "2 sessions of 2 participants: 1 included, 1 excluded" in capsys.readouterr().err
    assert [row["status"] for row in read_manifest("results/manifest.tsv")] == ["included", "excluded"]
    assert main(["index", str(bids), "--on-bad-session", "fail", "--output", "other/manifest.tsv"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("chiomics: error: on_bad_session is fail, and 1 sessions failed")
    assert len(read_manifest("other/manifest.tsv")) == 2  # so that its reader sees which and why
    assert main(["index", "nowhere"]) == 2
    assert capsys.readouterr().err == "chiomics: error: nowhere: the BIDS folder does not exist\n"


def test_indexing_a_known_cohort_imports_no_numerics(tmp_path):
    bids = make_bids_tree(tmp_path / "bids", multi_echo())
    code = (
        "import sys\nfrom chiomics.index import update_manifest\n"
        f"update_manifest({str(bids)!r}, {str(tmp_path / 'manifest.tsv')!r})\n"
        "print(sorted({'numpy', 'nibabel', 'pandas'} & set(sys.modules)))"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(2)]
    assert runs[1].stdout.strip() == "[]"


def test_participants_that_differ_by_case_alone_are_refused(tmp_path):
    bids = make_bids_tree(tmp_path / "bids", multi_echo("{ab,aB,cd}", 1))
    with pytest.raises(InputError, match="differ by case alone"):
        index_bids(bids)
    assert [row["participant_id"] for row in index_bids(bids, participants=["ab", "cd"])] == ["sub-ab", "sub-cd"]


def test_columns_of_participants_in_another_case_are_read(tmp_path):
    people = {
        "participants.tsv": [["participant_id", "Group", "Disease Duration", "Age", "age"], ["sub-01", "MS", 3, 1, 2]]
    }
    (row,) = index_bids(make_bids_tree(tmp_path / "bids", multi_echo("01", 1) | people))
    assert (row["group"], row["disease_duration"], row["Age"], row["age"]) == ("MS", "3", "1", "2")


def test_a_cache_that_is_written_later_holds_readings_and_no_verdict(tmp_path):
    bids, cache = make_bids_tree(tmp_path / "bids", multi_echo("{01,02}", 1)), tmp_path / "cache.json"
    (bids / "qc_exclude.tsv").write_text("session\treason\nsub-02\tmotion\n")
    later: list = []
    rows = index_bids(bids, cache=cache, deferred=later, without={"tracts": "no atlas"})
    assert [row["status"] for row in rows] == ["included", "excluded"]
    assert not cache.exists()
    for write in later:
        write()
    (bids / "qc_exclude.tsv").unlink()
    rows = index_bids(bids, cache=cache)
    assert cache.exists()
    assert [(row["status"], row["without"]) for row in rows] == [("included", [])] * 2
