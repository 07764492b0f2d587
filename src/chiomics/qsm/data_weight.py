"""Weight of each voxel in the inversion: how precisely its field is known, and how far its echoes agree.

The inverse SD of the field, from the fit, is the data weight of MEDI (Liu et al. 2012, Magn Reson Imaging
30:702). A voxel whose echoes leave the fitted line, next to air or in a vein, is wrong by more than
noise, so the weight falls steeply with what its inconsistency 1 - c exceeds the brain's median by,
exp(-excess/scale), and the scale is no finer than the noise of the measurement.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from chiomics.qsm.arrays import as_mask
from chiomics.qsm.masks.near_distance import near_distance

#: Excess inconsistency at which the weight falls by 1/e, where noise allows. Found on simulated heads: a weight that
#: falls with the fourth power of the quality (0.25) leaves an error of χ of 82 % where this leaves 49 % (strong
#: sinuses), and 51 against 48 % with weak ones.
QUALITY_SCALE = 0.0125
#: The scale is at least this multiple of the median inconsistency, which noise alone makes.
NOISE_MULTIPLE = 3.0
#: Factor of the outermost voxels, which hold part of what lies outside (error of χ with 1: 67.5, 49.0, 102 %; with
#: 0.3: 51.1, 46.0, 92 %; with 0: 51.5, 47.5, 90 % in three cases).
EDGE_FACTOR = 0.3
#: How deep the edge is, in mm: with voxels of 1 mm and more the outermost layer, with finer ones several.
EDGE_DEPTH = 1.5
#: The inverse SD is cut at this multiple of its median, so that a few bright voxels do not rule the fit.
MAX_RATIO = 2.0


def echo_agreement(
    quality: np.ndarray,
    mask: np.ndarray,
    *,
    voxel_size: Sequence[float],
    quality_scale: float = QUALITY_SCALE,
    edge_factor: float = EDGE_FACTOR,
) -> np.ndarray:
    """Turn the phase quality into a factor of the weight.

    Parameters
    ----------
    quality : ndarray, shape (x, y, z)
        Agreement of the echoes with the fitted line, 0 to 1.
    mask : ndarray of bool, shape (x, y, z)
        Voxels to weight.
    voxel_size : sequence of 3 floats
        In mm.
    quality_scale : float
        Excess inconsistency at which the factor is 1/e.
    edge_factor : float
        Factor of the outermost voxels of the mask, and of those whose centre is within 1.5 mm of its surface.

    Returns
    -------
    ndarray, float32, shape (x, y, z)
        0 to 1; 0 outside the mask.
    """
    mask = as_mask(mask)
    agreement = np.zeros(mask.shape, np.float32)
    if mask.any():
        inconsistency = 1 - quality[mask]
        typical = np.median(inconsistency)
        scale = max(quality_scale, NOISE_MULTIPLE * typical)
        agreement[mask] = np.exp(-np.maximum(inconsistency - typical, 0) / scale)
        # A face of the array cuts tissue off and is no edge, so the mask goes on there.
        outside = ~np.pad(mask, 1, mode="edge")
        reach = EDGE_DEPTH + min(voxel_size) / 2
        depth = near_distance(outside, voxel_size=voxel_size, limit=reach)[1:-1, 1:-1, 1:-1]
        outermost = mask & ~ndimage.binary_erosion(mask, border_value=1)
        edge = outermost | (mask & (depth < reach))
        agreement[edge] *= np.float32(edge_factor)
    return agreement


def inversion_weight(inverse_sd: np.ndarray, agreement: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Combine the inverse SD of the field and the agreement into the weight of the data term.

    Parameters
    ----------
    inverse_sd : ndarray, shape (x, y, z)
        Inverse standard deviation of the field, any unit.
    agreement : ndarray, shape (x, y, z)
        From `echo_agreement`.
    mask : ndarray of bool, shape (x, y, z)
        Voxels to weight.

    Returns
    -------
    ndarray, float32, shape (x, y, z)
        Weight with mean 1 in the mask and 0 outside.
    """
    mask = as_mask(mask)
    weight = np.zeros(mask.shape, np.float32)
    inside = inverse_sd[mask]
    weight[mask] = np.minimum(inside, MAX_RATIO * np.median(inside)) * agreement[mask]
    mean = float(weight[mask].mean(dtype=np.float64)) if mask.any() else 0.0
    return weight / np.float32(mean) if mean > 0 else mask.astype(np.float32)
