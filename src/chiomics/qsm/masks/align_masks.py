"""Lay one brain mask over another by a similarity, then an affine map, in a fraction of a second.

Both masks are smoothed, so that their difference tells how far their borders are apart, and its squares are minimised
by Gauss-Newton steps in the fixed mask's frame, whose gradients are the same in every step (inverse compositional
alignment: Baker & Matthews 2004, Int J Comput Vis 56:221). Wide smoothing first brings heads
together that are centimetres apart.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg, ndimage

from chiomics.core.space.volume import Volume

#: Standard deviations of the smoothing in mm, from coarse to fine, for each kind of map, and the most steps at each.
PASSES = (("similarity", 16.0, 60), ("similarity", 8.0, 30), ("affine", 8.0, 30), ("affine", 4.0, 30))
#: Turns in degrees about the axis from left to right that are tried: a neck in the mask pulls its lower end.
NODS = (-30.0, 0.0, 30.0)
#: A step that moves no voxel of a head further than this, in mm, is the last one.
STILL = 0.02
#: Share that is added to the normal equations' diagonal, for slabs, which hardly tell some of the parameters.
DAMPING = 0.01
#: Radius of a head in mm, by which turns and scales are told as lengths.
RADIUS = 80.0


def align_masks(fixed: Volume, moving: Volume, look: np.ndarray) -> np.ndarray:
    """Find the affine map that lays a mask over another one.

    Parameters
    ----------
    fixed : Volume
        Mask, on a grid that is as coarse as the alignment may be.
    moving : Volume
        Mask of much the same head, however turned its axes.
    look : ndarray of bool, shape (x, y, z)
        Voxels of the fixed mask that count.

    Returns
    -------
    ndarray, shape (4, 4)
        World coordinates of the fixed mask in mm to those of the moving one.

    References
    ----------
    Baker & Matthews 2004, Int J Comput Vis 56:221.
    """
    centre = _middle(fixed, look)
    first, *others = PASSES
    starts = []
    for middle in (_middle(moving), _middle(moving, _top(moving, _height(fixed, look)))):
        shift = np.eye(4)
        shift[:3, 3] = middle - centre
        starts += [_fit(fixed, moving, look, shift @ _nod(degrees, centre), centre, *first) for degrees in NODS]
    onto, _ = min(starts, key=lambda found: found[1])
    for other in others:
        onto, _ = _fit(fixed, moving, look, onto, centre, *other)
    return onto


def _middle(mask: Volume, look: np.ndarray | bool = True) -> np.ndarray:
    """Return the centre of mass in world coordinates."""
    return mask.affine[:3, :3] @ ndimage.center_of_mass(mask.voxels * look) + mask.affine[:3, 3]


def _up(mask: Volume) -> np.ndarray:
    """Return how high each voxel lies in the world, in mm."""
    return (np.moveaxis(np.indices(mask.voxels.shape), 0, -1) @ mask.affine[2, :3]) + mask.affine[2, 3]


def _height(mask: Volume, look: np.ndarray) -> float:
    """Return how high the part of a mask that counts is, in mm."""
    return float(np.ptp(_up(mask)[(mask.voxels > 0) & look]))


def _top(mask: Volume, height: float) -> np.ndarray:
    """Return the uppermost part of a mask of that height in mm: without what hangs below the brain."""
    up = _up(mask)
    return up >= np.percentile(up[mask.voxels > 0.5], 99.9) - height


def _nod(degrees: float, centre: np.ndarray) -> np.ndarray:
    """Return a turn about the axis from left to right through a centre."""
    turn, (cosine, sine) = np.eye(4), (np.cos(np.radians(degrees)), np.sin(np.radians(degrees)))
    turn[1:3, 1:3] = [[cosine, -sine], [sine, cosine]]
    turn[:3, 3] = centre - turn[:3, :3] @ centre
    return turn


def _fit(
    fixed: Volume, moving: Volume, look: np.ndarray, onto: np.ndarray, centre: np.ndarray,
    kind: str, width: float, steps: int,
) -> tuple[np.ndarray, float]:  # fmt: skip
    """Improve a map by Gauss-Newton steps on masks smoothed by `width` mm; also return the mean square difference."""
    still = ndimage.gaussian_filter(fixed.voxels.astype(np.float32), width / fixed.voxel_size, mode="constant")
    # What the image ends at goes on: a neck, and the whole brain of a slab.
    other = ndimage.gaussian_filter(moving.voxels.astype(np.float32), width / moving.voxel_size, mode="nearest")
    strides = (slice(None, None, max(1, int(width / edge / 2))) for edge in fixed.voxel_size)
    looked = np.zeros(look.shape, bool)  # as densely as the smoothing asks for
    looked[(*strides,)] = True
    looked &= look
    slopes = np.stack([slope[looked] for slope in np.gradient(still)])
    slopes = np.linalg.inv(fixed.affine[:3, :3]).T @ slopes  # per mm of the world
    points = fixed.affine[:3, :3] @ np.argwhere(looked).T + fixed.affine[:3, 3:]
    generators = _generators(kind, centre)
    homogeneous = np.vstack([points, np.ones(points.shape[1])])
    change = np.stack([(slopes * (generator[:3] @ homogeneous)).sum(0) for generator in generators])
    to_voxels, last, error = np.linalg.inv(moving.affine), np.array(other.shape)[:, None] - 0.5, np.inf
    for _ in range(steps):
        where = (to_voxels @ onto @ homogeneous)[:3]
        seen = ((where > -0.5) & (where < last)).all(0)  # of what the image does not hold nothing is known
        if seen.sum() < len(generators):
            return onto, np.inf
        difference = ndimage.map_coordinates(other, where[:, seen], order=1, mode="nearest") - still[looked][seen]
        error, of_seen = float(np.mean(difference**2)), change[:, seen]
        normal = of_seen @ of_seen.T
        normal[np.diag_indices_from(normal)] *= 1 + DAMPING
        step = linalg.solve(normal, of_seen @ difference, assume_a="pos")
        onto = onto @ linalg.expm(-np.tensordot(step, generators, 1))
        if np.abs(step).max() < STILL:
            break
    return onto, error


def _generators(kind: str, centre: np.ndarray) -> np.ndarray:
    """Return what small steps of each parameter add to the identity, about a centre; one moves a head's rim by 1 mm."""
    found = []
    for axis in range(3):
        shift = np.zeros((4, 4))
        shift[axis, 3] = 1
        found.append(shift)
    pairs = [(i, j) for i in range(3) for j in range(3)]
    if kind == "similarity":
        linear = [np.eye(3)]
        for i, j in ((0, 1), (0, 2), (1, 2)):
            turn = np.zeros((3, 3))
            turn[i, j], turn[j, i] = 1, -1
            linear.append(turn)
    else:
        linear = [np.outer(np.eye(3)[i], np.eye(3)[j]) for i, j in pairs]
    for matrix in linear:
        about = np.zeros((4, 4))
        about[:3, :3] = matrix / RADIUS
        about[:3, 3] = -matrix @ centre / RADIUS
        found.append(about)
    return np.stack(found)
