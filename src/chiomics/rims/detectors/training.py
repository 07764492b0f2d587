"""One training: an arm on the training subjects of a fold with a seed, and its predictions of the other subjects.

Nothing of a test subject reaches a weight, a scale, a made lesion or a threshold: all are learnt from rows that are
handed over without the test subjects. Beside the detector that the paper trains, a second one leaves out a fifth of the
training subjects and predicts them: from those scores comes a threshold that has not seen the evaluated fold.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from chiomics.core.learning.checkpoints import name_checkpoint
from chiomics.core.learning.device import derive_seed
from chiomics.rims.detectors.arms import ARMS
from chiomics.rims.detectors.folds import assign_folds, inner_split
from chiomics.rims.detectors.forest import fit_forest
from chiomics.rims.detectors.lesions import KEYS, Lesions

#: What is known of a prediction; role is `test` or `inner`.
PREDICTIONS = ("arm", "fold", "seed", "role", *KEYS, "label", "probability", "calibrated")

log = logging.getLogger(__name__)


class Detector(Protocol):
    """What was trained."""

    #: Share of rim lesions among what it was trained on.
    prior: float

    def predict(self, lesions: Lesions) -> np.ndarray:
        """Return the probability of a rim, shape (lesions,)."""


@dataclass(frozen=True)
class MeanChi:
    """The baseline: a logistic regression of the mean χ alone, which ranks lesions as the mean does."""

    regression: LogisticRegression
    mean: float
    sd: float
    prior: float

    @classmethod
    def fit(cls, lesions: Lesions) -> MeanChi:
        """Fit it to lesions."""
        chi = lesions.table["chi_mean"].to_numpy(float)
        mean, sd = float(chi.mean()), float(chi.std()) or 1.0
        regression = LogisticRegression().fit(((chi - mean) / sd)[:, None], lesions.labels)
        return cls(regression, mean, sd, float(lesions.labels.mean()))

    def predict(self, lesions: Lesions) -> np.ndarray:
        """Return the probability of a rim, shape (lesions,)."""
        chi = (lesions.table["chi_mean"].to_numpy(float) - self.mean) / self.sd
        return self.regression.predict_proba(chi[:, None])[:, 1]


@dataclass(frozen=True)
class Outcome:
    """What one training gives.

    Attributes
    ----------
    predictions : pandas.DataFrame
        `PREDICTIONS`.
    curve : pandas.DataFrame
        One row per epoch of a network; empty for others.
    timing : dict
        Seconds to train and to predict, lesions and subjects predicted.
    checkpoints : list of Path
        To be removed once the outcome is safe.
    """

    predictions: pd.DataFrame
    curve: pd.DataFrame
    timing: dict[str, Any]
    checkpoints: list[Path]


def train(
    arm: str, lesions: Lesions, settings: Mapping[str, Any], *, seed: int, checkpoint: Path | None = None
) -> Detector:
    """Train the detector of an arm on lesions.

    Parameters
    ----------
    arm : str
        Name in `ARMS`.
    lesions : Lesions
        For training.
    settings : mapping
        Of `arms.complete_settings`.
    seed : int
        Of all its chance.
    checkpoint : path, optional
        Of a network.
    """
    kind = ARMS[arm]
    if kind.kind == "score":
        return MeanChi.fit(lesions)
    if kind.kind == "forest":
        small = derive_seed(seed, "forest") % 2**31
        return fit_forest(lesions, kind.features, smote=kind.oversample, seed=small, trees=settings["trees"])
    from chiomics.rims.detectors.network import train_network

    return train_network(arm, lesions, settings, seed=seed, checkpoint=checkpoint)


def run_training(
    arm: str, fold: int, seed: int, lesions: Lesions, settings: Mapping[str, Any], *, checkpoints: Path | None = None
) -> Outcome:
    """Train on all folds but one and predict that one.

    Parameters
    ----------
    arm : str
        Name in `ARMS`.
    fold, seed : int
        Which fold is evaluated, and the number of the repetition.
    lesions : Lesions
        All of the cohort.
    settings : mapping
        Of `arms.complete_settings`.
    checkpoints : path, optional
        Folder of checkpoints.

    Returns
    -------
    Outcome
        Predictions of the fold, and of the held back training subjects.
    """
    fold_of = assign_folds(lesions.subjects, lesions.labels, folds=settings["folds"], seed=settings["seed"])
    test, training = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)
    own_seed = derive_seed(settings["seed"], f"{arm}/{fold}", seed) % 2**31
    known = lesions.take(training)
    held = inner_split(known.subjects, known.labels, seed=own_seed)
    parts = {"test": (training, test)}
    if settings["inner"] and seed < settings["inner_seeds"]:
        parts["inner"] = (training[~held], training[held])
    frames, curves, files, timing = [], [], [], {}
    for role, (rows, predicted) in parts.items():
        file, mine = None, lesions.take(rows)
        if checkpoints is not None and ARMS[arm].is_network:
            file = name_training(checkpoints, arm, role, mine, settings, own_seed)
            files.append(file)
        started = time.process_time()
        detector = train(arm, mine, settings, seed=own_seed, checkpoint=file)
        trained, others = time.process_time(), lesions.take(predicted)
        probability = detector.predict(others)
        if role == "test":
            timing = {"train_seconds": trained - started, "predict_seconds": time.process_time() - trained}
            timing |= {"lesions": len(predicted), "subjects": len(np.unique(others.subjects))}
        frames.append(
            others.table[KEYS].assign(
                arm=arm, fold=fold, seed=seed, role=role, label=others.labels, probability=probability,
                calibrated=undo_prior(probability, detector.prior, float(mine.labels.mean())),
            )[list(PREDICTIONS)]
        )  # fmt: skip
        if hasattr(detector, "history"):
            curves.append(pd.DataFrame(detector.history.epochs).assign(arm=arm, fold=fold, seed=seed, role=role))
    curve = pd.concat(curves, ignore_index=True) if curves else pd.DataFrame()
    timing = {"arm": arm, "fold": fold, "seed": seed, **timing}
    return Outcome(pd.concat(frames, ignore_index=True), curve, timing, files)


def undo_prior(probability: np.ndarray, prior: float, share: float) -> np.ndarray:
    """Take back what a raised share of rim lesions in training adds to the log odds (Saerens et al. 2002, eq. 4).

    Parameters
    ----------
    probability : ndarray
        As the detector gives it.
    prior, share : float
        Share of rim lesions as trained on, made ones included, and as in the training subjects.

    Returns
    -------
    ndarray
        In the same order of lesions.
    """
    shift = logit(share) - logit(np.clip(prior, 1e-6, 1 - 1e-6))
    return expit(logit(np.clip(probability, 1e-7, 1 - 1e-7)) + shift)


def name_training(folder: Path, arm: str, role: str, lesions: Lesions, settings: Mapping[str, Any], seed: int) -> Path:
    """Name the checkpoint of a training after all that it depends on."""
    what = {key: settings[key] for key in SHAPING} | {"arm": arm, "role": role, "seed": seed}
    keys = hashlib.sha256("\n".join(lesions.table[KEYS].astype(str).agg("/".join, axis=1)).encode()).hexdigest()
    features = lesions.features.to_numpy(np.float64)
    return name_checkpoint(folder, what | {"keys": keys}, lesions.labels, features, lesions.patches, lesions.masks)


#: Settings that change what a network learns.
SHAPING = (
    "size", "epochs", "batch", "learning_rate", "optimiser", "milestones", "gamma", "sampler", "fusion", "deepsmote",
    "aprl_nn_deepsmote", "masked", "augmentation", "voxel_size", "device",
)  # fmt: skip
