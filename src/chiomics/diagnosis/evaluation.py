"""Cross-validation of one model, as published and without its leak.

``as_published``: features are imputed, standardised and selected on all subjects, then the logistic regression alone is
cross-validated (Yan et al. 2021, Model). Test subjects took part in the selection, so on noise alone the AUC comes
near 0.85. ``nested``: the whole recipe is fitted on the training subjects of every fold (Ambroise and McLachlan
2002, PNAS 99:6562).

A score is the probability of the positive class from the model of its fold. The scores of one repeat, each session
having one, are pooled; repeats are never pooled but averaged, see `chiomics.core.scores.concordance`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone

from chiomics.core.errors import SettingError
from chiomics.core.logs import Progress
from chiomics.core.scores.splits import split
from chiomics.core.scores.thresholds import youden_threshold
from chiomics.diagnosis.cohort import outcome
from chiomics.diagnosis.contracts import ALL_SUBJECTS, PREDICTIONS, SCHEMES, SELECTED
from chiomics.diagnosis.models import Model
from chiomics.diagnosis.recipe import build_pipeline, design_matrix, selected_features


@dataclass(frozen=True)
class Evaluation:
    """Results of some repeats of one model and scheme.

    Attributes
    ----------
    predictions : pandas.DataFrame
        `contracts.PREDICTIONS`.
    selected : pandas.DataFrame
        `contracts.SELECTED`.
    """

    predictions: pd.DataFrame
    selected: pd.DataFrame


def evaluate(
    cohort: pd.DataFrame, model: Model, settings: dict, *, scheme: str, repeats: Iterable[int] = (0,)
) -> Evaluation:
    """Cross-validate a model.

    Parameters
    ----------
    cohort : pandas.DataFrame
        One row per session, as `cohort.build_cohort` gives it.
    model : Model
        Which.
    settings : dict
        Keys of `diagnosis.settings.Settings`.
    scheme : {"as_published", "nested"}
        Where the selection sees the test subjects, and where it does not.
    repeats : iterable of int
        Numbers of the repeats; a repeat gives the same folds to every model.

    Returns
    -------
    Evaluation
        Scores of every session in every repeat, and what was selected.
    """
    y = outcome(cohort, settings)
    design = design_matrix(cohort, model, settings)
    predictions, selected, repeats = [], [], list(repeats)
    progress = Progress(len(repeats))
    for repeat in repeats:
        score, threshold, fold, chosen = cross_validate(
            cohort, design.to_numpy(), list(design.columns), y, model, settings, scheme=scheme, seeds=(repeat,)
        )
        part = cohort[["participant", "session", "run", "group"]].copy()
        part.insert(0, "model", model.name)
        part.insert(1, "scheme", scheme)
        part.insert(2, "repeat", repeat)
        part.insert(3, "fold", fold)
        predictions.append(part.assign(y=y, score=score, threshold=threshold))
        chosen.insert(0, "model", model.name)
        chosen.insert(1, "scheme", scheme)
        chosen.insert(2, "repeat", repeat)
        selected.append(chosen)
        progress.step(f"{model.name}, {scheme}, repeat {repeat}")
    return Evaluation(
        pd.concat(predictions, ignore_index=True)[list(PREDICTIONS)],
        pd.concat(selected, ignore_index=True)[list(SELECTED)],
    )


def cross_validate(
    cohort: pd.DataFrame,
    design: np.ndarray,
    columns: list[str],
    y: np.ndarray,
    model: Model,
    settings: dict,
    *,
    scheme: str,
    seeds: tuple[int, ...],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, pd.DataFrame]:
    """Run one repeat with the labels at hand, true or permuted.

    Returns
    -------
    score, threshold, fold : ndarray, shape (sessions,)
        Out-of-fold probability, the threshold of the fold, and its number.
    selected : pandas.DataFrame
        Columns fold, step, feature, coefficient.
    """
    if scheme not in SCHEMES:
        raise SettingError("unknown scheme", found=scheme, expected=" or ".join(SCHEMES))
    pipeline = build_pipeline(model, columns, settings)
    chosen = []
    if scheme == "as_published":
        pipeline.fit(design, y)
        chosen.append(selected_features(pipeline, columns).assign(fold=ALL_SUBJECTS))
        design, pipeline = pipeline[:-1].transform(design), pipeline[-1]
    rule = settings["threshold_rule"][scheme]
    score, threshold, fold = np.full(len(y), np.nan), np.full(len(y), np.nan), np.full(len(y), -1)
    for number, (train, test) in enumerate(split(cohort, y, settings, seeds=seeds)):
        fitted = clone(pipeline).fit(design[train], y[train])
        score[test] = fitted.predict_proba(design[test])[:, 1]
        fold[test] = number
        if rule == "youden_training":
            threshold[test] = youden_threshold(y[train], fitted.predict_proba(design[train])[:, 1])
        elif rule == "half":
            threshold[test] = 0.5
        if scheme == "nested":
            chosen.append(selected_features(fitted, columns).assign(fold=number))
    return score, threshold, fold, pd.concat(chosen, ignore_index=True)
