"""Features of the matrices that count sizes per grey level: run lengths, zones and dependence.

The three families ask the same of their matrix: emphasis of short and long, of dark and bright, their products, the
evenness of both margins, their variances and the entropy (Galloway 1975, Thibault 2009, Sun and Wee 1983, in
pyradiomics 3.0.1's definitions). So there is one set of formulas and three lists of names.
"""

from __future__ import annotations

import numpy as np

from chiomics.core.compiled import compiled
from chiomics.radiomics.features.glcm import EPSILON, mean_of_valid

GLRLM_NAMES = (
    "ShortRunEmphasis", "LongRunEmphasis", "GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized",
    "RunLengthNonUniformity", "RunLengthNonUniformityNormalized", "RunPercentage", "GrayLevelVariance", "RunVariance",
    "RunEntropy", "LowGrayLevelRunEmphasis", "HighGrayLevelRunEmphasis", "ShortRunLowGrayLevelEmphasis",
    "ShortRunHighGrayLevelEmphasis", "LongRunLowGrayLevelEmphasis", "LongRunHighGrayLevelEmphasis",
)  # fmt: skip
GLSZM_NAMES = (
    "SmallAreaEmphasis", "LargeAreaEmphasis", "GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized",
    "SizeZoneNonUniformity", "SizeZoneNonUniformityNormalized", "ZonePercentage", "GrayLevelVariance", "ZoneVariance",
    "ZoneEntropy", "LowGrayLevelZoneEmphasis", "HighGrayLevelZoneEmphasis", "SmallAreaLowGrayLevelEmphasis",
    "SmallAreaHighGrayLevelEmphasis", "LargeAreaLowGrayLevelEmphasis", "LargeAreaHighGrayLevelEmphasis",
)  # fmt: skip
#: None: pyradiomics leaves this one out, because it repeats a first-order feature or is always 1.
GLDM_NAMES = (
    "SmallDependenceEmphasis", "LargeDependenceEmphasis", "GrayLevelNonUniformity", None,
    "DependenceNonUniformity", "DependenceNonUniformityNormalized", None, "GrayLevelVariance", "DependenceVariance",
    "DependenceEntropy", "LowGrayLevelEmphasis", "HighGrayLevelEmphasis", "SmallDependenceLowGrayLevelEmphasis",
    "SmallDependenceHighGrayLevelEmphasis", "LargeDependenceLowGrayLevelEmphasis",
    "LargeDependenceHighGrayLevelEmphasis",
)  # fmt: skip


def glrlm_features(counts: np.ndarray, levels: np.ndarray, valid_directions: np.ndarray) -> dict:
    """Average the run-length features over the directions.

    Parameters
    ----------
    counts : ndarray, shape (directions, levels, lengths)
        Runs, or their weighted sum over the directions.
    levels : ndarray of int64, shape (levels,)
        Grey level of each row.
    valid_directions : ndarray of bool, shape (directions,)
        Directions along which some line holds two voxels; along the others every run has length 1 for want of room.
    """
    rows = np.full((counts.shape[0], len(GLRLM_NAMES)), np.nan)
    for direction in np.flatnonzero(valid_directions):
        level, length = np.nonzero(counts[direction])
        rows[direction] = _of_sparse(level, length, counts[direction][level, length], levels, counts.shape[2])
    return dict(zip(GLRLM_NAMES, mean_of_valid(rows).tolist(), strict=True))


def glszm_features(zone_rank: np.ndarray, zone_size: np.ndarray, levels: np.ndarray) -> dict:
    """Compute the zone features from the list of zones: the rank of each one's grey level, from 1, and its size."""
    size_occurs = np.bincount(zone_size) > 0
    sizes = np.flatnonzero(size_occurs)  # few: zones of k different sizes hold at least k (k + 1) / 2 voxels
    place = np.cumsum(size_occurs) - 1
    counts = np.bincount((zone_rank - 1) * sizes.size + place[zone_size], minlength=levels.size * sizes.size)
    pairs = np.flatnonzero(counts)
    features = _of_sparse(pairs // sizes.size, sizes[pairs % sizes.size] - 1, counts[pairs], levels, int(sizes[-1]))
    return dict(zip(GLSZM_NAMES, features.tolist(), strict=True))


def gldm_features(counts: np.ndarray, levels: np.ndarray) -> dict:
    """Compute the dependence features of counts of shape (levels, dependent neighbours from 0)."""
    level, dependents = np.nonzero(counts)
    features = _of_sparse(level, dependents, counts[level, dependents], levels, counts.shape[1])
    return {name: float(value) for name, value in zip(GLDM_NAMES, features, strict=True) if name is not None}


def directions_with_pairs(table: np.ndarray, mask: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Tell for each direction whether some line along it holds two voxels of the region, neighbours or not."""
    valid = (table < table.shape[1]).any(axis=1)
    if not valid.all():
        voxels = np.argwhere(mask)
        for direction in np.flatnonzero(~valid):
            offset = offsets[direction]
            axis = int(np.flatnonzero(offset)[0])
            lines = voxels - (voxels[:, axis] * offset[axis])[:, None] * offset
            valid[direction] = len(np.unique(lines, axis=0)) < len(voxels)
    return valid


@compiled
def _of_sparse(level: np.ndarray, size: np.ndarray, number: np.ndarray, levels: np.ndarray, largest: int) -> np.ndarray:
    by_level, by_size = np.zeros(levels.size), np.zeros(largest)
    total = entropy = 0.0
    for k in range(level.size):
        by_level[level[k]] += number[k]
        by_size[size[k]] += number[k]
        total += number[k]
    small_dark = small_bright = large_dark = large_bright = 0.0
    for k in range(level.size):
        i2, j2 = np.float64(levels[level[k]]) ** 2, (size[k] + 1.0) ** 2
        small_dark += number[k] / (i2 * j2)
        small_bright += number[k] * i2 / j2
        large_dark += number[k] * j2 / i2
        large_bright += number[k] * (j2 * i2)
        p = number[k] / total
        entropy -= p * np.log2(p + EPSILON)
    dark = bright = level_squares = level_mean = level_variance = 0.0
    for i in range(levels.size):
        grey = np.float64(levels[i])
        dark += by_level[i] / grey**2
        bright += by_level[i] * grey**2
        level_squares += by_level[i] ** 2
        level_mean += by_level[i] / total * grey
    for i in range(levels.size):
        level_variance += by_level[i] / total * (np.float64(levels[i]) - level_mean) ** 2
    small = large = size_squares = size_mean = size_variance = voxels = 0.0
    for j in range(largest):
        extent = j + 1.0
        small += by_size[j] / extent**2
        large += by_size[j] * extent**2
        size_squares += by_size[j] ** 2
        size_mean += by_size[j] / total * extent
        voxels += by_size[j] * extent
    for j in range(largest):
        size_variance += by_size[j] / total * (j + 1.0 - size_mean) ** 2
    return np.array([
        small / total, large / total, level_squares / total, level_squares / total**2, size_squares / total,
        size_squares / total**2, total / voxels, level_variance, size_variance, entropy, dark / total, bright / total,
        small_dark / total, small_bright / total, large_dark / total, large_bright / total,
    ])  # fmt: skip
