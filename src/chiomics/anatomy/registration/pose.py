"""Pose and size of a head, by mutual information with the template over its brain and a dark shell around it.

The bundled template has no skull, so a whole head cannot be registered to it as it is: the scalp would come to lie on
the edge of the brain. In the shell bone is dark in every contrast; neck and face lie outside it and play no part.
Translations, turns and sizes are searched on 8 mm voxels, from several first guesses: below the top of the head, at the
head's centre of mass, and where the image's own world has the template. What of the template's brain lies outside the
image tells nothing, so that a pose loses as much of its information as it puts there: otherwise a head pushed to the
image's edge is compared on what happens to fit.
"""

from __future__ import annotations

import itertools
import logging

import numpy as np
from scipy import ndimage, optimize

from chiomics.anatomy.registration.mutual_information import normalised_mutual_information
from chiomics.core.space.grids import coarsen, widen
from chiomics.core.space.template import template_brain, template_mask
from chiomics.core.space.volume import Volume

#: Voxel in mm of the search, and depth in mm of the shell around the template's brain.
SEARCH_RESOLUTION, SHELL = 8.0, 6.0
#: Poses that are tried: shifts in mm from each first guess, turns in degrees and sizes relative to the template.
SHIFTS = {"y": (-24, -12, 0, 12, 24), "z": (-30, -20, -10, 0, 10)}
TURNS = {"pitch": (-24, -12, 0, 12, 24), "roll": (-10, 0, 10), "yaw": (-10, 0, 10)}
START_SIZES = (0.9, 1.0, 1.1)
#: Share of the template's brain that an image holds at least, for slabs.
MIN_COVERED = 0.5
#: Poses that are turned, poses that are refined, and the range of head sizes relative to the template.
TURNED_POSES, REFINED_POSES, SIZES = 3, 3, (0.8, 1.25)
#: What is brighter than this multiple of the head's median is cut, so that fat does not fill the histogram.
BRIGHTEST = 1.4
#: Depth of skull and scalp in mm at the top of the head, and the least area in mm² of a slice of a head.
SCALP, MIN_SLICE = 10.0, 2000.0
#: Share of the 98th percentile above which a voxel is no air.
FOREGROUND = 0.2

log = logging.getLogger(__name__)


class PoseFit:
    """How well a linear map of an image onto the template fits.

    Parameters
    ----------
    image : Volume
        A head or a brain.
    """

    def __init__(self, image: Volume) -> None:
        head = coarsen(image, SEARCH_RESOLUTION)
        smooth = ndimage.gaussian_filter(head.voxels, 0.5)
        tissue = smooth[smooth > FOREGROUND * np.percentile(smooth, 98)]
        self.head = head.like(np.minimum(smooth, BRIGHTEST * np.median(tissue) if tissue.size else np.inf))
        brain, shell = template_brain(SEARCH_RESOLUTION), widen(template_mask(SEARCH_RESOLUTION), SHELL)
        index = np.argwhere(shell.voxels).T
        self.points = brain.affine[:3, :3] @ index + brain.affine[:3, 3:]
        self.template = brain.voxels[tuple(index)]
        self._to_voxels = np.linalg.inv(self.head.affine)
        self._last = np.array(self.head.voxels.shape)[:, None] - 1

    def __call__(self, onto_image: np.ndarray) -> float:
        """Return mutual information above 1 times the share that the image holds; matrix from template to image, mm."""
        onto = self._to_voxels @ onto_image
        where = onto[:3, :3] @ self.points + onto[:3, 3:]
        within = ((where >= 0) & (where <= self._last)).all(0)
        held = within.mean()
        if held < MIN_COVERED:
            return 0.0
        seen = ndimage.map_coordinates(self.head.voxels, where[:, within], order=1)
        return float(held * (normalised_mutual_information(self.template[within], seen) - 1))


