"""A fitted model as a JSON file that another site can read, check and apply.

Numbers and names only, nothing that runs: coefficients, scaling, medians, how each feature is defined, the range of the
training values, the cohort, and what the cross-validation found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from chiomics.core.errors import InputError
from chiomics.core.features.table import open_features
from chiomics.core.files import read_sidecar, write_sidecar
from chiomics.core.provenance import find_versions
from chiomics.diagnosis.cohort import SHAPE, UNIQUE
from chiomics.diagnosis.estimators.adjustment_record import record_adjustment
from chiomics.diagnosis.final_model import coefficient_table
from chiomics.diagnosis.models import Model
from chiomics.diagnosis.recipe import design_matrix, fit_final

FORMAT, FORMAT_VERSION = "chiomics diagnosis model", 1
NOTICE = "Research use only: no medical device, not for diagnosis or for any decision about a patient."
#: What has to be the same for a feature of one name to be the same feature.
DEFINITION = ("preset", "echo_set", *UNIQUE)
#: Of performance.tsv, what the file says of the model's performance.
PERFORMANCE = (
    "auc", "auc_delong_low", "auc_delong_high", "p_permutation", "auc_permuted_mean", "calibration_intercept",
    "calibration_slope", "events_per_variable", "warning",
)  # fmt: skip
#: Settings that say how the model was found.
RECIPE = (
    "abnormal_z", "p_threshold", "normality_threshold", "rho_cutoff", "max_features", "screen", "estimator", "adjust",
    "adjust_for", "whitelist",
)  # fmt: skip
PACKAGES = ("numpy", "pandas", "scikit-learn", "scipy")


def describe_model(
    cohort: pd.DataFrame,
    model: Model,
    settings: dict,
    *,
    definition: dict,
    source: str,
    simulated: bool | str,
    performance: pd.DataFrame | None = None,
) -> dict:
    """Fit a model on the whole cohort and write down all that applying it needs.

    Parameters
    ----------
    cohort : pandas.DataFrame
        One row per session.
    model : Model
        Which.
    settings : dict
        Keys of `diagnosis.settings.Settings`.
    definition : dict
        Of `DEFINITION`, as `read_definition` gives it.
    source : str
        Where the cohort comes from, in words.
    simulated : bool or str
        Whether its subjects are simulated, or how many of them.
    performance : pandas.DataFrame, optional
        `contracts.PERFORMANCE`, for the model's own rows.

    Returns
    -------
    dict
        For `write_model`.
    """
    pipeline, columns = fit_final(cohort, model, settings)
    return record_model(
        pipeline,
        columns,
        cohort,
        model,
        settings,
        definition=definition,
        source=source,
        simulated=simulated,
        performance=performance,
    )


def record_model(
    pipeline: Pipeline,
    columns: Sequence[str],
    cohort: pd.DataFrame,
    model: Model,
    settings: dict,
    *,
    definition: dict,
    source: str,
    simulated: bool | str,
    performance: pd.DataFrame | None = None,
) -> dict:
    """Write down a pipeline that `recipe.fit_final` fitted; parameters as of `describe_model`."""
    design = design_matrix(cohort, model, settings)
    table = coefficient_table(pipeline, list(columns), design)
    people = cohort.drop_duplicates("participant")
    negative = next(group for group in settings["groups"] if group != settings["positive"])
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "intended_use": NOTICE,
        "model": model.name,
        "positive": settings["positive"],
        "negative": negative,
        "score": f"predicted probability of {settings['positive']}, at the training cohort's shares of the groups",
        "definition": {name: definition[name] for name in DEFINITION},
        "estimator": pipeline["logistic"].method_,
        "intercept": float(pipeline["logistic"].intercept_[0]),
        "predictors": [_predictor(row) for row in table.to_dict("records")],
        "adjustment": record_adjustment(pipeline, list(columns), cohort, settings, list(table["feature"])),
        "training": {
            "source": source,
            "simulated": simulated,
            "n_sessions": len(cohort),
            "participants": {group: int((people["group"] == group).sum()) for group in settings["groups"]},
            "sex": "1 is male, 0 is female",
        },
        "performance": _performance(model.name, performance),
        "recipe": {name: settings[name] for name in RECIPE},
        "versions": find_versions(*PACKAGES),
    }


def write_model(path: str | Path, record: dict) -> None:
    """Write a model as JSON; limits that are infinite become null."""
    write_sidecar(path, record)


def read_model(path: str | Path) -> dict:
    """Read a model.

    Parameters
    ----------
    path : path-like
        Written by `write_model`.

    Returns
    -------
    dict
        Limits that are null are infinite again.

    Raises
    ------
    InputError
        Where the file is no model, of an unknown version, or incomplete.
    """
    record = read_sidecar(path, what="model")
    said = {key: record.get(key) for key in ("format", "format_version")} if isinstance(record, dict) else {}
    if said != {"format": FORMAT, "format_version": FORMAT_VERSION}:
        found = ", ".join(f"{key} {value}" for key, value in said.items() if value is not None) or "no format"
        expected = f"the key format with {FORMAT}, and format_version {FORMAT_VERSION}"
        raise InputError("this is no model of the diagnosis", file=path, found=found, expected=expected)
    needed = {"definition", "intercept", "predictors", "positive", "intended_use", "adjustment", "model", "training"}
    if needed - set(record):
        raise InputError("the model is incomplete", file=path, expected=", ".join(sorted(needed - set(record))))
    try:
        parts = [*record["predictors"], *((record["adjustment"] or {}).get("covariates", []))]
        whole = parts and all(isinstance(part, dict) for part in parts)
        whole = whole and all({"feature", "kind"} <= set(part) for part in record["predictors"])
    except (AttributeError, TypeError):
        whole = False
    if not whole:
        raise InputError("the model's predictors or its adjustment are no lists of records", file=path)
    for part in parts:
        for name, limit in (("abnormal_low", -np.inf), ("abnormal_high", np.inf)):
            part[name] = limit if part.get(name) is None else part[name]
    numbers = ("median", "mean", "scale", "coefficient")
    unset = [part.get("feature") for part in record["predictors"] if any(part.get(name) is None for name in numbers)]
    if unset or record["intercept"] is None:
        raise InputError("numbers of the model are missing", file=path, found=", ".join(map(str, unset)))
    return record


def read_definition(paths: Iterable[str | Path], settings: dict) -> dict:
    """Find how the features of the cohort are defined, where the settings leave it open.

    Parameters
    ----------
    paths : iterable of path-like
        Feature files of the cohort.
    settings : dict
        Keys of `diagnosis.settings.Settings`.

    Returns
    -------
    dict
        Of `DEFINITION`; None where the features have no value.
    """
    features = open_features(list(paths))
    keep = {name: [settings[name]] for name in ("preset", "echo_set") if features.distinct(name)}
    keep["group"] = list(settings["groups"])
    table = features.combinations([*UNIQUE, "feature_class"], keep=keep)
    table = table.loc[~table["feature_class"].isin(SHAPE), list(UNIQUE)].drop_duplicates()
    definition = {"preset": settings["preset"], "echo_set": settings["echo_set"]}
    for name in UNIQUE:
        told = table[name].dropna().unique() if name != "inversion" else [word for word in table[name].unique() if word]
        found = told if settings[name] is None else [settings[name]]
        if len(found) > 1:
            raise InputError(f"features of several values of {name}", found=", ".join(map(str, found)))
        definition[name] = found[0] if len(found) else None
    return definition


def _predictor(row: dict) -> dict:
    """Name the parts of a radiomic feature's column beside its numbers."""
    region, _, feature = row["feature"].rpartition(".")
    if row["kind"] == "radiomic":
        image_type, feature_class, name = feature.split("_")
        row |= {"voi": region, "image_type": image_type, "feature_class": feature_class, "name": name}
    return row


def _performance(name: str, performance: pd.DataFrame | None) -> dict:
    if performance is None:
        return {}
    own = performance.loc[performance["model"] == name].set_index("scheme")
    return {scheme: {key: own.loc[scheme, key] for key in PERFORMANCE} for scheme in own.index}
