"""The cohort as one table: a row per session, a column per region and feature, from tables of features.

A region is a volume of interest, ``DN``, or one side of it, ``DN-L``; its features are columns ``DN.<feature>`` under
pyradiomics' full name. Sex becomes 1 for male and 0 for female. What is missing stays NaN here and is filled inside
the folds. Whoever and whatever is left out is written down.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError, SettingError
from chiomics.core.features.columns import FEATURE, SESSION
from chiomics.core.features.demographics import SITES, contradictions, is_category, read_variable, without_value
from chiomics.core.features.matrix import Matrix, read_matrix
from chiomics.core.features.names import feature_order
from chiomics.core.features.people import same_person
from chiomics.core.features.rows import Rows
from chiomics.core.features.table import FeatureTable, open_features
from chiomics.core.left_out import LeftOut
from chiomics.diagnosis.contracts import COHORT_COLUMNS

#: Columns that name a feature.
FEATURE_COLUMNS = FEATURE
#: Columns that the configuration has to make unique, with their keys.
UNIQUE = ("inversion", "n_gray_levels", "bin_width")
#: Columns that tell two values of a session apart.
OF_COLUMN = ("voi", "hemisphere", "inversion", "voxel_size", "n_gray_levels", "bin_width", *FEATURE)
SHAPE = ("shape", "shape2D")
NEITHER_GROUP = "the group is none of those compared"

#: Sessions that are left out of whom the reason says what they have instead; each takes a pass over the table.
MAX_LOOKED_AT = 10

#: Share of sessions without a value from which on a feature is named.
OFTEN = 0.2

log = logging.getLogger(__name__)


def read_cohort(
    paths: Iterable[str | Path], settings: dict, *, regions: Sequence[str], left_out: LeftOut | None = None
) -> pd.DataFrame:
    """Read the features of all sessions.

    Parameters
    ----------
    paths : iterable of path-like
        Tables of features, tidy or wide, one per session or one of the cohort.
    settings : dict
        Keys of `diagnosis.settings.Settings`.
    regions : sequence of str
        Regions that the models need, e.g. ``DN`` or ``CST-L``.
    left_out : LeftOut, optional
        Takes down who and what is left out.

    Returns
    -------
    pandas.DataFrame
        As `build_cohort` gives it.
    """
    return build_cohort(open_features(list(paths)), settings, regions=regions, left_out=left_out)


def build_cohort(
    features: FeatureTable | pd.DataFrame,
    settings: dict,
    *,
    regions: Sequence[str],
    left_out: LeftOut | None = None,
) -> pd.DataFrame:
    """Turn tidy features into one row per session.

    Parameters
    ----------
    features : FeatureTable or pandas.DataFrame
        Rows of the radiomics stage, or of a table in its form.
    settings : dict
        Keys of `diagnosis.settings.Settings`.
    regions : sequence of str
        Regions that the models need.
    left_out : LeftOut, optional
        As for `read_cohort`.

    Returns
    -------
    pandas.DataFrame
        Sessions of the two groups, ordered by participant, session and run: their columns, then the features in the
        order of pyradiomics' output, whatever the order of the rows.

    Raises
    ------
    InputError, SettingError
        Where a group, a region or a demographic variable is absent, where several maps or discretisations are left, or
        where the table contradicts itself.
    """
    features = open_features(features) if isinstance(features, pd.DataFrame) else features
    left_out = LeftOut() if left_out is None else left_out
    settings = settings | {key: str(settings[key]) for key in ("positive", "preset", "echo_set")}
    settings["groups"] = [str(group) for group in settings["groups"]]
    if len(settings["groups"]) != 2 or settings["positive"] not in settings["groups"]:
        raise SettingError("two groups, one of them positive", found=f"{settings['groups']}, {settings['positive']}")
    for column, why in features.left_out:
        left_out.add("column", column, why)
    variables = _variables(features, settings)
    everybody = _everybody(features, variables, settings, left_out)
    matrix = _one_setting(features, settings, regions, everybody)
    sessions = _with_features(features, everybody, matrix, settings, regions, left_out)
    _check_groups(sessions, settings)
    blocks = [_block(features, matrix, region, sessions, left_out) for region in regions]
    left_out.warn()
    people = _read_participants(features, sessions.drop(columns="key"), settings, variables)
    return pd.concat([people, *blocks], axis=1)


def radiomic_columns(cohort: pd.DataFrame, region: str) -> list[str]:
    """List the feature columns of a region."""
    return [column for column in cohort.columns if column.rpartition(".")[0] == region]


def often_missing(values: np.ndarray) -> np.ndarray:
    """Say which columns have values, and lack them in `OFTEN` of the rows or more: where they lack may tell groups."""
    share = np.isnan(values).mean(axis=0)
    return (share >= OFTEN) & (share < 1)


def outcome(cohort: pd.DataFrame, settings: dict) -> np.ndarray:
    """Return 1 for sessions of the positive group and 0 for the others."""
    return (cohort["group"] == str(settings["positive"])).to_numpy().astype(int)


def _variables(features: FeatureTable, settings: dict) -> dict[str, str]:
    """Find the columns of participants that the study reads, ours to the table's; refuse what is not there."""
    if features.find_column("group") is None:
        shown = ", ".join(features.columns + features.others)
        raise InputError("the feature tables lack the column group", found=shown)
    covariates = [*(settings["adjust_for"] if settings["adjust"] else []), settings["groups_column"]]
    found = {}
    for name in dict.fromkeys([*settings["demographics"], *filter(None, covariates)]):
        own = features.find_column(name)
        if own is None:
            shown = ", ".join(features.others) or "no column of participants"
            raise InputError(f"there is no column {name}", file=features.file_of(name), found=shown, expected=name)
        found[name] = own
    return found | {name: name for name in features.others if name.casefold() in SITES and name not in found}


