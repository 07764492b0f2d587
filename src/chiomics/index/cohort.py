"""Index a cohort: a BIDS folder on disk, or the file list of a simulated one that does not exist yet."""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chiomics.core.errors import InputError
from chiomics.core.failures import OPTIONAL, Failure, read_failures
from chiomics.core.origin import dataset_is_simulated
from chiomics.index.checks import MINIMUM_SLICES, Facts
from chiomics.index.gre import GreInput
from chiomics.index.manifest import (
    FAILED_JOB,
    NO_INPUT,
    STRUCTURAL_ALONE,
    EmptyCohortError,
    check_cohort,
    exclude,
    summarise,
    write_manifest,
)
from chiomics.index.names import IMAGES, name_file
from chiomics.index.participant import Participant, index_participant
from chiomics.index.readings import Readings
from chiomics.index.structural import check_filter
from chiomics.index.tables import add_participants, apply_acceptances, apply_verdicts, read_participants
from chiomics.index.walk import TRUTH, find_participants, list_files

logger = logging.getLogger(__name__)

#: Default name of the operator's verdicts, in the BIDS folder.
VERDICTS = "qc_exclude.tsv"
#: The same for steps whose failed check the operator accepts.
ACCEPTANCES = "qc_accept.tsv"
#: How far the clocks of two machines may be apart, ns.
CLOCKS_APART = 60 * 10**9
#: What a column ``simulated`` of participants.tsv says of a simulated participant.
YES = ("true", "yes", "1")
#: How a warning begins about what no session can have in this run.
LACK = "made without"


def update_manifest(
    bids_dir: str | Path,
    path: str | Path,
    *,
    on_bad_session: str = "exclude",
    deferred: list[Callable[[], object]] | None = None,
    **options: Any,
) -> list[dict]:
    """Index a BIDS folder, write the manifest where it changed, and check that the cohort can be used.

    Parameters
    ----------
    bids_dir, path : path-like
        The BIDS folder, and the manifest to write.
    on_bad_session : {"exclude", "fail"}
        What a session that fails does.
    deferred : list of callable, optional
        Takes what writes the manifest and the cache, for a caller who does not know yet whether it may write.
    **options
        As for `index_bids`; the cache lies beside the manifest unless `cache` says otherwise.

    Returns
    -------
    list of dict
        The rows. The manifest is written, and its summary logged, before an error about them is raised, unless
        writing is deferred.

    Raises
    ------
    InputError
        As `index_bids` and `check_cohort` do.
    """
    options.setdefault("cache", Path(path).with_name(".index_cache.json"))
    rows = index_bids(bids_dir, deferred=deferred, **options)
    if deferred is not None:
        deferred.append(functools.partial(write_manifest, rows, path))
        check_cohort(rows, on_bad_session=on_bad_session)
        logger.info("%s", summarise(rows))
        return rows
    changed = write_manifest(rows, path)
    written = f"{path} {'is written' if changed else 'has not changed'}"
    try:
        check_cohort(rows, on_bad_session=on_bad_session)
    except InputError:
        logger.info("%s", written)  # the error holds the reasons
        raise
    logger.info("%s\n%s", summarise(rows), written)
    return rows


