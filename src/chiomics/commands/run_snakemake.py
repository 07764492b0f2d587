"""The Snakemake line that `chiomics run` calls, and the configuration that it writes for it."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import chiomics
from chiomics.core.errors import InputError, say_cause

#: Stages that make something of every session, as targets of the workflow, in their order.
STAGES = ("qsm", "anatomy", "radiomics")
PAPERS = ("fiscone2023", "yan2021", "zhang2022", "wang2020", "seok2023")
#: Keys of the configuration that name a file or folder of the user's.
PATHS = (
    *("bids_dir", "features", "feature_columns", "index.qc_exclude", "index.qc_accept", "anatomy.atlas_cache"),
    *("anatomy.nuclei.atlas", "anatomy.tracts.atlas", "rims.model", "flair.model"),
)
_KEY = re.compile(r"[A-Za-z_][\w]*(\.[A-Za-z0-9_]+)*")


def find_snakefile() -> Path:
    """Find the workflow: in a checkout beside the sources, in an installed package within it.

    Returns
    -------
    Path
        The Snakefile.

    Raises
    ------
    InputError
        Where the package was installed without its workflow.
    """
    package = Path(chiomics.__file__).resolve().parent
    folder = package.parents[1] if package.parent.name == "src" else package / "bundle"
    if not (folder / "Snakefile").is_file():
        raise InputError(
            "the package has no workflow", found=str(folder / "Snakefile"),
            expected="a checkout (`make install`), or a wheel of chiomics that was built from one",
        )  # fmt: skip
    return folder / "Snakefile"


def cores_of(text: str) -> str:
    """Check a number of cores.

    Parameters
    ----------
    text : str
        Of the command line.

    Returns
    -------
    str
        The same.

    Raises
    ------
    argparse.ArgumentTypeError
        For what is neither ``all`` nor a whole number from 1 up.
    """
    if text != "all" and not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of cores; expected a whole number from 1 up, or all")
    return text


def targets_of(level: str, stages: Sequence[str], papers: Sequence[str]) -> list[str]:
    """Name the targets of a level of analysis.

    Parameters
    ----------
    level : {"participant", "group"}
        As BIDS-Apps have it.
    stages, papers : sequence of str
        Those asked for; none: all sessions' stages, or at the level of the group everything.

    Returns
    -------
    list of str
        Targets of the workflow.

    Raises
    ------
    InputError
        For a paper at the level of participants.
    """
    if level == "participant":
        if papers:
            raise InputError("a paper is about a group", found=f"participant --paper {papers[0]}", expected="group")
        return list(stages) or list(STAGES)
    return [*stages, *papers] or ["all"]


def nested(settings: Sequence[str]) -> dict[str, Any]:
    """Read ``key=value`` with dotted keys, the values as YAML.

    Parameters
    ----------
    settings : sequence of str
        E.g. ``qsm.inversions=[tkd]``.

    Returns
    -------
    dict
        Nested by the dots.

    Raises
    ------
    InputError
        Where there is no key, or no value that YAML can read.
    """
    import yaml

    found: dict[str, Any] = {}
    for setting in settings:
        key, sign, value = setting.partition("=")
        if not sign or not _KEY.fullmatch(key):
            raise InputError(
                "--config cannot be read", found=setting,
                expected="key=value, e.g. qsm.inversions=[tkd]; it takes every word behind it: put others before it",
            )  # fmt: skip
        try:
            parsed = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InputError("--config has no value that YAML can read", found=setting) from error
        place = found
        *outer, last = key.split(".")
        for name in outer:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise InputError("--config gives a key a value and keys below it", found=setting)
        place[last] = parsed
    return found


def read_configuration(path: Path) -> dict[str, Any]:
    """Read a configuration file.

    Parameters
    ----------
    path : Path
        YAML, or JSON.

    Returns
    -------
    dict
        Its keys, none for an empty file.

    Raises
    ------
    InputError
        Where it cannot be read, has a key twice, or holds something else than keys.
    """
    import yaml

    from chiomics.core.settings.yaml_loader import PlainLoader

    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":  # which may be indented by tabs, unlike YAML
            text = json.dumps(json.loads(text, object_pairs_hook=_once))
        found = yaml.load(text, Loader=PlainLoader)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError("the configuration cannot be read", file=path, found=say_cause(error)) from error
    if found is not None and not isinstance(found, dict):
        raise InputError("the configuration has no keys", file=path, expected="key: value, see config/README.md")
    return found or {}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a mapping of JSON's pairs, each key once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} is there twice")
    return found


def from_here(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Make relative paths absolute where there is such a file: who types one means it from where they are.

    Parameters
    ----------
    settings : mapping
        From `nested`.

    Returns
    -------
    dict
        The same, with the paths under the keys of `PATHS` that lead somewhere from the working folder made absolute.
    """

    def resolved(key: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: resolved(f"{key}.{name}" if key else name, inner) for name, inner in value.items()}
        there = key in PATHS and isinstance(value, str) and Path(value).expanduser()
        return os.fspath(there.resolve()) if there and there.exists() else value

    return resolved("", settings)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one nested mapping over another."""
    both = dict(below)
    for key, value in above.items():
        under = both.get(key)
        both[key] = merged(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return both


def configuration(
    bids_dir: Path, *, participants: Sequence[str] | None, sessions: Sequence[str] | None, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Make the configuration of a run.

    Parameters
    ----------
    bids_dir : Path
        The BIDS folder.
    participants, sessions : sequence of str, optional
        Labels, with or without ``sub-`` and ``ses-``.
    settings : mapping
        What the user set.

    Returns
    -------
    dict
        What goes into the run's configuration file.
    """
    index: dict[str, Any] = {}
    if participants:
        index["participants"] = list(participants)
    if sessions:
        index["sessions"] = list(sessions)
    start = {"bids_dir": str(bids_dir.resolve())} | ({"index": index} if index else {})
    return merged(start, settings)