def _everybody(features: FeatureTable, variables: dict[str, str], settings: dict, left_out: LeftOut) -> pd.DataFrame:
    """List all sessions of the tables with their group and variables; those of other groups are left out."""
    frame = features.combinations(list(dict.fromkeys([*SESSION, "group", *variables.values()])))
    frame = frame.rename(columns={own: name for name, own in variables.items()})
    frame.insert(0, "key", session_keys(frame))
    if wrong := contradictions(frame, "key", ["group", *variables]):
        who, name, values = wrong
        file = features.file_of(variables.get(name, name))
        raise InputError(f"{who} has several values of {name}", file=file, found=", ".join(values), expected="one")
    frame = frame.groupby("key", sort=False).agg(lambda cells: next(filter(None, cells), "")).reset_index()
    if wrong := contradictions(frame, "participant", ["group"]):
        raise InputError("a participant is in two groups", found=f"{wrong[0]}: {', '.join(wrong[2])}")
    unknown = set() if features.people is None else {*map(same_person, frame["participant"])} - {*features.people.index}
    for name in features.without_features():
        left_out.add("participant", name, "in the table of participants, and no row of features")
    for row in frame.loc[~frame["group"].isin(settings["groups"])].itertuples():
        absent = ", and no line in the table of participants" if same_person(row.participant) in unknown else ""
        left_out.add("session", row.key, NEITHER_GROUP + (f": {row.group}" if row.group else f": not given{absent}"))
    alike = {g for g in frame["group"].unique() if g.casefold().strip() in {s.casefold() for s in settings["groups"]}}
    if strange := sorted(alike - set(settings["groups"])):
        log.warning("groups spelled otherwise are not counted: %s; asked for %s", strange, settings["groups"])
    return frame.loc[frame["group"].isin(settings["groups"])].reset_index(drop=True)