def index_bids(
    bids_dir: str | Path,
    *,
    acquisition: str | None = None,
    derivatives: str | Sequence[str] = "all",
    participants: Sequence[str] | None = None,
    sessions: Sequence[str] | None = None,
    qc_exclude: str | Path | None = None,
    qc_accept: str | Path | None = None,
    failed_dir: str | Path | None = None,
    settings: Mapping | None = None,
    cache: str | Path | None = None,
    T1w: Mapping | None = None,
    FLAIR: Mapping | None = None,
    minimum_slices: int = MINIMUM_SLICES,
    without: Mapping[str, str] | None = None,
    deferred: list[Callable[[], object]] | None = None,
) -> list[dict]:
    """Index a BIDS folder from names, sidecars and image headers.

    Parameters
    ----------
    bids_dir : path-like
        The BIDS folder.
    acquisition : str, optional
        Which of several GRE acquisitions of a session is meant, see `names.matches_acquisition`.
    derivatives : str or sequence of str
        Folders below ``derivatives`` to look into, or ``all``; ``truth`` only where it is named.
    participants : sequence of str, optional
        Only these, with or without ``sub-``.
    sessions : sequence of str, optional
        Only these sessions of theirs, with or without ``ses-``; images may still be borrowed from the others.
    qc_exclude : path-like, optional
        The operator's verdicts; ``qc_exclude.tsv`` of the BIDS folder where there is one.
    qc_accept : path-like, optional
        Steps whose failed check the operator accepts; ``qc_accept.tsv`` of the BIDS folder where there is one.
    failed_dir : path-like, optional
        Where jobs record their failures.
    settings : mapping, optional
        The configuration, which such records are compared with.
    cache : path-like, optional
        File that remembers readings.
    T1w, FLAIR : mapping, optional
        Which of several images of a session is meant, see `chiomics.index.structural.matches`.
    minimum_slices : int
        Fewest voxels along any axis.
    without : mapping of str to str, optional
        What no session can have in this run, ``nuclei`` or ``tracts``, with the reason.
    deferred : list of callable, optional
        Takes what writes the cache, which else is written at once.

    Returns
    -------
    list of dict
        One row per session and run, sorted by participant, session and run; lists as lists.

    Raises
    ------
    InputError
        Where the folder or one of the operator's files cannot be used.
    EmptyCohortError
        Where there is no session.
    """
    folder = os.fspath(bids_dir)
    shared, folders = find_participants(folder, derivatives)
    every = set(folders)
    folders = _select(folders, participants, folder)
    _refuse_alike(folders, folder)
    filters = {"T1w": T1w, "FLAIR": FLAIR}
    for name, wanted in filters.items():
        check_filter(name, wanted)
    remembered = Readings(cache, folder, shared, (acquisition, minimum_slices, filters))
    contents: dict[str, dict] = {}
    read = functools.partial(
        index_participant, bids_dir=folder, shared=[file.path for file in shared], contents=contents,
        acquisition=acquisition, minimum_slices=minimum_slices, filters=filters,
    )  # fmt: skip
    results: list[Participant] = []
    latest, ahead = time.time_ns() + CLOCKS_APART, set()
    for name, places in folders.items():
        walked = list_files(places)
        ahead |= {file.path for file in walked if file.mtime_ns > latest}
        result = remembered.get(name, walked)
        if result is None:
            result = read([(file.path, file.size) for file in walked])
            remembered.keep(name, result)
        results.append(result)
    if deferred is None:
        remembered.save()
    else:
        deferred.append(remembered.prepare())
    joined = _join(results)
    rows = _of_sessions(joined, sessions, folder)
    not_asked = every - set(folders) | {row["session"] for row in joined} - {row["session"] for row in rows}
    if not rows:
        raise EmptyCohortError(
            "no session", file=folder, found=_sight(folders, results),
            expected="e.g. sub-01/anat/sub-01_echo-1_part-mag_MEGRE.nii.gz and its part-phase",
        )  # fmt: skip
    default = Path(folder, ACCEPTANCES)
    if qc_accept is not None or default.is_file():
        apply_acceptances(rows, qc_accept or default, not_asked)
    _apply_clock(rows, ahead)
    _apply_failures(rows, read_failures(failed_dir, settings, {row["session"]: row["accepted"] for row in rows}))
    _apply_lack(rows, without or {})
    default = Path(folder, VERDICTS)
    if qc_exclude is not None or default.is_file():
        apply_verdicts(rows, qc_exclude or default, not_asked)
    add_participants(rows, read_participants(Path(folder, "participants.tsv")), every)
    _apply_origin(rows, whole=dataset_is_simulated(folder))
    return rows


