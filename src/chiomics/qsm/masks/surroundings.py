"""What surrounds the brain in a magnitude: a head, or nothing but air, as after skull stripping or around a bottle.

On the way in from its surface a head has bright scalp, then dark skull, then brain; a brain whose skull was taken off
has no such gap. So the magnitude is followed along rays from the middle of what is brighter than air: the darkest place
of the outer part, relative to what is brighter on both sides of it. The median over the rays was .43 to .57 on three
real heads (Siemens, Philips), parts of them and the same shrunk to a child's size, up to .65 on a simulated head with a
skull of 4 mm; .73 to .97 on brains cut out of real T1w images (three contrasts, signal-to-noise ratio 12 to 100, noise
or zeros around them, one hemisphere, slabs, 6 mm worn off or added), and .99 for bottles.

Where the background is one and the same value, someone cut the brain out. Where it is noise, the image may show a
bottle, whose content does not differ from place to place but for the coil's profile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from chiomics.qsm.masks.near_distance import dilate, erode

#: Tissue is brighter than this share of the bright level; below it lie air, bone and noise.
AIR_LEVEL = 0.2
#: An image with less than this share of dark voxels has no background.
MIN_BACKGROUND = 0.03
#: Smoothing of the magnitude, and what tells a coil's profile and a brain's structure: standard deviations in mm.
SMOOTHING, COIL, STRUCTURE = 1.5, 15.0, 3.0
#: Air is left out by this many of its standard deviations, and by this share of the bright level at least.
AIR_DEVIATIONS, MIN_SIGNAL = 5.0, 0.1
#: Share of what is brighter than air that may lie beside the object: scalp and neck are more.
MAX_AROUND = 0.03
#: Thin bridges of noise are cut by an opening of this radius in mm.
OPENING = 2.0
#: Median of the rays' darkest place from which on there is no skull.
MIN_WITHOUT_SKULL = 0.7
#: Number of rays, and the share of them that must leave the object inside the image to judge it.
RAYS, MIN_RAYS = 1500, 0.1
#: Share of the object's radius, from its surface inwards, in which a skull is looked for.
OUTER = 0.45
#: Range (5th to 95th percentile, of the median) of the content of a bottle: .03 there, .13 and more in brains.
MAX_UNIFORM = 0.08
#: Depth in mm below the surface from which on the content is looked at.
CONTENT_DEPTH = 8.0
#: Share of the voxels with one and the same value that makes a background which was cut out.
CUT_OUT = 0.2
#: Correlation of neighbours below which an image without background is noise; .9 and more in heads.
MIN_CORRELATION = 0.2
#: Sulci that the stripping left open are closed up to twice this width, mm.
CLOSING = 3.0
#: Brightness, relative to the local mean, at which the edge to noisy air lies.
EDGE = 0.5


@dataclass(frozen=True)
class Alone:
    """An object with nothing but air around it.

    Attributes
    ----------
    region : ndarray of bool, shape (x, y, z)
        The object, without holes.
    cut_out : bool
        Whether what surrounds it is one and the same value.
    uniform : bool
        Whether its content is the same everywhere, as in a bottle.
    """

    region: np.ndarray
    cut_out: bool
    uniform: bool


def find_alone(signal: np.ndarray, size: Sequence[float]) -> Alone | None:
    """Find an object that has no skull and scalp around it.

    Parameters
    ----------
    signal : ndarray, shape (x, y, z)
        Magnitude of all echoes together, any unit.
    size : sequence of 3 floats
        Voxel size in mm.

    Returns
    -------
    Alone or None
        None for a head, and for an image without a background.
    """
    size = np.asarray(size, float)
    smooth = ndimage.gaussian_filter(signal, SMOOTHING / size, mode="nearest")
    level, noise, noisy = air(smooth)
    if level is None:
        return None
    value = background_value(signal)
    cut_out = np.mean(signal == value) > CUT_OUT and value <= level
    object_ = signal > value if cut_out else smooth > max(noise, MIN_SIGNAL / AIR_LEVEL * level)
    opening = max(OPENING, 1.01 * size.max())  # which no single voxel survives
    core = erode(object_, size, opening)
    if not core.any():
        return None
    object_ &= dilate(core, size, opening + size.max())
    region = ndimage.binary_fill_holes(largest_piece(object_))
    if (object_ & ~region).sum() > MAX_AROUND * object_.sum() or _skull(smooth, region, size) < MIN_WITHOUT_SKULL:
        return None
    coil = _local_mean(smooth, region, size, COIL)
    if not cut_out and noisy:
        region &= smooth > np.maximum(EDGE * coil, noise)
        region = largest_piece(region)
    closed = ndimage.binary_fill_holes(erode(dilate(region, size, CLOSING), size, CLOSING) | region)
    return Alone(closed, bool(cut_out), _range_of_content(signal, closed, size) < MAX_UNIFORM)


def air(smooth: np.ndarray) -> tuple[float | None, float, bool]:
    """Find how dark the air is.

    Parameters
    ----------
    smooth : ndarray, shape (x, y, z)
        Smoothed magnitude.

    Returns
    -------
    level : float or None
        What tissue is brighter than; None where the image has no background.
    noise : float
        What no voxel of the air reaches, as far as the noise decides; at most `level`.
    noisy : bool
        Whether most of the air differs from 0.
    """
    bright = np.percentile(smooth[smooth > smooth.mean()], 90) if smooth.max() > smooth.min() else smooth.max()
    dark = smooth[smooth < AIR_LEVEL * bright]
    if dark.size < MIN_BACKGROUND * smooth.size:
        return None, 0.0, False
    median = float(np.median(dark))
    deviation = 1.4826 * float(np.median(np.abs(dark - median)))
    level = float(AIR_LEVEL * bright)
    return level, min(median + AIR_DEVIATIONS * deviation, level), median > 0


def share_of_air(signal: np.ndarray, mask: np.ndarray, size: Sequence[float]) -> float:
    """Return the share of a mask that is as dark as air; 0 for an image without a background."""
    smooth = ndimage.gaussian_filter(signal, SMOOTHING / np.asarray(size, float), mode="nearest")
    level, noise, _ = air(smooth)
    return 0.0 if level is None else float(np.mean(smooth[mask] <= noise))


def background_value(signal: np.ndarray) -> float:
    """Return the commonest value on the image's faces."""
    faces = np.concatenate([np.take(signal, place, axis).ravel() for axis in range(3) for place in (0, -1)])
    values, counts = np.unique(faces, return_counts=True)
    return float(values[counts.argmax()])


