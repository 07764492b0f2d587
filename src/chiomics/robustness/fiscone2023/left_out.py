"""Who and what leaves the study of robustness, and tables that mix what cannot be compared."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from chiomics.core.errors import SettingError
from chiomics.core.features.columns import FEATURE, REGION, SESSION
from chiomics.core.features.table import FeatureTable
from chiomics.core.left_out import LeftOut
from chiomics.robustness.counts import SETTING, SHAPE
from chiomics.robustness.ratings import Ratings
from chiomics.robustness.settings import Settings
from chiomics.robustness.tables import ALL

#: Sessions that are left out of whom the reason says what they have instead; each takes a pass over the table.
MAX_LOOKED_AT = 10


def check_discretisation(ratings: Ratings) -> None:
    """Refuse two grey-level settings of one preset that no session has both of.

    Raises
    ------
    SettingError
        With the settings.
    """
    texture = (ratings.columns["feature_class"] != SHAPE).to_numpy()
    number = ratings.columns.groupby(SETTING, sort=False, dropna=False).ngroup().to_numpy()
    heads = ratings.columns.loc[~ratings.columns.duplicated(SETTING), SETTING].reset_index(drop=True)
    known = np.stack([np.isfinite(one).any(axis=0) for one in ratings.values])
    has = {one: known[:, texture & (number == one)].any(axis=1) for one in range(len(heads))}
    for first, second in combinations([one for one, sessions in has.items() if sessions.any()], 2):
        same_preset = heads.loc[first, "preset"] == heads.loc[second, "preset"]
        if same_preset and not (has[first] & has[second]).any():
            shown = "; ".join(f"n_gray_levels {heads.loc[one, 'n_gray_levels']:g}, bin_width "
                              f"{heads.loc[one, 'bin_width']:g}" for one in (first, second))  # fmt: skip
            raise SettingError(
                "two discretisations, and no session has both: name gray_levels, or leave one out of the table",
                found=shown.replace("nan", "not given"),
            )


def note_left_out(
    features: FeatureTable, ratings: Ratings, icc: pd.DataFrame, settings: Settings, left_out: LeftOut
) -> None:
    """Take down the sessions, features and columns that are not in the study, each with the reason."""
    for column, why in features.left_out:
        left_out.add("column", column, why)
    for name in features.without_features():
        left_out.add("participant", name, "in the table of participants, and no row of features")
    named = features.combinations(SESSION)
    keys = ratings.sessions[list(SESSION)].astype(str).agg("_".join, axis=1)
    absent = named.loc[~named.agg("_".join, axis=1).isin(set(keys))].sort_values(list(SESSION))
    for number, row in enumerate(absent.itertuples(index=False)):
        has = features.say_found({"participant": (row.participant,)}) if number < MAX_LOOKED_AT else ""
        reason = "no row with the study's settings and regions" + (f"; it has {has}" if has else "")
        left_out.add("session", "_".join(filter(None, row)), reason)
    for voi in settings.vois:
        if voi not in set(ratings.columns["voi"]):
            found = ", ".join(features.distinct("voi")[:12])
            left_out.add("region", voi, f"no row with the study's settings; regions found: {found}")
    complete = np.array([np.isfinite(one).all(axis=0).any() for one in ratings.values])
    for row in ratings.sessions.loc[~complete, list(SESSION)].itertuples(index=False):
        name = "_".join(filter(None, map(str, row)))
        left_out.add("session", name, f"no feature has a value of all of {', '.join(ratings.raters)}")
    groups = set(ratings.sessions["group"].astype(str))
    for subset, members in settings.groups.items():
        if not groups & {str(member) for member in members}:
            found = ", ".join(sorted(filter(None, groups))) or "none"
            left_out.add("subset", subset, f"no session of {' or '.join(map(str, members))}; groups found: {found}")
    whole = icc[(icc["cohort"] == ALL) & icc["icc"].isna()]
    for row in whole.itertuples():
        by_number = row.n_gray_levels == row.n_gray_levels
        setting = f"{row.n_gray_levels:g} levels" if by_number else f"width {row.bin_width:g}"
        region = " ".join(filter(None, (str(getattr(row, name)) for name in REGION)))
        name = "_".join(str(getattr(row, part)) for part in FEATURE)
        left_out.add("feature", name, row.reason or "no coefficient", of=f"{region}, {setting}")