def index_files(
    files: Iterable[str],
    participants: Iterable[Mapping[str, str]] = (),
    *,
    constants: Mapping[str, Mapping],
    acquisition: str | None = None,
    derivatives: str | Sequence[str] = "all",
) -> list[dict]:
    """Index files that do not exist yet, by the same rules; nothing is read from disk.

    Parameters
    ----------
    files : iterable of str
        Paths relative to the BIDS folder, POSIX.
    participants : iterable of mapping
        Lines of participants.tsv.
    constants : mapping of str to mapping
        By session key: ``echo_times`` in s, ``field_strength`` in T, ``shape``, ``voxel_size`` in mm, and, where
        wanted, ``manufacturer``.
    acquisition, derivatives
        As for `index_bids`.

    Returns
    -------
    list of dict
        As from `index_bids`.

    Raises
    ------
    InputError
        Where a session has no constants, or another number of echo times than echoes.
    EmptyCohortError
        Where no session has GRE or a χ map.
    """

    def facts_of(session: str, gre: GreInput) -> Facts:
        if session not in constants:
            raise InputError("the constants of a session are missing", found=session)
        known = constants[session]
        times = list(known["echo_times"])[: len(gre.echoes)] if gre.kind == "chi_map" else list(known["echo_times"])
        if len(times) != len(gre.echoes):
            raise InputError(
                "the number of echo times is not that of the echoes", found=f"{len(times)} for {session}",
                expected=str(len(gre.echoes)),
            )  # fmt: skip
        maker = known.get("manufacturer", "")
        return Facts(
            times, known["field_strength"], list(known["shape"]), list(known["voxel_size"]), maker, [], None
        )  # fmt: skip

    allowed = None if derivatives == "all" else {derivatives} if isinstance(derivatives, str) else set(derivatives)
    by_participant: dict[str, list[tuple[str, int]]] = {}
    for path in sorted(files):
        file = name_file(path)
        if file is None or (
            file.pipeline and (file.pipeline == TRUTH if allowed is None else file.pipeline not in allowed)
        ):
            continue
        by_participant.setdefault(file.participant, []).append((path, 1))
    results = [
        index_participant(by_participant[name], acquisition=acquisition, facts_of=facts_of)
        for name in sorted(by_participant)
    ]
    rows = _join(results)
    for row in rows:
        if row["status"] == "excluded" and not row["reason"].startswith(NO_INPUT):
            raise InputError("a predicted session cannot be used", found=f"{row['session']}: {row['reason']}")
    if not rows:
        raise EmptyCohortError("no session with GRE or a χ map in the list of files")
    add_participants(rows, participants)
    return rows


def _apply_origin(rows: list[dict], *, whole: bool) -> None:
    """Mark simulated sessions that the data set or participants.tsv names, beside those whose sidecars say so."""
    for row in rows:
        if whole or str(row.get("participants_simulated", "")).casefold() in YES:
            row["simulated"] = "true"


def _apply_failures(rows: list[dict], failures: Iterable[Failure]) -> None:
    """Exclude sessions that a job could not use, or leave them out of the one stage that could not."""
    for failure in failures:
        for row in rows:
            if row["session"] != failure.session or row["status"] == "excluded":
                continue
            lost = failure.stage.split(", ") if failure.stage else []
            row["without"] += [name for name in lost if name not in row["without"]]
            if lost and OPTIONAL.issuperset(lost):
                row["warnings"].append(f"mapped without {failure.stage}: {failure.reason}")
            elif lost and row["status"] != STRUCTURAL_ALONE:
                row["warnings"].append(f"left out of {failure.stage} and what needs it: {failure.reason}")
            else:
                exclude(row, f"{FAILED_JOB}; {failure.reason}")


