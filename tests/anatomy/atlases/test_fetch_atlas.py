"""Fetching an atlas: from a server once, from the cache afterwards, never another file than the pinned one.

Real images (CONTRIBUTING.md says how to lay them out; skipped without them): `atlas-dgm` from
niivue/niivue-demo-images; `atlas-tracts` from frankyeh/data-atlas.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from chiomics.anatomy.atlases.description import STRUCTURES
from chiomics.anatomy.atlases.fetch import fetch_atlas, known_atlases, missing_atlases
from chiomics.core.errors import InputError, SettingError
from tests.anatomy.atlas_folders import SHAPE, affine_of, description, nuclei_labels, world


class Server(http.server.ThreadingHTTPServer):
    """Files of one folder, and how often they were asked for."""

    def __init__(self, folder: Path) -> None:
        self.requests: list[str] = []
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        if self.path == "/cut.nii.gz":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"half of it")
            return
        super().do_GET()

    def log_message(self, *arguments: object) -> None: ...


def _serve(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "served").mkdir()
    labels = nuclei_labels(world(SHAPE, affine_of()))
    nib.save(nib.Nifti1Image(labels, affine_of()), tmp_path / "served" / "labels.nii.gz")
    yield from _serve(tmp_path / "served")


def _entry(server: Server, tmp_path: Path, file: str = "labels.nii.gz") -> dict:
    digest = hashlib.sha256((tmp_path / "served" / "labels.nii.gz").read_bytes()).hexdigest()
    return {
        "files": [{"name": "labels.nii.gz", "url": server.url(file), "sha256": digest}],
        "atlas": description(),
    }


def test_an_atlas_is_downloaded_once_and_then_works_without_a_network(server: Server, tmp_path: Path) -> None:
    entry = _entry(server, tmp_path)
    first = fetch_atlas(entry, tmp_path / "cache").structures()
    assert server.requests == ["/labels.nii.gz"]
    entry["files"][0]["url"] = "http://127.0.0.1:9/labels.nii.gz"  # nobody answers there
    second = fetch_atlas(entry, tmp_path / "cache").structures()
    assert server.requests == ["/labels.nii.gz"]
    for key, share in first.items():
        np.testing.assert_array_equal(share.voxels, second[key].voxels)


def test_an_atlas_that_is_there_is_read_and_nothing_is_written(server: Server, tmp_path: Path) -> None:
    """A cache of many users, or one in an image, cannot be written."""
    folder = fetch_atlas(_entry(server, tmp_path), tmp_path / "cache").folder
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.iterdir()}
    fetch_atlas(_entry(server, tmp_path), tmp_path / "cache")
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.iterdir()} == before


def test_another_file_than_the_pinned_one_is_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    entry = _entry(server, tmp_path)
    pinned, entry["files"][0]["sha256"] = entry["files"][0]["sha256"], "0" * 64
    with pytest.raises(InputError, match=f"found SHA-256 {pinned}; expected {'0' * 64}"):
        fetch_atlas(entry, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.nii.gz"))


def test_a_file_in_the_cache_that_was_changed_is_refused(server: Server, tmp_path: Path) -> None:
    entry = _entry(server, tmp_path)
    atlas = fetch_atlas(entry, tmp_path / "cache")
    (atlas.folder / "labels.nii.gz").write_bytes(b"something else")
    with pytest.raises(InputError, match="delete it to download it again"):
        fetch_atlas(entry, tmp_path / "cache")


@pytest.mark.parametrize(("file", "reason"), [("gone.nii.gz", "404"), ("cut.nii.gz", "broke off|IncompleteRead")])
def test_a_failed_download_is_explained_and_leaves_nothing(
    server: Server, tmp_path: Path, file: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        fetch_atlas(_entry(server, tmp_path, file), tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*labels*"))


def test_without_a_network_it_says_where_to_put_the_file(tmp_path: Path, server: Server) -> None:
    entry = _entry(server, tmp_path)
    entry["files"][0]["url"] = "http://127.0.0.1:9/labels.nii.gz"
    said = rf"put into .*cache.* by hand: labels\.nii\.gz \(from http.*, SHA-256 {entry['files'][0]['sha256']}\)"
    with pytest.raises(InputError, match=said):
        fetch_atlas(entry, tmp_path / "cache")


def test_an_atlas_that_cannot_be_had_is_named_until_its_file_is_there(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, cache, record = _entry(server, tmp_path), tmp_path / "cache", tmp_path / "missing.json"
    entry["files"][0]["url"] = "http://127.0.0.1:9/labels.nii.gz"
    monkeypatch.setattr("chiomics.anatomy.atlases.fetch.known_atlases", lambda: {"mine": entry})
    ask = functools.partial(missing_atlases, {"nuclei": "mine"}, cache, record=record)
    assert ask(download=False) == {}  # a plan before the first run
    found = ask(download=True)
    assert "the atlas mine is not at hand" in found["nuclei"]
    assert ask(download=False) == found  # a plan after it
    (cache / "mine").mkdir(parents=True, exist_ok=True)
    (cache / "mine" / "labels.nii.gz").write_bytes(b"another file")
    assert "not the file that was pinned" in ask(download=True)["nuclei"]
    (cache / "mine" / "labels.nii.gz").write_bytes((tmp_path / "served" / "labels.nii.gz").read_bytes())
    assert ask(download=False) == {}
    assert ask(download=True) == {}


def test_an_atlas_nobody_knows_is_a_wrong_setting_and_not_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no such atlas"):
        missing_atlases({"nuclei": "mine"}, tmp_path, record=tmp_path / "missing.json", download=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "../labels.nii.gz"}, "named by a path"),
        ({"url": "file:///etc/hostname"}, "no web address"),
        ({"md5": "1"}, "wrong keys"),
    ],
)
def test_a_wrong_entry_is_a_wrong_setting(server: Server, tmp_path: Path, change: dict, message: str) -> None:
    entry = _entry(server, tmp_path)
    entry["files"][0] |= change
    with pytest.raises(SettingError, match=message):
        fetch_atlas(entry, tmp_path / "cache")


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="allen2020, hcp842"):
        fetch_atlas("allen1999", tmp_path)


@pytest.mark.parametrize(("name", "folder"), [("allen2020", "atlas-dgm"), ("hcp842", "atlas-tracts")])
def test_the_known_atlases_are_what_is_pinned_and_complete(
    shared_data: Path, tmp_path: Path, name: str, folder: str
) -> None:
    (tmp_path / "served").mkdir()
    for source in (shared_data / folder, shared_data / "template"):
        for path in source.glob("*.nii.gz"):
            (tmp_path / "served" / path.name).symlink_to(path)
    for server in _serve(tmp_path / "served"):
        entry = deepcopy(known_atlases()[name])
        for file in entry["files"]:
            assert file["url"].startswith("https://")
            file["url"] = server.url(file["name"])
        atlas = fetch_atlas(entry, tmp_path / "cache")
        structures = atlas.structures()
    assert atlas.missing == ()
    assert list(structures) == [(n, side) for n in STRUCTURES[atlas.kind] for side in "LR"]
