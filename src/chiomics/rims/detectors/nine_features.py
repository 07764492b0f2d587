"""Nine features that know a lesion's edge from its core: the reference that every network must be held against.

The distance to the edge is measured in plane, since slices are several times thicker than a rim. Edge: the outer 60 %
of the lesion's distances; core: the inner 20 %, its voxels farthest from the edge.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.ndimage import distance_transform_edt

from chiomics.rims.detectors.lesions import CHI_UNIT_PPB, Lesions

EDGE, CORE = 0.6, 0.8
NAMES = (
    "mean", "maximum", "percentile90", "sd", "edge_minus_core_median", "edge_minus_core_mean",
    "edge90_minus_core_median", "edge_above_core_share", "log_voxels",
)  # fmt: skip
PREFIX = "nine_"


def add_nine(lesions: Lesions) -> Lesions:
    """Compute them once and keep them in the table of the lesions."""
    found = nine_features(lesions).add_prefix(PREFIX)
    return replace(lesions, table=pd.concat([lesions.table, found], axis=1))


def nine_features(lesions: Lesions) -> pd.DataFrame:
    """Compute them for all lesions, or take them from the table.

    Parameters
    ----------
    lesions : Lesions
        With patches and masks.

    Returns
    -------
    pandas.DataFrame
        Columns `NAMES`, χ in ppb; NaN where a lesion is empty in its patch.
    """
    if f"{PREFIX}{NAMES[0]}" in lesions.table:
        return lesions.table[[f"{PREFIX}{name}" for name in NAMES]].set_axis(list(NAMES), axis=1)
    rows = [
        nine_of(np.asarray(patch[0], np.float32) * CHI_UNIT_PPB, np.asarray(mask) > 0)
        for patch, mask in zip(lesions.patches, lesions.masks, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(NAMES))


def nine_of(chi: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Compute the nine features of one lesion.

    Parameters
    ----------
    chi : ndarray, shape (X, Y, Z)
        Susceptibility in ppb.
    mask : ndarray of bool, shape (X, Y, Z)
        The lesion; slices along the last axis.

    Returns
    -------
    ndarray, shape (9,)
        In the order of `NAMES`.
    """
    values = chi[mask]
    if not values.size:
        return np.full(len(NAMES), np.nan)
    depth = np.stack([distance_transform_edt(mask[..., z]) for z in range(mask.shape[2])], axis=2)[mask]
    relative = depth / depth.max()
    edge, core = values[relative <= EDGE], values[relative >= CORE]
    if not edge.size:
        edge = values
    middle = np.median(core)
    return np.array([
        values.mean(), values.max(), np.percentile(values, 90), values.std(),
        np.median(edge) - middle, edge.mean() - core.mean(), np.percentile(edge, 90) - middle,
        np.mean(edge > middle + values.std()), np.log(values.size),
    ])  # fmt: skip
