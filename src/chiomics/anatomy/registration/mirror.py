"""Notice a header that swaps left and right: then the mirror image fits better than the image.

The mirror image is not just flipped but registered, as the image was, since a head is neither upright nor symmetric;
both are compared on the same coarse voxels. Heads are nearly symmetric, so that a small difference says nothing; what
counts is the mirror image fitting clearly better inside the brain. Of a patient's FLAIR on T1w it has 0.70 of the
image's mutual information above 1, with a simulated one 0.33, and the same the other way round where the header is
mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chiomics.anatomy.registration.ants import Chain, register, resample
from chiomics.anatomy.registration.mutual_information import normalised_mutual_information
from chiomics.anatomy.registration.settings import Settings
from chiomics.core.space.grids import coarsen, crop
from chiomics.core.space.volume import Volume

#: Voxel in mm of the comparison, and the margin around the brain.
RESOLUTION, MARGIN = 2.5, 15.0
#: Share by which the mirror image's mutual information (above 1) must be larger to be spoken of.
CLEARLY = 0.05


@dataclass(frozen=True)
class MirrorTest:
    """Normalised mutual information inside the brain, above 1, of the image and of its mirror image.

    Parameters
    ----------
    own, mirrored : float
        0 or more.
    """

    own: float
    mirrored: float

    @property
    def mirror_fits_better(self) -> bool:
        """Whether left and right look swapped."""
        return self.mirrored > (1 + CLEARLY) * self.own


def compare_with_mirror_image(
    moving: Volume, fixed: Volume, chain: Chain, brain: Volume, *, settings: Settings, out_dir: str | Path
) -> MirrorTest:
    """Register the mirror image of a registered image, and compare how well both fit.

    Parameters
    ----------
    moving, fixed : Volume
        Two images of one head.
    chain : Chain
        From the moving to the fixed image.
    brain : Volume
        Brain of the fixed image, in its world.
    settings : Settings
        Of the rigid registration.
    out_dir : path-like
        For what nobody needs afterwards.

    Returns
    -------
    MirrorTest
        Both figures.
    """
    target = coarsen(crop(fixed, brain, MARGIN), RESOLUTION)
    inside = resample(brain.like((brain.voxels > 0).astype(np.float32)), target, Chain()).voxels > 0.5
    carried = resample(coarsen(moving, RESOLUTION), target, chain)
    across = int(np.argmax(np.abs(target.affine[0, :3]) / target.voxel_size))
    middle = np.argwhere(inside)[:, across].mean()
    # The flip is about the brain's middle, not the grid's, so that the registration has little left to do.
    affine = target.affine.astype(float).copy()
    last = carried.voxels.shape[across] - 1
    affine[:3, 3] += affine[:3, across] * (2 * middle - last)
    mirrored = Volume(np.flip(carried.voxels, across).copy(), affine)
    again = register(
        mirrored, target, settings=settings, out_dir=out_dir, kind="rigid", initial=np.eye(4),
        fixed_mask=target.like(inside),
    )  # fmt: skip

    def fit(image: Volume) -> float:
        return float(normalised_mutual_information(target.voxels[inside], image.voxels[inside]) - 1)

    return MirrorTest(own=fit(carried), mirrored=fit(resample(mirrored, target, again)))
