"""Whatever stops the job of a session becomes that session's record, but for what is not the session's fault."""

from __future__ import annotations

import errno
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from chiomics.core.errors import InputError, SettingError
from chiomics.core.failures import read_failures, record_failure, record_losses, remembered_failure


def _run(folder, error: BaseException) -> dict[str, str]:
    with pytest.raises(type(error)), remembered_failure(folder, "sub-1", inputs=[folder / "image"]):
        raise error
    return {failure.session: failure.reason for failure in read_failures(folder)}


def test_an_error_that_nobody_foresaw_is_recorded_with_its_traceback_in_the_log(tmp_path, caplog) -> None:
    reasons = _run(tmp_path, TypeError("operands could not be broadcast"))
    assert "unexpected TypeError: operands could not be broadcast" in reasons["sub-1"]
    assert "Traceback" in caplog.text


def test_bad_input_is_recorded_as_it_is_worded(tmp_path) -> None:
    reasons = _run(tmp_path, InputError("the image is constant", file="T1w.nii"))
    assert reasons["sub-1"].startswith("T1w.nii: the image is constant")


@pytest.mark.parametrize("error", [SettingError("a setting"), MemoryError(), OSError(errno.ENOSPC, "disk full")])
def test_what_is_not_the_fault_of_the_session_leaves_no_record(tmp_path, error: BaseException) -> None:
    assert _run(tmp_path, error) == {}


def test_a_record_counts_until_the_input_changes(tmp_path) -> None:
    _run(tmp_path, ValueError("x"))
    assert json.loads((tmp_path / "sub-1.json").read_text())["failures"][0]["error"] in ("", "ValueError")
    (tmp_path / "image").write_bytes(b"new")
    assert read_failures(tmp_path) == []


def test_what_a_session_was_mapped_without_is_recorded_until_nothing_is_lost(tmp_path) -> None:
    options = {"failed_dir": tmp_path, "session": "sub-1", "inputs": []}
    record_losses(losses={"FLAIR": "it is constant", "lesions": "6.9 l"}, stage="anatomy", **options)
    (failure,) = read_failures(tmp_path)
    assert failure.stage == "FLAIR, lesions"
    assert "it is constant; 6.9 l" in failure.reason
    record_losses(losses={}, stage="anatomy", **options)
    assert read_failures(tmp_path) == []
    assert list(tmp_path.glob("*.json")) == []


def test_no_failure_of_a_session_hides_another(tmp_path) -> None:
    options = {"failed_dir": tmp_path, "session": "sub-1", "inputs": []}
    record_failure(error=InputError("NaN in the phase"), **options)
    record_losses(losses={"FLAIR": "it is constant"}, stage="anatomy", **options)
    record_losses(losses={"DWI": "bad bvec"}, stage="anatomy", name="DWI", **options)
    record_failure(error=InputError("no brain"), stage="anatomy", **options)
    assert {failure.stage for failure in read_failures(tmp_path)} == {"", "FLAIR", "DWI", "anatomy"}
    record_failure(error=InputError("NaN in the magnitude"), **options)  # the same again
    record_losses(losses={}, stage="anatomy", **options)
    found = {failure.stage: failure.reason for failure in read_failures(tmp_path)}
    assert set(found) == {"", "DWI", "anatomy"}
    assert found[""].startswith("NaN in the magnitude")


def test_jobs_that_fail_at_the_same_moment_all_leave_their_entry(tmp_path) -> None:
    def fail(number: int) -> None:
        record_failure(tmp_path, "sub-1", ValueError(str(number)), inputs=[], name=str(number))

    with ThreadPoolExecutor(8) as jobs:
        list(jobs.map(fail, range(40)))
    assert len(read_failures(tmp_path)) == 40
