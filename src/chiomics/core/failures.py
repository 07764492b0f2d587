"""Remember sessions whose voxels turned out to be bad, so that the next index leaves them out with the reason.

What only shows when a file is read whole (NaN, a phase range, truncation) stops a job. The job leaves a record: a file
per session, with an entry for each thing that went wrong, so that none hides another. An entry counts as long as the
session's inputs and the settings that mattered are still the same.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from chiomics.core.errors import InputError, SettingError, say_cause

logger = logging.getLogger(__name__)

#: What a session can be mapped without: losing it is no failure of the session.
OPTIONAL = frozenset(("T1w", "FLAIR", "DWI", "lesions", "nuclei", "tracts"))
#: A full disk, a quota, a limit on files, a disk or a server that fails.
_OF_THE_MACHINE = frozenset((
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EROFS,
    errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENOTCONN,
))  # fmt: skip
#: Bytes below which a disk counts as full: programs such as ANTs say no more than that they could not write.
_FULL = 2**20


class ChangedError(InputError):
    """An input changed under a job."""


def last_read() -> str:
    """Name the image that this process read last; empty where it read none."""
    images = sys.modules.get("chiomics.core.images")
    return getattr(images, "LAST_READ", "")


def record_failure(
    failed_dir: str | Path,
    session: str,
    error: BaseException | str,
    *,
    inputs: Iterable[str | Path],
    settings: Mapping | None = None,
    stage: str = "",
    accepted: Iterable[str] = (),
    name: str | None = None,
) -> Path:
    """Record why a job could not use a session, in place of what was recorded under the same name.

    Parameters
    ----------
    failed_dir : path-like
        E.g. ``results/qc/failed``.
    session : str
        Key of the session and run, the manifest's ``session``.
    error : BaseException or str
        What was wrong.
    inputs : iterable of path-like
        The session's raw files that the job read. Not intermediate files: a re-run makes those anew.
    settings : mapping, optional
        The configuration that mattered, under its own top-level keys, e.g. ``{"qsm": config["qsm"]}``.
    stage : str
        The one stage that cannot serve the session, with what needs it, e.g. ``anatomy``; empty for the whole session.
    accepted : iterable of str
        Steps that the operator had accepted; others later try the session again.
    name : str, optional
        Of the entry in the session's record; by default the stage.

    Returns
    -------
    Path
        The session's record.
    """
    name = stage if name is None else name
    entry = {
        "name": name,
        "session": session,
        "stage": stage,
        "accepted": sorted(accepted),
        "reason": str(error) or type(error).__name__,
        "error": type(error).__name__ if isinstance(error, BaseException) else "",
        "inputs": [_fingerprint(Path(file).absolute()) for file in inputs],
        "settings": dict(settings or {}),
    }
    return _replace(Path(failed_dir), session, name, entry)


def record_losses(
    failed_dir: str | Path,
    session: str,
    losses: Mapping[str, str],
    *,
    inputs: Iterable[str | Path],
    settings: Mapping | None = None,
    stage: str = "",
    accepted: Iterable[str] = (),
    name: str = "lost",
) -> None:
    """Record what a session was mapped without, such as an optional image that could not be used, for the manifest.

    Parameters
    ----------
    failed_dir, session, inputs, settings, stage, accepted, name
        As for `record_failure`; `stage` is that of the job, which did not fail. Jobs that lose different things of one
        session need entries of different names.
    losses : mapping of str to str
        Reason by what was lost, of `OPTIONAL`. Where there are none, the entry is removed.
    """
    if losses:
        reason = "; ".join(losses.values())
        record_failure(
            failed_dir, session, reason, inputs=inputs, settings=settings, stage=", ".join(losses), accepted=accepted,
            name=name,
        )  # fmt: skip
    else:
        _replace(Path(failed_dir), session, name, None)


@contextmanager
def remembered_failure(
    failed_dir: str | Path,
    session: str,
    *,
    inputs: Iterable[str | Path],
    settings: Mapping | None = None,
    stage: str = "",
    accepted: Iterable[str] = (),
) -> Iterator[None]:
    """Record an error that leaves the block, as `record_failure` does, and let it go on.

    An error that nobody foresaw is recorded too, with its traceback in the log and the image that was read last: one
    session must not stop the cohort. Settings that cannot be used, and a machine without memory or disk or with a disk
    that fails, are not the session's fault and leave no record, whatever the error is called that they ended in. Nor
    does an input that changes under the job: the job fails even where it came to its end, since what it made may hold
    the old voxels with a time that says that it is newer than the new ones.
    """
    inputs = list(inputs)
    before = [_fingerprint(Path(file).absolute()) for file in inputs]
    try:
        yield
        _check_unchanged(before)
    except (SettingError, MemoryError, ChangedError):
        raise
    except InputError as error:
        _check_unchanged(before)
        if _is_of_the_machine(error, failed_dir):
            raise
        record_failure(
            failed_dir, session, error, inputs=inputs, settings=settings, stage=stage, accepted=accepted
        )  # fmt: skip
        raise
    except Exception as error:
        _check_unchanged(before)
        if _is_of_the_machine(error, failed_dir):
            raise
        logger.exception("%s: an unexpected error", session)
        at = last_read()
        reason = f"unexpected {type(error).__name__}: {error or 'no message'}; the traceback is in the job's log"
        reason += f"; the image read last is {at}" if at else ""
        record_failure(
            failed_dir, session, reason, inputs=inputs, settings=settings, stage=stage, accepted=accepted
        )  # fmt: skip
        raise


def _check_unchanged(before: Iterable[dict]) -> None:
    """Refuse what was made of files that changed meanwhile; one that has gone is the reader's own error."""
    for entry in before:
        now = _fingerprint(Path(entry["path"]))
        if entry != now and None not in (entry["size"], now["size"]):
            raise ChangedError(
                "the file changed while a job was at work on it, which did not count", file=entry["path"],
                expected="the same command again, once the file is whole",
            )  # fmt: skip


