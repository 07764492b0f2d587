"""Where lesions lie on a grid, so that they touch neither one another nor tissue that cannot become lesion.

A lesion first tries random places at its site, and is made smaller now and then. Where the site is full, every free
place is looked through, first at its own site and then at the others, at falling sizes and with less room between
lesions, so that a subject with many lesions gets them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from chiomics.core.errors import InputError
from chiomics.phantom.head.space import SubjectSpace
from chiomics.phantom.lesions.lesions import Lesion
from chiomics.phantom.lesions.shapes import Ellipsoid, box_voxels, rim_and_vein

#: Tries to place one lesion before it is made smaller, and shrinkings before every free place is looked through.
TRIES, SHRINKINGS = 40, 12
#: A shrinking, and the least diameter in mm.
SHRINK, MIN_DIAMETER = 0.9, 2.5
#: Share of the ellipsoid that must lie in tissue that may become lesion.
MIN_INSIDE = 0.55
#: Free space between two lesions in mm, and the least where a head is full: more than the diagonal of a fine voxel.
CLEARANCE, MIN_CLEARANCE = 3.0, 2.4
#: Free places of one site that are tried with one shape each.
SEARCHED = 200


@dataclass(frozen=True)
class PlacedLesion:
    """A lesion on a grid.

    Attributes
    ----------
    lesion : Lesion
        What was drawn; smaller, or of another site, where it found no place as drawn.
    centre : ndarray, shape (3,)
        In template mm.
    voxels : tuple of 3 ndarray
        Its voxels.
    rim_share : ndarray
        Share of rim in each of these, 0 to 1.
    vein_voxels, vein_share
        Voxels that its vein crosses, inside and near the lesion, and the share of vein in each.
    """

    lesion: Lesion
    centre: np.ndarray
    voxels: tuple[np.ndarray, ...]
    rim_share: np.ndarray
    vein_voxels: tuple[np.ndarray, ...]
    vein_share: np.ndarray

    @property
    def is_rim(self) -> np.ndarray:
        """Which voxels are mostly rim; where the rim is thinner than a voxel, those that hold most of it."""
        most = float(self.rim_share.max(initial=0.0))
        return (self.rim_share >= min(0.5, 0.5 * most)) & (self.rim_share > 0)


def place_lesions(
    rng: np.random.Generator,
    lesions: list[Lesion],
    candidates: dict[str, np.ndarray],
    space: SubjectSpace,
    allowed: np.ndarray,
    *,
    affine: np.ndarray,
) -> list[PlacedLesion]:
    """Place lesions so that they touch neither one another nor tissue that is not `allowed`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of places and shapes.
    lesions : list of Lesion
        What to place.
    candidates : dict of str to ndarray, shape (N, 3)
        Possible centres in template mm, per site.
    space : SubjectSpace
        The subject's shape and pose.
    allowed : ndarray of bool, shape (X, Y, Z)
        Voxels that may become lesion.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates of the grid in mm.

    Returns
    -------
    list of PlacedLesion
        As many as were drawn.

    Raises
    ------
    InputError
        Where the recipe asks for more lesion than the tissue holds.
    """
    placed: list[PlacedLesion] = []
    occupied = np.empty((0, 4))
    for lesion in lesions:
        for wanted, centre, clearance in _places(rng, lesion, candidates, space, occupied):
            world = space.from_template(centre[:, None])[:, 0].astype(float)
            shape = orient_lesion(rng, wanted, centre, world, space.rotation)
            reach = float(shape.axes.max()) * 1.15
            if (np.linalg.norm(occupied[:, :3] - world, axis=1) < occupied[:, 3] + reach + clearance).any():
                continue
            shape, voxels, full = _lesion_voxels(rng, shape, allowed, affine)
            if len(voxels[0]) >= max(MIN_INSIDE * full, 2):
                rim, vein, vein_share = rim_and_vein(shape, wanted.appearance, affine, allowed.shape, voxels)
                kept = allowed[vein]
                vein = tuple(axis[kept] for axis in vein)
                placed.append(PlacedLesion(wanted, centre, voxels, rim, vein, vein_share[kept]))
                occupied = np.vstack([occupied, [*world, reach]])
                break
        else:
            raise InputError(
                "a lesion finds no place",
                found=f"{len(lesions)} lesions, {lesion}",
                expected="fewer or smaller lesions",
            )
    return placed


def _places(
    rng: np.random.Generator,
    lesion: Lesion,
    candidates: dict[str, np.ndarray],
    space: SubjectSpace,
    occupied: np.ndarray,
) -> Iterator[tuple[Lesion, np.ndarray, float]]:
    """Propose a lesion, its centre in template mm and the room around it, until the caller is content."""
    wanted, points = lesion, candidates[lesion.site]
    for attempt in range(TRIES * SHRINKINGS):
        if attempt and attempt % TRIES == 0:
            wanted = replace(wanted, diameter=max(wanted.diameter * SHRINK, MIN_DIAMETER))
        yield wanted, points[rng.integers(len(points))] + rng.uniform(-1, 1, 3), CLEARANCE
    others = [site for site in candidates if site not in (lesion.site, "medullary")]
    diameters = sorted({lesion.diameter, max(0.6 * lesion.diameter, MIN_DIAMETER), MIN_DIAMETER}, reverse=True)
    for site in (lesion.site, *others):
        world = space.from_template(candidates[site].T).T
        gaps = np.min(
            [np.linalg.norm(world - [x, y, z], axis=1) - reach for x, y, z, reach in occupied],
            axis=0,
            initial=np.inf,
        )
        for diameter in diameters:
            free = np.nonzero(gaps > diameter / 2 + MIN_CLEARANCE)[0]
            for number in rng.permutation(free)[:SEARCHED]:
                yield replace(lesion, diameter=diameter, site=site), candidates[site][number], MIN_CLEARANCE


def orient_lesion(
    rng: np.random.Generator, lesion: Lesion, centre: np.ndarray, world: np.ndarray, rotation: np.ndarray
) -> Ellipsoid:
    """Choose semi-axes, volume as of the sphere, and a frame; periventricular ones point away from the ventricle."""
    periventricular = lesion.site == "periventricular"
    elongation = rng.uniform(1.1, 1.7) if periventricular else rng.uniform(1.0, 1.3)
    axes = lesion.diameter / 2 * np.array([elongation ** (2 / 3), elongation ** (-1 / 3), elongation ** (-1 / 3)])
    first = np.array([np.sign(centre[0]), 0, 0.5]) if periventricular else rng.standard_normal(3)
    first = rotation @ (first + 0.2 * rng.standard_normal(3))
    frame, _ = np.linalg.qr(np.column_stack([first, rng.standard_normal((3, 2))]))
    return Ellipsoid(world, axes, frame, np.zeros(3))


def _lesion_voxels(
    rng: np.random.Generator, shape: Ellipsoid, allowed: np.ndarray, affine: np.ndarray
) -> tuple[Ellipsoid, tuple[np.ndarray, ...], int]:
    """Return the ellipsoid lobes, and find its allowed voxels and how many it has in all."""
    shape = replace(shape, lobes=0.12 * rng.standard_normal(3))
    index = box_voxels(shape, affine, allowed.shape)
    if index is None:
        return shape, (np.empty(0, int),) * 3, 1
    inside, _, _ = shape.depth(shape.offset(index, affine))
    keep = inside & allowed[tuple(index)]
    return shape, tuple(axis[keep] for axis in index), max(int(inside.sum()), 1)
