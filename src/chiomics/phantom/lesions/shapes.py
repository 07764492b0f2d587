"""Shapes of lesions: lobed ellipsoids, the rim below their surface, and the vein in them.

Inside and outside are decided at voxel centres; rims and veins are thinner than a voxel, so of them each voxel has a
share, found on points inside the voxel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from chiomics.phantom.lesions.kinds import Appearance

#: Points per axis and voxel at which the partial-volume fractions of rim and vein are found.
POINTS = 3
#: How far a central vein reaches beyond the lesion's surface, mm.
VEIN_REACH = 3.0


@dataclass(frozen=True)
class Ellipsoid:
    """A lobed ellipsoid.

    Attributes
    ----------
    centre : ndarray, shape (3,)
        World mm.
    axes : ndarray, shape (3,)
        Semi-axes in mm.
    frame : ndarray, shape (3, 3)
        Directions of the semi-axes in world axes, columns.
    lobes : ndarray, shape (3,)
        Amplitudes of the surface's lobes.
    """

    centre: np.ndarray
    axes: np.ndarray
    frame: np.ndarray
    lobes: np.ndarray

    def depth(self, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Measure points given from the centre along the frame's axes, shape (3, N), mm.

        Returns
        -------
        inside : ndarray of bool
            Whether a point lies inside.
        depth : ndarray
            Below the surface along the ray from the centre, mm; negative outside.
        unit : ndarray, shape (3, N)
            Direction on the sphere that the ellipsoid is stretched from.
        """
        scaled = offset / self.axes[:, None]
        radius = np.linalg.norm(scaled, axis=0)
        unit = scaled / np.maximum(radius, 1e-6)
        surface = self.surface(unit)
        depth = (surface - radius) * np.linalg.norm(offset, axis=0) / np.maximum(radius, 1e-6)
        return radius < surface, depth, unit

    def surface(self, unit: np.ndarray) -> np.ndarray:
        """Return the radius of the surface over the ellipsoid's in directions of the sphere, shape (3, N)."""
        return np.clip(1 + self.lobes @ (unit[[0, 1, 2]] * unit[[1, 2, 0]]) * 2, 0.85, 1.15)

    def offset(self, index: np.ndarray, affine: np.ndarray) -> np.ndarray:
        """Return voxel indices, shape (3, N), from the centre along the frame's axes in mm."""
        inverse = np.linalg.inv(affine)
        centre = inverse[:3, :3] @ self.centre + inverse[:3, 3]
        return self.frame.T @ (affine[:3, :3] @ (index - centre[:, None]))


def box_voxels(
    shape: Ellipsoid, affine: np.ndarray, grid: tuple[int, ...], *, margin: float = 0.0
) -> np.ndarray | None:
    """List the voxels of the box that holds an ellipsoid, shape (3, N); None where it lies outside the grid."""
    inverse = np.linalg.inv(affine)
    centre = inverse[:3, :3] @ shape.centre + inverse[:3, 3]
    half = (shape.axes.max() * 1.2 + margin) / np.linalg.norm(affine[:3, :3], axis=0) + 1
    low = np.maximum(np.floor(centre - half), 0).astype(int)
    high = np.minimum(np.ceil(centre + half) + 1, grid).astype(int)
    if (high <= low).any():
        return None
    index = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"))
    return index.reshape(3, -1)


def rim_and_vein(
    shape: Ellipsoid, appearance: Appearance, affine: np.ndarray, grid: tuple[int, ...], lesion: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, tuple[np.ndarray, ...], np.ndarray]:
    """Find which share of each voxel is rim, and which is vein.

    Parameters
    ----------
    shape : Ellipsoid
        The lesion's.
    appearance : Appearance
        Its rim and vein.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates of the grid in mm.
    grid : tuple of int
        Shape of the grid.
    lesion : tuple of 3 ndarray
        The lesion's voxels.

    Returns
    -------
    rim : ndarray
        Share of rim in each of the lesion's voxels, 0 to 1.
    vein : tuple of 3 ndarray
        Voxels with a part of the vein, inside the lesion or near it.
    vein_share : ndarray
        Share of vein in each of these, 0 to 1.
    """
    steps = (np.arange(POINTS) + 0.5) / POINTS - 0.5
    inner = np.stack(np.meshgrid(steps, steps, steps, indexing="ij")).reshape(3, -1)
    rim = np.zeros(len(lesion[0]))
    if appearance.rim_width:
        index = np.stack(lesion).astype(float)[:, :, None] + inner[:, None]
        _, depth, unit = shape.depth(shape.offset(index.reshape(3, -1), affine))
        # a cap of the sphere about the opening has the share (1 - cos) / 2 of the surface
        covered = np.array(appearance.opening) @ unit <= 2 * appearance.rim_fraction - 1
        rim = ((depth < appearance.rim_width) & covered).reshape(len(lesion[0]), -1).mean(axis=1)
    course = vein_course(shape, appearance)
    if course is None:
        return rim, (np.empty(0, int),) * 3, np.empty(0)
    index = box_voxels(shape, affine, grid, margin=VEIN_REACH)
    edge = np.linalg.norm(affine[:3, :3], axis=0)
    offset = shape.offset(index.astype(float), affine)
    index = index[:, _near(offset, course, appearance.vein_radius + edge.max())]
    points = (index.astype(float)[:, :, None] + inner[:, None]).reshape(3, -1)
    # A tube thinner than the points' spacing falls between them: it is widened, and diluted as much.
    radius = max(appearance.vein_radius, 1.5 * float(edge.max()) / POINTS)
    near = _near(shape.offset(points, affine), course, radius)
    share = near.reshape(index.shape[1], -1).mean(axis=1) * (appearance.vein_radius / radius) ** 2
    kept = share > 0
    return rim, tuple(index[:, kept]), share[kept]


def vein_course(shape: Ellipsoid, appearance: Appearance) -> np.ndarray | None:
    """Lay points along a lesion's vein, from the centre along the frame's axes in mm, shape (3, N); None without."""
    if appearance.vein == "none":
        return None
    if appearance.vein == "central":
        reach = float(shape.axes[0]) + VEIN_REACH
        along = np.linspace(-reach, reach, int(8 * reach))
        return np.stack([along, np.zeros_like(along), np.zeros_like(along)])
    angle = np.linspace(-0.5, 0.5, 60) * appearance.vein_arc
    turned = np.array([np.cos(appearance.vein_turn), np.sin(appearance.vein_turn)])
    unit = np.stack([np.sin(angle), *(turned[:, None] * np.cos(angle))])
    return unit * shape.surface(unit) * shape.axes[:, None]


def _near(points: np.ndarray, course: np.ndarray, radius: float) -> np.ndarray:
    """Say which points, shape (3, N), lie less than `radius` mm from the nearest point of a course.

    Farther points need no distance: a search that ends at the radius takes half the time.
    """
    distance, _ = cKDTree(course.T).query(points.T, distance_upper_bound=radius)
    return distance < radius
