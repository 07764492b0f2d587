"""Settings of a step from a section of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from chiomics.core.errors import SettingError

T = TypeVar("T")


def read_settings(kind: type[T], given: Mapping[str, Any], *, where: str) -> T:
    """Make a settings dataclass from a section, lists standing for tuples.

    Parameters
    ----------
    kind : type
        The dataclass.
    given : mapping
        Keys that differ from its defaults.
    where : str
        Name of the section, for the error.

    Returns
    -------
    dataclass
        Complete settings.

    Raises
    ------
    SettingError
        For a key that the dataclass does not have.
    """
    known = {field.name for field in fields(kind)}
    if unknown := sorted(set(given) - known):
        raise SettingError(f"{where} holds unknown keys", found=", ".join(unknown), expected=", ".join(sorted(known)))
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()})
