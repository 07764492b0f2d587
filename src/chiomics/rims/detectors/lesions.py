"""The lesions of a cohort: their table, features, patches and masks, row by row the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError

KEYS = ["participant_id", "session_id", "run", "lesion"]
#: χ of a patch is stored in these units.
CHI_UNIT_PPB = 50.0
#: Fewest rim lesions, and subjects who have one, from which anything can be learnt.
MIN_RIMS, MIN_SUBJECTS = 10, 5


@dataclass(frozen=True)
class Lesions:
    """Lesions with a label.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per lesion: keys, `consensus`, `chi_mean` (ppb), volume, place, raters.
    features : pandas.DataFrame
        Radiomic features, the same rows; NaN where a feature is not defined.
    patches : ndarray of float16, shape (lesions, 2, X, Y, Z)
        χ in units of 50 ppb and FLAIR.
    masks : ndarray of uint8, shape (lesions, X, Y, Z)
        1 within the lesion.
    """

    table: pd.DataFrame
    features: pd.DataFrame
    patches: np.ndarray
    masks: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        """1 for a rim lesion, shape (lesions,)."""
        return self.table["consensus"].to_numpy(int)

    @property
    def subjects(self) -> np.ndarray:
        """Whose lesion it is."""
        return self.table["participant_id"].to_numpy(str)

    def take(self, rows: np.ndarray) -> Lesions:
        """Return some of the lesions."""
        return Lesions(
            self.table.iloc[rows].reset_index(drop=True), self.features.iloc[rows].reset_index(drop=True),
            self.patches[rows], self.masks[rows],
        )  # fmt: skip

    def without_images(self) -> Lesions:
        """Return the lesions with empty patches, for detectors that read none: taking rows then copies no images."""
        return replace(self, patches=self.patches[..., :0], masks=self.masks[..., :0])

    def relabel(self, labels: np.ndarray) -> Lesions:
        """Return the same lesions with other labels."""
        return replace(self, table=self.table.assign(consensus=np.asarray(labels, float)))


def read_lesions(table: str | Path, features: str | Path, patches: str | Path, masks: str | Path) -> Lesions:
    """Read the cohort's files and keep the lesions that have a label.

    Raises
    ------
    InputError
        Where the files do not belong together.
    """
    frame, values = pd.read_parquet(table), pd.read_parquet(features)
    arrays = [np.load(path, mmap_mode="r", allow_pickle=False) for path in (patches, masks)]
    for path, count in ((features, len(values)), (patches, len(arrays[0])), (masks, len(arrays[1]))):
        if count != len(frame):
            raise InputError("not one row per lesion", file=path, found=f"{count}", expected=f"{len(frame)}")
    if not values[KEYS].astype(str).equals(frame[KEYS].astype(str)):
        raise InputError("the rows are those of other lesions", file=features, expected="the order of the lesion table")
    rated = np.flatnonzero(frame["consensus"].notna())
    return Lesions(frame, values.drop(columns=KEYS), *arrays).take(rated)


def check_lesions(lesions: Lesions, *, folds: int) -> None:
    """Stop early where nothing can be learnt.

    Raises
    ------
    InputError
        Where there are too few rim lesions or subjects with one, or no lesion without a rim.
    """
    rims, subjects = int(lesions.labels.sum()), len(np.unique(lesions.subjects[lesions.labels == 1]))
    if rims < MIN_RIMS or subjects < max(MIN_SUBJECTS, folds):
        raise InputError(
            "the cohort has too few rim lesions to train a detector",
            found=f"{rims} of {len(lesions.table)} rated lesions have a rim, in {subjects} subjects",
            expected=f"{MIN_RIMS} in {max(MIN_SUBJECTS, folds)} subjects",
        )
    if rims == len(lesions.table):
        raise InputError("every rated lesion has a rim: there is nothing to tell apart", found=f"{rims} lesions")
