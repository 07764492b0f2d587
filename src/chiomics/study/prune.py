"""Results that the cohort no longer needs: listed, and moved to the attic where that is asked for."""

from __future__ import annotations

from pathlib import Path

from chiomics.core.errors import InputError
from chiomics.study.attic import ATTIC, put_away
from chiomics.study.members import TABLE, outdated_places


def prune(results: str | Path, *, move: bool = False) -> list[str]:
    """List what is set aside or out of date, as the last run found it; nothing is deleted.

    Parameters
    ----------
    results : path-like
        Folder of the results.
    move : bool
        Whether studies that are out of date are moved to the attic.

    Returns
    -------
    list of str
        Lines of place, size and reason, between tabs.

    Raises
    ------
    InputError
        Where no run has left a record.
    """
    results = Path(results)
    if not (results / TABLE).is_file():
        raise InputError("there is no record of a run", file=results / TABLE, expected="the folder of results")
    lines = []
    for name, places in outdated_places(results).items():
        for place in places:
            target = put_away(results, place) if move else place
            moved = f", moved to {target}" if move else ""
            lines.append(f"{place}\t{_megabytes(target)}\tout of date ({name}){moved}")
    for folder in sorted((results / ATTIC).glob("**/sub-*")):
        if folder.is_dir() and not any(part.startswith("sub-") for part in folder.relative_to(results).parts[:-1]):
            lines.append(f"{folder}\t{_megabytes(folder)}\tset aside: the cohort does not hold this session")
    return lines


def _megabytes(path: Path) -> str:
    files = [path] if path.is_file() else path.rglob("*")
    return f"{sum(file.stat().st_size for file in files if file.is_file()) / 1e6:.1f} MB"
