"""What adjusting the features of new subjects needs to know of the training subjects, and how it is done.

The counterpart of `chiomics.diagnosis.estimators.adjust` for a model file: of a regression the slopes, of ComBat the
location and scale of each training site. A site that the model has not seen cannot be adjusted.
"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from chiomics.core.errors import InputError
from chiomics.core.features.canonical import as_text
from chiomics.core.features.demographics import read_variable
from chiomics.diagnosis.best_region import BestRegion
from chiomics.diagnosis.estimators.covariates import EQUALS, levels_of

log = logging.getLogger(__name__)


def record_adjustment(
    pipeline: Pipeline, columns: list[str], cohort: pd.DataFrame, settings: dict, predictors: list[str]
) -> dict | None:
    """Write down the adjustment of the predictors of a fitted pipeline.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Of `recipe.fit_final`.
    columns : list of str
        Of its design matrix.
    cohort : pandas.DataFrame
        The training sessions.
    settings : dict
        Keys of `diagnosis.settings.Settings`.
    predictors : list of str
        Columns that the model uses.

    Returns
    -------
    dict or None
        method, covariates, and numbers per adjusted predictor; None without adjustment.
    """
    place = {name: (fitted, where) for name, fitted, where in pipeline["features"].transformers_}
    if not settings["adjust"] or "radiomics" not in place:
        return None
    fitted, where = place["radiomics"]
    names = np.asarray(columns, dtype=object)[where]
    if isinstance(fitted, BestRegion):
        names, fitted = names[fitted.columns_], fitted.selection_
    impute, adjust = fitted["impute"], fitted["adjust"]
    first = len(names) - adjust.covariates
    covariates = [
        {
            **_kind(name, cohort, settings),
            "median": impute.median_[first + number],
            "abnormal_low": impute.low_[first + number],
            "abnormal_high": impute.high_[first + number],
        }
        for number, name in enumerate(names[first:])
    ]
    number_of = {name: number for number, name in enumerate(names[:first])}
    used = {name: number_of[name] for name in predictors if name in number_of}
    record = {"method": settings["adjust"], "covariates": covariates}
    if settings["adjust"] == "regression":
        slopes = {name: adjust.coef_[:, number] for name, number in used.items()}
        return record | {"covariate_means": adjust.mean_, "slopes": slopes}
    return record | {
        "sites": adjust.sites_,
        "location": {name: adjust.location_[:, number] for name, number in used.items()},
        "scale": {name: adjust.scale_[:, number] for name, number in used.items()},
        "mean": {name: adjust.mean_[number] for name, number in used.items()},
        "sd": {name: adjust.sd_[number] for name, number in used.items()},
    }


def apply_adjustment(record: dict, values: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    """Adjust the values of new sessions.

    Parameters
    ----------
    record : dict
        Of `record_adjustment`.
    values : pandas.DataFrame
        One row per session, one column per predictor, imputed.
    sessions : pandas.DataFrame
        The same rows, with the covariates as participants.tsv has them.

    Returns
    -------
    pandas.DataFrame
        Copy of `values`, its adjusted columns replaced.

    Raises
    ------
    InputError
        Where a covariate is missing, or its value is a category or site that the training subjects do not have.
    """
    covariates = np.column_stack([_read_covariate(part, sessions) for part in record["covariates"]])
    values = values.copy()
    if record["method"] == "regression":
        distance = covariates - np.asarray(record["covariate_means"])
        for name, slopes in record["slopes"].items():
            values[name] -= distance @ np.asarray(slopes)
        return values
    sites = np.asarray(record["sites"])
    code = np.searchsorted(sites, covariates[:, 0]).clip(max=len(sites) - 1)
    if (sites[code] != covariates[:, 0]).any():
        raise InputError("sessions of a site that the model was not trained on", expected=str(record["sites"]))
    for name, location in record["location"].items():
        z = (values[name] - record["mean"][name]) / record["sd"][name]
        z = (z - np.asarray(location)[code]) / np.asarray(record["scale"][name])[code]
        values[name] = z * record["sd"][name] + record["mean"][name]
    return values


def _kind(column: str, cohort: pd.DataFrame, settings: dict) -> dict:
    """Say what a covariate's column is: a number, the codes of the sites, or the indicator of one category."""
    if settings["adjust"] == "combat":
        return {"name": column, "categories": levels_of(cohort, column)}
    name, equals, level = column.partition(EQUALS)
    if column in cohort or not equals:
        return {"name": column, "categories": None}
    return {"name": name, "categories": levels_of(cohort, name), "level": level}


def _read_covariate(part: dict, sessions: pd.DataFrame) -> np.ndarray:
    name = part["name"]
    if name not in sessions:
        raise InputError(f"the features lack the covariate {name}", found=", ".join(sessions.columns), expected=name)
    if part["categories"] is not None:
        words = sessions[name].map(as_text)
        if unknown := sorted(set(words) - set(part["categories"])):
            found, expected = ", ".join(word or "nothing" for word in unknown), ", ".join(part["categories"])
            raise InputError(f"unknown {name}: the model was not trained on it", found=found, expected=expected)
        if part.get("level") is not None:
            return (words == part["level"]).to_numpy(dtype=float)
        return words.map(part["categories"].index).to_numpy(dtype=float)
    values = read_variable(sessions[name]).to_numpy(dtype=float)
    usable = np.isfinite(values) & (part["abnormal_low"] <= values) & (part["abnormal_high"] >= values)
    if not usable.any():
        raise InputError(f"no session has a value of the covariate {name}", expected="a number in one session at least")
    if not usable.all():
        said = "covariate %s: %d of %d sessions have no usable value, the training median stands in"
        log.warning(said, name, np.count_nonzero(~usable), len(usable))
    return np.where(usable, values, part["median"])