def _apply_clock(rows: list[dict], ahead: Collection[str]) -> None:
    """Exclude sessions with files of the future: Snakemake ends their jobs with an error, all work done in vain."""
    for row in rows if ahead else ():
        named = [path for cell in row.values() for path in (cell if isinstance(cell, list) else [cell])]
        if row["status"] != "excluded" and (found := [path for path in named if path in ahead]):
            exclude(row, InputError(
                "a file was changed in the future, by this machine's clock", file=str(found[0]),
                expected="clocks that agree, or `touch` on the file",
            ))  # fmt: skip


def _apply_lack(rows: list[dict], without: Mapping[str, str]) -> None:
    """Say at every session whose anatomy is mapped what it is mapped without."""
    for row in rows:
        if row["status"] == "included" and "anatomy" not in row["without"]:
            row["without"] += list(without)
            row["warnings"] += [f"{LACK} {what}: {reason}" for what, reason in without.items()]


def _select(
    folders: dict[str, list[tuple[str, str]]], participants: Sequence[str] | None, folder: str
) -> dict[str, list[tuple[str, str]]]:
    """Keep the participants that the operator names."""
    if participants is None:
        return folders
    names = sorted({name if name.startswith("sub-") else f"sub-{name}" for name in participants})
    absent = [name for name in names if name not in folders]
    if absent:
        raise InputError(
            "participants are named that the BIDS folder does not hold", file=folder, found=", ".join(absent)
        )
    return {name: folders[name] for name in names}


def _of_sessions(rows: list[dict], sessions: Sequence[str] | None, folder: str) -> list[dict]:
    """Keep the sessions that the operator names."""
    if sessions is None:
        return rows
    wanted = {name if name.startswith("ses-") else f"ses-{name}" for name in sessions}
    held = sorted({row["session_id"] for row in rows} - {""})
    if absent := sorted(wanted - set(held)):
        raise InputError(
            "sessions are named that no participant has", file=folder, found=", ".join(absent),
            expected=f"some of {', '.join(held)}" if held else "none: the folder has no ses-<label>",
        )  # fmt: skip
    return [row for row in rows if row["session_id"] in wanted]


def _refuse_alike(names: Iterable[str], folder: str) -> None:
    """Refuse participants that differ by case alone: their results would be one folder on many file systems."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise InputError(
                "two participants differ by case alone", file=folder, found=f"{other}, {name}",
                expected="names that are two folders on every file system, or index.participants to name one of them",
            )  # fmt: skip


def _join(results: list[Participant]) -> list[dict]:
    """Join the participants' rows, and log what gave none."""
    rows = [row for result in results for row in result.rows]
    only_field_map = {key for result in results for key in result.only_field_map}
    others = any(row["session"] not in only_field_map and not row["reason"].startswith(NO_INPUT) for row in rows)
    for row in rows:
        if row["session"] not in only_field_map:
            continue
        if others:
            # An fMRI study's field maps are not the GRE that the other sessions' maps come from.
            exclude(
                row, f"{NO_INPUT}; found a field map in fmap/, not used beside the other sessions' GRE; "
                "expected GRE as the others have it, or index.acquisition: fieldmap to take the field maps of all",
            )  # fmt: skip
        else:
            row["warnings"].append("the input is a field map from fmap/")
    _log("images have a name that is not BIDS or contradicts their folder", [p for r in results for p in r.misnamed])
    return rows


def _log(text: str, names: list[str]) -> None:
    if names:
        logger.warning("%d %s: %s%s", len(names), text, ", ".join(names[:5]), ", ..." if len(names) > 5 else "")


def _sight(folders: dict[str, list[tuple[str, str]]], results: list[Participant]) -> str:
    found = [file.path for places in folders.values() for file in list_files(places)]
    images = [path for path in found if path.lower().endswith(IMAGES)]
    example = f", e.g. {images[0]}" if images else ""
    misnamed = sum(len(result.misnamed) for result in results)
    return f"{len(folders)} participants with {len(images)} images{example}; {misnamed} names are not BIDS"
