"""Sessions of another version of the code are known by what their sidecars carry."""

from __future__ import annotations

import json
import os

from chiomics.study.versions import CodeVersions, count_versions, say_upgrade, seconds_of


def test_a_sidecar_is_read_again_only_where_it_changed(tmp_path):
    sidecar, record = tmp_path / "a.json", tmp_path / "versions.json"
    sidecar.write_text(json.dumps({"StageVersion": "1"}))
    versions = CodeVersions(record)
    assert versions.read(sidecar) == "1"
    assert versions.read(tmp_path / "none.json") is None
    versions.save()
    time = sidecar.stat().st_mtime_ns
    sidecar.write_text(json.dumps({"StageVersion": "2"}))
    os.utime(sidecar, ns=(time, time))
    assert CodeVersions(record).read(sidecar) == "1", "by its time"
    os.utime(sidecar, ns=(time, time + 1))
    assert CodeVersions(record).read(sidecar) == "2"
    sidecar.write_text("{}")
    os.utime(sidecar, ns=(time, time + 2))
    assert CodeVersions(record).read(sidecar) == "", "made before versions were written"


def test_an_upgrade_names_sessions_cost_and_way():
    found = {"sub-01": "1", "sub-02": "1", "sub-03": "2"}
    said = say_upgrade("qsm", found, "2", 7200)
    for word in ("2 sessions of version 1", "this is version 2", "sub-01, sub-02", "redo='[qsm]'", "2.0 h"):
        assert word in said
    assert say_upgrade("qsm", {"sub-03": "2"}, "2", 10) == ""
    assert count_versions(found) == "2 sessions of version 1, 1 session of version 2"
    assert "1 session of version unknown" in say_upgrade("qsm", {"sub-01": ""}, "2", 0)


def test_what_jobs_took_is_added_up(tmp_path):
    for name, text in (("a", "s\th:m:s\n12.5\t0:00:12\n"), ("b", "s\n7.5\n"), ("c", "")):
        (tmp_path / name).write_text(text)
    assert seconds_of(tmp_path / name for name in "abcd") == 20.0
