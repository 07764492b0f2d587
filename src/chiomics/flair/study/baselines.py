"""Models without a network: lesion load, lesion sites, and who the patients are. They cost nothing and must be beaten.

Each is a logistic regression with an L2 penalty on standardised predictors, fitted on a training's own patients and
tested on its own test patients, so that it can be compared with the networks pair by pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.demographics import is_female
from chiomics.flair.study.networks.training import labels_of, split_of
from chiomics.flair.study.scanners import name_scanners
from chiomics.flair.study.trainings import Training

BASELINES = ("lesion_volume", "lesion_load", "lesion_sites", "demographics")
#: Penalty of each model, as scikit-learn's C. Sites have 1859 predictors, most of them 0.
STRENGTH = {"lesion_sites": 0.01}


def design(prepared: Prepared, name: str) -> np.ndarray | None:
    """Return the predictors of a baseline.

    Parameters
    ----------
    prepared : Prepared
        The cohort.
    name : str
        One of `BASELINES`.

    Returns
    -------
    ndarray, shape (sessions, predictors), or None
        None where the cohort knows nothing of them.
    """
    table = prepared.table
    if name == "lesion_sites":
        # Cells where nobody has a lesion have no part in any fit.
        return np.log1p(prepared.cells[:, prepared.cells.any(axis=0)])
    if name == "demographics":
        return _demographics(table)
    columns = [np.log1p(table["lesion_volume_mm3"].to_numpy(float))]
    if name == "lesion_load":
        columns += [np.log1p(table["lesion_count"].to_numpy(float))]
        columns += [table["periventricular_share"].fillna(0).to_numpy(float)]
    return np.column_stack(columns)


def _demographics(table: pd.DataFrame) -> np.ndarray | None:
    columns = []
    for name in ("age", "edss"):
        if name in table and (values := pd.to_numeric(table[name], errors="coerce")).notna().any():
            columns.append(values.to_numpy(float))
    if "sex" in table and (women := is_female(table["sex"])).nunique() > 1:
        columns.append(women.to_numpy(float))
    if any(scanners := name_scanners(table.to_dict("records"))):
        columns.append(pd.get_dummies(pd.Series(scanners)).to_numpy(float))
    return np.column_stack(columns) if columns else None


def make_model(name: str) -> Any:
    """Return an unfitted baseline."""
    model = LogisticRegression(C=STRENGTH.get(name, 1.0), max_iter=2000)
    return make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler(), model)


def score_baselines(prepared: Prepared, settings: Mapping[str, Any], study: str, *, permutations: int) -> pd.DataFrame:
    """Score every baseline in the folds of the networks.

    Parameters
    ----------
    prepared : Prepared
        The cohort.
    settings : mapping
        Of the paper.
    study : {"wang2020", "seok2023"}
        Whose folds.
    permutations : int
        Cohorts with permuted labels, one repeat each.

    Returns
    -------
    pandas.DataFrame
        Columns as of `train_once`; the input is ``numbers``.
    """
    scheme, repeats = ("nested", settings["repeats"]) if study == "wang2020" else ("as_published", settings["tests"])
    jobs = [(0, repeat) for repeat in range(repeats)] + [(number, 0) for number in range(1, permutations + 1)]
    tables = []
    for name in BASELINES:
        predictors = design(prepared, name)
        if predictors is None:
            continue
        for labels, repeat in jobs:
            for fold in range(settings["folds"]):
                training = Training(study, name, "numbers", 1.0, scheme, labels, repeat, fold)
                y = labels_of(prepared, settings, training)
                split = split_of(prepared, y, settings, training)
                learnt = np.sort(np.union1d(split.train, split.select))
                model = make_model(name).fit(predictors[learnt], y[learnt])
                p = model.predict_proba(predictors[split.test])[:, 1]
                table = prepared.table.loc[split.test, ["participant", "session"]].assign(y=y[split.test], p=p)
                tables.append(table.assign(epoch="last", **training.record()))
                if study == "seok2023":
                    break  # the test is the same for all folds, and a baseline needs none of them
    return pd.concat(tables, ignore_index=True)