def is_noise(signal: np.ndarray) -> bool:
    """Tell whether neighbouring voxels have nothing in common."""
    pairs = [(np.moveaxis(signal, axis, 0)[1:], np.moveaxis(signal, axis, 0)[:-1]) for axis in range(3)]
    return bool(max(np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in pairs) < MIN_CORRELATION)


def largest_piece(mask: np.ndarray) -> np.ndarray:
    """Return the largest connected piece."""
    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])


def _skull(smooth: np.ndarray, region: np.ndarray, size: np.ndarray) -> float:
    """Median over rays of the darkest place below the surface, relative to what is brighter on both sides of it."""
    centre = np.array(ndimage.center_of_mass(region))
    radius = np.cbrt(region.sum() * size.prod() * 0.75 / np.pi)
    turn = np.arange(RAYS) + 0.5
    height, angle = 1 - 2 * turn / RAYS, np.pi * (1 + np.sqrt(5)) * turn
    across = np.sqrt(1 - height**2)
    directions = np.stack([np.cos(angle) * across, np.sin(angle) * across, height])
    lengths = np.arange(0, 2.2 * radius, 1.0)
    places = centre[:, None, None] + directions[:, :, None] * lengths / size[:, None, None]
    values = ndimage.map_coordinates(smooth, places, order=1, cval=-1)
    inside = ndimage.map_coordinates(region.astype(np.uint8), places, order=0, cval=0) > 0
    depth = int(max(OUTER * radius, 10))
    darkest = []
    for value, hit in zip(values, inside, strict=True):
        where = np.flatnonzero(hit)
        if len(where) == 0 or where[-1] + 2 >= len(lengths) or (value[where[-1] + 1 : where[-1] + 3] < 0).any():
            continue  # the ray leaves the image before the object
        inwards = value[max(0, where[-1] - depth) : where[-1] + 1][::-1]
        outer, inner = np.maximum.accumulate(inwards), np.maximum.accumulate(inwards[::-1])[::-1]
        darkest.append(float(np.min(inwards / np.maximum(np.minimum(outer, inner), 1e-20))))
    return float(np.median(darkest)) if len(darkest) >= MIN_RAYS * RAYS else 0.0


def _range_of_content(signal: np.ndarray, region: np.ndarray, size: np.ndarray) -> float:
    """Range of the content without the coil's profile, relative to its median."""
    deep = erode(region, size, CONTENT_DEPTH)
    if not deep.any():
        return np.inf
    content = _local_mean(signal, region, size, STRUCTURE) / np.maximum(_local_mean(signal, region, size, COIL), 1e-20)
    low, middle, high = np.percentile(content[deep], (5, 50, 95))
    return float((high - low) / middle)


def _local_mean(volume: np.ndarray, region: np.ndarray, size: np.ndarray, width: float) -> np.ndarray:
    """Gaussian mean of the voxels of a region."""
    inside = region.astype(np.float32)
    total = ndimage.gaussian_filter(volume * inside, width / size, mode="constant")
    return total / np.maximum(ndimage.gaussian_filter(inside, width / size, mode="constant"), 1e-3)
