"""Recognise an image whose skull was taken off before, and take its own brain.

Outside such a brain the image is one value, 0 as a rule, and what is left has the volume of a brain; and no bone: on
the way in from its surface a head has bright scalp, then dark skull, then brain, a brain only gets brighter or stays.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy import ndimage

from chiomics.core.space.volume import Volume

#: Share of the image that is background, at least, and the volume in litres of what is not.
MIN_BACKGROUND, VOLUMES = 0.4, (0.6, 2.3)
#: Depths in mm below the surface that are looked at, and the share of the brightness further out that a skull has.
DEPTHS, SKULL = (0.0, 3.0, 6.0, 9.0, 12.0, 16.0), 0.6
#: Voxel in mm at which the way in is followed.
PROFILE_RESOLUTION = 2.0
#: Share of the 98th percentile within which a value is background: noise of interpolation beside exact zeros.
NEAR_BACKGROUND = 1e-4
#: Sulci that the stripping left open are closed up to twice this width, mm.
CLOSING = 3.0


def own_brain(image: Volume) -> Volume | None:
    """Return the brain of an image that holds nothing else.

    Parameters
    ----------
    image : Volume
        T1w, FLAIR or magnitude, any units.

    Returns
    -------
    Volume or None
        Booleans on the same grid; None for an image with its skull.
    """
    voxels = image.voxels
    background = _commonest(voxels)
    distance = np.abs(voxels - background)
    occupied = distance > NEAR_BACKGROUND * np.percentile(distance[::2, ::2, ::2], 98)
    if 1 - occupied.mean() < MIN_BACKGROUND:
        return None
    pieces, _ = ndimage.label(occupied)
    brain = ndimage.binary_fill_holes(pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:]))
    if not VOLUMES[0] <= brain.sum() * image.voxel_volume * 1e-6 <= VOLUMES[1]:
        return None
    (box,) = ndimage.find_objects(brain.astype(np.uint8))
    steps = tuple(slice(None, None, max(int(PROFILE_RESOLUTION / size), 1)) for size in image.voxel_size)
    inner, seen = np.pad(brain[box], 1)[steps], np.pad(voxels[box], 1)[steps]
    sampling = image.voxel_size * [step.step for step in steps]
    depth = ndimage.distance_transform_edt(np.pad(inner, 1), sampling=sampling)[1:-1, 1:-1, 1:-1]
    levels = [np.median(seen[(depth > low) & (depth <= high)]) for low, high in itertools.pairwise(DEPTHS)]
    brightest = np.maximum.accumulate(levels)
    if (levels < SKULL * brightest).any():
        return None
    pad = int(np.ceil(CLOSING / image.voxel_size.min())) + 1
    padded = np.pad(brain[box], pad)
    closed = ndimage.distance_transform_edt(~padded, sampling=image.voxel_size) <= CLOSING
    closed = ndimage.distance_transform_edt(closed, sampling=image.voxel_size) > CLOSING
    whole = np.zeros(brain.shape, bool)
    whole[box] = ndimage.binary_fill_holes(padded | closed)[pad:-pad, pad:-pad, pad:-pad]
    return image.like(whole)


def _commonest(voxels: np.ndarray) -> float:
    """Return the commonest value on the image's faces."""
    faces = np.concatenate([np.take(voxels, place, axis).ravel() for axis in range(3) for place in (0, -1)])
    values, counts = np.unique(faces, return_counts=True)
    return float(values[counts.argmax()])
