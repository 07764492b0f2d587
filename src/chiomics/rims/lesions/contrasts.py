"""Nine measures of a lesion that see a rim: level, spread, edge against core, size.

Depth is taken in the slice: slices are several times as thick as voxels are wide, and a rim is drawn on them slice by
slice. The edge is the outer 60 % of the largest depth, the core the inner 20 %.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

#: Depth relative to the lesion's largest, up to which is edge, and from which on is core.
EDGE, CORE = 0.6, 0.8
#: An edge voxel is bright this much above the core's median, ppb.
BRIGHT = 10.0
#: Names of the nine measures.
MEASURES = (
    "volume_mm3",
    "chi_mean",
    "chi_sd",
    "chi_p90",
    "chi_max",
    "chi_edge_minus_core",
    "chi_edge_p75_minus_core",
    "edge_bright_fraction",
    "chi_edge_correlation",
)


def measure_contrasts(chi: np.ndarray, lesion: np.ndarray, *, voxel_size: Sequence[float]) -> dict[str, float]:
    """Measure one lesion.

    Parameters
    ----------
    chi : ndarray, shape (x, y, z)
        In ppb.
    lesion : ndarray of bool, shape (x, y, z)
        Its voxels, at least one; z is the slice axis.
    voxel_size : sequence of 3 floats
        In mm.

    Returns
    -------
    dict of str to float
        `MEASURES`: mm³; ppb; the fraction of the edge's voxels that are bright; and the correlation of χ with the
        distance from the core, which a rim makes positive (0 where it is not defined).
    """
    values = np.asarray(chi[lesion], float)
    depth = slice_depth(lesion, voxel_size)[lesion]
    depth = depth / depth.max()
    core, edge = values[depth >= CORE], values[depth <= EDGE]
    middle = float(np.median(core))
    # a lesion of two voxels across has no edge that is not core
    edge = edge if edge.size else core
    return {
        "volume_mm3": values.size * float(np.prod(voxel_size)),
        "chi_mean": float(values.mean()),
        "chi_sd": float(values.std()),
        "chi_p90": float(np.percentile(values, 90)),
        "chi_max": float(values.max()),
        "chi_edge_minus_core": float(np.median(edge)) - middle,
        "chi_edge_p75_minus_core": float(np.percentile(edge, 75)) - middle,
        "edge_bright_fraction": float(np.mean(edge > middle + BRIGHT)),
        "chi_edge_correlation": -_correlation(values, depth),
    }


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Pearson's correlation, 0 where one of the two is constant."""
    spread = first.std() * second.std()
    return float(np.mean((first - first.mean()) * (second - second.mean())) / spread) if spread > 0 else 0.0


def slice_depth(lesion: np.ndarray, voxel_size: Sequence[float]) -> np.ndarray:
    """Return the distance in mm of each voxel to the lesion's outline in its slice (the last axis)."""
    depth = np.zeros(lesion.shape)
    for z in range(lesion.shape[2]):
        padded = np.pad(lesion[:, :, z], 1)
        depth[:, :, z] = ndimage.distance_transform_edt(padded, sampling=tuple(voxel_size)[:2])[1:-1, 1:-1]
    return depth
