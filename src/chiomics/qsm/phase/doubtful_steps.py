"""Voxels whose unwrapping is a guess: nothing but steps near half a turn leads from them to the rest of the brain.

Above the sinuses and the ear canals the field changes by more than half a turn of the shortest echo spacing from voxel
to voxel. Unwrapping takes the shorter way round there, and whole patches behind end up some turns off, wrong alike in
all echoes: their agreement is perfect, and the background removal takes them for strong sources. What tells them is the
way that leads there: every path crosses steps near π. So voxels with such a step are cut out, and what then hangs
together with the largest piece can be relied on.
"""

from __future__ import annotations

import numpy as np

from chiomics.qsm.masks.reliable_mask import largest_piece

#: Share of half a turn from which a step is doubtful. The error of χ with 0.7, 0.8 and 0.9 is 39.5, 39.5 and 39.7 % for
#: a head at 3 T and 2 mm (39.7 % without), and 36.5 % with 0.8 for one at 7 T and 1 mm (45.5 % without). With one echo
#: (7 T, 2 mm) 0.8 finds 391 of the 498 voxels that are turns off at 12 ms, and 1,479 others: the error of χ falls from
#: 65.5 to 50.3 % and the largest from 1.5 to 0.24 ppm; at 20 ms from 98.5 to 52.8 % and 2.4 to 0.26 ppm.
MAX_STEP = 0.8


def doubtful_voxels(unwrapped: np.ndarray, mask: np.ndarray, *, max_step: float = MAX_STEP) -> np.ndarray:
    """Find the voxels whose number of turns is a guess.

    Parameters
    ----------
    unwrapped : ndarray, shape (x, y, z)
        Unwrapped phase of the shortest echo spacing in rad.
    mask : ndarray of bool, shape (x, y, z)
        Brain.
    max_step : float
        Share of π that two neighbours may differ by.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
        Voxels with a larger step to a neighbour, and those that are connected with the largest piece by such alone.
    """
    limit = np.float32(max_step * np.pi)
    calm = mask.copy()
    for axis in range(mask.ndim):
        lower = tuple(slice(None, -1) if a == axis else slice(None) for a in range(mask.ndim))
        upper = tuple(slice(1, None) if a == axis else slice(None) for a in range(mask.ndim))
        large = np.abs(unwrapped[upper] - unwrapped[lower]) > limit
        large &= mask[upper] & mask[lower]
        calm[lower] &= ~large
        calm[upper] &= ~large
    return mask & ~largest_piece(calm)
