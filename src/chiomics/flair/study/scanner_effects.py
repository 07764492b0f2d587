"""What the scanner does: a scanner left out of the training, and how well the image tells the scanner.

Where a model knows the scanner from the image and the groups were imaged on different ones, it can tell the groups by
the scanner. The ridge sees the networks' own input in coarse blocks: a lower bound of what they can see.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.baselines import design, make_model
from chiomics.flair.study.confounders import score_part
from chiomics.flair.study.networks.training import pick_images, split_of
from chiomics.flair.study.scanners import name_scanners, why_not_left_out
from chiomics.flair.study.trainings import SCANNER_OUT, Training, main_arm

#: Blocks along each axis of what the ridge sees, its penalty as scikit-learn's C, and its folds.
BLOCKS, STRENGTH, FOLDS = 8, 0.01, 5
#: Model of lesion load beside the network.
RIVAL = "lesion_volume"


def table_of_scanners(
    prepared: Prepared, predictions: pd.DataFrame, study: str, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Score what the scanner does.

    Parameters
    ----------
    prepared : Prepared
        The cohort.
    predictions : pandas.DataFrame
        Of the trainings that leave a scanner out.
    study : {"wang2020", "seok2023"}
        Whose.
    settings : mapping
        Of the paper.

    Returns
    -------
    pandas.DataFrame
        Columns of `confounders.table_of_confounders`; what cannot be estimated says why in ``note``.
    """
    table, draws, seed = prepared.table, settings["bootstraps"], settings["seed"]
    names, groups = np.array(name_scanners(table.to_dict("records"))), table["group"].astype(str).to_numpy()
    known = names != ""
    if not known.any():
        said = "no column scanner or site, maker or field has two values"
        return pd.DataFrame([_empty("scanner", len(table)) | {"note": said}])
    counts = pd.crosstab(names[known], groups[known])
    rows = [_empty("groups differ between scanners (χ²)", int(known.sum()))]
    rows[0] |= {"p": float(stats.chi2_contingency(counts).pvalue) if counts.shape[1] > 1 else np.nan}
    for name in sorted(set(names[known])):
        what = f"{name} left out of the training"
        why = why_not_left_out(name, names.tolist(), groups.tolist(), table["participant"].tolist())
        if why or name not in settings.get("scanners", ()):
            why = why or "it was not planned, for sessions that could not be prepared name the scanners otherwise"
            rows.append(_empty(f"{what}, network", int((names == name).sum())) | {"note": f"not estimable: {why}"})
            continue
        number = list(settings["scanners"]).index(name)
        own = predictions[(predictions["fold"] == number) & (predictions["epoch"] == fair_epoch(study))]
        rows.append(score_part(f"{what}, network", own, draws, seed))
        rows.append(score_part(f"{what}, lesion volume", _rival(prepared, study, settings, number), draws, seed))
    images = coarse_images(prepared, study, settings["input"])
    note = f"ridge on {images.shape[1]} blocks of the input, {FOLDS} folds by patient"
    for what, labels in (("scanner from the image", names), ("groups from the image, same model", groups)):
        auc = predict_labels(images[known], labels[known], table["participant"].to_numpy()[known], seed=seed)
        said = note if np.isfinite(auc) else f"not estimable: fewer than {FOLDS} patients of a kind"
        rows.append(_empty(what, int(known.sum())) | {"auc": auc, "note": said})
    return pd.DataFrame(rows)


def fair_epoch(study: str) -> str:
    """Name the epoch that estimates performance."""
    return "best" if study == "wang2020" else "last"


def coarse_images(prepared: Prepared, study: str, kind: str) -> np.ndarray:
    """Average a study's images over blocks, shape (sessions, values)."""
    images = pick_images(prepared, study, kind)
    return np.stack([_blocks(image.astype(np.float32)) for image in images])


def _blocks(image: np.ndarray) -> np.ndarray:
    for axis in range(1, image.ndim):
        edges = np.linspace(0, image.shape[axis], BLOCKS + 1).astype(int)[:-1]
        image = np.add.reduceat(image, edges, axis=axis)
    return image.ravel()


def predict_labels(images: np.ndarray, labels: np.ndarray, participants: np.ndarray, *, seed: int) -> float:
    """Cross-validate a ridge logistic regression.

    Parameters
    ----------
    images : ndarray, shape (sessions, values)
        Predictors.
    labels, participants : ndarray, shape (sessions,)
        What is predicted, and whose session it is.
    seed : int
        Of the folds.

    Returns
    -------
    float
        Area under the curve, each label against all others, averaged; NaN where a label has too few patients.
    """
    kinds = np.unique(labels)
    if len(kinds) < 2 or min(len(np.unique(participants[labels == kind])) for kind in kinds) < FOLDS:
        return np.nan
    model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=2000))
    p = np.zeros((len(labels), len(kinds)))
    for train, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(images, labels, participants):
        model.fit(images[train], labels[train])
        p[np.ix_(test, np.searchsorted(kinds, model.classes_))] = model.predict_proba(images[test])
    return float(np.mean([roc_auc_score(labels == kind, p[:, number]) for number, kind in enumerate(kinds)]))


def _rival(prepared: Prepared, study: str, settings: Mapping[str, Any], number: int) -> pd.DataFrame:
    """Score lesion volume on the same split."""
    training = Training(study, main_arm(study), settings["input"], 1.0, SCANNER_OUT, 0, 0, number)
    y = (prepared.table["group"] == settings["positive"]).to_numpy().astype(int)
    split, predictors = split_of(prepared, y, settings, training), design(prepared, RIVAL)
    learnt = np.sort(np.union1d(split.train, split.select))
    p = make_model(RIVAL).fit(predictors[learnt], y[learnt]).predict_proba(predictors[split.test])[:, 1]
    return prepared.table.loc[split.test, ["participant", "session"]].assign(y=y[split.test], p=p)


def _empty(what: str, n: int) -> dict[str, Any]:
    return {"what": what, "auc": np.nan, "low": np.nan, "high": np.nan, "p": np.nan, "n": n, "note": ""}
