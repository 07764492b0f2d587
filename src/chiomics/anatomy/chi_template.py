"""What χ looks like in template space: the deep nuclei of an atlas with the susceptibility that they have in adults.

Sessions without a T1w are registered to the template by their magnitude, on which the nuclei hardly show. On χ they are
what shows most (Yan et al. 2021 register χ itself to an atlas of χ), so this picture goes into the registration beside
the magnitude's. Values are those of the challenge phantom (Marques et al. 2021, Magn Reson Med 86:526), ppm.
"""

from __future__ import annotations

import numpy as np

from chiomics.anatomy.atlas import Atlas
from chiomics.anatomy.atlas_space import atlas_coordinates, shares_on_grid
from chiomics.anatomy.volume import Volume

#: Susceptibility in ppm over that of the tissue around.
SUSCEPTIBILITY = {"HCN": 0.044, "PUT": 0.038, "GP": 0.13, "THA": 0.02, "RN": 0.10, "SN": 0.111, "DN": 0.152}
#: χ beyond this is a vein, a calcification or an artefact, ppm.
LARGEST = 0.2


def chi_of_template(atlas: Atlas, onto: Volume) -> Volume:
    """Draw the nuclei of an atlas with their susceptibility.

    Parameters
    ----------
    atlas : Atlas
        Of the deep nuclei.
    onto : Volume
        Grid in template space.

    Returns
    -------
    Volume
        In ppm, 0 outside the nuclei.
    """
    picture = np.zeros(onto.voxels.shape, np.float32)
    for (name, _), (box, share) in shares_on_grid(
        atlas.structures(), atlas_coordinates(onto, atlas.to_template())
    ).items():
        picture[box] += np.float32(SUSCEPTIBILITY[name]) * share
    return onto.like(picture)


def bright_chi(chi: Volume) -> Volume:
    """Keep what is paramagnetic in a map, as the nuclei are.

    Parameters
    ----------
    chi : Volume
        In ppm.

    Returns
    -------
    Volume
        0 to `LARGEST`.
    """
    return chi.like(np.clip(chi.voxels, 0, LARGEST).astype(np.float32))