def _is_of_the_machine(error: BaseException, failed_dir: str | Path) -> bool:
    """Tell whether an error, or one that it came from, is no fault of the session."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError) or (isinstance(seen, OSError) and seen.errno in _OF_THE_MACHINE):
            return True
        seen = seen.__cause__ or seen.__context__
    full = [str(place) for place in (Path(failed_dir), Path(tempfile.gettempdir())) if _is_full(place)]
    if full:
        logger.error("the disk is full, which may be why: %s", ", ".join(full))
    return bool(full)


def _is_full(place: Path) -> bool:
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free < _FULL


@dataclass(frozen=True)
class Failure:
    """A record that counts.

    Parameters
    ----------
    session, stage, reason : str
        As of `record_failure`.
    """

    session: str
    stage: str
    reason: str


def read_failures(
    failed_dir: str | Path | None,
    settings: Mapping | None = None,
    accepted: Mapping[str, Iterable[str]] | None = None,
) -> list[Failure]:
    """Read the records that still count.

    Parameters
    ----------
    failed_dir : path-like, optional
        Where `record_failure` writes; it need not exist.
    settings : mapping, optional
        The configuration now; without it, settings are not compared.
    accepted : mapping of str to iterable of str, optional
        Steps that the operator accepts now, by session; without it, they are not compared.

    Returns
    -------
    list of Failure
        Records that no longer count are named in the log.
    """
    if failed_dir is None or not Path(failed_dir).is_dir():
        return []
    found: list[Failure] = []
    for path in sorted(Path(failed_dir).glob("[!.]*.json")):
        try:
            for entry in _entries(path):
                changed = _changes(entry, settings)
                session, reason, stage = entry["session"], entry["reason"], entry["stage"]
                now = sorted((accepted or {}).get(session, ()))
                if accepted is not None and stage and entry["accepted"] != now:
                    changed = changed or "the accepted steps have changed"
                if changed:
                    logger.warning("%s is tried again, %s since a job failed on it: %s", session, changed, path)
                else:
                    found.append(Failure(session, stage, f"{reason}; delete {path} to try again"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                "the record of a failed job cannot be read",
                file=path,
                found=say_cause(error),
                expected="delete it to go on",
            ) from error
    return found


def _entries(path: Path) -> list[dict]:
    """Read a session's record; the file may have gone."""
    return json.loads(path.read_text(encoding="utf-8"))["failures"] if path.is_file() else []


def _replace(folder: Path, session: str, name: str, entry: dict | None) -> Path:
    """Put an entry in the place of the one of its name, or remove that one; no entry, no file."""
    from chiomics.core.files import write_sidecar

    path = folder / f"{session}.json"
    if entry is None and not path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a", encoding="utf-8") as lock:
        with suppress(OSError):  # a file system without locks: two jobs of a session seldom fail at the same moment
            fcntl.flock(lock, fcntl.LOCK_EX)
        entries = [other for other in _entries(path) if other["name"] != name] + ([entry] if entry else [])
        if entries:
            write_sidecar(path, {"session": session, "failures": entries})
        else:
            path.unlink()
    return path


def _fingerprint(path: Path) -> dict:
    try:
        status = path.stat()
    except OSError:
        return {"path": str(path), "size": None, "mtime_ns": None}
    return {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _changes(record: dict, settings: Mapping | None) -> str:
    """Say what differs from the time of the record; empty where nothing does."""
    for entry in record["inputs"]:
        if entry != _fingerprint(Path(entry["path"])):
            return f"its input has changed ({entry['path']})"
    if settings is not None:
        now = json.loads(json.dumps({key: settings.get(key) for key in record["settings"]}, default=str))
        changed = sorted(key for key, value in record["settings"].items() if now[key] != value)
        if changed:
            return f"the settings have changed ({', '.join(changed)})"
    return ""
