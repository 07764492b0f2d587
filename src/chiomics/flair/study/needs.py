"""What a study needs of a cohort: asked when the workflow plans, and again when the images have been read.

Imports nothing heavy: the workflow plans with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

#: Fewest patients of a group: one to test, one to choose the epoch, one to learn from.
MIN_PATIENTS = 3


def why_too_few(
    study: str, settings: Mapping[str, Any], groups: Sequence[str], participants: Sequence[str], *, what: str
) -> str:
    """Say what a cohort lacks for the folds and test draws of a study; nothing where it lacks nothing.

    Parameters
    ----------
    study : {"wang2020", "seok2023"}
        Whose.
    settings : mapping
        ``groups``, ``folds``; for Seok et al. ``test_per_class``.
    groups, participants : sequence of str
        Group and patient of each session.
    what : str
        What the sessions have, for the message, such as ``with FLAIR and T1w``.

    Returns
    -------
    str
        The reason, or empty.
    """
    folds, patients, single = settings["folds"], {}, {}
    sessions = Counter(participants)
    for group in settings["groups"]:
        own = {who for who, its in zip(participants, groups, strict=True) if its == group}
        patients[group], single[group] = len(own), sum(sessions[who] == 1 for who in own)
    for group, count in patients.items():
        if count < max(folds, MIN_PATIENTS):
            others = Counter(str(one) for one in groups if one not in settings["groups"])
            found = ", ".join(f"{name} ({number})" for name, number in others.items())
            also = f"; other groups there: {found}; papers.{study}.groups names the two" if found else ""
            need = f"{folds} folds need as many" if folds >= MIN_PATIENTS else f"{MIN_PATIENTS} are needed"
            return f"{count} participants of group {group} {what}, {need}{also}"
    if study == "wang2020":
        return ""
    smaller = min(single, key=lambda group: single[group])
    drawn = size_of_draw(single[smaller], settings["test_per_class"])
    if not drawn:
        return (
            f"{single[smaller]} participants of group {smaller} {what} have one session alone, from whom the test is "
            f"drawn; {MIN_PATIENTS} are needed"
        )
    for group, count in patients.items():
        if count - drawn < folds:
            return (
                f"{count} participants of group {group} {what}; without the {drawn} of a test draw {folds} folds need "
                "as many"
            )
    return ""


def size_of_draw(smaller: int, per_class: int) -> int:
    """Say how many patients of each class a test draw has: as published, or a third of the smaller class."""
    return per_class if smaller >= 2 * per_class else smaller // 3
