"""The susceptibility map of a simulated training lesion's box."""

from __future__ import annotations

import numpy as np

from chiomics.core.images import b0_direction, voxel_size
from chiomics.phantom.lesions.patches import LesionBox
from chiomics.qsm.inversions.tv import tv

#: Zero padding in mm. A lesion lies in the middle of its box, whose field is known everywhere: the 24 mm that a head
#: takes double the time and change the lesion's χ by 1 ppb (root mean square), a seventh of its spread.
PADDING = 10.0


def reconstruct_box(box: LesionBox) -> np.ndarray:
    """Invert a box by the default method and refer it to cerebrospinal fluid, as a head's map is.

    Parameters
    ----------
    box : LesionBox
        Of `simulate_boxes`.

    Returns
    -------
    ndarray, shape (X, Y, Z)
        In ppm.
    """
    whole, edges = np.ones(box.field.shape, bool), voxel_size(box.affine)
    chi = tv(
        box.field, whole, voxel_size=edges, b0_direction=b0_direction(box.affine), noise=box.noise, padding=PADDING
    )
    return chi + np.float32(box.white_chi - np.median(chi[box.white]))
