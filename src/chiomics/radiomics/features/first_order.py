"""The 18 first-order features, as pyradiomics 3.0.1 defines them.

Sixteen depend on the values alone and are found once per region and image. Entropy and Uniformity depend on the grey
levels, although they are first-order: a study over grey levels must not treat the class as constant.
"""

from __future__ import annotations

import numpy as np

from chiomics.radiomics.features.glcm import EPSILON

NAMES = (
    "10Percentile", "90Percentile", "Energy", "Entropy", "InterquartileRange", "Kurtosis", "Maximum",
    "MeanAbsoluteDeviation", "Mean", "Median", "Minimum", "Range", "RobustMeanAbsoluteDeviation", "RootMeanSquared",
    "Skewness", "TotalEnergy", "Uniformity", "Variance",
)  # fmt: skip
#: The root of Variance, which pyradiomics extracts only where it is named.
ON_REQUEST = ("StandardDeviation",)


def first_order_features(values: np.ndarray, voxel_volume: float, *, shift: float = 0.0) -> dict:
    """Compute the features that do not depend on grey levels.

    Parameters
    ----------
    values : ndarray, shape (voxels,)
        In the image's unit.
    voxel_volume : float
        In mm³.
    shift : float
        Added to the values before they are squared in Energy, TotalEnergy and RootMeanSquared.

    Returns
    -------
    dict of str to float
    """
    x = values.astype(np.float64)
    low, quarter, median, three_quarters, high = np.percentile(x, (10, 25, 50, 75, 90))
    mean = x.sum() / x.size
    centred = x - mean
    squares = centred * centred
    second = squares.mean()
    third, fourth = (squares * centred).mean(), (squares * squares).mean()
    scale = second if second != 0 else 1.0  # a flat region has neither skewness nor kurtosis
    middle = x[(x >= low) & (x <= high)]
    energy = np.square(x + shift).sum()
    return {
        "10Percentile": float(low),
        "90Percentile": float(high),
        "Energy": float(energy),
        "InterquartileRange": float(three_quarters - quarter),
        "Kurtosis": float(fourth / scale**2),
        "Maximum": float(x.max()),
        "MeanAbsoluteDeviation": float(np.abs(centred).mean()),
        "Mean": float(mean),
        "Median": float(median),
        "Minimum": float(x.min()),
        "Range": float(x.max() - x.min()),
        "RobustMeanAbsoluteDeviation": float(np.abs(middle - middle.mean()).mean()) if middle.size else np.nan,
        "RootMeanSquared": float(np.sqrt(energy / x.size)),
        "Skewness": float(third / scale**1.5),
        "StandardDeviation": float(np.sqrt(second)),
        "TotalEnergy": float(energy * voxel_volume),
        "Variance": float(second),
    }


def grey_level_features(number: np.ndarray) -> dict:
    """Compute Entropy and Uniformity from the number of voxels of each grey level."""
    p = number / number.sum()
    return {"Entropy": float(-(p * np.log2(p + EPSILON)).sum()), "Uniformity": float((p * p).sum())}
