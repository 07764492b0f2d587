"""What a result says of how it was made, on any machine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from chiomics import __version__
from chiomics.core import provenance
from chiomics.core.provenance import (
    dataset_links,
    find_commit,
    find_version,
    find_versions,
    generated_by,
    path_in_dataset,
    settings_of_model,
    source_uris,
)

SOURCE = Path(provenance.__file__).parents[1]


def git(folder: Path, *words: str) -> str:
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    call = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e@x", *words]
    return subprocess.run(call, check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_of_a_checkout_is_told_and_what_differs_from_it(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("a")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-q", "-m", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")[:12]
    assert find_commit.__wrapped__(tmp_path) == commit
    (tmp_path / "new").write_text("untracked files are no change")
    assert find_commit.__wrapped__(tmp_path) == commit
    (tmp_path / "file").write_text("b")
    assert find_commit.__wrapped__(tmp_path) == f"{commit}.dirty"


def test_an_installation_within_somebody_elses_repository_has_no_commit(tmp_path):
    git(tmp_path, "init", "-q")
    site = tmp_path / "venv/lib"
    site.mkdir(parents=True)
    assert find_commit.__wrapped__(site) == ""


def test_without_git_the_version_stands_alone(monkeypatch, tmp_path):
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_commit.__wrapped__(tmp_path) == ""
    monkeypatch.setattr(provenance, "find_commit", lambda: "")
    assert find_version() == __version__
    assert generated_by() == [{"Name": "chiomics", "Version": __version__}]


def test_versions_are_those_of_the_installed_packages(monkeypatch):
    monkeypatch.setattr(provenance, "find_commit", lambda: "1a2b3c4d5e6f")
    assert find_versions("numpy") == {"chiomics": f"{__version__}+g1a2b3c4d5e6f", "numpy": version("numpy")}
    assert generated_by("chiomics phantom")[0]["Description"] == "chiomics phantom"


def test_versions_are_looked_up_in_one_place():
    others = set(SOURCE.rglob("*.py")) - {SOURCE / "__init__.py", Path(provenance.__file__)}
    pattern = re.compile(r"__version__|importlib\.metadata|ChiomicsVersion")
    assert [path for path in sorted(others) if pattern.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/data/study/sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz", "sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz"),
        ("bids/derivatives/mine/sub-01/anat/mask.nii.gz", "derivatives/mine/sub-01/anat/mask.nii.gz"),
        ("/derivatives/old/derivatives/new/sub-1/m.nii", "derivatives/new/sub-1/m.nii"),
        ("/home/me/sub-01_mask.nii.gz", "sub-01_mask.nii.gz"),
    ],
)
def test_a_sidecar_names_files_as_the_data_set_does(path, expected):
    assert path_in_dataset(path) == expected


def test_sources_are_bids_uris_that_tell_the_results_own_files_from_those_given():
    given = "/home/me/bids/derivatives/mine/sub-01/anat/sub-01_desc-brain_mask.nii.gz"
    own, phantom = "results/sub-01/anat/sub-01_R2starmap.nii.gz", "results/phantom/sub-01/anat/sub-01_T1w.nii.gz"
    assert source_uris([given, own, None, phantom, own]) == [
        "bids:raw:derivatives/mine/sub-01/anat/sub-01_desc-brain_mask.nii.gz",
        "bids::sub-01/anat/sub-01_R2starmap.nii.gz",
        "bids:raw:sub-01/anat/sub-01_T1w.nii.gz",
    ]


def test_the_data_set_is_linked_by_its_doi_or_the_way_to_a_neighbour(tmp_path, monkeypatch):
    bids, results = tmp_path / "bids", tmp_path / "out/results"
    bids.mkdir()
    results.mkdir(parents=True)
    assert dataset_links(results, bids) == {"raw": "../../bids"}
    monkeypatch.setattr(provenance, "_HOMES", (str(tmp_path),))
    assert dataset_links(results, bids) == {}, "the way from one home to another names people"
    assert dataset_links(results, "/elsewhere/bids") == {}
    (bids / "dataset_description.json").write_text(json.dumps({"DatasetDOI": "10.18112/openneuro.ds1"}))
    assert dataset_links(results, bids) == {"raw": "doi:10.18112/openneuro.ds1"}


def test_the_card_of_a_model_holds_its_settings_and_no_place_of_a_file():
    given = {
        "seed": 7,
        "device": "cuda",
        "trainings_per_job": 3,
        "include": True,
        "pretrained": {"18": "/home/me/r18.pth"},
    }
    assert settings_of_model(given) == {"seed": 7, "pretrained": {"18": "r18.pth"}}
