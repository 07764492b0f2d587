"""Who entered the study and who did not, and why: the counts of the flow chart (Yan et al. 2021, Fig. 1).

From the manifest, which names every session with the reason of its exclusion, and from the cohort that was analysed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from chiomics.core.errors import InputError

KEYS = ("participant_id", "session_id", "run")
#: Columns of the table that `flow_table` gives.
COLUMNS = ("step", "kind", "label", "participants", "sessions")


@dataclass(frozen=True)
class Step:
    """One box of the flow.

    Attributes
    ----------
    label : str
        What its members are.
    participants, sessions : int
        How many there are.
    removed : tuple of (str, int)
        Reasons and numbers of sessions that leave before the next box.
    groups : tuple of (str, int, int)
        Of the last box: group, participants, sessions.
    """

    label: str
    participants: int
    sessions: int
    removed: tuple[tuple[str, int], ...] = ()
    groups: tuple[tuple[str, int, int], ...] = field(default=())


def read_sessions(path: str | Path) -> pd.DataFrame:
    """Read the manifest's rows as text."""
    manifest = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, quoting=3)
    missing = {*KEYS, "status", "reason"} - set(manifest.columns)
    if missing:
        raise InputError("the file is not a manifest", file=path, expected=", ".join(sorted(missing)))
    return manifest


def count_flow(manifest: pd.DataFrame | None, cohort: pd.DataFrame, settings: dict) -> list[Step]:
    """Count participants and sessions from the input to the analysis.

    Parameters
    ----------
    manifest : pandas.DataFrame or None
        Of `read_sessions`; None where the study started from a table of features.
    cohort : pandas.DataFrame
        The sessions that were analysed.
    settings : dict
        Keys of `diagnosis.settings.Settings`.

    Returns
    -------
    list of Step
        From top to bottom; the last one has the groups.
    """
    analysed = _analysed(cohort, settings)
    if manifest is None:
        return [analysed]
    included = manifest.loc[manifest["status"] == "included"]
    excluded = manifest.loc[manifest["status"] != "included", "reason"].str.split(";").str[0]
    group = included["group"] if "group" in included else pd.Series("", index=included.index)
    ours = included.loc[group.isin(settings["groups"])]
    others = group.loc[~group.isin(settings["groups"])].replace({"": "no group", "n/a": "no group"})
    keys = pd.MultiIndex.from_frame(cohort[["participant", "session", "run"]])
    lost = int((~pd.MultiIndex.from_frame(ours[list(KEYS)]).isin(keys)).sum())
    return [
        _step("In the data set", manifest, _counted(excluded)),
        _step("Usable images", included, _counted("group " + others.where(others != "no group", "not given"))),
        _step(
            " or ".join(settings["groups"]), ours, (("no features with the study's settings", lost),) if lost else ()
        ),
        analysed,
    ]


def flow_table(steps: list[Step]) -> pd.DataFrame:
    """Lay the flow out as a table: one row per box, reason and group."""
    rows = []
    for number, step in enumerate(steps, 1):
        rows.append((number, "step", step.label, step.participants, step.sessions))
        rows += [(number, "left out", reason, pd.NA, count) for reason, count in step.removed]
        rows += [(number, "group", *group) for group in step.groups]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"participants": "Int64", "sessions": "Int64"})


def _step(label: str, rows: pd.DataFrame, removed: tuple[tuple[str, int], ...]) -> Step:
    return Step(label, rows["participant_id"].nunique(), len(rows), removed)


def _counted(reasons: pd.Series) -> tuple[tuple[str, int], ...]:
    """Count equal reasons, the most frequent first."""
    counts = reasons.value_counts()
    return tuple(sorted(((str(name), int(count)) for name, count in counts.items()), key=lambda item: (-item[1], item)))


def _analysed(cohort: pd.DataFrame, settings: dict) -> Step:
    groups = []
    for group in settings["groups"]:
        own = cohort.loc[cohort["group"] == group]
        groups.append((group, own["participant"].nunique(), len(own)))
    return Step("Analysed", cohort["participant"].nunique(), len(cohort), (), tuple(groups))
