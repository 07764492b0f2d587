"""Set the results of sessions aside that the cohort no longer holds, and bring them back when it does.

What a cohort leaves out must not be found by ``results/sub-*``; it is moved below ``results/attic``, under the same
names, and nothing is deleted. A session that returns finds its files with their times, so that nothing is made again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

ATTIC = "attic"
#: Folders of sessions, relative to the results: their images and tables, and their pages.
PLACES = (".", "qc")
NOTE = """# Set aside

Results of sessions that the cohort does not hold at present: excluded, renamed or removed. `results/manifest.tsv` says
why. They lie here under the names that they had, and the next run brings them back if the cohort holds them again.
Whoever needs the space may delete them; they are made anew when they are needed.
"""

log = logging.getLogger(__name__)


def set_aside(
    results: str | Path,
    sessions: Iterable[str],
    *,
    participants: Iterable[str] | None = None,
    visits: Iterable[str] | None = None,
) -> list[str]:
    """Move what belongs to no session of the cohort to the attic, and what does back from it.

    Parameters
    ----------
    results : path-like
        Folder of the results.
    sessions : iterable of str
        Keys of the cohort's sessions, e.g. ``sub-01_ses-2_run-1``.
    participants : iterable of str, optional
        Whom the run looks at; others stay where they are. All by default.
    visits : iterable of str, optional
        Which sessions of theirs (``ses-`` labels) the run looks at; others stay where they are. All by default.

    Returns
    -------
    list of str
        Sessions of which something was moved to the attic.
    """
    results, wanted = Path(results), set(sessions)
    chosen = None if participants is None else {f"sub-{name.removeprefix('sub-')}" for name in participants}
    looked_at = None if visits is None else {f"ses-{name.removeprefix('ses-')}" for name in visits}
    for place in PLACES:
        for entry in list(_entries(results / ATTIC / place, wanted, held=True)):
            _move(entry, results / entry.relative_to(results / ATTIC), results / ATTIC)
    gone: dict[str, None] = {}
    for place in PLACES:
        for entry in list(_entries(results / place, wanted, held=False)):
            of_run = looked_at is None or not looked_at.isdisjoint(session_of(entry).split("_"))
            if of_run and (chosen is None or entry.relative_to(results / place).parts[0] in chosen):
                gone[session_of(entry)] = None
                put_away(results, entry)
    if gone:
        names = ", ".join(list(gone)[:5]) + (", ..." if len(gone) > 5 else "")
        log.warning("results of %d sessions that the cohort does not hold are in %s: %s", len(gone), ATTIC, names)
        note = results / ATTIC / "README.md"
        if not note.exists():
            note.write_text(NOTE, encoding="utf-8")
    return list(gone)


def session_of(entry: Path) -> str:
    """Return the key of the session that a file or folder in a session's folder belongs to."""
    run = re.search(r"_(run-[^_.]+)", entry.name)
    folders = [part for part in entry.parts if re.fullmatch(r"(sub|ses)-[^_]+", part)]
    return "_".join([*folders, *([run[1]] if run else [])])


def _entries(place: Path, sessions: set[str], *, held: bool) -> Iterator[Path]:
    """Find what belongs to sessions that the cohort holds, or to others; whole folders are not looked through twice."""
    if not place.is_dir():
        return
    without_run = {re.sub(r"_run-[^_]+$", "", key) for key in sessions}
    for subject in sorted(place.glob("sub-*")):
        for folder in sorted(subject.glob("ses-*")) or [subject]:
            key = session_of(folder)
            if not held and key in sessions:  # a session without runs: all of it is held
                continue
            if held and key not in without_run:
                continue
            for entry in sorted(folder.iterdir()):
                inner = sorted(entry.iterdir()) if entry.is_dir() and not entry.name.startswith("sub-") else [entry]
                yield from (one for one in inner if (session_of(one) in sessions) is held)


def put_away(results: Path, entry: Path) -> Path:
    """Move a file or folder to the attic; what lies there under its name goes below ``older``."""
    name = entry.relative_to(results)
    target = results / ATTIC / name
    if target.exists():
        older = next(place for n in count(1) if not (place := results / ATTIC / "older" / str(n) / name).exists())
        _move(target, older, results / ATTIC)
    _move(entry, target, results)
    return target


def _move(entry: Path, target: Path, root: Path) -> None:
    if target.exists():  # made anew in the meantime: what lies at its place goes first
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    entry.rename(target)
    for folder in entry.parents:
        if folder == root or any(folder.iterdir()):
            break
        folder.rmdir()
