"""A subject's anatomy on a grid: one label per voxel, partial-volume fractions, tracts and lesions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

from chiomics.core.priors.lesion_density import read_lesion_density
from chiomics.phantom.head import tissue
from chiomics.phantom.head.nuclei import NUCLEI, label_nuclei, nucleus_centre, nucleus_extent
from chiomics.phantom.head.space import SubjectSpace
from chiomics.phantom.head.template import (
    BONE_DEPTH,
    FLUID_DEPTH,
    SCALP_DEPTH,
    air_spaces,
    eyes,
    face_and_neck,
    load_template,
)
from chiomics.phantom.head.tracts import TractVoxels, place_tracts
from chiomics.phantom.head.veins import place_veins
from chiomics.phantom.lesions.lesions import Lesion
from chiomics.phantom.lesions.places import PlacedLesion, place_lesions

#: Distance in mm to the brain's hull from which on there may be air: a thin plate of bone separates sinus and brain.
PLATE_DEPTH = 2.5
#: How often a place of a site's mean density is listed beside its one time: one lesion in ten lies evenly.
DENSITY_REPEATS = 9


@dataclass(frozen=True)
class Anatomy:
    """What lies where on a grid.

    Attributes
    ----------
    labels : ndarray of uint8, shape (X, Y, Z)
        One label per voxel (`tissue.tsv`; right-hand nuclei + 100).
    grey, white : ndarray, shape (X, Y, Z)
        Partial-volume fractions of tissue, 0 to 1, for the contrasts.
    brain : ndarray of bool, shape (X, Y, Z)
        Brain with its fluid.
    lesion_index : ndarray of int16, shape (X, Y, Z)
        0, or the number of the lesion from 1.
    lesions : list of PlacedLesion
        In the order of their numbers.
    tracts : dict of (hemisphere, tract) to TractVoxels
        Tracts, which may overlap.
    coordinates : ndarray, shape (3, X, Y, Z)
        Template coordinates of the voxels in mm.
    """

    labels: np.ndarray
    grey: np.ndarray
    white: np.ndarray
    brain: np.ndarray
    lesion_index: np.ndarray
    lesions: list[PlacedLesion]
    tracts: dict[tuple[str, str], TractVoxels]
    coordinates: np.ndarray


def build_anatomy(
    space: SubjectSpace,
    lesions: list[Lesion],
    *,
    shape: tuple[int, ...],
    affine: np.ndarray,
    vein_rng: np.random.Generator,
    lesion_rng: np.random.Generator,
    medullary_veins: int,
    nucleus_scale: dict[str, float],
    lesions_drawn_from: str = "recipe",
) -> Anatomy:
    """Put a subject's anatomy on a grid.

    Parameters
    ----------
    space : SubjectSpace
        Shape and pose.
    lesions : list of Lesion
        What the disease brings.
    shape, affine
        The grid.
    vein_rng, lesion_rng : numpy.random.Generator
        Sources of veins and of lesion places.
    medullary_veins : int
        Number of small veins.
    nucleus_scale : dict of str to float
        Linear size of the nuclei over the table's.
    lesions_drawn_from : {"recipe", "masks"}
        As for `lesion_sites`.

    Returns
    -------
    Anatomy
        Labels and what belongs to them.
    """
    template = load_template()
    points = space.grid_to_template(shape, affine)
    depth = template.distance_to_hull(points)
    labels = head_labels(points, depth)
    near = np.nonzero(depth < FLUID_DEPTH)
    brain_points = points[(slice(None), *near)]
    grey, white, brain = (np.zeros(shape, np.float32) for _ in range(3))
    for name, volume in (("grey", grey), ("white", white), ("brain", brain)):
        volume[near] = template.sample(name, brain_points)
    brain = brain > 0.5
    fluid = np.clip(1 - grey - white, 0, 1)
    inside = np.nonzero(brain)
    stack = np.stack([fluid[inside], grey[inside], white[inside]])
    labels[inside] = np.array([tissue.CSF, tissue.GREY, tissue.WHITE], np.uint8)[stack.argmax(axis=0)]
    ventricles = np.zeros(shape, bool)
    ventricles[near] = template.sample("ventricles", brain_points) > 0.5
    labels[ventricles & (labels == tissue.CSF)] = tissue.VENTRICLES

    add_nuclei(labels, points, space, affine, nucleus_scale)
    tracts = place_tracts(space, labels == tissue.WHITE, shape=shape, affine=affine)
    add_veins(labels, space, vein_rng, medullary=medullary_veins, affine=affine)

    lesion_index = np.zeros(shape, np.int16)
    placed = place_lesions(
        lesion_rng,
        lesions,
        lesion_sites(lesions_drawn_from),
        space,
        (labels == tissue.WHITE) | ((labels == tissue.GREY) & (white > 0.25)),
        affine=affine,
    )
    for number, lesion in enumerate(placed, start=1):
        lesion_index[lesion.voxels] = number
        labels[lesion.voxels] = np.where(lesion.is_rim, tissue.RIM, tissue.LESION)
    return Anatomy(labels, grey, white, brain, lesion_index, placed, tracts, points)


@lru_cache(maxsize=2)
def lesion_sites(drawn_from: str = "recipe") -> dict[str, np.ndarray]:
    """List candidate lesion centres in template mm per site, and the places where medullary veins end.

    Parameters
    ----------
    drawn_from : {"recipe", "masks"}
        Each place once; or as often as its share of the site's lesions in patients' masks asks for, at least once.

    Returns
    -------
    dict of str to ndarray, shape (N, 3)
        Places of each site.
    """
    if drawn_from == "masks":
        return {site: np.repeat(places, _times_found(places), axis=0) for site, places in lesion_sites().items()}
    template = load_template()
    white = template.white[::2, ::2, ::2]
    grey = template.grey[::2, ::2, ::2]
    to_ventricle = 2 * ndimage.distance_transform_edt(template.ventricles[::2, ::2, ::2] < 0.5)
    to_grey = 2 * ndimage.distance_transform_edt(grey < 0.5)
    x, y, z = (axis * 2 + start for axis, start in zip(np.indices(white.shape), template.origin, strict=True))
    inside = white > 0.8
    cerebrum = inside & (z > -20)
    masks = {
        "periventricular": cerebrum & (to_ventricle > 2) & (to_ventricle < 8) & (z > 0) & (np.abs(x) > 8),
        "deep": cerebrum & (to_ventricle > 10) & (to_grey > 5) & (z > 0),
        "juxtacortical": cerebrum & (to_ventricle > 12) & (to_grey < 5) & (np.abs(x) > 18),
        "infratentorial": inside & (z < -22) & (y < -14) & (y > -75),
        "periependymal": (white > 0.5)
        & (((np.abs(x) < 9) & (y < -24) & (y > -50) & (z < -4) & (z > -42)) | ((to_ventricle < 5) & (z > 4))),
        "medullary": cerebrum & (to_ventricle > 1) & (to_ventricle < 5) & (z > 8) & (np.abs(x) > 8),
    }
    return {site: np.stack([axis[mask] for axis in (x, y, z)], axis=1).astype(float) for site, mask in masks.items()}


def _times_found(places: np.ndarray) -> np.ndarray:
    """Say how often each place of a site is listed, so that lesions lie where patients' masks have them."""
    density = read_lesion_density()
    index = np.linalg.inv(density.affine) @ np.column_stack([places, np.ones(len(places))]).T
    found = ndimage.map_coordinates(density.voxels, index[:3], order=1)
    return 1 + np.round(DENSITY_REPEATS * found / max(found.mean(), 1e-6)).astype(int)