def _one_setting(features: FeatureTable, settings: dict, regions: Sequence[str], everybody: pd.DataFrame) -> Matrix:
    """Read the values of one map and one discretisation, as configured, and refuse to guess between several."""
    keep: dict[str, list] = {"voi": sorted({voi_side(name)[0] for name in regions})}
    keep["participant"] = sorted(set(everybody["participant"])) or [""]
    features.refuse_untold(("preset", "echo_set"), keep)
    for name in ("preset", "echo_set"):
        if features.distinct(name):
            keep[name] = [settings[name]]
    for name in UNIQUE:
        if settings[name] is not None:
            keep[name] = [settings[name]]
    matrix = read_matrix(Rows(features, [*SESSION, *OF_COLUMN], keep=keep), SESSION, OF_COLUMN)
    heads = matrix.columns
    shape = heads["feature_class"].isin(SHAPE).to_numpy()
    levels, widths = (heads[name].to_numpy() for name in ("n_gray_levels", "bin_width"))
    used = np.ones(len(heads), dtype=bool)
    for name, values in (("n_gray_levels", levels), ("bin_width", widths)):
        if settings[name] is not None and np.isfinite(values[~shape]).any():
            used &= shape | np.isfinite(values)
    if not used.any():
        here = features.distinct("voi")
        absent = [name for name in regions if voi_side(name)[0] not in here]
        said = f"no session has features of the region {absent[0]}" if absent else "no features with these settings"
        raise InputError(said, found=features.say_found(), expected=_asked(settings, regions))
    found = pd.DataFrame({"a": levels, "b": widths})[used & ~shape].drop_duplicates().to_numpy()
    for place, name in enumerate(("n_gray_levels", "bin_width")):
        several = [f"{value:g}" for value in np.unique(found[:, place]) if np.isfinite(value)]
        if len(several) > 1:
            raise SettingError(f"several values of {name}: name one", found=", ".join(several[:20]))
    if len(found) > 1:
        shown = "; ".join(f"n_gray_levels {a:g}, bin_width {b:g}" for a, b in found).replace("nan", "not given")
        raise SettingError("several discretisations in one study: name n_gray_levels or bin_width", found=shown)
    for name in ("inversion", "voxel_size"):
        several = sorted(word or "not given" for word in heads.loc[used, name].unique())
        if len(several) > 1:
            kind, way = (SettingError, "") if name == "inversion" else (InputError, " of the images")
            raise kind(f"several values of {name}{way}: name one", found=", ".join(several), expected="one in a study")
    matrix = matrix if used.all() else matrix.take(used)
    if not np.isfinite(matrix.values).any():
        said = "no feature has a value"
        raise InputError(said, found=f"{np.count_nonzero(matrix.there)} empty cells", expected="numbers")
    return matrix


def _with_features(
    features: FeatureTable,
    everybody: pd.DataFrame,
    matrix: Matrix,
    settings: dict,
    regions: Sequence[str],
    left_out: LeftOut,
) -> pd.DataFrame:
    """Keep the sessions that have any row of the regions, in order."""
    usable = set(session_keys(matrix.rows)[np.isfinite(matrix.values).any(axis=1)])
    here = everybody["key"].isin(usable)
    reason = f"no value of {', '.join(regions)} with preset {settings['preset']}, echo set {settings['echo_set']}"
    for number, row in enumerate(everybody.loc[~here].itertuples()):
        has = features.say_found({"participant": (row.participant,)}) if number < MAX_LOOKED_AT else ""
        left_out.add("session", row.key, reason + (f"; it has {has}" if has else ""))
    return everybody.loc[here].sort_values(list(SESSION), kind="stable").reset_index(drop=True)


def _check_groups(sessions: pd.DataFrame, settings: dict) -> None:
    counts = sessions.drop_duplicates("participant")["group"].value_counts()
    if any(counts.get(group, 0) < 2 for group in settings["groups"]):
        raise InputError(
            "too few participants of a group",
            found=", ".join(f"{group}: {counts.get(group, 0)}" for group in settings["groups"]),
            expected="at least 2 of each",
        )


