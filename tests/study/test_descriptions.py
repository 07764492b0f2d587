"""What a table's columns mean is said for every column that is written."""

from __future__ import annotations

import json
from fnmatch import fnmatch

from chiomics.anatomy.session import consistency, volumes
from chiomics.index.manifest import COLUMNS as MANIFEST
from chiomics.study import members
from chiomics.study.bids_files import source_datasets
from chiomics.study.descriptions import describe_tables, write_descriptions


def test_every_column_is_described_with_a_unit_where_its_name_holds_one():
    written = {
        "manifest": MANIFEST,
        "members": members.COLUMNS,
        "desc-anatomy_volumes": volumes.COLUMNS,
        "desc-anatomy_consistency": consistency.COLUMNS,
    }
    described = describe_tables()
    for kind, columns in written.items():
        assert set(columns) == set(described[kind]), kind
    for kind, columns in described.items():
        for name, fields in columns.items():
            assert fields["Description"], (kind, name)
            for ending, unit in (("_mm3", "mm^3"), ("_mm", "mm")):
                assert not name.endswith(ending) or fields["Units"] == unit, (kind, name)


def test_descriptions_hold_for_files_below_as_bids_inherits_and_are_not_written_twice(tmp_path):
    write_descriptions(tmp_path, simulated=True)
    about = json.loads((tmp_path / "dataset_description.json").read_text())
    assert (about["DatasetType"], about["Simulated"]) == ("derivative", True)
    name = "sub-01_ses-2_desc-anatomy_volumes.tsv"
    assert any(fnmatch(name, f"*_{path.stem}.tsv") for path in tmp_path.glob("*.json"))
    before = {path: path.stat().st_ino for path in tmp_path.rglob("*.json")}
    write_descriptions(tmp_path, simulated=True)
    assert before == {path: path.stat().st_ino for path in tmp_path.rglob("*.json")}


def test_the_data_set_that_was_read_is_named_without_its_folder(tmp_path):
    dataset = tmp_path / "somebody" / "bids"
    dataset.mkdir(parents=True)
    for written, expected in (
        ('{"DatasetDOI": "doi:10.5555/x", "DatasetVersion": "2"}', {"DOI": "doi:10.5555/x", "Version": "2"}),
        ("[]", {}),
        ("not JSON", {}),
    ):
        (dataset / "dataset_description.json").write_text(written)
        assert source_datasets(dataset) == [{"URL": "bids:raw:."} | expected]
