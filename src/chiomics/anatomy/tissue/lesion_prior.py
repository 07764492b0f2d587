"""Where white matter lesions of MS lie, and where FLAIR is bright without one, in template space.

The first is a smooth map of 27 patients' consensus masks that lies in the package with its source; the second is what
every FLAIR shows: caps at the frontal and the occipital horns of the lateral ventricles and a thin line along their
walls (Sze et al. 1986, AJR 147:331; Neema et al. 2009, J Neuroimaging 19:3).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import ndimage

from chiomics.anatomy.tissue.ventricles import LATERAL, template_ventricles
from chiomics.core.priors.lesion_density import read_lesion_density
from chiomics.core.space.template import template_priors
from chiomics.core.space.transforms import Chain, resample
from chiomics.core.space.volume import Volume

#: Resolution in mm at which the caps are painted.
RESOLUTION = 2.0
#: Thickness of caps and of the line along the walls, mm, and what the line is worth against the caps.
CAP, WALL, WALL_SHARE = 5.0, 2.0, 0.4
#: Frontal horns end before, occipital ones behind these y of the template, mm; caps grow over the distance `HORN`.
FRONT, BACK, HORN = 22.0, -38.0, 10.0


@lru_cache(maxsize=1)
def lesion_density() -> Volume:
    """Return the density of lesions relative to its mean over the template's white matter.

    Returns
    -------
    Volume
        Float32 on voxels of 4 mm, 0 where no patient has a lesion nearby.
    """
    density = read_lesion_density()
    white = template_priors(4.0)["WM"]
    weight = resample(white, density, Chain()).voxels
    return density.like((density.voxels * weight.sum() / max((density.voxels * weight).sum(), 1e-6)).astype(np.float32))


@lru_cache(maxsize=1)
def flair_caps() -> Volume:
    """Return how bright a FLAIR normally is beside the lateral ventricles: 1 at the tips of the horns, 0 far away."""
    fluid = template_priors(RESOLUTION)["CSF"]
    ventricles = template_ventricles(fluid)
    distance = ndimage.distance_transform_edt(ventricles.voxels != LATERAL, sampling=ventricles.voxel_size)
    y = ventricles.affine[1, 1] * np.arange(distance.shape[1]) + ventricles.affine[1, 3]
    horn = np.clip(np.maximum((y - FRONT), (BACK - y)) / HORN + 1, 0, 1)[None, :, None]
    caps = horn * np.exp(-0.5 * (distance / CAP) ** 2)
    walls = WALL_SHARE * np.exp(-0.5 * (distance / WALL) ** 2)
    return ventricles.like(np.maximum(caps, walls).astype(np.float32))
