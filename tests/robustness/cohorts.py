"""Tidy feature tables of a cohort whose intraclass correlations are known, as the radiomics stage writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

#: A part of the features, some of each class.
FEATURES = {
    "shape": ("VoxelVolume", "Sphericity"),
    "firstorder": ("Mean", "Entropy", "Uniformity", "Variance"),
    "glcm": ("Contrast", "JointEntropy", "MCC"),
    "glrlm": ("LongRunEmphasis", "RunPercentage", "ShortRunEmphasis"),
    "ngtdm": ("Coarseness",),
}
PER_REGION = sum(len(names) for names in FEATURES.values())
WITHOUT_SHAPE = PER_REGION - len(FEATURES["shape"])
REGIONS = (("AF", "LR"), ("AF", "L"), ("AF", "R"), ("CST", "LR"), ("CST", "L"), ("CST", "R"), ("NAWM", ""))
ECHO_SETS = ("all", "3TE", "1TE")


def make_cohort(
    participants: int = 30,
    *,
    seed: int = 0,
    icc: dict[tuple[str, int], float] | None = None,
    default_icc: float = 0.97,
    gray_levels: Sequence[int] = (16, 64),
    regions: Sequence[tuple[str, str]] = REGIONS,
    echo_sets: Sequence[str] = ECHO_SETS,
    patients: float = 0.6,
) -> pd.DataFrame:
    """Make the features of a cohort.

    Parameters
    ----------
    participants, seed, default_icc, gray_levels, regions, echo_sets
        Of the table.
    icc : dict of (class, grey level) to float
        The intraclass correlation where it is not the default; shape agrees perfectly.
    patients : float
        Share of MS; the rest is HC.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(participants):
        group = "MS" if number < patients * participants else "HC"
        for voi, hemisphere in regions:
            for feature_class, names in FEATURES.items():
                for name in names:
                    subject = rng.normal()
                    for level in gray_levels:
                        share = (icc or {}).get((feature_class, level), default_icc)
                        share = 1.0 if feature_class == "shape" else share
                        values = np.sqrt(share) * subject + np.sqrt(1 - share) * rng.normal(size=len(echo_sets))
                        values = 5000 + 100 * values if name == "VoxelVolume" else values
                        head = (f"sub-{number:02d}", "", "", group, voi, hemisphere)
                        tail = ("ilsqr", "fiscone107", level, np.nan, "original", feature_class, name)
                        rows += [(*head, *pair, *tail, "") for pair in zip(echo_sets, values, strict=True)]
    columns = (
        "participant session run group voi hemisphere echo_set value inversion preset n_gray_levels bin_width "
        "image_type feature_class feature reason"
    )
    return pd.DataFrame(rows, columns=columns.split())


def write_cohort(frame: pd.DataFrame, folder: Path) -> list[Path]:
    """Write one table per participant."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, part in frame.groupby("participant"):
        paths.append(folder / f"{name}_features.parquet")
        part.to_parquet(paths[-1], index=False)
    return paths
