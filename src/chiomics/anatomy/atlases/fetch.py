"""Download a pinned public atlas: every file by its URL and SHA-256, whole or not at all, once.

`atlases.yaml` beside this file lists the atlases that are known by name. A folder that has the files already, put
there by hand on a machine without a network, is used as it is.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import logging
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath

import yaml

from chiomics.anatomy.atlases.atlas import Atlas, read_atlas
from chiomics.anatomy.atlases.description import check_description, write_description
from chiomics.core.errors import InputError, SettingError
from chiomics.core.files import atomic_write, read_yaml, write_sidecar

#: Seconds without a byte after which a server counts as silent.
TIMEOUT = 60
BLOCK = 2**20
#: Parts of a download between two lines in the log.
REPORTS = 4

log = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def known_atlases() -> dict[str, dict]:
    """Read the list of public atlases: per name ``files`` (name, url, sha256) and ``atlas``, its description."""
    return yaml.safe_load((Path(__file__).parent / "atlases.yaml").read_text(encoding="utf-8"))


def default_cache() -> Path:
    """Return the folder of fetched atlases: ``CHIOMICS_ATLASES``, or one in the user's cache.

    The cache is ``XDG_CACHE_HOME``, else ``~/.cache``; for a user without a home, one below that of temporary files.
    """
    if given := os.environ.get("CHIOMICS_ATLASES"):
        return Path(given)
    cache = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(cache or Path.home() / ".cache") / "chiomics" / "atlases"
    except RuntimeError:  # a number that no list of users holds, as in a container
        return Path(tempfile.gettempdir()) / f"chiomics-{os.getuid()}" / "atlases"


def fetch_atlas(entry: str | Mapping, cache_dir: str | Path) -> Atlas:
    """Bring an atlas into the cache, from the network where it is not there yet.

    Parameters
    ----------
    entry : str or dict
        Name of `known_atlases`, or an entry as they are, for an atlas of your own.
    cache_dir : path-like
        Folder of all fetched atlases; this one goes into a folder of its name.

    Returns
    -------
    Atlas
        Checked.

    Raises
    ------
    SettingError
        For a name that is not known or an entry that lacks something.
    InputError
        Where a file cannot be had, or is not the one that was pinned.
    """
    name, entry = _entry(entry)
    folder = Path(cache_dir) / name
    for file in entry["files"]:
        path = folder / file["name"]
        if path.is_file():
            _require_checksum(path, _sha256(path), file["sha256"], "delete it to download it again")
            log.info("%s: in the cache", path)
        else:
            _download(file["url"], path, file["sha256"], _absent(entry, folder))
    if not _is_described(folder / "atlas.yaml", entry["atlas"]):
        write_description(folder / "atlas.yaml", entry["atlas"])
    return read_atlas(folder)


def _is_described(path: Path, description: Mapping) -> bool:
    """Tell whether a description is there already: a cache of many users may be one that they cannot write."""
    try:
        return read_yaml(path) == dict(description)
    except InputError:
        return False


def missing_atlases(
    named: Mapping[str, str], cache_dir: str | Path, *, record: str | Path, download: bool
) -> dict[str, str]:
    """Say which atlases cannot be had, so that a run makes what needs none of them.

    Parameters
    ----------
    named : mapping of str to str
        By kind, ``nuclei`` or ``tracts``, the name of a known atlas.
    cache_dir : path-like
        As for `fetch_atlas`.
    record : path-like
        JSON that keeps the answer for the jobs of the run, and for plans.
    download : bool
        Whether the network is asked, and the answer kept. Without it, a file that is not there counts as one that can
        be had, unless the last run could not have it.

    Returns
    -------
    dict of str to str
        By kind the reason, with every file that is missing, where it comes from, its checksum and its folder.

    Raises
    ------
    SettingError
        For a name that is not known.
    """
    record = Path(record)
    before = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    missing = {}
    for kind, name in named.items():
        _, entry = _entry(name)
        try:
            if download or not _absent(entry, Path(cache_dir) / name):
                fetch_atlas(name, cache_dir)
            elif kind in before:
                missing[kind] = before[kind]
        except InputError as error:
            if isinstance(error, SettingError):
                raise
            missing[kind] = f"the atlas {name} is not at hand: {error}"
    if download and missing != before:
        write_sidecar(record, missing)
    return missing


def _absent(entry: Mapping, folder: Path) -> list[Mapping]:
    """List the files of an entry that the folder lacks."""
    return [file for file in entry["files"] if not (folder / file["name"]).is_file()]


def _entry(entry: str | Mapping) -> tuple[str, Mapping]:
    """Look up and check an entry; the name of one's own is that of its atlas."""
    if isinstance(entry, str):
        if entry not in known_atlases():
            raise SettingError("no such atlas is known", found=entry, expected=", ".join(known_atlases()))
        return entry, known_atlases()[entry]
    if set(entry) != {"files", "atlas"} or not entry["files"]:
        raise SettingError("an atlas to fetch has wrong keys", found=", ".join(entry), expected="files and atlas")
    for file in entry["files"]:
        if set(file) != {"name", "url", "sha256"}:
            raise SettingError("a file to fetch has wrong keys", found=", ".join(file), expected="name, url and sha256")
        if PurePosixPath(file["name"]).name != file["name"]:
            raise SettingError("a file to fetch is named by a path", found=file["name"], expected="a bare file name")
        if not file["url"].startswith(("https://", "http://")):
            raise SettingError("a file to fetch has no web address", found=file["url"], expected="https://...")
    check_description(entry["atlas"], file="config")
    return "".join(c if c.isalnum() else "-" for c in entry["atlas"]["name"].lower()), entry


def _download(url: str, path: Path, sha256: str, absent: list[Mapping]) -> None:
    """Write what a URL gives, if it is what was pinned."""
    digest, received = hashlib.sha256(), 0
    try:
        with atomic_write(path) as temporary:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as response, temporary.open("wb") as stream:
                total = int(response.headers.get("Content-Length") or 0)
                log.info("%s: downloading %s", url, f"{total / 1e6:.1f} MB" if total else "an unknown size")
                step = max(total // REPORTS, BLOCK)
                while block := response.read(BLOCK):
                    stream.write(block)
                    digest.update(block)
                    if (received + len(block)) // step > received // step:
                        log.info("%s: %.1f MB", path.name, (received + len(block)) / 1e6)
                    received += len(block)
            if total and received != total:
                raise InputError("the download broke off", file=url, found=f"{received} bytes", expected=f"{total}")
            _require_checksum(url, digest.hexdigest(), sha256, "the file at this address has changed")
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise InputError(
            "the atlas cannot be downloaded",
            file=url,
            found=str(error) or type(error).__name__,
            expected=f"a network, or put into {path.parent} by hand: "
            + ", ".join(f"{file['name']} (from {file['url']}, SHA-256 {file['sha256']})" for file in absent),
        ) from error
    log.info("%s: downloaded, checksum as pinned", path)


def _require_checksum(file: str | Path, found: str, expected: str, advice: str) -> None:
    if found != expected:
        raise InputError(
            f"not the file that was pinned ({advice})", file=file, found=f"SHA-256 {found}", expected=expected
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
