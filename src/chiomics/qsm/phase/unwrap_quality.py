"""Quality-guided unwrapping: a region grows over the most reliable voxel pairs first (ROMEO).

Dymerska, Eckstein et al. 2021, Magn Reson Med 85:2294. Each pair of neighbours gets a quality from the smoothness of
the phase across it, its linearity over two echoes, and the similarity of the magnitudes; 255 levels of quality are
served from buckets, so that the growth needs no sorting. The result differs from the input by whole turns only.
"""

from __future__ import annotations

import numpy as np

from chiomics.core.compiled import compiled
from chiomics.qsm.arrays import as_mask, in_mask

#: Levels of pair quality; level 0 is never used before all the others.
LEVELS = 256
TURN = np.float32(2 * np.pi)


def unwrap_quality(
    phase: np.ndarray,
    mask: np.ndarray,
    *,
    magnitude: np.ndarray | None = None,
    second_phase: np.ndarray | None = None,
    echo_ratio: float = 1.0,
) -> np.ndarray:
    """Unwrap by growing over voxel pairs in the order of their quality.

    Parameters
    ----------
    phase : ndarray, shape (x, y, z)
        Wrapped phase in rad.
    mask : ndarray of bool, shape (x, y, z)
        Voxels to unwrap. Parts that do not touch are unwrapped one by one, each with its median within half a turn
        of zero.
    magnitude : ndarray, shape (x, y, z), optional
        Magnitude, any unit.
    second_phase : ndarray, shape (x, y, z), optional
        Wrapped phase at another echo time, for the linearity over time.
    echo_ratio : float
        Echo time of `phase` over that of `second_phase`.

    Returns
    -------
    ndarray, float32, shape (x, y, z)
        Unwrapped phase in rad, zero outside the mask.

    Raises
    ------
    InputError
        For shapes that differ, and values that are not finite in the mask.
    """
    mask = np.ascontiguousarray(as_mask(mask))
    phase = np.ascontiguousarray(in_mask(phase, mask, "phase"), np.float32)
    empty = np.empty((0, 0, 0), np.float32)
    first_magnitude, other = (
        empty if volume is None else np.ascontiguousarray(in_mask(volume, mask, what), np.float32)
        for volume, what in ((magnitude, "magnitude"), (second_phase, "second phase"))
    )
    quality = _pair_quality(phase, mask, first_magnitude, other, np.float32(echo_ratio))
    unwrapped, part, count = _grow(phase.ravel(), mask.ravel(), quality, np.array(phase.shape))
    unwrapped, part = unwrapped.reshape(phase.shape), part.reshape(phase.shape)
    for index in range(1, count + 1):
        inside = part == index
        if count > 1 and inside.sum() == 1:
            continue
        unwrapped[inside] -= TURN * np.rint(np.median(unwrapped[inside]) / TURN)
    return unwrapped


@compiled
def _wrap(angle: float) -> float:
    return angle - TURN * np.rint(angle / TURN)


@compiled
def _pair_quality(
    phase: np.ndarray, mask: np.ndarray, magnitude: np.ndarray, other: np.ndarray, echo_ratio: float
) -> np.ndarray:
    """Quality of each voxel's pair with its successor along each axis, 0 (no pair) and 1 (worst) to 255."""
    nx, ny, nz = phase.shape
    quality = np.zeros((3, nx, ny, nz), np.uint8)
    for axis in range(3):
        dx, dy, dz = (1, 0, 0) if axis == 0 else ((0, 1, 0) if axis == 1 else (0, 0, 1))
        for i in range(nx - dx):
            for j in range(ny - dy):
                for k in range(nz - dz):
                    i2, j2, k2 = i + dx, j + dy, k + dz
                    if not (mask[i, j, k] and mask[i2, j2, k2]):
                        continue
                    step = _wrap(phase[i2, j2, k2] - phase[i, j, k])
                    value = 1 - abs(step) / np.pi
                    if other.size:
                        second = _wrap(other[i2, j2, k2] - other[i, j, k])
                        value *= max(0.0, 1 - abs(step - second * echo_ratio))
                    if magnitude.size:
                        low = min(magnitude[i, j, k], magnitude[i2, j2, k2])
                        high = max(magnitude[i, j, k], magnitude[i2, j2, k2])
                        value *= (low / high) ** 2 if high > 0 else 0.0
                    quality[axis, i, j, k] = 1 + int(254 * min(1.0, max(0.0, value)))
    return quality


@compiled
def _grow(phase: np.ndarray, mask: np.ndarray, quality: np.ndarray, shape: np.ndarray) -> tuple:
    """Grow from the best pair; each pair enters a bucket once, when its first voxel is reached."""
    voxels = phase.size
    pairs = quality.ravel()
    strides = np.array([shape[1] * shape[2], shape[2], 1])
    unwrapped = np.zeros(voxels, np.float32)
    part = np.zeros(voxels, np.int32)
    waiting = np.full(3 * voxels, -1, np.int32)  # linked lists: the pair below this one in its bucket
    top = np.full(LEVELS, -1, np.int32)
    count = 0
    start = 0
    while True:
        seed = -1
        if count == 0:  # the first part starts at the best pair
            best = 0
            for pair in range(3 * voxels):
                if pairs[pair] > best:
                    best = pairs[pair]
                    seed = pair % voxels
        if seed < 0:
            while start < voxels and (not mask[start] or part[start] > 0):
                start += 1
            if start == voxels:
                break
            seed = start
        count += 1
        part[seed] = count
        unwrapped[seed] = phase[seed]
        level = _push(seed, part, pairs, strides, voxels, waiting, top)
        while level > 0:
            pair = top[level]
            if pair < 0:
                level -= 1
                continue
            top[level] = waiting[pair]
            first = pair % voxels
            second = first + strides[pair // voxels]
            if part[first] > 0 and part[second] > 0:
                continue
            known, new = (first, second) if part[first] > 0 else (second, first)
            step = phase[new] - unwrapped[known]
            unwrapped[new] = phase[new] - TURN * np.rint(step / TURN)
            part[new] = count
            level = max(level, _push(new, part, pairs, strides, voxels, waiting, top))
    return unwrapped, part, count


@compiled
def _push(
    voxel: int,
    part: np.ndarray,
    pairs: np.ndarray,
    strides: np.ndarray,
    voxels: int,
    waiting: np.ndarray,
    top: np.ndarray,
) -> int:
    """Put the pairs of a voxel that lead to unreached voxels into their buckets; returns the best level."""
    best = 0
    for axis in range(3):
        for side in range(2):
            lower = voxel - side * strides[axis]
            if lower < 0:
                continue
            pair = axis * voxels + lower
            level = pairs[pair]
            if level == 0:
                continue
            if part[lower + (1 - side) * strides[axis]] > 0:
                continue
            waiting[pair] = top[level]
            top[level] = pair
            best = max(best, level)
    return best
