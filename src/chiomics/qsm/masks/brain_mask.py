"""Brain mask from the gradient-echo magnitude: threshold, cut thin bridges, keep the central piece, grow back.

Gradient-echo magnitudes show a dark skull between brain and scalp, so tissue is separated by intensity and the
bridges through the skull base by an opening of some millimetres (the sequence of nilearn's EPI mask, in millimetres
instead of voxels). The intensity threshold is Otsu's on the bias-flattened magnitude. An image without background, a
crop from inside the head, is all brain.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.qsm.masks.near_distance import dilate, erode
from chiomics.qsm.masks.surroundings import air, is_noise, largest_piece

#: Smoothing of the magnitude before the threshold, and of the bias estimate, standard deviations in mm.
SMOOTHING, BIAS_SMOOTHING = 1.5, 15.0
#: Radius of the opening that cuts brain from scalp and neck, in mm.
OPENING = 7.0
#: Radius of the closing that bridges sulci and vessels, in mm.
CLOSING = 5.0
#: The threshold is at most this share of the local mean: Otsu's may fall between grey and white matter.
MAX_THRESHOLD = 0.65
#: Finer images are averaged over blocks of at most this edge in mm, since the steps are all wider.
WORKING_EDGE = 2.0

log = logging.getLogger(__name__)


def brain_mask(magnitude: np.ndarray, *, voxel_size: Sequence[float], opening: float = OPENING) -> np.ndarray:
    """Find the brain.

    Parameters
    ----------
    magnitude : ndarray, shape (e, x, y, z) or (x, y, z)
        Magnitude of the echoes, any unit.
    voxel_size : sequence of 3 floats
        In mm.
    opening : float
        Radius in mm of the bridges that are cut.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
        Brain without holes.

    Raises
    ------
    InputError
        Where the magnitude is noise.
    """
    size = np.asarray(voxel_size, float)
    factors = np.maximum(1, np.floor(WORKING_EDGE / size + 1e-6)).astype(int)
    signal = combined(magnitude)
    if is_noise(signal):
        raise InputError("the magnitude is noise", found="neighbouring voxels that have nothing in common")
    brain = _find_brain(block_means(signal, factors), size * factors, opening)
    shape = magnitude.shape[-3:]
    if (factors > 1).any():
        brain = enlarge(brain, factors, shape)
    litres = brain.sum() * size.prod() * 1e-6
    log.info("brain mask: %d voxels, %.2f l, %.1f %% of the image", brain.sum(), litres, 100 * brain.mean())
    return brain


def combined(magnitude: np.ndarray) -> np.ndarray:
    """Root of the sum of the squares of the echoes."""
    return np.sqrt(sum(np.square(echo, dtype=np.float32) for echo in magnitude.reshape(-1, *magnitude.shape[-3:])))


def block_means(volume: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Average over blocks of voxels; the last blocks may be cut."""
    for axis, factor in enumerate(factors):
        starts = np.arange(0, volume.shape[axis], factor)
        counts = np.diff([*starts, volume.shape[axis]]).astype(np.float32)
        volume = np.add.reduceat(volume, starts, axis=axis) / counts.reshape([-1 if a == axis else 1 for a in range(3)])
    return volume


def enlarge(mask: np.ndarray, factors: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Interpolate a mask of blocks to the voxels and cut at one half."""
    smooth = mask.astype(np.float32)
    for axis, factor in enumerate(factors):
        centres = (np.arange(shape[axis]) - (factor - 1) / 2) / factor
        low = np.clip(np.floor(centres).astype(int), 0, smooth.shape[axis] - 1)
        share = np.clip(centres - low, 0, 1).reshape([-1 if a == axis else 1 for a in range(3)]).astype(np.float32)
        above = np.minimum(low + 1, smooth.shape[axis] - 1)
        smooth = np.take(smooth, low, axis) * (1 - share) + np.take(smooth, above, axis) * share
    return smooth > 0.5


def _find_brain(signal: np.ndarray, size: np.ndarray, opening: float) -> np.ndarray:
    """Threshold, open, keep the largest piece, grow back, close."""
    signal = ndimage.gaussian_filter(signal, SMOOTHING / size, mode="nearest")
    level, noise, _ = air(signal)
    if level is None:
        log.info("brain mask: the image has no background and is taken whole")
        return np.ones(signal.shape, bool)
    flat = _flatten(signal, size, level)
    # Far from tissue nothing but the floor of the local mean flattens, and noise would pass for tissue there.
    tissue = (flat > min(_otsu(flat[signal > 0.25 * level]), MAX_THRESHOLD)) & (signal > noise)
    core = largest_piece(erode(tissue, size, opening))
    brain = tissue & dilate(core, size, opening + 1.0)
    brain = erode(dilate(brain, size, CLOSING), size, CLOSING)
    return _fill_holes(brain)


def _flatten(signal: np.ndarray, size: np.ndarray, level: float) -> np.ndarray:
    """Divide by the local mean of the tissue, so that one threshold fits near and far from the coil."""
    tissue = (signal > level).astype(np.float32)
    sigma = BIAS_SMOOTHING / size
    bias = ndimage.gaussian_filter(signal * tissue, sigma, mode="constant", truncate=2)
    bias /= ndimage.gaussian_filter(tissue, sigma, mode="constant", truncate=2) + 0.02
    return signal / np.maximum(bias, 0.3 * level)


def _otsu(values: np.ndarray) -> float:
    """Threshold that splits the values into the two classes of least variance (Otsu 1979)."""
    counts, borders = np.histogram(values, bins=256, range=(0, np.percentile(values, 99)))
    middles = (borders[1:] + borders[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(middles[np.nanargmax(between)])


def _fill_holes(mask: np.ndarray) -> np.ndarray:
    """Fill what is enclosed in 3-D: ventricles and vessels, but no sinus, which opens to the outside."""
    return ndimage.binary_fill_holes(mask)
