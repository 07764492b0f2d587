"""The mean image without diffusion weighting of a series: what it saw, whether tracts are traced on it or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from chiomics.anatomy.diffusion.gradients import UNWEIGHTED, read_table
from chiomics.core.errors import InputError
from chiomics.core.images import load_voxels
from chiomics.core.space.structural import standardise
from chiomics.core.space.volume import Volume

#: Volumes that are averaged at most; more cost time and show no more of where the head lies.
MAX_AVERAGED = 5


def read_unweighted(image: str | Path, bval: str | Path) -> Volume:
    """Read and average the volumes without diffusion weighting, the others never in memory at once.

    Parameters
    ----------
    image : path-like
        The series, 4-D.
    bval : path-like
        Its b in s/mm², one per volume.

    Returns
    -------
    Volume
        Float32, air at 0 and bright tissue at 1000; NaN around the head are air.

    Raises
    ------
    InputError
        Where the series cannot be read to its end, the table does not fit it or has no volume of `UNWEIGHTED` or less,
        or the mean is constant or has holes in the head.
    """
    b_values = read_table(bval).ravel()
    wanted = np.flatnonzero(b_values <= UNWEIGHTED)[:MAX_AVERAGED]
    if not wanted.size:
        raise InputError(
            "no volume without diffusion weighting", file=bval, found=f"smallest b {b_values.min(initial=0):g} s/mm²",
            expected=f"at least one of {UNWEIGHTED:g} or less",
        )  # fmt: skip
    voxels, affine = load_voxels(image, volumes=wanted.tolist(), of=b_values.size)
    try:
        mean, _ = standardise(voxels.reshape(*voxels.shape[:3], -1).mean(axis=3, dtype=np.float64))
    except InputError as error:
        raise InputError(error.problem, file=image, found=error.found, expected=error.expected) from None
    return Volume(mean, affine)
