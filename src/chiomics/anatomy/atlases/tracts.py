"""Tracts from an atlas: one mask per tract and side, which may overlap."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chiomics.anatomy.atlases.on_grid import BoxedFraction

#: A voxel belongs to a tract that fills more than this fraction of it, or passes it in this fraction of people.
DEFAULT_THRESHOLD = 0.5


def tract_masks(
    fractions: Mapping[tuple[str, str], BoxedFraction],
    shape: tuple[int, int, int],
    *,
    threshold: float = DEFAULT_THRESHOLD,
) -> dict[tuple[str, str], np.ndarray]:
    """Turn fractions into masks.

    Parameters
    ----------
    fractions : dict of (tract, hemisphere) to BoxedFraction
        Of `chiomics.anatomy.atlases.on_grid.fractions_on_grid`: fraction of the voxel that a binary bundle fills, or
        the probability of a probabilistic one.
    shape : tuple of int
        Shape of the grid.
    threshold : float
        Largest fraction that is still outside, from 0 to below 1.

    Returns
    -------
    dict of (tract, hemisphere) to ndarray of bool, shape (x, y, z)
        In the order of `fractions`.
    """
    masks = {}
    for key, (box, fraction) in fractions.items():
        masks[key] = np.zeros(shape, bool)
        masks[key][box] = fraction > threshold
    return masks
