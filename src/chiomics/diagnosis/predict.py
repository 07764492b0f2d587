"""Apply a model file to the features of new sessions.

Refused are features that the model does not know as they are defined (another preset, echo set, inversion or grey-level
setting) and sessions without a row of a feature that it needs. A value that the extraction could not give becomes the
training median, as in training, and is counted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from scipy.special import expit

from chiomics.core.errors import InputError
from chiomics.diagnosis.adjustment_record import apply_adjustment
from chiomics.diagnosis.cohort import FEATURE_COLUMNS, read_demographic
from chiomics.diagnosis.model_file import DEFINITION

#: Shape does not depend on these, and tables may leave them empty there.
GRAY_LEVELS = ("n_gray_levels", "bin_width")
SESSION = ("participant", "session", "run")
#: Columns of the result: probability, values replaced by the training median, predictors outside the training range.
SCORES = (*SESSION, "model", "positive", "score", "n_imputed", "n_outside_range", "outside_range", "notice")

log = logging.getLogger(__name__)


def read_features(paths: Iterable[str | Path], record: dict) -> pd.DataFrame:
    """Read the rows of feature files that a model may need: those of its regions and preset."""
    regions = sorted({part["voi"].partition("-")[0] for part in record["predictors"] if part["kind"] == "radiomic"})
    wanted = [("voi", "in", regions)] if regions else None
    return pd.concat([pq.read_table(path, filters=wanted).to_pandas() for path in paths], ignore_index=True)


def predict(record: dict, tidy: pd.DataFrame) -> pd.DataFrame:
    """Score sessions.

    Parameters
    ----------
    record : dict
        Of `model_file.read_model`.
    tidy : pandas.DataFrame
        Rows of the radiomics stage.

    Returns
    -------
    pandas.DataFrame
        `SCORES`, one row per session, in the order of participant, session and run.

    Raises
    ------
    InputError
        Where features are missing or differently defined.
    """
    sessions = _sessions(tidy)
    columns = {}
    for part in record["predictors"]:
        name = part["feature"]
        columns[name] = _feature(tidy, part, record, sessions) if part["kind"] == "radiomic" else _own(sessions, name)
    raw = pd.DataFrame(columns, index=sessions.index)
    parts = pd.DataFrame(record["predictors"]).set_index("feature")
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


def _sessions(tidy: pd.DataFrame) -> pd.DataFrame:
    """Return one row per session with what is known of its participant."""
    if tidy.empty:
        raise InputError("the features hold none of the model's regions")
    identity = list(tidy.columns[: tidy.columns.get_loc("voi")])
    sessions = tidy[identity].drop_duplicates(list(SESSION)).sort_values(list(SESSION), kind="stable")
    return sessions.set_index(pd.MultiIndex.from_frame(sessions[list(SESSION)]))


def _feature(tidy: pd.DataFrame, part: dict, record: dict, sessions: pd.DataFrame) -> pd.Series:
    """Find one feature of every session, defined as in training."""
    voi, _, side = part["voi"].partition("-")
    sides = (side,) if side else ("LR", "")
    rows = tidy.loc[(tidy["voi"] == voi) & tidy["hemisphere"].isin(sides) & (tidy["feature"] == part["name"])]
    for column in FEATURE_COLUMNS[:2]:
        rows = rows.loc[rows[column] == part[column]]
    if rows.empty:
        raise InputError("a feature that the model needs is missing", expected=part["feature"])
    for name in DEFINITION:
        wanted = record["definition"][name]
        same = rows[name].isna() if wanted is None else rows[name] == wanted
        if part["feature_class"] == "shape" and name in GRAY_LEVELS:
            same |= rows[name].isna()
        if not same.any():
            found = ", ".join(map(str, rows[name].unique()))
            raise InputError(f"{part['feature']} is defined differently: {name}", found=found, expected=str(wanted))
        rows = rows.loc[same]
    rows = rows.set_index(pd.MultiIndex.from_frame(rows[list(SESSION)]))
    if rows.index.has_duplicates:
        raise InputError(f"several values of {part['feature']}", found=str(rows.index[rows.index.duplicated()][0]))
    absent = sessions.index.difference(rows.index)
    if len(absent):
        said = ", ".join("_".join(filter(None, key)) for key in absent[:5])
        raise InputError(f"sessions lack {part['feature']}", found=f"{len(absent)} sessions: {said}")
    return rows["value"].reindex(sessions.index).astype(float)


def _own(sessions: pd.DataFrame, name: str) -> pd.Series:
    if name not in sessions:
        raise InputError(f"the features lack the variable {name}", found=", ".join(sessions.columns), expected=name)
    return read_demographic(sessions[name])


def _warn(usable: pd.DataFrame, outside: pd.DataFrame) -> None:
    said = {"have no usable value, the training median stands in": ~usable, "lie outside the training range": outside}
    for what, table in said.items():
        for name, count in table.sum().items():
            if count:
                log.warning("%s: %d of %d sessions %s", name, count, len(table), what)
