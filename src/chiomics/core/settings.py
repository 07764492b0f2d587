"""Settings of a step from a section of the configuration, and keys that none of them has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, TypeVar, cast

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
    known = [field.name for field in fields(cast(Any, kind))]
    for key in given:
        check_key(key, known, where=where)
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()})


def check_key(key: str, known: Iterable[str], *, where: str) -> None:
    """Refuse a key that a section does not have, with the one that was probably meant.

    Parameters
    ----------
    key : str
        As it was found.
    known : iterable of str
        Keys of the section.
    where : str
        Name of the section.

    Raises
    ------
    SettingError
        With the nearest valid name where one is like it, and all valid ones.
    """
    known = list(known)
    if key in known:
        return
    near = get_close_matches(str(key), known, n=1, cutoff=0.5)
    hint = f"{near[0]}? All valid names: " if near else ""
    raise SettingError(f"{where} has no such key", found=str(key), expected=hint + ", ".join(known))


def check_against_schema(given: Mapping[str, Any], schema: Mapping[str, Any], *, where: str = "") -> None:
    """Refuse keys that a JSON schema does not know, by name; what they hold is the schema's own business.

    Parameters
    ----------
    given : mapping
        The configuration or a section.
    schema : mapping
        Its schema: sections with ``additionalProperties: false`` are closed.
    where : str
        Name of the section.

    Raises
    ------
    SettingError
        As from `check_key`.
    """
    properties = schema.get("properties", {})
    for key, value in given.items():
        if schema.get("additionalProperties") is False and "patternProperties" not in schema:
            check_key(key, properties, where=where or "the configuration")
        if isinstance(value, Mapping) and key in properties:
            check_against_schema(value, properties[key], where=f"{where}.{key}" if where else key)
