"""Files that exist whole or not at all, and JSON sidecars.

A crash half-way leaves nothing under the final name: everything is written beside it and renamed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from chiomics.core.errors import InputError

#: Levels of a YAML file of a stranger's; the reader's time grows with their square.
DEEPEST = 50


def read_sidecar(path: str | Path) -> dict:
    """Read a JSON file, naming it where it does not parse."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError("the sidecar cannot be read", file=path, found=str(error), expected="JSON") from error


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file that a stranger may have written: plain values alone.

    Raises
    ------
    InputError
        Where it is no YAML, names a Python object, nests too deep, or repeats a part by reference: references
        to references are gigabytes in ten lines.
    """
    import yaml

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
        return yaml.safe_load(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        if isinstance(error, InputError):
            raise
        found = " ".join(str(error).split())[:300]
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
    """Return a temporary name beside `path` and rename it when the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = "".join(path.suffixes[-2:]) if path.name.endswith(".nii.gz") else path.suffix
    temporary = path.with_name(f".{path.name.removesuffix(suffix)}.{os.getpid()}{suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
