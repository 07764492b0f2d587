"""The 24 features of the grey-level co-occurrence matrix, as pyradiomics 3.0.1 defines them.

Haralick, Shanmugam, Dinstein 1973 (IEEE Trans SMC 3:610); the formulas' names and numbers are those of pyradiomics'
documentation. Each feature is found per direction and averaged over the directions that hold a pair. The matrix of each
direction is read twice, and what depends on i + j or i - j only is summed over these marginals.

The maximal correlation coefficient is the second singular value of P / sqrt(p_x p_y). pyradiomics takes the eigenvalues
of the unsymmetric product and adds 2.2e-16 to each denominator, which moves the result by up to about 1e-5.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from chiomics.radiomics.compiled import compiled

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
        joint = (matrix + matrix.T if symmetrical else matrix).astype(np.float64)
        joint /= joint.sum()
        per_direction[direction, :-1] = _features_of_joint(joint, levels.astype(np.float64), int(levels[-1]))
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


def maximal_correlation(joint: np.ndarray, *, symmetrical: bool = True) -> float:
    """Return the maximal correlation coefficient of a joint probability."""
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    joint = joint[np.ix_(rows > 0, columns > 0)]
    scaled = joint / np.sqrt(rows[rows > 0])[:, None] / np.sqrt(columns[columns > 0])
    if symmetrical:
        magnitudes = np.sort(np.abs(scipy.linalg.eigvalsh(scaled, check_finite=False, overwrite_a=True)))
    else:
        magnitudes = np.sort(scipy.linalg.svdvals(scaled, check_finite=False, overwrite_a=True))
    return float(magnitudes[-2]) if magnitudes.size > 1 else 0.0


@compiled
def _features_of_joint(joint: np.ndarray, levels: np.ndarray, n_bins: int) -> np.ndarray:
    n = levels.size
    p_x, p_y = np.zeros(n), np.zeros(n)
    p_sum, p_difference = np.zeros(2 * n_bins + 1), np.zeros(n_bins)
    autocorrelation = energy = joint_entropy = largest = mean_x = mean_y = 0.0
    for i in range(n):
        for j in range(n):
            p = joint[i, j]
            if p == 0.0:
                continue
            p_x[i] += p
            p_y[j] += p
            p_sum[int(levels[i] + levels[j])] += p
            p_difference[int(abs(levels[i] - levels[j]))] += p
            mean_x += p * levels[i]
            mean_y += p * levels[j]
            autocorrelation += p * levels[i] * levels[j]
            energy += p * p
            joint_entropy -= p * np.log2(p + EPSILON)
            largest = max(largest, p)

    entropy_x = entropy_y = variance_x = variance_y = 0.0
    log_x, log_y = np.zeros(n), np.zeros(n)
    for i in range(n):
        entropy_x -= p_x[i] * np.log2(p_x[i] + EPSILON)
        entropy_y -= p_y[i] * np.log2(p_y[i] + EPSILON)
        variance_x += p_x[i] * (levels[i] - mean_x) ** 2
        variance_y += p_y[i] * (levels[i] - mean_y) ** 2
        log_x[i] = np.log2(p_x[i]) if p_x[i] > 0 else 0.0
        log_y[i] = np.log2(p_y[i]) if p_y[i] > 0 else 0.0
    covariance = cross_entropy = product_entropy = 0.0
    for i in range(n):
        for j in range(n):
            product = p_x[i] * p_y[j]
            if product == 0.0:
                continue
            if n > FEW_LEVELS and product > 1e5 * EPSILON:
                logarithm = log_x[i] + log_y[j] + EPSILON / product / np.log(2.0)
            else:
                logarithm = np.log2(product + EPSILON)
            product_entropy -= product * logarithm
            p = joint[i, j]
            if p > 0.0:
                cross_entropy -= p * logarithm
                covariance += p * (levels[i] - mean_x) * (levels[j] - mean_y)

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
