"""Apply a model file to the features of new sessions.

Refused are features that the model does not know as they are defined (another preset, echo set, inversion or grey-level
setting). A session without a row of a feature that it needs has no score, and is said to have none. A value that the
extraction could not give becomes the training median, as in training, and is counted.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import expit

from chiomics.core.errors import InputError
from chiomics.core.features.demographics import contradictions, read_variable
from chiomics.core.features.table import FeatureTable, open_features
from chiomics.core.features.values import OTHER_UNIT, SPREADS, is_code_beside
from chiomics.core.left_out import LeftOut
from chiomics.diagnosis.cohort import FEATURE_COLUMNS, session_keys, voi_side
from chiomics.diagnosis.estimators.adjustment_record import apply_adjustment
from chiomics.diagnosis.model_file import DEFINITION

#: Shape does not depend on these, and tables may leave them empty there.
GRAY_LEVELS = ("n_gray_levels", "bin_width")
SESSION = ("participant", "session", "run")
#: Columns of the result: probability, values replaced by the training median, predictors outside the training range.
SCORES = (*SESSION, "model", "positive", "score", "n_imputed", "n_outside_range", "outside_range", "notice")

log = logging.getLogger(__name__)


def predict(record: dict, features: FeatureTable | pd.DataFrame, left_out: LeftOut | None = None) -> pd.DataFrame:
    """Score sessions.

    Parameters
    ----------
    record : dict
        Of `model_file.read_model`.
    features : FeatureTable or pandas.DataFrame
        Rows of the radiomics stage, or of a table in its form.
    left_out : LeftOut, optional
        Takes down the sessions that cannot be scored, each with the reason.

    Returns
    -------
    pandas.DataFrame
        `SCORES`, one row per session, in the order of participant, session and run.

    Raises
    ------
    InputError
        Where features are missing in all sessions or differently defined.
    """
    left_out = LeftOut() if left_out is None else left_out
    features = open_features(features) if isinstance(features, pd.DataFrame) else features
    tidy, known = _rows(features, record)
    sessions = _sessions(features, known, _variables(record))
    for key in sorted(set(session_keys(features.combinations(SESSION))) - set(session_keys(sessions))):
        left_out.add("session", key, "it has no row of the model's regions")
    found = {
        part["feature"]: _feature(features, tidy, part, record, sides=sorted(set(known["hemisphere"]) - {""}))
        for part in record["predictors"]
        if part["kind"] == "radiomic"
    }
    sessions = _scorable(sessions, found, left_out)
    columns = {
        name: found[name].reindex(sessions.index) if name in found else _own(features, sessions, name)
        for name in (part["feature"] for part in record["predictors"])
    }
    raw = pd.DataFrame(columns, index=sessions.index).astype(float)
    parts = pd.DataFrame(record["predictors"]).set_index("feature")
    _refuse_codes(raw, parts, features)
    usable = np.isfinite(raw) & (raw >= parts["abnormal_low"]) & (raw <= parts["abnormal_high"])
    outside = np.isfinite(raw) & ((raw < parts["training_low"]) | (raw > parts["training_high"]))
    values = raw.where(usable, parts["median"], axis=1)
    if record["adjustment"]:
        values = apply_adjustment(record["adjustment"], values, sessions)
    scaled = (values - parts["mean"]) / parts["scale"]
    odds = scaled.to_numpy() @ parts["coefficient"].to_numpy() + record["intercept"]
    _warn(usable, outside)
    found = sessions[list(SESSION)].assign(
        model=record["model"],
        positive=record["positive"],
        score=expit(odds),
        n_imputed=(~usable).sum(axis=1).to_numpy(),
        n_outside_range=outside.sum(axis=1).to_numpy(),
        outside_range=[" ".join(outside.columns[row]) for row in outside.to_numpy()],
        notice=record["intended_use"],
    )
    return found[list(SCORES)].reset_index(drop=True)


def _variables(record: dict) -> list[str]:
    """Name the variables of participants that a model reads."""
    own = [part["feature"] for part in record["predictors"] if part["kind"] != "radiomic"]
    covariates = (record["adjustment"] or {}).get("covariates", [])
    return list(dict.fromkeys([*own, *(part["name"] for part in covariates)]))


def _rows(features: FeatureTable, record: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the rows of the model's features, and what sessions and sides have rows of its regions."""
    wanted = [part for part in record["predictors"] if part["kind"] == "radiomic"]
    regions = sorted({voi_side(part["voi"])[0] for part in wanted})
    own = {name: found for name in _variables(record) if (found := features.find_column(name))}
    keep = {"voi": regions} if regions else {}
    features.refuse_untold(("preset", "echo_set", "inversion"), keep)
    known = features.combinations([*SESSION, *own.values(), "hemisphere"], keep=keep)
    if known.empty:
        raise InputError(
            "the tables hold none of the model's regions", file=features.file_of("voi"), found=features.say_found(),
            expected=", ".join(regions),
        )  # fmt: skip
    known = known.rename(columns={found: name for name, found in own.items()})
    if not wanted:
        return pd.DataFrame(), known
    columns = [*SESSION, "voi", "hemisphere", *DEFINITION, *FEATURE_COLUMNS]
    keep["feature"] = sorted({part["name"] for part in wanted})
    table = features.read(columns, keep=keep).to_pandas()
    text = [name for name in table if name not in ("value", *GRAY_LEVELS)]
    return table.astype(dict.fromkeys(text, object)), known