def find_pose(image: Volume, *, sizes: tuple[float, float] = SIZES) -> np.ndarray:
    """Find the head's pose and size by mutual information with the template.

    Parameters
    ----------
    image : Volume
        A head or a brain, its world upright to within some 30 degrees.
    sizes : tuple of float
        Smallest and largest size of the head relative to the template.

    Returns
    -------
    ndarray, shape (4, 4)
        Similarity that maps the image's world onto the template's, mm.
    """
    fit = PoseFit(image)
    brain_points = fit.points[:, fit.template > 0]
    centre = brain_points.mean(1)
    guesses = _guess_centres(fit.head, brain_points)

    def matrix(pose: np.ndarray) -> np.ndarray:
        onto_head = np.eye(4)
        onto_head[:3, :3] = np.exp(np.clip(pose[6], *np.log(sizes))) * _rotation(pose[3:6])
        onto_head[:3, 3] = pose[:3] - onto_head[:3, :3] @ centre
        return onto_head

    def cost(pose: np.ndarray) -> float:
        return -fit(matrix(pose))

    shifts = [np.array([0.0, *shift]) for shift in itertools.product(SHIFTS["y"], SHIFTS["z"])]
    upright = [
        np.array([*(guess + shift), 0, 0, 0, np.log(size)])
        for guess, shift, size in itertools.product(guesses, shifts, np.clip(START_SIZES, *sizes))
    ]
    turns = [np.deg2rad(turn) for turn in itertools.product(*TURNS.values())]
    turned = [
        np.array([*pose[:3], *turn, pose[6]])
        for pose, turn in itertools.product(_best(upright, cost, TURNED_POSES), turns)
    ]
    steps = np.vstack([np.zeros(7), np.diag([6, 6, 6, 0.1, 0.1, 0.1, 0.08])])
    results = [
        optimize.minimize(cost, pose, method="Nelder-Mead", options={"initial_simplex": pose + steps, "maxfev": 300})
        for pose in _best(turned, cost, REFINED_POSES)
    ]
    found = min(results, key=lambda result: result.fun)
    log.info(
        "pose of the head: information %.3f, centre %s mm, size %.2f",
        -found.fun, np.round(found.x[:3], 1).tolist(), np.exp(found.x[6]),
    )  # fmt: skip
    return np.linalg.inv(matrix(found.x))


def _best(poses: list[np.ndarray], cost, number: int) -> list[np.ndarray]:
    """Return the poses of least cost that differ from each other by a step of the search or more."""
    chosen: list[np.ndarray] = []
    for _, pose in sorted((cost(pose), tuple(pose)) for pose in poses):
        if all(np.abs(np.subtract(pose, other)[:3]).max() > 6 or np.ptp([pose[3:], other[3:]], axis=0).max() > 0.05
               for other in chosen):  # fmt: skip
            chosen.append(np.array(pose))
        if len(chosen) == number:
            break
    return chosen


def _guess_centres(head: Volume, brain_points: np.ndarray) -> list[np.ndarray]:
    """Guess where the brain's centre is, mm: below the top of the head, at the centre of mass, in the own world."""
    inside = _largest(head.voxels > FOREGROUND * np.percentile(head.voxels, 98))
    world = head.affine[:3, :3] @ np.argwhere(inside).T + head.affine[:3, 3:]
    slices = np.round(world[2] / SEARCH_RESOLUTION).astype(int)
    areas = np.bincount(slices - slices.min()) * abs(np.linalg.det(head.affine[:3, :3])) / SEARCH_RESOLUTION
    top = (np.flatnonzero(areas > MIN_SLICE).max(initial=0) + slices.min()) * SEARCH_RESOLUTION
    height = np.ptp(brain_points[2])
    upper = world[:, (world[2] > top - height * 0.6)]
    middle = (np.percentile(upper, 2, axis=1) + np.percentile(upper, 98, axis=1)) / 2
    below_top = top - SCALP - height / 2 + (brain_points[2].mean() - _middle(brain_points[2]))
    mass = world.mean(axis=1)
    corners = np.array(list(itertools.product(*((0, n - 1) for n in head.voxels.shape)))).T
    extent = head.affine[:3, :3] @ corners + head.affine[:3, 3:]
    own = brain_points.mean(axis=1)
    guesses = [np.array([middle[0], middle[1], below_top]), mass]
    # A world whose origin is far from the head, as of images moved to 0, holds no guess.
    return guesses + ([own] if (extent.min(1) < own).all() and (own < extent.max(1)).all() else [])


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
