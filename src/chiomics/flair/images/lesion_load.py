"""What a classifier that only counts would know: volume, number and sites of the lesions.

A network that does not beat these numbers has learnt nothing that a radiologist's count does not say.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from chiomics.core.space.volume import Volume
from chiomics.flair.images.head import Head, sample

#: Cells in template space: first corner and edge in mm, and their number; they hold the whole brain.
CELL_CORNER, CELL_EDGE, CELLS = np.array([-88.0, -124.0, -72.0]), 16.0, (11, 13, 11)
#: Lesions this near a ventricle count as periventricular, mm.
PERIVENTRICULAR = 5.0
NUMBERS = (
    "lesion_count",
    "lesion_volume_mm3",
    "lesion_share_percent",
    "periventricular_share",
    "ventricle_distance_mm",
)


def measure_lesions(head: Head) -> tuple[dict[str, float], np.ndarray]:
    """Measure a session's lesions.

    Parameters
    ----------
    head : Head
        The session.

    Returns
    -------
    numbers : dict of str to float
        `NUMBERS` and ``brain_volume_mm3``: volume in mm³ and in percent of the brain mask with its fluid, which stands
        for the intracranial volume; share of the volume within `PERIVENTRICULAR` mm of a ventricle, and the mean
        distance to it, NaN without lesions.
    cells : ndarray, shape (cells,)
        Lesion volume in mm³ in each cell of template space.
    """
    lesions = head.lesions
    brain_volume = float(head.brain.voxels.sum()) * head.brain.voxel_volume
    index = np.argwhere(lesions.voxels > 0).T
    cells = np.zeros(int(np.prod(CELLS)), np.float32)
    volume = index.shape[1] * lesions.voxel_volume
    numbers = {
        "lesion_count": float(len(np.unique(lesions.voxels[lesions.voxels > 0]))),
        "lesion_volume_mm3": volume,
        "lesion_share_percent": 100 * volume / brain_volume,
        "periventricular_share": np.nan,
        "ventricle_distance_mm": np.nan,
        "brain_volume_mm3": brain_volume,
    }
    if not index.shape[1]:
        return numbers, cells
    in_anatomy = head.lesions_to_anatomy(lesions.affine[:3, :3] @ index + lesions.affine[:3, 3:])
    if head.ventricles.voxels.any():
        distance = ndimage.distance_transform_edt(~head.ventricles.voxels, sampling=head.ventricles.voxel_size)
        found = sample(Volume(distance, head.ventricles.affine), in_anatomy, order=1)
        numbers["periventricular_share"] = float((found <= PERIVENTRICULAR).mean())
        numbers["ventricle_distance_mm"] = float(found.mean())
    place = np.floor((head.anatomy_to_template(in_anatomy) - CELL_CORNER[:, None]) / CELL_EDGE).astype(int)
    place = np.clip(place, 0, np.array(CELLS)[:, None] - 1)
    np.add.at(cells, np.ravel_multi_index(tuple(place), CELLS), np.float32(lesions.voxel_volume))
    return numbers, cells
