"""Where a subject's head lies: template (MNI) coordinates, the subject's own shape, and the pose in the scanner.

Template coordinates c of a point x of the scanner (world, mm) are c = S⁻¹ φ(Rᵀ(x − t)), with t, R the pose of the head,
φ a smooth random diffeomorphism and S the size of the head per axis. φ is the flow of a smooth velocity field,
integrated by scaling and squaring (Arsigny et al. 2006, MICCAI 9:924), so it has the exact inverse flow −v.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

#: Control grid of the displacement, mm: first point and spacing, per axis; it holds head and neck.
CONTROL_ORIGIN = np.array([-128.0, -160.0, -160.0])
CONTROL_SPACING = 8.0
CONTROL_SHAPE = (33, 41, 38)
#: Squarings of the flow: steps of 1/64, displacement per step below a tenth of the spacing.
SQUARINGS = 6


@dataclass(frozen=True)
class SubjectSpace:
    """Maps between the scanner and the template for one subject.

    Attributes
    ----------
    size : ndarray, shape (3,)
        Head size over the template's, per axis.
    rotation : ndarray, shape (3, 3)
        Pose: head axes to scanner axes.
    translation : ndarray, shape (3,)
        Pose: the head's origin in the scanner, mm.
    forward, backward : ndarray, shape (3, X, Y, Z)
        Displacement in mm of the diffeomorphism and of its inverse on the control grid.
    """

    size: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    forward: np.ndarray
    backward: np.ndarray

    def to_template(self, world: np.ndarray) -> np.ndarray:
        """Map scanner points to template points; both of shape (3, ...) in mm."""
        flat = np.asarray(world, np.float32).reshape(3, -1)
        head = self.rotation.T.astype(np.float32) @ (flat - self.translation[:, None].astype(np.float32))
        head += _displacement(self.forward, head)
        head /= self.size[:, None].astype(np.float32)
        return head.reshape(np.shape(world))

    def from_template(self, template: np.ndarray) -> np.ndarray:
        """Map template points to scanner points; both of shape (3, ...) in mm."""
        head = np.asarray(template, np.float32).reshape(3, -1) * self.size[:, None].astype(np.float32)
        head = head + _displacement(self.backward, head)
        world = self.rotation.astype(np.float32) @ head + self.translation[:, None].astype(np.float32)
        return world.reshape(np.shape(template))

    def grid_to_template(self, shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
        """Map every voxel of a grid to template coordinates, shape (3, X, Y, Z) float32."""
        index = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape), indexing="ij", sparse=True)
        inverse = np.eye(4)
        inverse[:3, :3] = self.rotation.T
        inverse[:3, 3] = -self.rotation.T @ self.translation
        to_head = (inverse @ affine).astype(np.float32)
        to_control = to_head.copy()
        to_control[:3, 3] -= CONTROL_ORIGIN.astype(np.float32)
        to_control /= np.float32(CONTROL_SPACING)
        control = _affine_grid(to_control, index, shape)
        template = _affine_grid(to_head, index, shape)
        for axis in range(3):
            template[axis] += ndimage.map_coordinates(self.forward[axis], control, order=1, mode="nearest")
            template[axis] /= np.float32(self.size[axis])
        return template


def random_space(
    rng: np.random.Generator,
    *,
    size_sd: float,
    shape_sd: float,
    correlation: float,
    rotation_sd: float,
    translation_sd: float,
    asymmetry: float = 1.0,
) -> SubjectSpace:
    """Draw a subject's head shape and pose.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the draw.
    size_sd : float
        Standard deviation of the head's size relative to the template, common to the three axes (a third of it is
        added per axis).
    shape_sd : float
        Root mean square displacement per axis of the velocity field in mm.
    correlation : float
        Correlation length of the velocity field in mm (standard deviation of the Gaussian that smooths it).
    rotation_sd, translation_sd : float
        Standard deviation of the pose, in degrees and mm, per axis.
    asymmetry : float
        Share of the field's asymmetric part that stays: sides are shaped alike at 0 and independently at 1.

    Returns
    -------
    SubjectSpace
        The maps.
    """
    size = 1 + size_sd * rng.standard_normal() + size_sd / 3 * rng.standard_normal(3)
    angles = np.deg2rad(rotation_sd * rng.standard_normal(3))
    translation = translation_sd * rng.standard_normal(3)
    velocity = rng.standard_normal((3, *CONTROL_SHAPE)).astype(np.float32)
    velocity = ndimage.gaussian_filter(velocity, (0, *(3 * [correlation / CONTROL_SPACING])))
    velocity -= velocity.mean(axis=(1, 2, 3), keepdims=True)
    mirrored = velocity[:, ::-1] * np.array([-1, 1, 1], np.float32)[:, None, None, None]
    velocity = (1 + asymmetry) / 2 * velocity + (1 - asymmetry) / 2 * mirrored
    velocity *= shape_sd / velocity.std()
    return SubjectSpace(size, rotation_matrix(angles), translation, _flow(velocity), _flow(-velocity))


def rotation_matrix(angles: np.ndarray) -> np.ndarray:
    """Rotate about x, then y, then z, by angles in rad."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def _flow(velocity: np.ndarray) -> np.ndarray:
    """Integrate a stationary velocity field over unit time by scaling and squaring."""
    points = np.indices(CONTROL_SHAPE, dtype=np.float32)
    displacement = velocity / 2**SQUARINGS
    for _ in range(SQUARINGS):
        moved = points + displacement / np.float32(CONTROL_SPACING)
        displacement = displacement + np.stack(
            [ndimage.map_coordinates(component, moved, order=1, mode="nearest") for component in displacement]
        )
    return displacement


def _displacement(field: np.ndarray, head: np.ndarray) -> np.ndarray:
    control = (head - CONTROL_ORIGIN[:, None].astype(np.float32)) / np.float32(CONTROL_SPACING)
    return np.stack([ndimage.map_coordinates(component, control, order=1, mode="nearest") for component in field])


def _affine_grid(matrix: np.ndarray, index: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Apply an affine to the indices of a grid."""
    points = np.empty((3, *shape), np.float32)
    for axis in range(3):
        row = matrix[axis]
        points[axis] = (row[0] * index[0] + row[3]) + row[1] * index[1] + row[2] * index[2]
    return points
