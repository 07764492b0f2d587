"""Where in the brain a lesion lies: periventricular, juxtacortical, infratentorial or deep.

Infratentorial is decided in template coordinates; the others by the distance of the lesion's nearest voxel to the
lateral ventricles and the cortex, as the MAGNIMS recommendations (Filippi et al. 2016, Lancet Neurol 15:292) define
them: touching or nearly touching.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

PLACES = ("periventricular", "juxtacortical", "infratentorial", "deep")
#: Largest distance in mm from the nearest voxel to the ventricles, and to the cortex: one voxel beyond touching.
BESIDE_VENTRICLE, BESIDE_CORTEX = 3.0, 2.0
#: Labels of the anatomy stage's tissue image.
GREY, VENTRICLES = 2, 4


def place_lesions(
    labels: np.ndarray, tissue: np.ndarray, template: np.ndarray, *, voxel_size: Sequence[float]
) -> dict[int, str]:
    """Tell the place of every lesion.

    Parameters
    ----------
    labels : ndarray of int, shape (x, y, z)
        Lesion numbers from 1.
    tissue : ndarray of int, shape (x, y, z)
        The anatomy stage's tissue labels on the same voxels.
    template : ndarray, shape (lesions, 3)
        Centres in template (MNI) mm, in rising order of the numbers; NaN where they are not known.
    voxel_size : sequence of 3 floats
        In mm.

    Returns
    -------
    dict of int to str
        One of `PLACES` per lesion number. An infratentorial lesion is so wherever else it touches.
    """
    boxes = {number: box for number, box in enumerate(ndimage.find_objects(labels), start=1) if box is not None}
    places = {}
    for k, (number, box) in enumerate(boxes.items()):
        if is_infratentorial(template[k]):
            places[number] = "infratentorial"
        elif _lies_beside(labels, number, box, tissue, VENTRICLES, BESIDE_VENTRICLE, voxel_size):
            places[number] = "periventricular"
        elif _lies_beside(labels, number, box, tissue, GREY, BESIDE_CORTEX, voxel_size):
            places[number] = "juxtacortical"
        else:
            places[number] = "deep"
    return places


def is_infratentorial(point: np.ndarray) -> bool:
    """Say whether a template (MNI) point in mm lies in the brainstem or the cerebellum; False where it is NaN.

    The two regions are read off the template: the brainstem below the thalamus near the midline, the cerebellum below
    the lowest occipital white matter.
    """
    x, y, z = point
    brainstem = abs(x) < 16 and -45 < y < -8 and z < -6
    cerebellum = y < -35 and z < -24
    return bool(brainstem or cerebellum)


def _lies_beside(
    labels: np.ndarray,
    number: int,
    box: tuple[slice, ...],
    tissue: np.ndarray,
    label: int,
    reach: float,
    voxel_size: Sequence[float],
) -> bool:
    """Say whether a tissue has a voxel within a distance in mm of a lesion's nearest one."""
    near = tuple(
        slice(max(side.start - int(reach / edge) - 1, 0), side.stop + int(reach / edge) + 1)
        for side, edge in zip(box, voxel_size, strict=True)
    )
    region = tissue[near] == label
    if not region.any():
        return False
    distance = ndimage.distance_transform_edt(~region, sampling=tuple(voxel_size))
    return bool(distance[labels[near] == number].min() <= reach)