def add_veins(
    labels: np.ndarray, space: SubjectSpace, rng: np.random.Generator, *, medullary: int, affine: np.ndarray
) -> None:
    """Write the veins into a label image, where there is fluid, grey or white matter."""
    found = place_veins(rng, space, lesion_sites()["medullary"], medullary=medullary, shape=labels.shape, affine=affine)
    for label, veins in zip((tissue.VEIN, tissue.MEDULLARY_VEIN), found, strict=True):
        replaceable = np.isin(labels[veins], (tissue.CSF, tissue.VENTRICLES, tissue.GREY, tissue.WHITE))
        labels[tuple(axis[replaceable] for axis in veins)] = label


def head_labels(points: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Label fluid under the skull, bone, soft tissue and air from the distance to the brain's hull."""
    labels = np.full(depth.shape, tissue.AIR, np.uint8)
    labels[(depth < SCALP_DEPTH) | face_and_neck(points)] = tissue.SOFT
    labels[(depth < BONE_DEPTH)] = tissue.BONE
    labels[depth < FLUID_DEPTH] = tissue.CSF
    outside = depth > PLATE_DEPTH
    labels[outside & eyes(points)] = tissue.EYE
    labels[outside & air_spaces(points)] = tissue.SINUS
    return labels


def add_nuclei(
    labels: np.ndarray, points: np.ndarray, space: SubjectSpace, affine: np.ndarray, scale: dict[str, float]
) -> None:
    """Write the nuclei into a label image, inside the brain's tissue."""
    inverse = np.linalg.inv(affine)
    voxel = np.linalg.norm(affine[:3, :3], axis=0)
    for hemisphere in "LR":
        corners = []
        for nucleus in NUCLEI:
            world = space.from_template(nucleus_centre(nucleus, hemisphere)[:, None])[:, 0]
            centre = inverse[:3, :3] @ world + inverse[:3, 3]
            reach = nucleus_extent(nucleus) * 1.2 / voxel
            corners += [centre - reach, centre + reach]
        low = np.maximum(np.floor(np.min(corners, axis=0)), 0).astype(int)
        high = np.minimum(np.ceil(np.max(corners, axis=0)) + 1, labels.shape).astype(int)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        tissue_here = np.isin(labels[box], (tissue.GREY, tissue.WHITE, tissue.CSF))
        found = label_nuclei(points[(slice(None), *box)][:, tissue_here], hemisphere, scale=scale)
        first = min(tissue.NUCLEUS_LABELS.values()) - 1 + (tissue.RIGHT if hemisphere == "R" else 0)
        here = labels[box]
        here[tissue_here] = np.where(found > 0, found + first, here[tissue_here])
