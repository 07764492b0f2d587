"""How a session's nuclei compare with the atlas, and which sessions of a cohort stand out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from chiomics.core.space.volume import Volume

COLUMNS = ("voi", "hemisphere", "dice_with_atlas", "x", "y", "z", "distance_mm")


def compare_nuclei(
    found: Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]],
    structures: Mapping[tuple[str, str], Volume],
    coordinates: np.ndarray,
) -> pd.DataFrame:
    """Compare nuclei with the atlas that they come from.

    Parameters
    ----------
    found : mapping of (nucleus, hemisphere) to two ndarrays of bool, shape (x, y, z)
        The session's nucleus, and the one of the atlas alone.
    structures : mapping of (nucleus, hemisphere) to Volume
        The atlas' own, in its space.
    coordinates : ndarray, shape (3, x, y, z)
        Point of the atlas' space at every voxel, mm.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`: overlap with the atlas alone, centre in the atlas' space and its distance from the atlas' centre. The
        distance says how far refinement moved a nucleus, and NaN that it is empty.
    """
    rows = []
    for key, (nucleus, of_atlas) in found.items():
        both = nucleus.sum() + of_atlas.sum()
        dice = 2 * (nucleus & of_atlas).sum() / both if both else np.nan
        centre = coordinates[:, nucleus].mean(axis=1) if nucleus.any() else np.full(3, np.nan)
        rows.append((*key, dice, *centre, np.linalg.norm(centre - _centre(structures[key]))))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _centre(structure: Volume) -> np.ndarray:
    """Centre of mass in mm."""
    voxels = np.argwhere(structure.voxels > 0)
    weights = structure.voxels[tuple(voxels.T)].astype(float)
    index = (voxels * weights[:, None]).sum(axis=0) / weights.sum()
    return structure.affine[:3, :3] @ index + structure.affine[:3, 3]
