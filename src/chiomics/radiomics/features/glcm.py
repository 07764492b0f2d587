"""The 24 features of the grey-level co-occurrence matrix, as pyradiomics 3.0.1 defines them.

Haralick, Shanmugam, Dinstein 1973 (IEEE Trans SMC 3:610); the formulas' names and numbers are those of pyradiomics'
documentation. Each feature is found per direction and averaged over the directions that hold a pair. The matrix of
each direction is read twice, and what depends on i + j or i - j only is summed over these marginals.
"""

from __future__ import annotations

import numpy as np

from chiomics.core.compiled import compiled
from chiomics.radiomics.features.maximal_correlation import maximal_correlation

#: pyradiomics' guard against log(0) and division by zero.
EPSILON = float(np.spacing(1.0))
#: Up to this number of levels, products of marginals get their own logarithm: exactly independent levels stay exact.
FEW_LEVELS = 64

NAMES = (
    "Autocorrelation", "ClusterProminence", "ClusterShade", "ClusterTendency", "Contrast", "Correlation",
    "DifferenceAverage", "DifferenceEntropy", "DifferenceVariance", "Id", "Idm", "Idmn", "Idn", "Imc1", "Imc2",
    "InverseVariance", "JointAverage", "JointEnergy", "JointEntropy", "MaximumProbability", "SumAverage", "SumEntropy",
    "SumSquares", "MCC",
)  # fmt: skip


def glcm_features(counts: np.ndarray, levels: np.ndarray, *, symmetrical: bool = True, mcc: bool = True) -> dict:
    """Compute the features of co-occurrence counts.

    Parameters
    ----------
    counts : ndarray, shape (directions, levels, levels)
        Pairs, or their weighted sum over the directions.
    levels : ndarray of int64, shape (levels,)
        Grey level of each row.
    symmetrical : bool
        Count each pair in both orders.
    mcc : bool
        Whether to compute the maximal correlation coefficient, the one feature whose cost is cubic.

    Returns
    -------
    dict of str to float
        NaN where no pair exists.
    """
    per_direction = np.full((counts.shape[0], len(NAMES)), np.nan)
    for direction, matrix in enumerate(counts):
        if not matrix.any():
            continue
        joint = joint_probability(matrix + matrix.T if symmetrical else matrix)
        per_direction[direction, :-1] = _features_of_joint(*joint, levels.astype(np.float64), int(levels[-1]))
        if mcc:
            per_direction[direction, -1] = maximal_correlation(joint, symmetrical=symmetrical)
    means = mean_of_valid(per_direction)
    if levels.size == 1:
        means[-1] = 1.0  # pyradiomics' value for a flat region
    return dict(zip(NAMES, means.tolist(), strict=True))


def mean_of_valid(per_direction: np.ndarray) -> np.ndarray:
    """Average over the directions, without those that are NaN; NaN where all are."""
    valid = ~np.isnan(per_direction)
    total = np.where(valid, per_direction, 0.0).sum(axis=0)
    number = valid.sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


