"""From the predictions of every training to one probability and one call per lesion and detector.

Probabilities are means over the seeds, since curves need numbers; calls are the seeds' majority, as Zhang et al. 2022
(section 2.3) vote. Two thresholds: the one with the highest F1 on the evaluated fold itself, as published, which is too
good; and the one with the highest F1 on training subjects that the detector had not seen.
"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from chiomics.rims.detectors.lesions import KEYS
from chiomics.rims.evaluation.thresholds import f1_threshold

RULES = ("published", "inner")
#: Columns of the result.
CALLS = (
    "arm", "fold", *KEYS, "label", "probability", "calibrated", "call_published", "call_inner", "threshold_published",
    "threshold_inner",
)  # fmt: skip

log = logging.getLogger(__name__)


def combine_seeds(predictions: pd.DataFrame) -> pd.DataFrame:
    """Average and vote.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Of all trainings, `training.PREDICTIONS`.

    Returns
    -------
    pandas.DataFrame
        `CALLS`, one row per arm and lesion. Calls are 0 or 1, NaN without an inner threshold; thresholds are means over
        seeds.
    """
    frames = [_combine(own) for _, own in predictions.groupby(["arm", "fold"], sort=True)]
    return pd.concat(frames, ignore_index=True)[list(CALLS)]


def _combine(own: pd.DataFrame) -> pd.DataFrame:
    limits = {
        role: {seed: _threshold(part) for seed, part in own.loc[own["role"] == role].groupby("seed")}
        for role in ("test", "inner")
    }
    test = own.loc[own["role"] == "test"]
    inner = {seed: value for seed, value in limits["inner"].items() if np.isfinite(value)}
    typical = float(np.mean(list(inner.values()))) if inner else np.nan
    by_seed = {"published": limits["test"], "inner": {seed: inner.get(seed, typical) for seed in limits["test"]}}
    votes = test.assign(
        **{rule: test["probability"] >= test["seed"].map(by_seed[rule]) for rule in RULES},
    )
    found = votes.groupby(["arm", "fold", *KEYS], sort=False, dropna=False).agg(
        label=("label", "first"), probability=("probability", "mean"), calibrated=("calibrated", "mean"),
        call_published=("published", "mean"), call_inner=("inner", "mean"),
    ).reset_index()  # fmt: skip
    for rule in RULES:
        found[f"call_{rule}"] = (found[f"call_{rule}"] > 0.5).astype(float)
        found[f"threshold_{rule}"] = float(np.mean(list(by_seed[rule].values())))
    if not np.isfinite(typical):
        found["call_inner"] = np.nan
    return found


def _threshold(part: pd.DataFrame) -> float:
    """Return the F1 threshold, NaN where the lesions are of one class."""
    if part["label"].nunique() < 2:
        log.warning("%s, fold %s: no threshold from lesions of one class", part["arm"].iloc[0], part["fold"].iloc[0])
        return np.nan
    return f1_threshold(part["label"].to_numpy(), part["probability"].to_numpy())
