"""The template's anatomy: MNI152 tissue maps that nilearn bundles, the ventricles, and a head around the brain.

The maps are the ICBM 152 nonlinear symmetric 2009a average of Fonov et al. (2011, NeuroImage 54:313) at 1 mm. Skull,
scalp, face, neck and air spaces are geometric shapes placed from gross anatomy in template mm (a modelling choice):
their part is to give the background field and the magnitude picture of a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

#: Grid of the distance to the brain: first point, spacing (mm) and shape; it reaches from the neck to the air above.
DISTANCE_ORIGIN = np.array([-114.0, -156.0, -156.0])
DISTANCE_SPACING = 3.0
DISTANCE_SHAPE = (77, 95, 92)

#: Depth of the layers outside the brain's hull, mm: meninges and fluid, then bone, then scalp.
FLUID_DEPTH = 1.5
BONE_DEPTH = 7.0
SCALP_DEPTH = 12.0

#: Air spaces as ellipsoids in template mm: centre (|x|, y, z) mirrored about the midline, and semi-axes.
AIR_SPACES = {
    "frontal sinus": ((9, 80, 4), (8, 3.5, 9)),
    "ethmoid cells": ((7, 52, -41), (5, 14, 7)),
    "sphenoid sinus": ((5, 24, -45), (7, 9, 7)),
    "maxillary sinus": ((27, 48, -64), (11, 14, 15)),
    "nasal cavity": ((5, 62, -60), (3, 27, 13)),
    "pharynx": ((0, 10, -84), (9, 7, 26)),
    "mastoid cells": ((53, -32, -47), (6, 10, 10)),
    "ear canal": ((68, -20, -42), (14, 3, 3)),
}
#: Eyeballs, as above.
EYES = ((32, 66, -33), (12, 12, 12))
#: Face and neck: soft tissue around the air spaces, below the brain.
FACE = ((0, 36, -64), (66, 56, 66))
NECK = ((0, -30), (58, 62), -50.0)


@dataclass(frozen=True)
class Template:
    """Maps in template space.

    Attributes
    ----------
    origin : ndarray, shape (3,)
        Template coordinates in mm of the first voxel; voxels are 1 mm and along the axes.
    grey, white : ndarray, shape (X, Y, Z)
        Share of grey and white matter, 0 to 1; what is left of `brain` is fluid.
    brain, ventricles : ndarray, shape (X, Y, Z)
        Brain with its inner fluid, and the ventricles' share, 0 to 1.
    hull_distance : ndarray
        Signed distance in mm to the brain's hull on the coarse distance grid, positive outside.
    """

    origin: np.ndarray
    grey: np.ndarray
    white: np.ndarray
    brain: np.ndarray
    ventricles: np.ndarray
    hull_distance: np.ndarray

    def sample(self, name: str, points: np.ndarray) -> np.ndarray:
        """Interpolate one of the maps linearly at template points of shape (3, ...), 0 outside."""
        index = [points[axis] - np.float32(self.origin[axis]) for axis in range(3)]
        return ndimage.map_coordinates(getattr(self, name), index, order=1, output=np.float32)

    def distance_to_hull(self, points: np.ndarray) -> np.ndarray:
        """Interpolate the signed distance in mm to the brain's hull at template points of shape (3, ...)."""
        index = [(points[axis] - np.float32(DISTANCE_ORIGIN[axis])) / np.float32(DISTANCE_SPACING) for axis in range(3)]
        return ndimage.map_coordinates(self.hull_distance, index, order=1, mode="nearest", output=np.float32)


@lru_cache(maxsize=1)
def load_template() -> Template:
    """Load the maps that nilearn bundles and derive the ventricles and the brain's hull.

    Returns
    -------
    Template
        Maps in template space; read once per process.
    """
    folder = Path(find_spec("nilearn").origin).parent / "datasets" / "data"
    volumes = {}
    for kind in ("t1", "gm", "wm"):
        image = nib.load(folder / f"mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz")
        volumes[kind] = np.asanyarray(image.dataobj)
    origin = image.affine[:3, 3].copy()
    brain = volumes["t1"] > 0
    grey, white = (volumes[kind].astype(np.float32) / 255 for kind in ("gm", "wm"))
    return Template(
        origin,
        grey,
        white,
        brain.astype(np.float32),
        _ventricles(np.clip(1 - grey - white, 0, 1) * brain, origin),
        _hull_distance(brain, origin),
    )


def air_spaces(points: np.ndarray) -> np.ndarray:
    """Tell which template points, shape (3, ...), lie in an air space of the skull."""
    inside = np.zeros(points.shape[1:], bool)
    for centre, axes in AIR_SPACES.values():
        inside |= _ellipsoid(points, centre, axes)
    return inside


def eyes(points: np.ndarray) -> np.ndarray:
    """Tell which template points, shape (3, ...), lie in an eyeball."""
    return _ellipsoid(points, *EYES)


def face_and_neck(points: np.ndarray) -> np.ndarray:
    """Tell which template points, shape (3, ...), lie in the face or the neck."""
    x, y, z = points
    (cx, cy), (ax, ay), top = NECK
    neck = (((x - cx) / ax) ** 2 + ((y - cy) / ay) ** 2 < 1) & (z < top)
    return neck | _ellipsoid(points, *FACE)


def _ellipsoid(points: np.ndarray, centre: tuple[float, ...], axes: tuple[float, ...]) -> np.ndarray:
    x, y, z = points
    x = np.abs(x) if centre[0] else x
    return ((x - centre[0]) / axes[0]) ** 2 + ((y - centre[1]) / axes[1]) ** 2 + ((z - centre[2]) / axes[2]) ** 2 < 1


def _ventricles(fluid: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Keep the fluid that is connected with the lateral, third and fourth ventricles inside their boxes."""
    boxes = (((-38, 38), (-50, 36), (-4, 30)), ((-4, 4), (-32, 6), (-12, 12)), ((-9, 9), (-50, -34), (-44, -18)))
    seeds = ((-10, 12, 14), (10, 12, 14), (0, -18, 4), (0, -42, -32))
    allowed = np.zeros(fluid.shape, bool)
    for box in boxes:
        window = tuple(
            slice(int(low - start), int(high - start)) for (low, high), start in zip(box, origin, strict=True)
        )
        allowed[window] = fluid[window] > 0.5
    regions, _ = ndimage.label(allowed)
    wanted = set()
    for seed in seeds:
        near = tuple(slice(int(c - o) - 3, int(c - o) + 4) for c, o in zip(seed, origin, strict=True))
        wanted |= set(np.unique(regions[near])) - {0}
    return np.where(np.isin(regions, sorted(wanted)), fluid, 0).astype(np.float32)


def _hull_distance(brain: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Measure the signed distance to the closed brain on the coarse grid."""
    points = [DISTANCE_ORIGIN[a] + DISTANCE_SPACING * np.arange(DISTANCE_SHAPE[a]) - origin[a] for a in range(3)]
    smooth = ndimage.uniform_filter(brain.astype(np.float32), 3)
    index = np.meshgrid(*points, indexing="ij")
    coarse = ndimage.map_coordinates(smooth, index, order=1, output=np.float32) > 0.5
    ball = ndimage.iterate_structure(ndimage.generate_binary_structure(3, 1), 3)
    closed = ndimage.binary_fill_holes(ndimage.binary_closing(coarse, ball))
    distance = ndimage.distance_transform_edt(~closed) - ndimage.distance_transform_edt(closed)
    return ndimage.gaussian_filter(distance * DISTANCE_SPACING, 1.0).astype(np.float32)