@compiled
def _features_of_joint(
    rows: np.ndarray, columns: np.ndarray, joint: np.ndarray, levels: np.ndarray, n_bins: int
) -> np.ndarray:
    n = levels.size
    p_x, p_y = np.zeros(n), np.zeros(n)
    p_sum, p_difference = np.zeros(2 * n_bins + 1), np.zeros(n_bins)
    autocorrelation = energy = joint_entropy = largest = mean_x = mean_y = 0.0
    for k in range(joint.size):
        p, i, j = joint[k], levels[rows[k]], levels[columns[k]]
        p_x[rows[k]] += p
        p_y[columns[k]] += p
        p_sum[int(i + j)] += p
        p_difference[int(abs(i - j))] += p
        mean_x += p * i
        mean_y += p * j
        autocorrelation += p * i * j
        energy += p * p
        joint_entropy -= p * np.log2(p + EPSILON)
        largest = max(largest, p)

    entropy_x = entropy_y = variance_x = variance_y = 0.0
    for i in range(n):
        entropy_x -= p_x[i] * np.log2(p_x[i] + EPSILON)
        entropy_y -= p_y[i] * np.log2(p_y[i] + EPSILON)
        variance_x += p_x[i] * (levels[i] - mean_x) ** 2
        variance_y += p_y[i] * (levels[i] - mean_y) ** 2
    covariance = cross_entropy = 0.0
    for k in range(joint.size):
        p, i, j = joint[k], rows[k], columns[k]
        cross_entropy -= p * np.log2(p_x[i] * p_y[j] + EPSILON)
        covariance += p * (levels[i] - mean_x) * (levels[j] - mean_y)
    product_entropy = _product_entropy(p_x, p_y)

    tendency = shade = prominence = sum_average = sum_entropy = 0.0
    for k in range(2, 2 * n_bins + 1):
        p = p_sum[k]
        if p > 0.0:
            centred = k - mean_x - mean_y
            tendency += p * centred**2
            shade += p * centred**3
            prominence += p * centred**4
            sum_average += p * k
            sum_entropy -= p * np.log2(p + EPSILON)
    contrast = average = difference_entropy = inverse = inverse_moment = 0.0
    inverse_normed = inverse_moment_normed = inverse_variance = 0.0
    for k in range(n_bins):
        p = p_difference[k]
        if p > 0.0:
            contrast += p * k * k
            average += p * k
            difference_entropy -= p * np.log2(p + EPSILON)
            inverse += p / (1 + k)
            inverse_moment += p / (1 + k * k)
            inverse_normed += p / (1 + k / n_bins)
            inverse_moment_normed += p / (1 + k * k / n_bins**2)
            if k > 0:
                inverse_variance += p / (k * k)
    difference_variance = 0.0
    for k in range(n_bins):
        difference_variance += p_difference[k] * (k - average) ** 2

    deviations = np.sqrt(variance_x) * np.sqrt(variance_y)
    correlation = 1.0 if deviations == 0 else covariance / (deviations + EPSILON)
    largest_entropy = max(entropy_x, entropy_y)
    information_1 = (joint_entropy - cross_entropy) / largest_entropy if largest_entropy != 0 else 0.0
    if product_entropy == joint_entropy:
        information_2 = 0.0
    else:
        information_2 = np.sqrt(1 - np.exp(-2 * (product_entropy - joint_entropy)))
    return np.array([
        autocorrelation, prominence, shade, tendency, contrast, correlation, average, difference_entropy,
        difference_variance, inverse, inverse_moment, inverse_moment_normed, inverse_normed, information_1,
        information_2, inverse_variance, mean_x, energy, joint_entropy, largest, sum_average, sum_entropy, variance_x,
    ])  # fmt: skip


@compiled
def _product_entropy(p_x: np.ndarray, p_y: np.ndarray) -> float:
    """Return the entropy of p_x p_y, with `EPSILON` added inside each logarithm."""
    entropy = 0.0
    if p_x.size <= FEW_LEVELS:
        for i in range(p_x.size):
            for j in range(p_y.size):
                product = p_x[i] * p_y[j]
                entropy -= product * np.log2(product + EPSILON)
        return entropy
    # q log2(q + e) = q log2 q + e / ln 2 to first order; what is left out is below e for each pair.
    for p in (p_x, p_y):
        for i in range(p.size):
            if p[i] > 0:
                entropy -= p[i] * np.log2(p[i])
    return entropy - np.count_nonzero(p_x) * np.count_nonzero(p_y) * EPSILON / np.log(2.0)


@compiled
def joint_probability(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row, column and probability of the elements that are not 0, row by row."""
    n = pairs.shape[0]
    number = np.count_nonzero(pairs)
    total = 0.0
    rows, columns = np.empty(number, dtype=np.int32), np.empty(number, dtype=np.int32)
    joint = np.empty(number)
    k = 0
    for i in range(n):
        for j in range(n):
            if pairs[i, j] != 0:
                rows[k], columns[k], joint[k] = i, j, pairs[i, j]
                total += pairs[i, j]
                k += 1
    joint /= total
    return rows, columns, joint
