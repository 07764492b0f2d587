"""Which scanner a session comes from, and whether what one scanner teaches can be tested on another.

Imports nothing heavy: the workflow plans with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: Columns that name a scanner, the first that tells sessions apart; without either the maker and the field do.
NAMED = ("scanner", "site")
MAKE = ("manufacturer", "field_strength")
#: Fewest patients of each group, at the scanner that is left out and at all others.
MIN_PATIENTS = 5
UNKNOWN = ("", "n/a", "nan", "None")


def name_scanners(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the scanner of each session; an empty name where it is not known, all empty where sessions share one.

    Parameters
    ----------
    rows : sequence of mapping
        A session each, with the columns `NAMED` and `MAKE` as far as they are known.

    Returns
    -------
    list of str
        Such as ``site A`` or ``Siemens 3 T``.
    """
    for column in NAMED:
        names = [_word(row.get(column)) for row in rows]
        if len(set(names) - {""}) > 1:
            return names
    fields = [(_word(row.get("manufacturer")), _word(row.get("field_strength"))) for row in rows]
    names = [f"{maker} {field} T" if maker and field else maker or (field and f"{field} T") for maker, field in fields]
    return names if len(set(names) - {""}) > 1 else [""] * len(rows)


def why_not_left_out(scanner: str, names: Sequence[str], groups: Sequence[str], participants: Sequence[str]) -> str:
    """Say why a scanner cannot be tested by what the others teach; nothing where it can.

    Parameters
    ----------
    scanner : str
        Which one.
    names : sequence of str
        Of `name_scanners`.
    groups, participants : sequence of str
        Group and patient of each session.

    Returns
    -------
    str
        The reason, or empty.
    """
    at_it = {who for who, name in zip(participants, names, strict=True) if name == scanner}
    here: dict[str, set[str]] = {group: set() for group in groups}
    others: dict[str, set[str]] = {group: set() for group in groups}
    for name, group, who in zip(names, groups, participants, strict=True):
        if name == scanner:
            here[group].add(who)
        elif who not in at_it:
            others[group].add(who)
    seen = [group for group in here if here[group]]
    if len(seen) == 1:
        return f"all {len(here[seen[0]])} patients are {seen[0]}: scanner and group cannot be told apart"
    for where, counts in (("here", here), ("at other scanners alone", others)):
        for group in sorted(counts):
            if len(counts[group]) < MIN_PATIENTS:
                return f"{len(counts[group])} patients of {group} {where}, {MIN_PATIENTS} are needed"
    return ""


def scanners_to_leave_out(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """List the scanners that can be tested by what the others teach; rows have group and participant too."""
    names, groups = name_scanners(rows), [str(row["group"]) for row in rows]
    participants = [str(row["participant"]) for row in rows]
    return [name for name in sorted(set(names) - {""}) if not why_not_left_out(name, names, groups, participants)]


def _word(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return "" if text in UNKNOWN else text
