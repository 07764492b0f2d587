"""Brain of a T1w or FLAIR image with its skull, without a download: the template finds it, its intensities bound it.

The bundled template has no skull, so a whole head cannot be registered to it as it is: the scalp would come to lie on
the edge of the brain. Therefore:

1. Pose. Mutual information over the template's brain and a shell around it, where bone is dark in every contrast,
   is searched over translations and rotations on 8 mm voxels, below the top of the head. Neck and face, which lie
   outside the shell, play no part.
2. Affine registration with ANTs, the metric limited to the same shell.
3. Edge. Tissue brighter than fluid and bone, within a margin of the template's brain, is eroded until dura and
   scalp come off, the piece with the centre kept, grown back into the tissue and closed over the sulci, as the
   morphological methods do (Smith 2002, Hum Brain Mapp 17:143, for the thresholds; Shattuck et al. 2001,
   NeuroImage 13:856, for the erosion and the growing).

An image whose air ends at the template's brain is extracted already and keeps its own mask.
"""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage, optimize

from chiomics.anatomy.registration import fsl
from chiomics.anatomy.registration.ants import register
from chiomics.anatomy.registration.mutual_information import normalised_mutual_information
from chiomics.anatomy.registration.settings import ExtractionSettings, Settings
from chiomics.anatomy.registration.template import template_brain, template_mask
from chiomics.core.space.grids import coarsen, crop, widen
from chiomics.core.space.transforms import Chain, resample
from chiomics.core.space.volume import Volume

#: Voxel in mm of the search for the pose, and depth in mm of the shell around the template's brain.
SEARCH_RESOLUTION, SHELL = 8.0, 6.0
#: Poses that are tried: shifts in mm from the first guess and turns in degrees (pitch, roll, yaw).
SHIFTS = {"y": (-24, -12, 0, 12, 24), "z": (-30, -20, -10, 0, 10)}
TURNS = {"pitch": (-24, -12, 0, 12, 24), "roll": (-10, 0, 10), "yaw": (-10, 0, 10)}
#: Share of the template's brain that an image holds at least, for slabs.
MIN_COVERED = 0.5
#: Poses that are refined, and the range of head sizes relative to the template.
BEST_POSES, SIZES = 2, (0.8, 1.25)
#: Depth of skull and scalp in mm at the top of the head, and the least area in mm² of a slice of a head.
SCALP, MIN_SLICE = 10.0, 2000.0
#: Share of the 98th percentile above which a voxel is no air.
FOREGROUND = 0.2
#: Overlap (Dice) of what is not air with the template's brain from which on the skull is off already: with skull and
#: scalp on a whole head it is below 0.75.
EXTRACTED = 0.88
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BrainExtraction:
    """What was found.

    Parameters
    ----------
    mask : Volume
        Booleans on the image's grid: brain with its ventricles and the fluid of the sulci.
    method : str
        ``given``, ``BET of FSL``, ``extracted before`` or ``template and edge``.
    to_template : Chain or None
        Affine from the image to the template, None with a mask that was given or BET's.
    """

    mask: Volume
    method: str
    to_template: Chain | None


def extract_brain(
    image: Volume, *, settings: Settings, out_dir: str | Path, given: Volume | None = None
) -> BrainExtraction:
    """Find the brain.

    Parameters
    ----------
    image : Volume
        T1w or FLAIR, bias field corrected, with or without its skull.
    settings : Settings
        The affine registration.
    out_dir : path-like
        Keeps the affine registration to the template.
    given : Volume, optional
        A mask of the user's own on the same world: it wins, on the nearest voxels.

    Returns
    -------
    BrainExtraction
        The mask and how it was found.
    """
    if given is not None:
        mask = resample(given.like((given.voxels > 0).astype(np.float32)), image, Chain(), interpolation="nearest")
        return BrainExtraction(mask.like(mask.voxels > 0), "given", None)
    if settings.extraction.method == "bet":
        return BrainExtraction(fsl.extract_brain(image, out_dir=out_dir), "BET of FSL", None)
    template, brain = template_brain(2.0), template_mask(2.0)
    affine = register(
        image, template, settings=settings, out_dir=out_dir, kind="affine", fixed_mask=brain, initial=find_pose(image)
    )
    expected = resample(brain.like(brain.voxels.astype(np.float32)), image, affine.inverse())
    occupied = ndimage.binary_fill_holes(image.voxels > 0.02 * np.percentile(image.voxels, 98))
    overlap = _dice(occupied, expected.voxels > 0.5)
    log.info("what is not empty overlaps the template's brain by %.3f", overlap)
    if overlap > EXTRACTED:
        return BrainExtraction(image.like(occupied), "extracted before", affine)
    return BrainExtraction(find_edge(image, expected, settings=settings.extraction), "template and edge", affine)


