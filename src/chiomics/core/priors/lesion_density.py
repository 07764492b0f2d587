"""Where white matter lesions of MS lie: a smooth map of 27 patients' masks, with its source in `lesion_prior.json`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from chiomics.core.images import read_image
from chiomics.core.space.volume import Volume

#: Written by benchmarks/lesion_prior.py.
FILE = Path(__file__).with_name("lesion_prior.nii.gz")


def read_lesion_density() -> Volume:
    """Read the relative density of lesions in template space.

    Returns
    -------
    Volume
        Float32 on voxels of 4 mm, any unit, 0 where no patient has a lesion nearby.
    """
    voxels, affine = read_image(FILE)
    return Volume(voxels.astype(np.float32), affine.astype(float))
