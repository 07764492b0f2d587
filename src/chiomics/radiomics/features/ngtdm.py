"""The five features of the neighbourhood grey-tone difference matrix (Amadasun and King 1989, IEEE Trans SMC 19:1264).

Definitions are pyradiomics 3.0.1's. It counts a voxel that has no neighbour with a difference of 0; its own
documentation and IBSI leave such voxels out. Both are offered.
"""

from __future__ import annotations

import numpy as np

from chiomics.core.compiled import compiled

NAMES = ("Busyness", "Coarseness", "Complexity", "Contrast", "Strength")
#: pyradiomics' coarseness of a region without any difference.
FLAT_COARSENESS = 1e6


def ngtdm_features(number: np.ndarray, difference: np.ndarray, levels: np.ndarray) -> dict:
    """Compute the features.

    Parameters
    ----------
    number : ndarray of int64, shape (levels,)
        Voxels of each level; under IBSI only those with a neighbour.
    difference : ndarray, shape (levels,)
        Sum of their distances to their neighbours' mean.
    levels : ndarray of int64, shape (levels,)
        Grey levels.

    Returns
    -------
    dict of str to float
    """
    occurs = number > 0
    values = _features(number[occurs].astype(np.float64), difference[occurs], levels[occurs].astype(np.float64))
    return dict(zip(NAMES, values.tolist(), strict=True))


@compiled
def _features(number: np.ndarray, difference: np.ndarray, levels: np.ndarray) -> np.ndarray:
    n_voxels = number.sum()
    n = levels.size
    if n == 0:
        return np.full(5, np.nan)
    p = number / n_voxels
    weighted = (p * difference).sum()
    spread = unevenness = complexity = strength = 0.0
    for i in range(n):
        for j in range(n):
            distance = abs(levels[i] - levels[j])
            spread += p[i] * p[j] * distance**2
            unevenness += abs(levels[i] * p[i] - levels[j] * p[j])
            complexity += distance * (p[i] * difference[i] + p[j] * difference[j]) / (p[i] + p[j])
            strength += (p[i] + p[j]) * distance**2
    total = difference.sum()
    pairs = n * (n - 1)
    return np.array([
        weighted / unevenness if unevenness != 0 else 0.0,
        1 / weighted if weighted != 0 else FLAT_COARSENESS,
        complexity / n_voxels,
        spread * total / n_voxels / pairs if pairs != 0 else 0.0,
        strength / total if total != 0 else 0.0,
    ])  # fmt: skip
