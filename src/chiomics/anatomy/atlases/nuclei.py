"""Deep grey nuclei: from the fractions that an atlas gives to one label per voxel, each nucleus with its volume.

A voxel belongs to the nucleus with the largest fraction of it. Of its voxels a nucleus keeps those with the largest
fractions, so many that its volume is the sum of its fractions: a threshold of one half would shrink what is thinner
than two voxels.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from chiomics.anatomy.atlases.description import STRUCTURES
from chiomics.anatomy.atlases.on_grid import BoxedFraction

#: Labels on images: those of the left; the right has `RIGHT` added.
LABELS = {name: 11 + position for position, name in enumerate(STRUCTURES["dgm"])}
RIGHT = 100
#: Smallest fraction of a voxel that a nucleus can win.
MIN_FRACTION = 0.1
#: Weight of a voxel's surroundings in the order of its fractions.
TIE_BREAK = 1e-2


def label_of(nucleus: str, hemisphere: str) -> int:
    """Return the label of a nucleus."""
    return LABELS[nucleus] + (RIGHT if hemisphere == "R" else 0)


def label_nuclei(fractions: Mapping[tuple[str, str], BoxedFraction], shape: tuple[int, int, int]) -> np.ndarray:
    """Turn fractions into labels.

    Parameters
    ----------
    fractions : dict of (nucleus, hemisphere) to BoxedFraction
        Of `fractions_on_grid`, or refined.
    shape : tuple of int
        Shape of the grid.

    Returns
    -------
    ndarray of uint8, shape (x, y, z)
        `label_of`, 0 elsewhere.
    """
    largest = np.zeros(shape, np.float32)
    winner = np.zeros(shape, np.uint8)
    for key, (box, fraction) in fractions.items():
        wins = fraction > np.maximum(largest[box], MIN_FRACTION)
        largest[box][wins] = fraction[wins]
        winner[box][wins] = label_of(*key)
    labels = np.zeros(shape, np.uint8)
    for key, (box, fraction) in fractions.items():
        # Of equal fractions the inner ones come first.
        inner = fraction + TIE_BREAK * ndimage.gaussian_filter(fraction, 1.0)
        own = np.where(winner[box] == label_of(*key), inner, 0).ravel()
        kept = np.argsort(-own, kind="stable")[: round(float(fraction.sum()))]
        inside = np.zeros(own.shape, bool)
        inside[kept[own[kept] > 0]] = True
        labels[box][inside.reshape(fraction.shape)] = label_of(*key)
    return labels
