"""What a study of two groups needs of its participants, checked before any work starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from chiomics.core.errors import InputError
from chiomics.core.features.demographics import is_category, read_variable, without_value
from chiomics.core.features.values import is_missing
from chiomics.diagnosis.models import complete_settings


def variables_of(settings: Mapping) -> list[str]:
    """Name the columns of participants that a study reads."""
    adjust = settings["adjust_for"] if settings["adjust"] else []
    return list(dict.fromkeys([*settings["demographics"], *adjust, *filter(None, [settings["groups_column"]])]))


def lacking_in_participants(
    rows: Sequence[Mapping[str, object]],
    settings: Mapping,
    columns: Sequence[str] = (),
    file_of: Callable[[str], str] = lambda name: "participants.tsv",
) -> str:
    """Say what the rows of participants lack for a study, nothing where they lack nothing.

    Parameters
    ----------
    rows : sequence of mapping
        One per session, with ``participant_id``, ``group`` and the columns of participants.tsv.
    settings : mapping
        What lies below ``papers.yan2021`` in the configuration.
    columns : sequence of str
        Columns of participants that there are, for the message.
    file_of : callable
        Gives the file that has a column, for the message.

    Returns
    -------
    str
        One sentence.
    """
    settings = complete_settings(settings)
    frame = pd.DataFrame(list(rows))
    found = sorted({str(group) for group in frame.get("group", []) if not is_missing(group)})
    for group in settings["groups"]:
        members = frame.loc[frame["group"].astype(str) == group, "participant_id"].nunique() if len(found) else 0
        if members < settings["folds"]:
            said = f"groups found: {', '.join(found)}" if found else f"{file_of('group')} gives no group"
            return f"{members} participants of group {group}, {settings['folds']} folds need as many; {said}"
    ours = frame.loc[frame["group"].astype(str).isin(settings["groups"])]
    if absent := [name for name in variables_of(settings) if name not in ours]:
        shown = ", ".join(columns) or "no other column"
        return f"{file_of(absent[0])} has no column {', '.join(absent)}; it has {shown}"
    for name in variables_of(settings):
        column = ours[name].set_axis(ours["participant_id"])
        words = name == settings["groups_column"] or (settings["adjust"] == "combat" and name in settings["adjust_for"])
        try:
            if name in settings["demographics"] or not (words or is_category(column)):
                read_variable(column, file_of(name))
        except InputError as error:
            return str(error)
        if name != settings["groups_column"]:
            refused, _ = without_value(ours[name], ours["group"].astype(str), settings["groups"])
            if refused:
                return f"{file_of(name)}: {refused}"
    return ""
