"""Normalised mutual information of two pictures: how well one tells the other, whatever the contrast.

NMI = (H(A) + H(B)) / H(A, B) of Studholme, Hill & Hawkes (1999, Pattern Recognition 32:71), 1 for pictures that tell
nothing of each other and 2 for those that tell all.
"""

from __future__ import annotations

import numpy as np

#: Bins per picture, over its 1st to 99th percentile.
BINS = 32


def normalised_mutual_information(first: np.ndarray, second: np.ndarray) -> float:
    """Compare two pictures over the same voxels.

    Parameters
    ----------
    first, second : ndarray, shape (n,)
        Values of the same voxels.

    Returns
    -------
    float
        1 to 2; 1 where a picture is constant or there are no voxels.
    """
    joint = np.bincount(BINS * _bins(first) + _bins(second), minlength=BINS**2).astype(float)
    if not first.size:
        return 1.0
    joint = joint.reshape(BINS, BINS) / joint.sum()
    together = _entropy(joint)
    return float((_entropy(joint.sum(1)) + _entropy(joint.sum(0))) / together) if together > 0 else 1.0


def _bins(values: np.ndarray) -> np.ndarray:
    low, high = np.percentile(values, (1, 99)) if values.size else (0, 0)
    if high <= low:
        return np.zeros(values.shape, np.intp)
    return np.clip((values - low) * (BINS / (high - low)), 0, BINS - 1).astype(np.intp)


def _entropy(shares: np.ndarray) -> float:
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())