def snakemake_line(
    targets: Sequence[str],
    *,
    snakefile: Path,
    directory: Path,
    configfiles: Sequence[Path],
    cores: str = "all",
    mem_mb: int | None = None,
    profile: str | None = None,
    dry_run: bool = False,
    quiet: bool = False,
    more: Sequence[str] = (),
) -> list[str]:
    """Write the call of Snakemake.

    Parameters
    ----------
    targets : sequence of str
        Targets.
    snakefile, directory : Path
        The workflow, and where its results go.
    configfiles : sequence of Path
        Later ones lie over earlier ones.
    cores : str
        Number, or ``all``.
    mem_mb : int, optional
        Memory that jobs may take together.
    profile : str, optional
        Folder of a workflow profile, or the name of one of chiomics'.
    dry_run : bool
        Whether to plan only.
    quiet : bool
        Whether to say no more of jobs than how many there are.
    more : sequence of str
        Further arguments of Snakemake.

    Returns
    -------
    list of str
        Without the program's name.

    Raises
    ------
    InputError
        Where there is no such profile: Snakemake takes none then, without a word, and a cluster's jobs run right here.
    """
    line = ["--snakefile", os.fspath(snakefile), "--directory", os.fspath(directory)]
    if profile is not None:
        line += ["--workflow-profile", os.fspath(_find_profile(profile, snakefile.parent / "profiles"))]
        line += ["--cores", cores] if cores != "all" else []
    else:
        line += ["--cores", cores]
    line += ["--resources", f"mem_mb={mem_mb}"] if mem_mb is not None else []
    line += ["--quiet"] if quiet else []
    line += ["--dry-run"] if dry_run else []
    line += [*more]
    return [*line, "--configfile", *map(os.fspath, configfiles), "--", *targets]


def _find_profile(name: str, ours: Path) -> Path:
    folder = ours / name if (ours / name).is_dir() else Path(name).resolve()
    if not any(folder.glob("config*.yaml")):
        known = ", ".join(sorted(path.parent.name for path in ours.glob("*/config*.yaml")))
        raise InputError(
            "there is no such profile", found=name, expected=f"{known}, or a folder that holds a config.yaml"
        )
    return folder
