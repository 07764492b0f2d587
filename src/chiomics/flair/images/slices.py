"""The image of Seok et al. 2023 (Image preprocessing, Figure 2): five axial slices in MNI space as five channels.

Slices lie 20 mm apart, the third at the level of the lateral ventricles. Every pixel is read from the FLAIR's own
voxels in one interpolation. The paper crops to 128 pixels; at 1 mm that would cut the brain off, so a pixel is 1.5 mm
here. Rows run from anterior to posterior, columns from left to right.
"""

from __future__ import annotations

import numpy as np

from chiomics.core.space.volume import Volume

FULL_PIXELS, FIELD_OF_VIEW = 128, 192.0
#: Centre of the picture, template mm.
CENTRE = (0.0, -18.0)
GAP, SLICES = 20.0, 5
#: What a slice stands for: its mean over this thickness in mm.
SLAB = 3.0
#: Half the thickness over which the ventricles' area is averaged to find its level, mm.
LEVEL_REACH = 4.0
#: Distances to the midline between which the bodies of the lateral ventricles lie, mm: nearer lie the third ventricle
#: and cisterns, farther the fluid of sulci.
LATERAL = (6.0, 30.0)
REGIONS = ("cortex", "deep white matter", "lateral ventricles", "basal ganglia", "brainstem and cerebellum")


def find_level(ventricles: Volume) -> float:
    """Find the axial level at which the lateral ventricles are largest.

    Parameters
    ----------
    ventricles : Volume
        Share or mask of the ventricles in template space, axes along those of the template. What lies below the
        commissures (z < 0) is no part of the lateral ventricles' bodies, and may be cisterns.

    Returns
    -------
    float
        Template z in mm.
    """
    x = np.abs(ventricles.affine[0, 0] * np.arange(ventricles.voxels.shape[0]) + ventricles.affine[0, 3])
    lateral = (x >= LATERAL[0]) & (x <= LATERAL[1])
    area = (np.asarray(ventricles.voxels)[lateral] > 0.5).sum(axis=(0, 1)).astype(float)
    step = abs(float(ventricles.affine[2, 2]))
    width = 2 * round(LEVEL_REACH / step) + 1
    smooth = np.convolve(area, np.ones(width) / width, mode="same")
    z = ventricles.affine[2, 2] * np.arange(len(area)) + ventricles.affine[2, 3]
    return float(z[np.where(z >= 0, smooth, -1).argmax()])


def slice_levels(level: float) -> list[float]:
    """Return the template z of the five slices, top to bottom, mm."""
    middle = SLICES // 2
    return [level + GAP * (middle - number) for number in range(SLICES)]


def slice_points(levels: list[float], *, pixels: int = FULL_PIXELS, slab: float = SLAB, samples: int = 3) -> np.ndarray:
    """Return the template coordinates of every pixel.

    Parameters
    ----------
    levels : list of float
        Template z, mm.
    pixels : int
        Per edge.
    slab, samples : float, int
        Thickness in mm that a slice is averaged over, and the number of planes in it.

    Returns
    -------
    ndarray, shape (3, samples, slices, pixels, pixels)
        Template mm.
    """
    step = FIELD_OF_VIEW / pixels
    offset = (np.arange(pixels) - (pixels - 1) / 2) * step
    within = (np.arange(samples) - (samples - 1) / 2) * slab / max(samples, 1)
    z = np.asarray(levels)[None, :] + within[:, None]
    parts = np.broadcast_arrays(
        (CENTRE[0] + offset)[None, None, None, :], (CENTRE[1] - offset)[None, None, :, None], z[..., None, None]
    )
    return np.stack(parts).astype(np.float32)
