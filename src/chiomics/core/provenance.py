"""How a result was made: version with commit, libraries, and names of files that hold on any machine.

Nothing here names a host, a user or a folder of this machine.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from chiomics import __version__

#: Version alone: for what does not change from one commit to the next, such as a description that caches hang on.
RELEASE = __version__
#: Root of a checkout, where the package is used from one; else what the archive or wheel says that it was built from.
_CHECKOUT = Path(__file__).resolve().parents[3]
_RECORDED = Path(__file__).resolve().parents[1] / "commit.txt"
#: Folders whose entries are people.
_HOMES = ("/home", "/Users", str(Path(os.environ.get("HOME") or "/home/anybody").parent))


@cache
def find_commit(checkout: str | Path = _CHECKOUT) -> str:
    """Return the commit of a checkout.

    Parameters
    ----------
    checkout : path-like
        Its root.

    Returns
    -------
    str
        Twelve digits, with ``.dirty`` where tracked files differ from it; that of the build where the package was
        installed from a wheel or an archive; empty where there is no git.
    """
    if not Path(checkout, ".git").exists():
        return _RECORDED.read_text(encoding="utf-8").strip() if checkout == _CHECKOUT and _RECORDED.is_file() else ""
    call = ["git", "-C", str(checkout), "describe", "--always", "--exclude=*", "--abbrev=12", "--dirty=.dirty"]
    try:  # locks are for commands that change something
        environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
        done = subprocess.run(call, capture_output=True, text=True, timeout=20, env=environment, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def find_version() -> str:
    """Return the package's version, with the commit where it is known, e.g. ``0.1.0+g1a2b3c4d5e6f``."""
    commit = find_commit()
    return f"{RELEASE}+g{commit}" if commit else RELEASE


def find_versions(*packages: str) -> dict[str, str]:
    """Return the versions of the package and of what its result hangs on.

    Parameters
    ----------
    *packages : str
        Distributions, e.g. ``scikit-learn``.

    Returns
    -------
    dict of str to str
        ``chiomics`` first.
    """
    return {"chiomics": find_version()} | {name: version(name) for name in packages}


def generated_by(description: str | None = None) -> list[dict[str, str]]:
    """Write the field ``GeneratedBy`` of a sidecar or a dataset description.

    Parameters
    ----------
    description : str, optional
        What was called.

    Returns
    -------
    list of dict
        As BIDS has it: one entry with Name, Version and perhaps Description.
    """
    entry = {"Name": "chiomics", "Version": find_version()}
    return [entry | ({"Description": description} if description else {})]


def path_in_dataset(path: str | Path) -> str:
    """Name a file as its data set does: what a sidecar may hold on any machine.

    Parameters
    ----------
    path : path-like
        A file in or below a participant's folder, wherever the data set lies.

    Returns
    -------
    str
        Path from the data set's root, e.g. ``derivatives/mine/sub-01/anat/sub-01_desc-brain_mask.nii.gz``; the name
        alone where no folder is a participant's.
    """
    parts = Path(path).parts
    start = next((number for number, part in enumerate(parts[:-1]) if part.startswith("sub-")), len(parts) - 1)
    if "derivatives" in parts[:start]:
        start = start - parts[:start][::-1].index("derivatives") - 1
    return "/".join(parts[start:])


def settings_of_model(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a training for the card of its model, the seed among them.

    Parameters
    ----------
    settings : mapping
        Complete, as the configuration has them.

    Returns
    -------
    dict
        Without those that change no number (device, how trainings are dealt out to jobs); of files the names.
    """
    found = {name: value for name, value in settings.items() if name not in ("include", "device")}
    if "pretrained" in found:
        found["pretrained"] = {name: Path(path).name for name, path in (found["pretrained"] or {}).items()}
    return {name: value for name, value in found.items() if not name.endswith("_per_job")}


def source_uris(paths: Iterable[str | Path | None]) -> list[str]:
    """Name the files that a result was made from, as BIDS URIs.

    Parameters
    ----------
    paths : iterable of path-like or None
        Files; those below the folder ``results`` of the run are named relative to it and are the results' own.

    Returns
    -------
    list of str
        Each once: ``bids:raw:sub-01/anat/sub-01_T1w.nii.gz`` for one of the data set, ``bids::sub-01/anat/...`` for one
        of the results. ``DatasetLinks`` of the results' ``dataset_description.json`` says what ``raw`` is.
    """
    found = []
    for path in paths:
        if path:
            parts = Path(path).parts
            own = parts[0] == "results" and len(parts) > 1 and parts[1].startswith("sub-")
            found.append(f"bids:{'' if own else 'raw'}:{path_in_dataset(path)}")
    return list(dict.fromkeys(found))


def dataset_links(results: str | Path, dataset: str | Path) -> dict[str, str]:
    """Say what ``raw`` means in the URIs of `source_uris`.

    Parameters
    ----------
    results, dataset : path-like
        Folders of the results and of the data set that they come from.

    Returns
    -------
    dict of str to str
        By ``raw`` the DOI that the data set gives itself, else the way to it from the results; empty where that way
        leads through folders that only this machine has, such as somebody's home.
    """
    try:
        said = json.loads(Path(dataset, "dataset_description.json").read_text(encoding="utf-8"))
        doi = said.get("DatasetDOI")
    except (OSError, ValueError, AttributeError):
        doi = None
    if isinstance(doi, str) and doi:
        return {"raw": doi if doi.startswith(("doi:", "https:")) else f"doi:{doi}"}
    places = Path(dataset).resolve(), Path(results).resolve()
    try:
        shared = Path(os.path.commonpath(places))
    except ValueError:  # another drive
        return {}
    if str(shared) in (*_HOMES, shared.anchor):
        return {}
    return {"raw": Path(os.path.relpath(*places)).as_posix()}
