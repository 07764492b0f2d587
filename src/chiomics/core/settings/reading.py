"""Settings from sections of the configuration, and what is told to somebody who typed something else.

Fields of a settings dataclass are annotated with ``bool``, ``int``, ``float``, ``str``, ``None``, ``Literal``, unions,
``tuple``, ``dict``, another settings dataclass, and ``Annotated`` with the limits of `chiomics.core.settings.limits`.
Text such as ``false`` or ``1e-3``, which is all that Snakemake makes of a section given on the command line, stands for
what it spells where a setting takes no text.
"""

from __future__ import annotations

import math
import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from chiomics.core.errors import SettingError
from chiomics.core.settings.limits import Given

T = TypeVar("T")

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_WORDS = {"true": True, "false": False, "null": None, "~": None}
_SPOKEN: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    type(None): "null",
}


def read_settings(kind: type[T], given: Mapping[str, Any] | None, *, where: str) -> T:
    """Make a settings dataclass from a section, lists standing for tuples.

    Parameters
    ----------
    kind : type
        The dataclass; a field may be a dataclass itself, or a section marked by `Given`.
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
        For a key that the dataclass does not have, and a value that is not of the annotated type.
    """
    if given is None:  # a key of YAML with nothing behind it
        given = {}
    if not isinstance(given, Mapping):
        raise SettingError(f"{where or 'the configuration'}: this is a section", found=str(given),
                           expected=f"{{key: value}} with keys of {', '.join(_hints(kind))}")  # fmt: skip
    hints, values = _hints(cast(Any, kind)), {}
    for key, value in given.items():
        check_key(key, hints, where=where or "the configuration")
        values[key] = _tuples(check_value(hints[key], value, where=f"{where}.{key}" if where else str(key)))
    try:
        return kind(**values)
    except SettingError as error:  # of values that its own checks refuse: they do not know where it stands
        if not where or where in error.problem:
            raise
        problem = f"{where}, {error.problem}"
        raise SettingError(problem, file=error.file, found=error.found, expected=error.expected) from error


def complete_section(kind: type, given: Mapping[str, Any] | None, *, where: str) -> dict[str, Any]:
    """Read a section and write it out whole, as a configuration holds it.

    Parameters
    ----------
    kind, given, where
        As of `read_settings`.

    Returns
    -------
    dict
        Every key with its value or default; lists, mappings, text and numbers.
    """
    return cast("dict[str, Any]", _plain(read_settings(kind, given, where=where)))


def order_keys(given: dict[str, Any], default: Mapping[str, Any]) -> None:
    """Bring the keys of a configuration into one order, in place.

    Parameters
    ----------
    given : dict
        The configuration or a section.
    default : mapping
        The same by default: its keys come first, in its order, and all others by name.
    """
    known = list(default)
    for key in sorted(given, key=lambda name: (known.index(name) if name in known else len(known), str(name))):
        value = given[key] = given.pop(key)
        inner = default.get(key)
        for section in value if isinstance(value, list) else [value]:
            if isinstance(section, dict):
                order_keys(section, inner if isinstance(inner, Mapping) else {})


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
    if ":" in str(key):
        hint = f"a blank behind the colon ({str(key).replace(':', ': ', 1)}), as YAML wants it, and one of {hint}"
    raise SettingError(f"{where} has no such key", found=str(key), expected=hint + ", ".join(known))


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in fields(cast(Any, kind))}


def check_value(hint: Any, value: Any, *, where: str) -> Any:
    """Return a value as a setting takes it, or refuse it.

    Parameters
    ----------
    hint : type
        The setting's annotation.
    value : object
        As it was given.
    where : str
        Name of the setting, for the error.

    Returns
    -------
    object
        The value; what was spelt in text where the setting takes no text; lists as they are.

    Raises
    ------
    SettingError
        With the name, what was found and what was expected.
    """
    origin = get_origin(hint)
    if origin is Annotated:
        base, *limits = get_args(hint)
        if isinstance(limits[0], Given):
            return _given(limits[0].load(), value, where)
        value = check_value(base, value, where=where)
        for limit in limits:
            if not limit.holds(value):
                raise _refusal(hint, value, where)
        return value
    if origin in (Union, types.UnionType):
        return _one_of_several(hint, value, where)
    if origin is Literal:
        for option in (value, _spelt(value)):
            if any(option == known and type(option) is type(known) for known in get_args(hint)):
                return option
        raise _refusal(hint, value, where)
    if origin in (tuple, list):
        return _list(hint, value, where)
    if origin in (dict, Mapping) or hint in (dict, Mapping):
        if not isinstance(value, Mapping):
            raise _refusal(hint, value, where)
        inner = (get_args(hint) or (str, Any))[1]
        return {str(key): check_value(inner, item, where=f"{where}.{key}") for key, item in value.items()}
    if is_dataclass(hint):
        return read_settings(cast(type, hint), value, where=where)
    if hint is Any:
        return value
    if hint is str and isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # a group or a site that is called 1
    for option in (value, _spelt(value)):
        if _is(hint, option):
            return int(option) if hint is int else option
    raise _refusal(hint, value, where)


