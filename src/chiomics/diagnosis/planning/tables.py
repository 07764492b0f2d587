"""Tables of features read before any work starts, as the first job would read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chiomics.core.errors import InputError
from chiomics.core.features.people import may_be_read_when_planned
from chiomics.core.logs import without_words
from chiomics.diagnosis.models import complete_settings, list_models, needed_regions
from chiomics.diagnosis.planning.participants import lacking_in_participants, variables_of


@dataclass(frozen=True)
class TablesOfStudy:
    """What a plan knows of the tables of features that a study starts from.

    Attributes
    ----------
    lacking : str
        Why they cannot serve, one sentence; empty where they can.
    sessions, features : int
        Sessions of both groups, and features of a region; 0 where the tables were not read.
    """

    lacking: str = ""
    sessions: int = 0
    features: int = 0


def check_tables(paths: Sequence[str | Path], settings: Mapping, column_map: Mapping | None = None) -> TablesOfStudy:
    """Read tables of features as the first job would, and say what they lack for a study; large ones are not read.

    Parameters
    ----------
    paths : sequence of path-like
        The tables.
    settings : mapping
        What lies below ``papers.yan2021`` in the configuration.
    column_map : mapping, optional
        Of tables under other names, from `chiomics.core.features.wide.read_column_map`.

    Returns
    -------
    TablesOfStudy
    """
    if not may_be_read_when_planned(paths):
        return TablesOfStudy()
    from chiomics.core.features.table import open_features
    from chiomics.diagnosis.cohort import build_cohort
    from chiomics.diagnosis.estimators.site import check_study
    from chiomics.diagnosis.recipe import count_radiomic

    settings = complete_settings(dict(settings))
    with without_words():  # the job that reads them says them
        try:
            features = open_features(list(paths), column_map=column_map)
            own = {name: features.find_column(name) for name in variables_of(settings)}
            columns = ["participant", "group", *dict.fromkeys(filter(None, own.values()))]
            rows = features.combinations(columns)
            rows = rows.rename(columns={found: name for name, found in own.items() if found})
            rows = rows.rename(columns={"participant": "participant_id"})
            lacking = lacking_in_participants(rows.to_dict("records"), settings, features.others, features.file_of)
            if lacking:
                return TablesOfStudy(lacking)
            cohort = build_cohort(features, settings, regions=needed_regions(settings))
            check_study(cohort, settings)
            most = max(count_radiomic(cohort, list_models(settings), settings).values(), default=0)
        except InputError as error:
            return TablesOfStudy(str(error))
    return TablesOfStudy(sessions=len(cohort), features=most)