def _sessions(features: FeatureTable, tidy: pd.DataFrame, variables: Sequence[str]) -> pd.DataFrame:
    """Return one row per session with what is known of its participant."""
    have = [name for name in variables if name in tidy]
    frame = tidy[[*SESSION, *have]].drop_duplicates()
    if wrong := contradictions(frame.assign(key=session_keys(frame)), "key", have):
        file = features.file_of(wrong[1])
        raise InputError(f"{wrong[0]} has several values of {wrong[1]}", file=file, found=", ".join(wrong[2]))
    first = frame.groupby(list(SESSION), sort=True).agg(lambda cells: next(filter(None, cells), ""))
    frame = first.reset_index() if have else frame.sort_values(list(SESSION), kind="stable")
    return frame.set_index(pd.MultiIndex.from_frame(frame[list(SESSION)]))


def _feature(features: FeatureTable, tidy: pd.DataFrame, part: dict, record: dict, *, sides: list[str]) -> pd.Series:
    """Find one feature of all sessions that have it, defined as in training; `sides` are those of any feature."""
    voi, own = voi_side(part["voi"])
    rows = tidy.loc[(tidy["voi"] == voi) & tidy["hemisphere"].isin(own) & (tidy["feature"] == part["name"])]
    for column in FEATURE_COLUMNS[:2]:
        rows = rows.loc[rows[column] == part[column]]
    if rows.empty:
        found = f"{voi} of side {', '.join(sides)}" if sides and not set(sides) & set(own) else "no row of it"
        file = features.file_of("feature")
        raise InputError("a feature that the model needs is missing", file=file, found=found, expected=part["feature"])
    untold = rows[list(GRAY_LEVELS)].isna().all(axis=1)
    for name in DEFINITION:
        wanted = record["definition"][name]
        if name in GRAY_LEVELS:
            same = (rows[name].isna() if wanted is None else rows[name] == wanted) | untold.loc[rows.index]
        else:
            same = (rows[name] == wanted) | (rows[name] == "") | (wanted is None)
        if not same.any():
            found = ", ".join(map(str, rows[name].unique()))
            raise InputError(f"{part['feature']} is defined differently: {name}", found=found, expected=str(wanted))
        rows = rows.loc[same]
    told = [name for name in ("preset", "echo_set", "inversion") if (rows[name] != "").any()]
    rows = rows.loc[(rows[told] != "").all(axis=1)] if told else rows
    rows = rows.set_index(pd.MultiIndex.from_frame(rows[list(SESSION)]))
    if rows.index.has_duplicates:
        who = rows.index[rows.index.duplicated()][0]
        file = " and ".join(features.files_with(who[0])[:3])
        found = "_".join(filter(None, who))
        raise InputError(f"several values of {part['feature']}", file=file, found=found, expected="one a session")
    return rows["value"].astype(float)


def _scorable(sessions: pd.DataFrame, found: dict[str, pd.Series], left_out: LeftOut) -> pd.DataFrame:
    """Leave out the sessions that lack a row of a feature."""
    lacking: dict[tuple, list[str]] = {}
    for name, values in found.items():
        for key in sessions.index.difference(values.index):
            lacking.setdefault(key, []).append(name)
    for key, names in lacking.items():
        more = f" and {len(names) - 1} more features" if len(names) > 1 else ""
        left_out.add("session", "_".join(filter(None, key)), f"it has no row of {names[0]}{more} as in training")
    if len(lacking) == len(sessions):
        names = sorted({name for several in lacking.values() for name in several})
        said = f"all {len(sessions)} sessions lack a feature of the model"
        raise InputError(said, found=f"no row of {names[0]}", expected=", ".join(names[:5]))
    left_out.warn()
    return sessions.loc[~sessions.index.isin(list(lacking))]


def _refuse_codes(raw: pd.DataFrame, parts: pd.DataFrame, features: FeatureTable) -> None:
    """Refuse -999 or the like where it stands for a missing value, beside the values of the training."""
    for name, column in raw.items():
        low, high = parts.loc[name, ["training_low", "training_high"]]
        for key in column.index[[is_code_beside(value, low, high) for value in column]]:
            raise InputError(
                f"{column[key]:g} stands for a missing value", file=features.files_with(key[0])[0],
                found=f"{name} of {'_'.join(filter(None, key))}, in training {low:.4g} to {high:.4g}",
                expected="n/a or an empty cell where there is no value",
            )  # fmt: skip
        if str(name).endswith(SPREADS) and low > 0:
            apart = (column > 0) & ((column > OTHER_UNIT * high) | (column < low / OTHER_UNIT))
            if apart.any():
                key = column.index[apart][0]
                raise InputError(
                    "the values are in another unit than those of the training", file=features.files_with(key[0])[0],
                    found=f"{name} of {'_'.join(filter(None, key))}: {column[key]:.4g} ({apart.sum()} sessions in all)",
                    expected=f"{low:.4g} to {high:.4g}, as in training",
                )  # fmt: skip


def _own(features: FeatureTable, sessions: pd.DataFrame, name: str) -> pd.Series:
    file = features.file_of(name)
    if name not in sessions:
        found = ", ".join(features.others) or "no variable of participants"
        raise InputError(f"the features lack the variable {name}", file=file, found=found, expected=name)
    column = sessions[name].set_axis(session_keys(sessions), axis=0)
    return read_variable(column, file).set_axis(sessions.index)


def _warn(usable: pd.DataFrame, outside: pd.DataFrame) -> None:
    said = {"have no usable value, the training median stands in": ~usable, "lie outside the training range": outside}
    for what, table in said.items():
        for name, count in table.sum().items():
            if count:
                log.warning("%s: %d of %d sessions %s", name, count, len(table), what)
