"""Split confluent lesions into single ones at their centres.

After Dworkin et al. (2018, AJNR 39:626; `lesiontools`, as APRL uses it): where all three eigenvalues of the Hessian of
the probability map are negative, the map is a peak in every direction, and each connected group of such voxels is the
centre of one lesion. Every lesion voxel goes to its nearest centre. The map is smoothed before, by a Gaussian in
proportion to the lesion's own half thickness: a flat top has no curvature but noise.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from chiomics.anatomy.tissue.lesion_settings import LesionSettings
from chiomics.core.space.volume import Volume

#: Smoothing over the half thickness of the confluent lesion, and its least value, mm.
SMOOTHING_SHARE, MIN_SMOOTHING = 0.5, 1.0
#: A centre's curvature is this share of the sharpest in its lesion, or more: a long lesion's ridge is nearly straight.
MIN_CURVATURE = 0.02
#: Smallest volume of a centre and of a lesion that is searched for several, mm³.
MIN_CENTRE, MIN_CONFLUENT = 3.0, 60.0
CORNERS = np.ones((3, 3, 3), bool)


def split_lesions(probability: Volume, *, settings: LesionSettings | None = None) -> Volume:
    """Label each lesion on its own.

    Parameters
    ----------
    probability : Volume
        Probability of lesion from 0 to 1, or a mask of the user's as 0 and 1.
    settings : LesionSettings, optional
        `threshold` bounds the lesions; without `split` each connected lesion is one. Nothing is dropped.

    Returns
    -------
    Volume
        Labels from 1 as int32, the largest lesion first, those of one size in the order of their world coordinates;
        voxels at or above the threshold have one, others 0.
    """
    settings = settings or LesionSettings()
    share = np.asarray(probability.voxels, np.float32)
    mask = share >= settings.threshold
    connected, count = ndimage.label(mask, CORNERS)
    labels = connected.astype(np.int32)
    if settings.split:
        following = count + 1
        for number, box in enumerate(ndimage.find_objects(connected), start=1):
            here = connected[box] == number
            if here.sum() * probability.voxel_volume < MIN_CONFLUENT:
                continue
            parts = _nearest_centre(np.where(here, share[box], 0), here, probability.voxel_size)
            further = here & (parts > 1)
            labels[box][further] = parts[further] - 2 + following
            following += max(int(parts.max()) - 1, 0)
    return probability.like(_in_order(labels, probability))


def _nearest_centre(share: np.ndarray, lesion: np.ndarray, voxel_size: np.ndarray) -> np.ndarray:
    """Return the voxels of one connected lesion the number of their nearest centre, from 1."""
    thickness = ndimage.distance_transform_edt(np.pad(lesion, 1), sampling=voxel_size).max()
    sigma = max(SMOOTHING_SHARE * thickness, MIN_SMOOTHING)
    room = np.ceil(3 * sigma / voxel_size).astype(int)
    inner = tuple(slice(n, n + size) for n, size in zip(room, lesion.shape, strict=True))
    smooth = ndimage.gaussian_filter(np.pad(share, [(n, n) for n in room]), sigma / voxel_size, truncate=4)
    # ascending: the last eigenvalue is the one nearest to, or above, zero
    curvature = np.linalg.eigvalsh(_hessian(smooth, voxel_size)[inner][lesion])
    peak = np.zeros(lesion.shape, bool)
    peak[lesion] = curvature[:, 2] < MIN_CURVATURE * min(float(curvature.min()), 0.0)
    centres, count = ndimage.label(peak, CORNERS)
    volumes = np.bincount(centres.ravel(), minlength=count + 1)[1:] * np.prod(voxel_size)
    kept = volumes >= MIN_CENTRE
    if kept.sum() < 2:
        return lesion.astype(np.int32)
    centres = np.concatenate([[0], np.where(kept, kept.cumsum(), 0)])[centres]
    nearest = ndimage.distance_transform_edt(
        centres == 0, sampling=voxel_size, return_distances=False, return_indices=True
    )
    return np.where(lesion, centres[tuple(nearest)], 0).astype(np.int32)


def _hessian(image: np.ndarray, voxel_size: np.ndarray) -> np.ndarray:
    """Second derivatives per mm² at every voxel, shape (x, y, z, 3, 3)."""
    first = [np.gradient(image, voxel_size[axis], axis=axis) for axis in range(3)]
    hessian = np.empty((*image.shape, 3, 3), np.float32)
    for i in range(3):
        for j in range(i, 3):
            hessian[..., i, j] = hessian[..., j, i] = np.gradient(first[i], voxel_size[j], axis=j)
    return hessian


def _in_order(labels: np.ndarray, grid: Volume) -> np.ndarray:
    """Return numbers from 1, largest first, then by the world coordinates of the centroid."""
    voxels = np.nonzero(labels)
    if not voxels[0].size:
        return labels
    found, inverse, counts = np.unique(labels[voxels], return_inverse=True, return_counts=True)
    world = grid.affine[:3, :3] @ np.stack(voxels) + grid.affine[:3, 3:]
    centroids = [np.bincount(inverse, weights=axis) / counts for axis in world]
    order = np.lexsort([*(axis.round(3) for axis in centroids[::-1]), -counts])
    rank = np.empty(len(found), np.int32)
    rank[order] = np.arange(1, len(found) + 1)
    ordered = np.zeros_like(labels)
    ordered[voxels] = rank[inverse]
    return ordered
