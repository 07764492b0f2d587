"""Small tables of features, as people have them, for tests."""

from __future__ import annotations

import numpy as np
import pandas as pd

FEATURES = ("Contrast", "Correlation", "Id", "JointEntropy", "SumAverage")


def tidy_table(
    participants: int = 16, *, seed: int = 0, vois: tuple[str, ...] = ("DN",), effect: float = 1.5
) -> pd.DataFrame:
    """Make a tidy table of two groups and two sites, a row per participant, region and feature."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(participants):
        group = ("MS", "NMOSD")[number % 2]
        who = (f"sub-{number:02d}", group, str(30 + number), "FM"[number // 2 % 2], "AB"[number // 3 % 2])
        for voi in vois:
            for place, feature in enumerate(FEATURES):
                value = rng.normal() + effect * (number % 2) * (place == 1)
                rows.append((*who, voi, "LR", "all", "tv", "yan874", 64, "original", "glcm", feature, value))
    columns = (
        "participant group age sex site voi hemisphere echo_set inversion preset n_gray_levels image_type "
        "feature_class feature value"
    )
    return pd.DataFrame(rows, columns=columns.split())


def wide_table(tidy: pd.DataFrame) -> pd.DataFrame:
    """Return each feature of a tidy table of one region a column under pyradiomics' name."""
    named = tidy.assign(name=tidy["image_type"] + "_" + tidy["feature_class"] + "_" + tidy["feature"])
    keys = ["participant", "group", "age", "sex", "site", "voi", "hemisphere", "echo_set", "preset"]
    return named.pivot(index=keys, columns="name", values="value").reset_index()
