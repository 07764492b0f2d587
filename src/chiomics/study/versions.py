"""Which sessions were made by another version of a stage's code, and what making them anew costs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path


class CodeVersions:
    """Versions that sidecars carry, remembered by their time so that a large cohort is read once.

    Parameters
    ----------
    path : path-like
        File of what was read.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        try:
            self._known: dict[str, list] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._known = {}
        self._used: dict[str, list] = {}

    def read(self, sidecar: str | Path) -> str | None:
        """Read the version in a sidecar: empty where it carries none, None where there is no such file."""
        key = str(sidecar)
        try:
            time = Path(sidecar).stat().st_mtime_ns
            if self._known.get(key, [None])[0] != time:
                fields = json.loads(Path(sidecar).read_text(encoding="utf-8"))
                self._known[key] = [time, str(fields.get("StageVersion", ""))]
        except (OSError, ValueError, AttributeError):
            return None
        self._used[key] = self._known[key]
        return self._known[key][1]

    def save(self) -> None:
        """Write what was read, where it is not what the file holds."""
        from chiomics.core.files import write_text

        text = json.dumps(self._used)
        if not self._path.is_file() or self._path.read_text(encoding="utf-8") != text:
            write_text(self._path, text)


def seconds_of(benchmarks: Iterable[str | Path]) -> float:
    """Add up how long jobs took, as Snakemake's benchmarks say; those that are not there count nothing."""
    total = 0.0
    for path in benchmarks:
        try:
            total += float(Path(path).read_text(encoding="utf-8").splitlines()[1].split("\t")[0])
        except (OSError, ValueError, IndexError):
            continue
    return total


def say_upgrade(stage: str, found: Mapping[str, str], now: str, seconds: float) -> str:
    """Say which sessions are of another version of a stage, and what a redo costs.

    Parameters
    ----------
    stage : str
        E.g. ``qsm``.
    found : mapping of str to str
        Version by session.
    now : str
        Version of the code that runs.
    seconds : float
        What these sessions took.

    Returns
    -------
    str
        A line; empty where all are of this version.
    """
    others = [session for session, version in found.items() if version != now]
    if not others:
        return ""
    names = ", ".join(others[:5]) + (", ..." if len(others) > 5 else "")
    spent = f"{seconds / 3600:.1f} h" if seconds >= 360 else f"{seconds:.0f} s"
    counted = count_versions({name: found[name] for name in others})
    return (
        f"{stage}: {counted}, this is version {now}: {names}. They stay; --config redo='[{stage}]' makes them "
        "anew" + f", which took {spent}" * bool(seconds) + ", and what follows from them"
    )


def count_versions(found: Mapping[str, str]) -> str:
    """Count sessions by version."""
    counts = sorted(Counter(found.values()).items())
    return ", ".join(f"{n} session{'s' * (n > 1)} of version {version or 'unknown'}" for version, n in counts)
