"""Radiomic features as a network takes them: medians for what is missing, mean 0 and SD 1 over the training lesions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError
from chiomics.rims.detectors.lesions import Lesions

#: Standardised values are cut here: a few textures have tails of hundreds of SDs, which no layer should see.
LIMIT = 10.0


@dataclass(frozen=True)
class Scaler:
    """What training lesions say about the features.

    Attributes
    ----------
    names : list of str
        Features in their order.
    median, mean, sd : ndarray, shape (features,)
        Of the training lesions; an SD of 0 stands as 1.
    image_mean, image_sd : ndarray, shape (2,)
        Of χ and FLAIR within the training lesions. Voxels outside a lesion are 0, far from the χ of any lesion: without
        this a small network sees the outline of the lesion and little of its inside.
    """

    names: list[str]
    median: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    image_mean: np.ndarray = field(default_factory=lambda: np.zeros(2))
    image_sd: np.ndarray = field(default_factory=lambda: np.ones(2))

    @classmethod
    def fit_lesions(cls, lesions: Lesions) -> Scaler:
        """Learn features and images from training lesions alone."""
        inside = lesions.masks > 0
        images = [lesions.patches[:, channel][inside].astype(np.float64) for channel in range(2)]
        spread = np.array([image.std() for image in images])
        mean = np.array([image.mean() for image in images])
        return replace(cls.fit(lesions.features), image_mean=mean, image_sd=np.where(spread > 0, spread, 1))

    @classmethod
    def fit(cls, features: pd.DataFrame) -> Scaler:
        """Learn features from training lesions alone; images are left as they are."""
        values = features.to_numpy(float)
        values = np.where(np.isfinite(values), values, np.nan)
        known = np.isfinite(values).any(axis=0)
        median = np.zeros(values.shape[1])
        median[known] = np.nanmedian(values[:, known], axis=0)
        filled = np.where(np.isfinite(values), values, median)
        sd = filled.std(axis=0)
        return cls(
            list(features.columns), median, filled.mean(axis=0), np.where(sd > 1e-9 * np.abs(median) + 1e-30, sd, 1)
        )

    def impute(self, features: pd.DataFrame) -> np.ndarray:
        """Return the features in their order with medians for what is missing, shape (lesions, features).

        Raises
        ------
        InputError
            Where the lesions lack a feature that the detector was trained on.
        """
        if lacking := [name for name in self.names if name not in features]:
            raise InputError(
                "the detector reads features that the lesions do not have",
                found=f"{len(lacking)} of {len(self.names)} are missing, {lacking[0]} first",
                expected="a detector trained by this version",
            )
        values = features[self.names].to_numpy(float)
        return np.where(np.isfinite(values), values, self.median)

    def transform(self, features: pd.DataFrame) -> np.ndarray:
        """Standardise, shape (lesions, features), float32."""
        return np.clip((self.impute(features) - self.mean) / self.sd, -LIMIT, LIMIT).astype(np.float32)
