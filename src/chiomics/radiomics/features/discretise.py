"""Grey levels: bin edges exactly as pyradiomics 3.0.1 computes them, and levels that nest for the price of one.

Fixed number of bins: NumPy's histogram edges between the region's minimum and maximum, in the image's own float type,
with the last edge raised by one so that the maximum falls in the last bin. Fixed bin width: edges at multiples of the
width, from the last one at or below the minimum. Where the edges of a coarse setting are all among those of a finer
one, bit for bit, the coarse grey levels follow from the finer by a look-up; pyradiomics' own arithmetic decides, not
theory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chiomics.core.compiled import compiled

#: More bins than this hold no texture: an image has fewer voxels, and the edges alone take 128 MiB.
MAX_BINS = 2**24


class FlatRegionError(ValueError):
    """The values span too little for the number of bins asked for, or far too much for their width."""


@dataclass(frozen=True)
class GreyLevels:
    """A region's voxels as grey levels.

    Parameters
    ----------
    rank : ndarray of int32, shape (voxels + 1,)
        Position of each voxel's grey level in `levels`, from 1; the last element, 0, stands for all outside the region.
    levels : ndarray of int64
        The grey levels that occur, ascending; pyradiomics numbers bins from 1.
    edges : ndarray
        Bin edges in the image's unit.
    """

    rank: np.ndarray
    levels: np.ndarray
    edges: np.ndarray


def count_edges(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Return the edges of `n_bins` equal bins from the smallest value to the largest.

    Raises
    ------
    FlatRegionError
        Where the range is too small to be cut into that many bins.
    """
    try:
        edges = np.histogram_bin_edges(values, n_bins)
    except ValueError as error:
        raise FlatRegionError(f"the values span too little for {n_bins} bins") from error
    edges[-1] += 1
    return edges


def width_edges(values: np.ndarray, bin_width: float) -> np.ndarray:
    """Return the edges at multiples of `bin_width` that cover the values, one bin beyond the largest.

    Raises
    ------
    FlatRegionError
        Where that takes more than `MAX_BINS`.
    """
    lowest, highest = values.min(), values.max()
    if float(highest) - float(lowest) > MAX_BINS * bin_width:
        raise FlatRegionError(
            f"the values span {float(highest) - float(lowest):g}: bins of {bin_width:g} are too narrow for them"
        )
    edges = np.arange(lowest - (lowest % bin_width), highest + 2 * bin_width, bin_width)
    return np.array([edges[0] - 0.5, edges[0] + 0.5]) if edges.size == 1 else edges


def say_few_levels(values: np.ndarray, bin_widths: Sequence[float]) -> str:
    """Say why a region has no more than two grey levels, nothing where it has more.

    Textures of one level are numbers, but the same in any image.

    Parameters
    ----------
    values : ndarray
        Of the region.
    bin_widths : sequence of float
        Asked for, in the values' unit.

    Returns
    -------
    str
        E.g. "values that span 0.2 have one grey level or two in bins of 25".
    """
    spread = float(np.ptp(values)) if values.size else 0.0
    if values.size and spread == 0:
        return "all values are equal: there is no texture"
    wide = [f"{width:g}" for width in bin_widths if spread < width]
    return f"values that span {spread:.3g} have one grey level or two in bins of {', '.join(wide)}" if wide else ""


def discretise(values: np.ndarray, edges: np.ndarray) -> GreyLevels:
    """Return the number of edges at or below each value, as `numpy.digitize` does."""
    bins = _count_edges_below(values, edges)
    return _ranked(bins, edges)


def coarsen(fine: GreyLevels, edges: np.ndarray) -> tuple[GreyLevels, np.ndarray] | None:
    """Derive coarser grey levels from finer ones, where all inner coarse edges are fine edges.

    Returns
    -------
    coarse : GreyLevels
        Equal to ``discretise(values, edges)``.
    starts : ndarray of int64
        For each coarse level, the position in ``fine.levels`` of the first fine level that it holds. The whole is None
        where the edges do not nest.
    """
    outer_equal = edges[0] == fine.edges[0] and edges[-1] == fine.edges[-1]
    place = np.searchsorted(fine.edges, edges)
    if not outer_equal or np.any(fine.edges[place] != edges) or np.any(np.diff(edges) <= 0):
        return None
    if np.any(np.diff(fine.edges) <= 0):
        return None
    # A value of fine bin b lies at or above fine edge b - 1, hence at or above every coarse edge up to that one.
    coarse_of_level = np.searchsorted(place, fine.levels - 1, side="right")
    levels, starts, inverse = np.unique(coarse_of_level, return_index=True, return_inverse=True)
    rank_of_rank = np.concatenate([[0], inverse + 1]).astype(np.int32)
    return GreyLevels(rank_of_rank[fine.rank], levels.astype(np.int64), edges), starts


def _ranked(bins: np.ndarray, edges: np.ndarray) -> GreyLevels:
    present = np.zeros(edges.size + 1, dtype=bool)
    present[bins] = True
    levels = np.flatnonzero(present)
    rank_of_bin = np.zeros(edges.size + 1, dtype=np.int32)
    rank_of_bin[levels] = np.arange(1, levels.size + 1)
    return GreyLevels(np.append(rank_of_bin[bins], np.int32(0)), levels, edges)


@compiled
def _count_edges_below(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    bins = np.empty(values.size, dtype=np.int64)
    n_edges = edges.size
    scale = (n_edges - 2) / (edges[n_edges - 2] - edges[0]) if n_edges > 2 and edges[n_edges - 2] > edges[0] else 0.0
    for voxel in range(values.size):
        value = np.float64(values[voxel])
        guess = min(max(int((value - edges[0]) * scale), 0), n_edges - 1) + 1  # equal bins: right but for rounding
        while guess < n_edges and np.float64(edges[guess]) <= value:
            guess += 1
        while guess > 0 and np.float64(edges[guess - 1]) > value:
            guess -= 1
        bins[voxel] = guess
    return bins