def say_type(hint: Any) -> str:
    """Describe in words what a setting takes."""
    origin = get_origin(hint)
    if origin is Annotated:
        base, *limits = get_args(hint)
        words = say_type(base)
        for limit in [limit for limit in limits if not isinstance(limit, Given)]:
            words = limit.spoken(words)
        return words
    if origin in (Union, types.UnionType):
        first_null = sorted(get_args(hint), key=lambda part: part is not type(None))
        return " or ".join(map(say_type, first_null))
    if origin is Literal:
        return ", ".join(_shown(option) for option in get_args(hint))
    if origin in (tuple, list):
        parts = get_args(hint)
        if parts[-1] is Ellipsis or origin is list:
            return f"a list of [{say_type(parts[0])}]"
        return f"a list of {len(parts)}: [{', '.join(map(say_type, parts))}]"
    if origin in (dict, Mapping) or hint in (dict, Mapping) or (isinstance(hint, type) and hint not in _SPOKEN):
        return "a section {name: value}"
    return _SPOKEN.get(hint, "any value")


def _is(hint: Any, value: Any) -> bool:
    if hint in (int, float):
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        return number and (hint is float or float(value).is_integer())
    return isinstance(value, hint)


def _one_of_several(hint: Any, value: Any, where: str) -> Any:
    parts = get_args(hint)
    empty = value is None or (isinstance(value, str) and value.lower() in ("null", "~"))
    if empty and type(None) in parts:
        return None
    refusals = []
    for part in sorted(parts, key=lambda part: part is str and not isinstance(value, str)):  # a number is none first
        if part is type(None):
            continue
        try:
            return check_value(part, value, where=where)
        except SettingError as error:
            refusals.append(error)
    # What went deeper knows better: the one entry of a list that is wrong.
    deeper = [error for error in refusals if not error.problem.startswith(f"{where}:")]
    raise deeper[0] if deeper else _refusal(hint, value, where)


def _list(hint: Any, value: Any, where: str) -> list:
    parts = get_args(hint)
    if not isinstance(value, (list, tuple)):
        raise _refusal(hint, value, where)
    if get_origin(hint) is list or parts[-1] is Ellipsis:
        hints = [parts[0]] * len(value)
    elif len(parts) != len(value):
        raise _refusal(hint, value, where)
    else:
        hints = list(parts)
    pairs = enumerate(zip(hints, value, strict=True), start=1)
    return [check_value(inner, item, where=f"{where}, entry {number}") for number, (inner, item) in pairs]


def _spelt(value: Any) -> Any:
    """Read what text spells, as YAML 1.2 does; anything else stays."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)
    return _WORDS.get(text.lower(), value)


def _refusal(hint: Any, value: Any, where: str) -> SettingError:
    words = say_type(hint)
    options = [
        str(option) for part in (hint, *get_args(hint)) if get_origin(part) is Literal for option in get_args(part)
    ]
    near = get_close_matches(str(value), options, n=1, cutoff=0.5) if isinstance(value, str) else []
    if near and near[0] != value:
        words = f"{near[0]}? All valid values: {words}"
    if isinstance(value, str) and "a list of [" in words and not near:
        words += f", e.g. [{value}]"
    return SettingError(f"{where}: this value cannot be used", found=_shown(value), expected=words)


def _shown(value: Any) -> str:
    """Write a value as a configuration does."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    shown = repr(value) if isinstance(value, str) and (not value or _spelt(value) is not value) else str(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."


def _given(kind: type, value: Any, where: str) -> dict[str, Any]:
    """Check the keys that were given, alone and together, and keep no other."""
    if not isinstance(value, Mapping):
        if value is None:
            return {}
        raise _refusal(dict, value, where)
    if not value:
        return {}
    if all(field.default is not MISSING or field.default_factory is not MISSING for field in fields(kind)):
        whole: Any = read_settings(kind, value, where=where)
        return {key: _plain(getattr(whole, key)) for key in value}
    hints, found = _hints(kind), {}
    for key, item in value.items():
        check_key(key, hints, where=where)
        found[key] = _plain(check_value(hints[key], item, where=f"{where}.{key}"))
    return found


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    return {key: _tuples(item) for key, item in value.items()} if isinstance(value, dict) else value


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
