"""Compare two feature tables value by value, each feature by the size of its own terms."""

from __future__ import annotations

import numpy as np
import pandas as pd

RELATIVE = 1e-9
#: Rounding of a sum in float64 relative to its largest term, with room for a million terms.
ROUNDING = 1e-12
#: Features that can vanish by cancellation, and the size of the terms that cancel: another feature of the same class to
#: some power. A feature that is not here is a sum of terms of one sign.
TERMS = {
    ("firstorder", "Mean"): ("RootMeanSquared", 1),
    ("firstorder", "Variance"): ("RootMeanSquared", 2),
    ("firstorder", "MeanAbsoluteDeviation"): ("RootMeanSquared", 1),
    ("firstorder", "RobustMeanAbsoluteDeviation"): ("RootMeanSquared", 1),
    ("firstorder", "Skewness"): ("Kurtosis", 1),
    ("glcm", "ClusterShade"): ("ClusterProminence", 0.75),
    ("glcm", "ClusterTendency"): ("JointAverage", 2),
    ("glcm", "SumSquares"): ("JointAverage", 2),
    ("glcm", "DifferenceVariance"): ("Contrast", 1),
    ("gldm", "GrayLevelVariance"): ("HighGrayLevelEmphasis", 1),
    ("gldm", "DependenceVariance"): ("LargeDependenceEmphasis", 1),
    ("glrlm", "GrayLevelVariance"): ("HighGrayLevelRunEmphasis", 1),
    ("glrlm", "RunVariance"): ("LongRunEmphasis", 1),
    ("glszm", "GrayLevelVariance"): ("HighGrayLevelZoneEmphasis", 1),
    ("glszm", "ZoneVariance"): ("LargeAreaEmphasis", 1),
}
#: Of order one, or bits: their terms have size 1.
OF_ORDER_ONE = {"Entropy", "JointEntropy", "DifferenceEntropy", "SumEntropy", "RunEntropy", "ZoneEntropy",
                "DependenceEntropy", "Correlation", "Imc1"}  # fmt: skip
#: Square roots of what can cancel: compared as squares, relative to the square of the feature named.
ROOTS = {
    ("shape", "LeastAxisLength"): "MajorAxisLength",
    ("shape", "MinorAxisLength"): "MajorAxisLength",
    ("shape", "Flatness"): None,
    ("shape", "Elongation"): None,
    ("glcm", "Imc2"): None,
}


def differing(found: pd.DataFrame, reference: pd.DataFrame, *, without: tuple[str, ...] = ("MCC",)) -> pd.DataFrame:
    """Return the rows whose values differ by more than rounding explains; the tables must have the same rows."""
    keys = [column for column in found.columns if column != "value"]
    assert set(map(tuple, found[keys].to_numpy())) == set(map(tuple, reference[keys].to_numpy()))
    both = found.merge(reference, on=keys, suffixes=("", "_reference"), validate="one_to_one")
    values = both.set_index(keys)["value_reference"]
    off = []
    for row in both.itertuples(index=False):
        if row.feature in without:
            continue
        *place, feature = tuple(row)[: len(keys)]
        a, b = row.value, row.value_reference
        if np.isnan(a) and np.isnan(b):
            continue
        term = (row.feature_class, row.feature)
        if term in ROOTS:
            scale = 1.0 if ROOTS[term] is None else values[(*place, ROOTS[term])]
            close = abs(a * a - b * b) <= max(RELATIVE * b * b, ROUNDING * scale**2)
        else:
            floor = 0.0
            if term in TERMS:
                name, exponent = TERMS[term]
                floor = ROUNDING * abs(values[(*place, name)]) ** exponent if (*place, name) in values else np.inf
            elif feature in OF_ORDER_ONE:
                floor = ROUNDING
            close = abs(a - b) <= max(RELATIVE * abs(b), floor)
        if not close:
            off.append(row)
    return pd.DataFrame(off, columns=both.columns)
