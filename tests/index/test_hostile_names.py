"""Names, cells and headers made to do harm: sessions are refused by name, and nothing is read as a path."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import struct
import time

import pytest

from chiomics.core.bids import build_name
from chiomics.index import index_bids, read_manifest, write_manifest
from tests.bids_trees import make_bids_tree, multi_echo

LABELS = (
    "a;touch pwned", "$(touch pwned)", "`touch pwned`", "a\ntouch pwned", "a b", "..", "-rf", "{a}", "é", "=1+1", "a'b",
    'a"b', "a|b", "a&b", "a>b", "*", "%2e%2e",
)  # fmt: skip
SAFE = re.compile(r"sub-[A-Za-z0-9+]+(_ses-[A-Za-z0-9+]+)?(_run-[A-Za-z0-9+]+)?")


@pytest.fixture
def bids(tmp_path):
    """Return a folder with one good session."""
    return make_bids_tree(tmp_path / "bids", multi_echo("01"))


def add(bids, path):
    """Put an image that could be read under a name."""
    target = bids / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(bids / "sub-01/anat/sub-01_echo-1_part-mag_MEGRE.nii.gz", target)


def test_labels_that_a_shell_would_run_are_no_sessions(bids):
    for label in LABELS:
        for part in ("mag", "phase"):
            add(bids, f"sub-{label}/anat/sub-{label}_part-{part}_MEGRE.nii.gz")
            add(bids, f"sub-02/ses-{label}/anat/sub-02_ses-{label}_part-{part}_MEGRE.nii.gz")
    rows = index_bids(bids)
    assert [row["session"] for row in rows if row["status"] == "included"] == ["sub-01"]
    assert all(row["reason"] for row in rows if row["session"] != "sub-01")
    assert len(rows) >= 2 * len(LABELS)
    for row in rows:
        if row["status"] == "included":
            assert SAFE.fullmatch(row["session"])


def test_a_label_that_snakemake_takes_for_a_loop_is_refused_alone(bids):
    fine, endless = "L" * 19, "aL" * 20
    for label in (fine, endless):
        make_bids_tree(bids, multi_echo(label))
    rows = {row["session"]: row for row in index_bids(bids)}
    assert {key for key, row in rows.items() if row["status"] == "included"} == {"sub-01", f"sub-{fine}"}
    assert "20 times or more" in rows[f"sub-{endless}"]["reason"]


@pytest.mark.parametrize("entity", ["run", "acq", "rec", "echo"])
def test_entities_that_a_shell_would_run_are_not_read(bids, entity):
    for number, label in enumerate(LABELS):
        make_bids_tree(bids, multi_echo(f"x{number}"))
        add(bids, f"sub-x{number}/anat/sub-x{number}_{entity}-{label}_part-mag_MEGRE.nii.gz")
    rows = index_bids(bids)
    assert len(rows) == len(LABELS) + 1, "a hostile run makes no row of its own"
    plain = re.compile(r"sub-\w+/anat/sub-\w+_echo-\d_part-(mag|phase)_MEGRE\.nii\.gz")
    assert all(plain.fullmatch(path) for row in rows for path in row["magnitude"] + row["phase"])


def test_masks_with_such_names_are_no_outputs_names(bids):
    for label in LABELS:
        for name in (f"desc-{label}", f"label-{label}", f"hemi-L_label-{label}"):
            add(bids, f"derivatives/own/sub-01/anat/sub-01_{name}_mask.nii.gz")
    (row,) = index_bids(bids)
    for column in ("lesion_mask", "brain_mask", "voi_labels", "tissue_labels", "lesion_labels"):
        assert not row[column], (column, row[column])


def test_cells_of_participants_are_text(bids, tmp_path):
    cells = ["=HYPERLINK(1)", "$(touch pwned)", "../../x", "a\x1b[2Jb"]
    for place, cell in enumerate(cells):
        table = [["participant_id", "group", "=cmd()"], ["../../x", "MS", "1"], ["sub-01", cell, f"@{place}"]]
        make_bids_tree(bids, {"participants.tsv": table})
        rows = index_bids(bids)
        assert [row["session"] for row in rows] == ["sub-01"], "a line of the table alone makes no participant"
        write_manifest(rows, tmp_path / "manifest.tsv")
        text = (tmp_path / "manifest.tsv").read_text(encoding="utf-8")
        assert not re.search(r"(^|\t)\s*[=@]", text.split("\n")[1])
        assert all(line.replace("\t", "").isprintable() for line in text.split("\n"))
        assert read_manifest(tmp_path / "manifest.tsv")[0]["group"].lstrip("'").startswith(cell[0])


@pytest.mark.parametrize("pipeline", ["{own}", "a <results>"])
def test_a_folder_of_masks_that_snakemake_would_rename_is_not_used_and_said(bids, caplog, pipeline):
    add(bids, f"derivatives/{pipeline}/sub-01/anat/sub-01_desc-brain_mask.nii.gz")
    (row,) = index_bids(bids)
    assert not row["brain_mask"]
    assert f"derivatives/{pipeline} is not used: its name holds" in caplog.text


def test_names_of_results_hold_no_folder():
    for entities in ({"sub": "../x"}, {"sub": "01", "desc": "a/b"}, {"sub": "01", "../x": "1"}):
        with pytest.raises(ValueError, match="entit"):
            build_name("Chimap", **entities)


def with_header(path, shape, dtype=16, bits=32):
    """Write the header of an image that claims a shape, and a few voxels."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, len(shape), *shape, *[1] * (7 - len(shape)))
    struct.pack_into("<2h", header, 70, dtype, bits)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    header[123] = 2
    struct.pack_into("<2h", header, 252, 0, 1)
    struct.pack_into("<12f", header, 280, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)
    header[344:348] = b"n+1\0"
    content = bytes(header) + bytes(10_000)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.mark.parametrize(
    ("shape", "said"), [((32767, 32767, 32767), "larger than any head"), ((1000, 1000, 1000), "cut short")]
)
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_header_that_claims_more_than_its_file_holds_is_refused_before_memory_is_asked_for(
    bids, tmp_path, shape, said, ending
):
    from chiomics.core.errors import InputError
    from chiomics.core.images import load_voxels
    from chiomics.radiomics.image_zyx import read_image_zyx

    anat = bids / "sub-02/anat"
    anat.mkdir(parents=True)
    for part in ("mag", "phase"):
        with_header(anat / f"sub-02_part-{part}_MEGRE{ending}", shape)
        (anat / f"sub-02_part-{part}_MEGRE.json").write_text('{"EchoTime": 0.02, "MagneticFieldStrength": 3}')
    began = time.monotonic()
    rows = {row["session"]: row for row in index_bids(bids)}
    assert rows["sub-01"]["status"] == "included"
    assert said in rows["sub-02"]["reason"]
    for read in (load_voxels, read_image_zyx):
        with pytest.raises(InputError, match=said):
            read(anat / f"sub-02_part-mag_MEGRE{ending}")
    assert time.monotonic() - began < 10  # s; 4 GB of zeros alone would be slower


def test_a_sidecar_that_nests_without_end_costs_its_session_alone(bids):
    make_bids_tree(bids, multi_echo("02"))
    (bids / "sub-02/anat/sub-02_echo-1_part-mag_MEGRE.json").write_text("[" * 200_000)
    rows = {row["session"]: row["status"] for row in index_bids(bids)}
    assert rows == {"sub-01": "included", "sub-02": "excluded"}


def test_names_that_are_no_text_are_passed_over_and_said(bids, tmp_path, caplog):
    for name in (
        b"derivatives/l\xe4sion/sub-01/anat/a.nii.gz",
        b"sub-01/anat/sub-01_l\xe4sion_mask.nii.gz",
        b"sub-\xe4/a",
    ):
        path = bids / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    rows = index_bids(bids, cache=tmp_path / "cache.json")
    write_manifest(rows, tmp_path / "manifest.tsv")
    assert [row["session"] for row in read_manifest(tmp_path / "manifest.tsv")] == ["sub-01"]
    assert "not in UTF-8" in caplog.text
