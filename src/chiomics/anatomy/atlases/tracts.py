"""Tracts from an atlas: one mask per tract and side, which may overlap."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chiomics.anatomy.atlases.on_grid import BoxedShare

#: A voxel belongs to a tract that fills more than this share of it, or passes it in more than this share of people.
DEFAULT_THRESHOLD = 0.5


def tract_masks(
    shares: Mapping[tuple[str, str], BoxedShare], shape: tuple[int, int, int], *, threshold: float = DEFAULT_THRESHOLD
) -> dict[tuple[str, str], np.ndarray]:
    """Turn shares into masks.

    Parameters
    ----------
    shares : dict of (tract, hemisphere) to BoxedShare
        Of `chiomics.anatomy.atlases.on_grid.shares_on_grid`: share of the voxel that a binary bundle fills, or the
        probability of a probabilistic one.
    shape : tuple of int
        Shape of the grid.
    threshold : float
        Largest share that is still outside, from 0 to below 1.

    Returns
    -------
    dict of (tract, hemisphere) to ndarray of bool, shape (x, y, z)
        In the order of `shares`.
    """
    masks = {}
    for key, (box, share) in shares.items():
        masks[key] = np.zeros(shape, bool)
        masks[key][box] = share > threshold
    return masks
