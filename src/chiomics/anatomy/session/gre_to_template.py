"""Register a gradient echo straight to the template, for sessions without a T1w.

As Yan et al. (2021) do with the QSM atlas of Zhang et al. (2018, Hum Brain Mapp 39:2753): the magnitude shows the
brain's outline, ventricles and cortex, and χ the deep nuclei, which the magnitude hardly shows. SyN sees both: the
magnitude against the template's T1w by local cross-correlation, whose square is blind to an inverted contrast, and χ
against the nuclei of an atlas in template space, where there is one. A slab that misses part of the brain is compared
where it lies only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy import ndimage

from chiomics.anatomy.atlases.on_grid import atlas_coordinates, fractions_on_grid
from chiomics.anatomy.registration.ants import register
from chiomics.anatomy.registration.pose import find_pose
from chiomics.anatomy.registration.settings import Settings
from chiomics.core.space.template import template_brain, template_mask
from chiomics.core.space.transforms import Chain, resample
from chiomics.core.space.volume import Volume

#: χ of the nuclei in ppm, after Marques et al. (2021, Magn Reson Med 86:526), the head of the QSM challenge.
NUCLEUS_CHI = {"HCN": 0.044, "PUT": 0.038, "GP": 0.131, "THA": 0.02, "RN": 0.1, "SN": 0.111, "DN": 0.152}
#: χ in ppm that counts: white matter and calcium lie below, veins above.
CHI_RANGE = (0.0, 0.15)
#: Smoothing of χ in mm (standard deviation), for noise, streaks and thin veins.
CHI_SMOOTHING = 1.0
#: Weight of χ against the magnitude's 1. On two simulated subjects 0.3 and 0.5 raise the Dice of pallidum, dentate and
#: nigra; 0.5 and more lower those of putamen and red nucleus.
CHI_WEIGHT = 0.3
#: Resolution of the affine stage's template, mm.
RESOLUTION = 2.0


def register_gre_to_template(
    magnitude: Volume,
    brain_mask: Volume,
    *,
    settings: Settings,
    out_dir: str | Path,
    chi: Volume | None = None,
    nuclei_chi: Volume | None = None,
) -> Chain:
    """Find the transform from the gradient echo to the template.

    Parameters
    ----------
    magnitude : Volume
        With its skull, bias field corrected; the first echo, or the mean of them.
    brain_mask : Volume
        Brain on the same grid, before any erosion for the phase.
    settings : Settings
        Of `chiomics.anatomy.registration.settings`.
    out_dir : path-like
        Folder that keeps the transforms.
    chi : Volume, optional
        Susceptibility in ppm on the same grid, 0 outside its mask.
    nuclei_chi : Volume, optional
        What `template_chi` makes of an atlas; used together with `chi`.

    Returns
    -------
    Chain
        From the GRE's world to that of the template.
    """
    inside = brain_mask.voxels > 0
    brain = magnitude.like(np.where(inside, magnitude.voxels, 0).astype(np.float32))
    template, target = template_brain(RESOLUTION), template_brain(1.0)
    affine = register(
        magnitude, template, settings=settings, kind="affine", fixed_mask=template_mask(RESOLUTION), out_dir=out_dir,
        initial=find_pose(magnitude),
    )  # fmt: skip
    seen = resample(magnitude.like(np.ones(inside.shape, np.float32)), template, affine).voxels > 0.5
    further = ()
    if chi is not None and nuclei_chi is not None:
        smooth = ndimage.gaussian_filter(chi.voxels, CHI_SMOOTHING / chi.voxel_size)
        bright = np.where(inside, np.clip(smooth, *CHI_RANGE), 0).astype(np.float32)
        further = ((chi.like(bright), nuclei_chi, CHI_WEIGHT),)
    return register(
        brain, target, settings=settings, kind="deformable", initial=affine, out_dir=out_dir, further=further,
        fixed_mask=template.like(template_mask(RESOLUTION).voxels & seen),
    )  # fmt: skip


def template_chi(nuclei: Mapping[tuple[str, str], Volume], to_template: Chain) -> Volume:
    """Paint the nuclei of an atlas, whatever its space, in template space with their usual susceptibility.

    Parameters
    ----------
    nuclei : mapping of (nucleus, hemisphere) to Volume
        Share of each nucleus on the atlas' grid, 0 to 1, as `Atlas.structures` gives them.
    to_template : Chain
        From the atlas' world to that of the template.

    Returns
    -------
    Volume
        χ in ppm on the template's grid of 1 mm, 0 outside the nuclei.
    """
    onto = template_brain(1.0)
    painted = np.zeros(onto.voxels.shape, np.float32)
    for (nucleus, _), (box, fraction) in fractions_on_grid(nuclei, atlas_coordinates(onto, to_template)).items():
        painted[box] += np.float32(NUCLEUS_CHI[nucleus]) * fraction
    return onto.like(ndimage.gaussian_filter(painted, CHI_SMOOTHING))
