"""Changes of a region that a robust feature should survive: a tighter or wider outline, and a small misplacement.

Erosion and dilation are those with a ball (Serra 1982, Image analysis and mathematical morphology), its radius in mm
and measured to the outline, so that voxels of any size and shape give the same. Each change is the identity at zero
strength.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from chiomics.core.images import voxel_size

#: Of a voxel: where its outline lies, and where a resampled one counts as inside.
HALF = 0.5


def erode(mask: np.ndarray, affine: np.ndarray, *, distance: float) -> np.ndarray:
    """Take off what lies within a distance of the outline; the edge of the image is no outline.

    Parameters
    ----------
    mask : ndarray of bool, shape (x, y, z)
        The region.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.
    distance : float
        In mm. A voxel stays where its centre lies deeper than this.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
        A part of `mask`, which may be empty.
    """
    if not mask.any():
        return mask.copy()
    box = _box(mask, np.ones(3, dtype=int))
    eroded = np.zeros_like(mask)
    eroded[box] = mask[box] & (_distance_to(~mask[box], voxel_size(affine)) > distance)
    return eroded


def dilate(mask: np.ndarray, affine: np.ndarray, *, distance: float) -> np.ndarray:
    """Add what lies within a distance of the outline.

    Parameters
    ----------
    mask, affine
        As in `erode`.
    distance : float
        In mm. A voxel is added where its centre lies as near as this.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
        Holds `mask`.
    """
    if not mask.any():
        return mask.copy()
    size = voxel_size(affine)
    box = _box(mask, np.ceil(distance / size).astype(int) + 1)
    dilated = np.zeros_like(mask)
    dilated[box] = mask[box] | (_distance_to(mask[box], size) <= distance)
    return dilated


def draw_motion(
    centre: np.ndarray, *, translation_sd: float, rotation_sd: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw a small rigid motion: shift and rotation vector normal along each world axis.

    Parameters
    ----------
    centre : ndarray, shape (3,)
        World coordinates in mm that the rotation leaves in place.
    translation_sd, rotation_sd : float
        Standard deviations per axis, in mm and degrees.
    rng : numpy.random.Generator
        Source of the draw.

    Returns
    -------
    ndarray, shape (4, 4)
        World to world coordinates in mm.
    """
    shift = translation_sd * rng.standard_normal(3)
    rotation = Rotation.from_rotvec(np.deg2rad(rotation_sd) * rng.standard_normal(3)).as_matrix()
    motion = np.eye(4)
    motion[:3, :3] = rotation
    motion[:3, 3] = centre + shift - rotation @ centre
    return motion


def move(mask: np.ndarray, affine: np.ndarray, motion: np.ndarray, *, interpolation: str = "nearest") -> np.ndarray:
    """Move a region rigidly and bring it back to its grid.

    Parameters
    ----------
    mask, affine
        As in `erode`.
    motion : ndarray, shape (4, 4)
        World to world coordinates in mm, e.g. from `draw_motion`.
    interpolation : {"nearest", "linear"}
        The nearest voxel, or trilinear and cut at one half, which is smoother but takes some hundredths of the volume
        of structures that are two voxels thin, as tracts often are.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
        The moved region; what leaves the image is lost.
    """
    to_source = np.linalg.inv(affine) @ np.linalg.inv(motion) @ affine
    moved = np.zeros_like(mask)
    box = _landing_box(mask, np.linalg.inv(to_source))
    size = tuple(side.stop - side.start for side in box)
    if 0 in size:
        return moved
    start = np.array([side.start for side in box])
    resampled = ndimage.affine_transform(
        mask.astype(np.float32),
        to_source[:3, :3],
        to_source[:3, :3] @ start + to_source[:3, 3],
        output_shape=size,
        order=1 if interpolation == "linear" else 0,
        mode="grid-constant",  # "constant" would lose voxels at the image's edge to rounding
    )
    moved[box] = resampled >= HALF
    return moved


def centre_of(masks: list[np.ndarray], affine: np.ndarray) -> np.ndarray:
    """Return the centre of several regions taken together, voxels of each counted, in world coordinates in mm."""
    voxels = np.concatenate([np.argwhere(mask) for mask in masks])
    centre = voxels.mean(axis=0) if len(voxels) else np.zeros(3)
    return affine[:3, :3] @ centre + affine[:3, 3]


def _distance_to(target: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the distance in mm from each voxel's centre to the outline of the target, infinite without any.

    The outline lies half a voxel before the centre of the nearest target voxel, as thick as voxels are that way. To the
    voxels' corners instead, every slanted face would stand out, and a ball lose half a voxel too much.
    """
    if not target.any():
        return np.full(target.shape, np.inf, dtype=np.float32)
    nearest = ndimage.distance_transform_edt(~target, sampling=size, return_distances=False, return_indices=True)
    squared, thickness = np.zeros((2, *target.shape), dtype=np.float32)
    for axis, thick in enumerate(size):
        own = np.arange(target.shape[axis]).reshape([-1 if other == axis else 1 for other in range(3)])
        step = ((nearest[axis] - own) * thick).astype(np.float32) ** 2
        squared += step
        thickness += step * np.float32(thick) ** 2
    length = np.sqrt(squared)
    return length - np.float32(HALF) * np.sqrt(np.divide(thickness, squared, out=thickness, where=squared > 0))


def _box(mask: np.ndarray, margin: np.ndarray) -> tuple[slice, ...]:
    """Return the box around a region with a margin in voxels, cut at the image's edge."""
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    return tuple(
        slice(max(side.start - wide, 0), min(side.stop + wide, size))
        for side, wide, size in zip(box, margin, mask.shape, strict=True)
    )


def _landing_box(mask: np.ndarray, to_target: np.ndarray) -> tuple[slice, ...]:
    """Return the box of voxels that a moved region can reach."""
    if not mask.any():
        return (slice(0, 0),) * 3
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    corners = np.array(np.meshgrid(*[(side.start - 1, side.stop) for side in box])).reshape(3, -1)
    landed = to_target[:3, :3] @ corners + to_target[:3, 3:]
    low = np.floor(landed.min(axis=1)).astype(int)
    high = np.ceil(landed.max(axis=1)).astype(int) + 1
    return tuple(
        slice(*np.clip((first, last), 0, size)) for first, last, size in zip(low, high, mask.shape, strict=True)
    )
