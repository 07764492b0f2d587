"""Files that exist whole or not at all, and JSON sidecars.

A crash half-way leaves nothing under the final name: everything is written beside it and renamed.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from chiomics.core.errors import InputError, say_cause

#: Letters of paths that shells and the argument parsers of ANTs, FSL and MRtrix3 leave as they are.
_PLAIN = re.compile(r"[A-Za-z0-9_./+=:@%~-]*")
_TEMPORARY = re.compile(r"\..+\.chiomics-([A-Za-z0-9]+)-(\d+)(?:\.[^.]+){0,2}")
#: Age in s from which a half-written file of another machine is nobody's: no file takes a day to write.
LEFT_AFTER = 86_400
#: Folders that this process has looked through for them.
_SWEPT: set[str] = set()
#: Levels of a YAML file of a stranger's; the reader's time grows with their square.
DEEPEST = 50


def read_sidecar(path: str | Path, *, what: str = "sidecar") -> dict:
    """Read a JSON file, naming it and what it is where it does not parse."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"the {what} cannot be read", file=path, found=say_cause(error), expected="JSON") from error


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file that a stranger may have written: plain values alone.

    Raises
    ------
    InputError
        Where it is no YAML, names a Python object, has a key twice, nests too deep, or repeats a part by reference:
        references to references are gigabytes in ten lines.
    """
    import yaml

    from chiomics.core.settings.yaml_loader import PlainLoader

    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise InputError(
                    "the file repeats a part by reference", file=path, found="*", expected="it written out"
                )
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise InputError("the file nests too deep", file=path, expected=f"{DEEPEST} levels at most")
        return yaml.load(text, Loader=PlainLoader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        if isinstance(error, InputError):
            raise
        found = say_cause(error)[:300]
        raise InputError("the file cannot be read", file=path, found=found, expected="YAML of plain values") from error


def require_inside(name: str, *, file: str | Path, key: str) -> None:
    """Refuse a file's name, found in a file that a stranger may have written, that leads out of that file's folder.

    Raises
    ------
    InputError
        For an absolute path, and for one with ``..``.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise InputError(f"{key}: it leads out of the folder", file=file, found=repr(name), expected="a name below it")


def write_sidecar(path: str | Path, fields: dict) -> None:
    """Write a JSON file whole or not at all; NumPy numbers are accepted, NaN becomes null."""
    write_text(path, json.dumps(_plain(fields), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Return a temporary name beside `path` and rename it when the block ends without an error.

    What killed processes left in the folder is removed before, see `remove_left`.

    Raises
    ------
    IsADirectoryError
        Where a folder has that name, before the block.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "a folder, and no file that can be written over", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_left(path.parent)
    temporary = temporary_name(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_name(path: Path) -> Path:
    """Name what is written beside `path` before it gets that name: hidden, with the machine and the process at work."""
    suffix = "".join(path.suffixes[-2:]) if path.name.endswith(".nii.gz") else path.suffix
    stem = path.name.removesuffix(suffix)
    return path.with_name(f".{stem}.chiomics-{_machine()}-{os.getpid()}{suffix}")


def remove_left(folder: Path) -> None:
    """Remove what killed processes left half written in a folder (`temporary_name`), once in a process.

    Those of this machine go as soon as their process is dead. Of another machine's nothing can be known but their age:
    they go after a day.
    """
    key = os.path.abspath(folder)  # noqa: PTH100 - not resolved: links cost time
    if key in _SWEPT:
        return
    _SWEPT.add(key)
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _TEMPORARY.fullmatch(entry.name)
            with suppress(OSError):
                if match and _is_left(match[1], int(match[2]), entry):
                    shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else Path(entry.path).unlink()


def _is_left(machine: str, process: int, entry: os.DirEntry) -> bool:
    if machine != _machine():
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > LEFT_AFTER
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:  # another user's
        return False
    return False


@functools.cache
def _machine() -> str:
    return re.sub(r"[^A-Za-z0-9]", "", platform.node())[:40] or "unnamed"


@contextmanager
def plain_folder(folder: str | Path) -> Iterator[Path]:
    """Give a folder a name that programs' argument parsers take: a blank, comma or bracket parts it for some of them.

    Parameters
    ----------
    folder : path-like
        It exists.

    Returns
    -------
    Path
        The folder itself where its name is plain, else a link to it below that of temporary files, removed at the end.

    Raises
    ------
    InputError
        Where there is no folder of temporary files with a plain name either.
    """
    folder = Path(folder).absolute()
    if _PLAIN.fullmatch(str(folder)):
        yield folder
        return
    for place in (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"):
        if _PLAIN.fullmatch(place) and os.access(place, os.W_OK):
            break
    else:
        raise InputError(
            "programs that are called take no such path, and no other can be had", file=folder,
            expected="letters, digits and _ . - in the names of folders, or in TMPDIR",
        )  # fmt: skip
    own = Path(tempfile.mkdtemp(prefix="chiomics-", dir=place))
    try:
        (own / "folder").symlink_to(folder, target_is_directory=True)
        yield own / "folder"
    finally:
        shutil.rmtree(own)


def _plain(value: object) -> object:
    """Turn NumPy values and paths into what JSON holds."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value