def find_pose(image: Volume) -> np.ndarray:
    """Find the head's pose and size by mutual information with the template.

    Parameters
    ----------
    image : Volume
        A head or a brain, its world upright to within some 30 degrees.

    Returns
    -------
    ndarray, shape (4, 4)
        Similarity that maps the image's world onto the template's, mm.
    """
    head = coarsen(image, SEARCH_RESOLUTION)
    head = head.like(ndimage.gaussian_filter(head.voxels, 0.5))
    brain, shell = template_brain(SEARCH_RESOLUTION), widen(template_mask(SEARCH_RESOLUTION), SHELL)
    index = np.argwhere(shell.voxels).T
    points = brain.affine[:3, :3] @ index + brain.affine[:3, 3:]
    template = brain.voxels[tuple(index)]
    centre = points[:, template > 0].mean(1)
    guess = _guess_centre(head, points[:, template > 0])
    ceiling = np.percentile(head.voxels, 99.5)
    head = head.like(np.minimum(head.voxels, ceiling))
    to_voxels = np.linalg.inv(head.affine)
    last = np.array(head.voxels.shape)[:, None] - 1

    def fit(pose: np.ndarray) -> float:
        linear = np.exp(np.clip(pose[6], *np.log(SIZES))) * _rotation(pose[3:6])
        world = linear @ (points - centre[:, None]) + (guess + pose[:3])[:, None]
        where = to_voxels[:3, :3] @ world + to_voxels[:3, 3:]
        within = ((where >= 0) & (where <= last)).all(0)
        if within.mean() < MIN_COVERED:
            return 0.0
        seen = ndimage.map_coordinates(head.voxels, where[:, within], order=1)
        return -normalised_mutual_information(template[within], seen)

    shifts = itertools.product((0.0,), SHIFTS["y"], SHIFTS["z"])
    upright = sorted((fit(pose), tuple(pose)) for pose in (np.array([*s, 0, 0, 0, 0.0]) for s in shifts))[:BEST_POSES]
    turns = [np.deg2rad(turn) for turn in itertools.product(*TURNS.values())]
    tried = [np.array([*pose[:3], *turn, 0.0]) for _, pose in upright for turn in turns]
    best = sorted((fit(pose), tuple(pose)) for pose in tried)[:BEST_POSES]
    steps = np.vstack([np.zeros(7), np.diag([6, 6, 6, 0.1, 0.1, 0.1, 0.08])])
    results = [
        optimize.minimize(fit, pose, method="Nelder-Mead", options={"initial_simplex": pose + steps, "maxfev": 300})
        for _, pose in best
    ]
    found = min(results, key=lambda result: result.fun)
    log.info("pose of the head: mutual information %.3f, shift %s mm", -found.fun, np.round(found.x[:3], 1).tolist())
    onto_head = np.eye(4)
    onto_head[:3, :3] = np.exp(np.clip(found.x[6], *np.log(SIZES))) * _rotation(found.x[3:6])
    onto_head[:3, 3] = guess + found.x[:3] - onto_head[:3, :3] @ centre
    return np.linalg.inv(onto_head)


def find_edge(image: Volume, expected: Volume, *, settings: ExtractionSettings) -> Volume:
    """Bound the brain by its intensities near where the template expects it.

    Parameters
    ----------
    image : Volume
        T1w or FLAIR: fluid and bone are dark.
    expected : Volume
        The template's brain on the same grid, 0 to 1.
    settings : ExtractionSettings
        Thresholds and lengths.

    Returns
    -------
    Volume
        Booleans on the same grid.
    """
    near = expected.like(expected.voxels > 0.5)
    reach = settings.closing + settings.margin
    coarse, prior = (coarsen(crop(part, near, reach), settings.edge_resolution) for part in (image, expected))
    size = coarse.voxel_size
    inside = ndimage.distance_transform_edt(prior.voxels > 0.5, sampling=size)
    outside = ndimage.distance_transform_edt(prior.voxels <= 0.5, sampling=size)
    core = inside > settings.core
    level = np.median(coarse.voxels[core])
    relative = coarse.voxels / level
    tissue = (relative > settings.darkest) & (relative < settings.brightest) & (outside < settings.margin)
    depth = ndimage.distance_transform_edt(tissue | core, sampling=size)
    seeds = _largest(depth > settings.erosion)
    grown = ndimage.distance_transform_edt(~seeds, sampling=size) <= settings.erosion + size.max() / 2
    brain = (grown & tissue) | core
    closed = ndimage.distance_transform_edt(~brain, sampling=size) <= settings.closing
    # What lies beyond the grid is open, so that a brain that the grid cuts is not worn off there.
    closed = ndimage.distance_transform_edt(closed, sampling=size) > settings.closing
    mask = ndimage.binary_fill_holes(_largest(brain | (closed & (outside < settings.margin))))
    fine = resample(coarse.like(mask.astype(np.float32)), image, Chain())
    return image.like(fine.voxels > 0.5)


def _guess_centre(head: Volume, brain_points: np.ndarray) -> np.ndarray:
    """Guess the brain's centre from the top of the head and the middle of its upper part, mm."""
    inside = _largest(head.voxels > FOREGROUND * np.percentile(head.voxels, 98))
    world = head.affine[:3, :3] @ np.argwhere(inside).T + head.affine[:3, 3:]
    slices = np.round(world[2] / SEARCH_RESOLUTION).astype(int)
    areas = np.bincount(slices - slices.min()) * abs(np.linalg.det(head.affine[:3, :3])) / SEARCH_RESOLUTION
    top = (np.flatnonzero(areas > MIN_SLICE).max(initial=0) + slices.min()) * SEARCH_RESOLUTION
    height = np.ptp(brain_points[2])
    upper = world[:, (world[2] > top - height * 0.6)]
    middle = (np.percentile(upper, 2, axis=1) + np.percentile(upper, 98, axis=1)) / 2
    return np.array(
        [middle[0], middle[1], top - SCALP - height / 2 + (brain_points[2].mean() - _middle(brain_points[2]))]
    )


def _middle(values: np.ndarray) -> float:
    return (values.min() + values.max()) / 2


def _rotation(angles: np.ndarray) -> np.ndarray:
    """Rotate about x (pitch), y (roll), then z (yaw), by angles in rad."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def _largest(mask: np.ndarray) -> np.ndarray:
    pieces, number = ndimage.label(mask)
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:]) if number else mask


def _dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / max(first.sum() + second.sum(), 1))