def _block(
    features: FeatureTable, matrix: Matrix, region: str, sessions: pd.DataFrame, left_out: LeftOut
) -> pd.DataFrame:
    """Lay the features of a region out, one row per session; what never varies is left out."""
    voi, sides = voi_side(region)
    heads = matrix.columns
    chosen = np.flatnonzero((heads["voi"] == voi) & heads["hemisphere"].isin(sides))
    if not len(chosen):
        found = sorted({f"{name} {side}".strip() for name, side in zip(heads["voi"], heads["hemisphere"], strict=True)})
        raise InputError(
            f"no session has features of the region {region}",
            found=", ".join(found), expected=f"side {' or '.join(side or 'empty' for side in sides)}",
        )  # fmt: skip
    words = list(zip(*(heads[name].to_numpy()[chosen] for name in FEATURE), strict=True))
    order = sorted(set(words), key=lambda one: feature_order(*one))
    names = [f"{region}." + "_".join(one) for one in order]
    place = {one: number for number, one in enumerate(order)}
    row_of = {key: number for number, key in enumerate(session_keys(matrix.rows))}
    rows = np.array([row_of[key] for key in sessions["key"]])
    values = np.full((len(sessions), len(names)), np.nan)
    there = np.zeros(values.shape, dtype=bool)
    for column, one in zip(chosen, words, strict=True):
        number, here = place[one], matrix.there[rows, column]
        twice = here & there[:, number]
        if column in matrix.twice:
            twice |= rows == matrix.twice[column]
        if twice.any():
            _refuse_twice(features, sessions.iloc[twice.argmax()], names[number])
        values[here, number] = matrix.values[rows[here], column]
        there[:, number] |= here
    features.refuse_codes(values, sessions["participant"].to_numpy(), names.__getitem__)
    features.refuse_units(values, sessions["participant"].to_numpy(), names)
    absent = np.flatnonzero(~np.isfinite(values).any(axis=1))
    if len(absent):
        log.warning(
            "%s: %d of %d sessions lack this region, its features are imputed: %s",
            region, len(absent), len(sessions), ", ".join(sessions["key"].iloc[absent[:5]]),
        )  # fmt: skip
    lacking = often_missing(values)
    if lacking.any():
        shown = ", ".join(np.array(names)[lacking][:5])
        said = "%s: %d features lack in %.0f %% of the sessions or more, and the median stands in: %s"
        log.warning(said, region, lacking.sum(), 100 * OFTEN, shown)
    kept = np.ones(len(names), dtype=bool)
    for number, why in _useless(values):
        kept[number] = False
        left_out.add("feature", names[number].rpartition(".")[2], why, of=region)
    if not kept.any():
        why = ", ".join(sorted({row[3] for row in left_out.rows if row[0] == "feature" and row[2] == region}))
        raise InputError(f"the region {region} has no feature that can be used", found=why, expected="values that vary")
    return pd.DataFrame(values[:, kept], columns=[name for name, keep in zip(names, kept, strict=True) if keep])


def _refuse_twice(features: FeatureTable, session: pd.Series, name: str) -> None:
    files = features.files_with(session["participant"])
    raise InputError(
        "a feature of a session is there twice", file=" and ".join(files[:3]), found=f"{session['key']}, {name}",
        expected="one value per session, region and feature",
    )  # fmt: skip


def _useless(values: np.ndarray) -> list[tuple[int, str]]:
    known = np.isfinite(values)
    low, high = np.where(known, values, np.inf).min(axis=0), np.where(known, values, -np.inf).max(axis=0)
    missing = ~known.any(axis=0)
    return [
        (int(n), "no session has a value" if missing[n] else "constant: all values are equal")
        for n in np.flatnonzero(missing | (low == high))
    ]


def _read_participants(
    features: FeatureTable, sessions: pd.DataFrame, settings: dict, variables: dict[str, str]
) -> pd.DataFrame:
    """Make the demographic variables and covariates numbers, where they are numbers."""
    sessions = sessions.copy()
    for name in variables:
        column = sessions[name].set_axis(sessions["participant"])
        words = name == settings["groups_column"] or (settings["adjust"] == "combat" and name in settings["adjust_for"])
        if name in settings["demographics"] or not (words or is_category(column)):
            sessions[name] = read_variable(column, features.file_of(variables[name])).to_numpy()
        if name in (*settings["demographics"], *settings["adjust_for"]):
            refused, said = without_value(sessions[name], sessions["group"].astype(str), settings["groups"])
            if refused:
                raise InputError(refused, file=features.file_of(variables[name]))
            if said and not (words or is_category(sessions[name])):
                log.warning("%s", said)
    for column in COHORT_COLUMNS:
        sessions[column] = sessions[column].astype(str)
    return sessions


def session_keys(frame: pd.DataFrame) -> pd.Series:
    """Name sessions by participant, session and run."""
    parts = frame["participant"].astype(str)
    for name in SESSION[1:]:
        extra = frame[name].astype(str)
        parts = parts.where(extra == "", parts + "_" + extra)
    return parts


def _asked(settings: dict, regions: Sequence[str]) -> str:
    asked = {key: settings[key] for key in ("preset", "echo_set", *UNIQUE) if settings[key] is not None}
    return f"groups {', '.join(settings['groups'])}; regions {', '.join(regions)}; " + ", ".join(
        f"{name} {value}" for name, value in asked.items()
    )


def voi_side(region: str) -> tuple[str, tuple[str, ...]]:
    """Split ``CST-L`` into volume and side; without a side, the merged volume or one that has no side."""
    voi, dash, side = region.rpartition("-")
    return (voi, (side,)) if dash and side in ("L", "R") else (region, ("LR", ""))
