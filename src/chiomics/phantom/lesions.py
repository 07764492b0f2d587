"""White matter lesions of MS and NMOSD: how many, how large, where, and which have a paramagnetic rim.

Counts are a shifted negative binomial, diameters a truncated lognormal, sites are shares per disease (sources in
`defaults.yaml`). A rim sits on a lesion that is large enough, with a probability that makes the asked share of all
lesions. Shapes are ellipsoids with a lobed surface; periventricular ones point away from the ventricle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from chiomics.core.errors import InputError
from chiomics.phantom.space import SubjectSpace

#: Tries to place one lesion before it is made smaller, and shrinkings before the recipe is refused.
TRIES, SHRINKINGS = 40, 12
#: Share of the ellipsoid that must lie in tissue that may become lesion.
MIN_INSIDE = 0.55
#: Free space between two lesions in mm.
CLEARANCE = 3.0


@dataclass(frozen=True)
class Lesion:
    """A lesion before it is placed: diameter in mm, site, and whether it has a rim."""

    diameter: float
    site: str
    rim: bool


def draw_lesions(rng: np.random.Generator, parameters: dict) -> list[Lesion]:
    """Draw a subject's lesions.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the draw.
    parameters : dict
        One group's part of the recipe's ``lesions``.

    Returns
    -------
    list of Lesion
        Largest first, so that the large ones find their place.
    """
    if rng.random() < parameters["none_share"]:
        return []
    surplus = parameters["mean_count"] - parameters["minimum"]
    k = parameters["dispersion"]
    count = math.inf
    while count > parameters["maximum"]:
        count = parameters["minimum"] + int(rng.negative_binomial(k, k / (k + surplus)))
    sites, shares = zip(*parameters["sites"].items(), strict=True)
    rim_probability = rim_probability_when_large(parameters)
    lesions = []
    for _ in range(count):
        diameter = math.inf
        while not parameters["diameter_range"][0] <= diameter <= parameters["diameter_range"][1]:
            diameter = rng.lognormal(math.log(parameters["diameter_median"]), parameters["diameter_log_sd"])
        large = diameter >= parameters["rim_min_diameter"]
        lesions.append(
            Lesion(diameter, str(rng.choice(sites, p=shares)), bool(rng.random() < rim_probability) and large)
        )
    return sorted(lesions, key=lambda lesion: -lesion.diameter)


def rim_probability_when_large(parameters: dict) -> float:
    """Return the probability of a rim on a lesion that is large enough, so that the share among all is as asked."""
    mu, sigma = math.log(parameters["diameter_median"]), parameters["diameter_log_sd"]

    def below(diameter: float) -> float:
        return 0.5 * (1 + math.erf((math.log(diameter) - mu) / (sigma * math.sqrt(2))))

    low, high = parameters["diameter_range"]
    large = (below(high) - below(max(parameters["rim_min_diameter"], low))) / (below(high) - below(low))
    if parameters["rim_share"] > large:
        raise InputError(
            "more rims are asked for than lesions are large enough",
            found=f"rim_share {parameters['rim_share']}",
            expected=f"at most {large:.3f}, or a smaller rim_min_diameter",
        )
    return parameters["rim_share"] / large if parameters["rim_share"] else 0.0


@dataclass(frozen=True)
class PlacedLesion:
    """A lesion on a grid: its voxels, which of them are rim, its centre in template mm, and what was drawn."""

    lesion: Lesion
    centre: np.ndarray
    voxels: tuple[np.ndarray, ...]
    is_rim: np.ndarray


def place_lesions(
    rng: np.random.Generator,
    lesions: list[Lesion],
    candidates: dict[str, np.ndarray],
    space: SubjectSpace,
    allowed: np.ndarray,
    *,
    rim_thickness: float,
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
    rim_thickness : float
        In mm.
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
        wanted = lesion
        for attempt in range(TRIES * SHRINKINGS):
            if attempt and attempt % TRIES == 0:
                wanted = replace(wanted, diameter=max(wanted.diameter * 0.9, 2.5))
            points = candidates[lesion.site]
            centre = points[rng.integers(len(points))] + rng.uniform(-1, 1, 3)
            world = space.from_template(centre[:, None])[:, 0].astype(float)
            axes, frame = _orientation(rng, wanted, centre, space)
            reach = float(axes.max()) * 1.15
            if (np.linalg.norm(occupied[:, :3] - world, axis=1) < occupied[:, 3] + reach + CLEARANCE).any():
                continue
            voxels, depth, full = _ellipsoid_voxels(rng, world, axes, frame, allowed, affine)
            if len(depth) >= max(MIN_INSIDE * full, 2):
                is_rim = (depth < rim_thickness) & lesion.rim
                placed.append(PlacedLesion(wanted, centre, voxels, is_rim))
                occupied = np.vstack([occupied, [*world, reach]])
                break
        else:
            raise InputError(
                "a lesion finds no place",
                found=f"{len(lesions)} lesions, {lesion}",
                expected="fewer or smaller lesions",
            )
    return placed


def _orientation(
    rng: np.random.Generator, lesion: Lesion, centre: np.ndarray, space: SubjectSpace
) -> tuple[np.ndarray, np.ndarray]:
    """Choose semi-axes of the ellipsoid, volume as of the sphere, and its frame in world axes (columns)."""
    periventricular = lesion.site == "periventricular"
    elongation = rng.uniform(1.1, 1.7) if periventricular else rng.uniform(1.0, 1.3)
    axes = lesion.diameter / 2 * np.array([elongation ** (2 / 3), elongation ** (-1 / 3), elongation ** (-1 / 3)])
    first = np.array([np.sign(centre[0]), 0, 0.5]) if periventricular else rng.standard_normal(3)
    first = space.rotation @ (first + 0.2 * rng.standard_normal(3))
    frame, _ = np.linalg.qr(np.column_stack([first, rng.standard_normal((3, 2))]))
    return axes, frame


def _ellipsoid_voxels(
    rng: np.random.Generator,
    world: np.ndarray,
    axes: np.ndarray,
    frame: np.ndarray,
    allowed: np.ndarray,
    affine: np.ndarray,
) -> tuple[tuple[np.ndarray, ...], np.ndarray, int]:
    """Find the allowed voxels of a lobed ellipsoid, their depth below its surface in mm, and how many it has in all."""
    inverse = np.linalg.inv(affine)
    centre = inverse[:3, :3] @ world + inverse[:3, 3]
    half = axes.max() * 1.2 / np.linalg.norm(affine[:3, :3], axis=0) + 1
    lobes = 0.12 * rng.standard_normal(3)
    low = np.maximum(np.floor(centre - half), 0).astype(int)
    high = np.minimum(np.ceil(centre + half) + 1, allowed.shape).astype(int)
    if (high <= low).any():
        return (np.empty(0, int),) * 3, np.empty(0), 1
    index = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"))
    index = index.reshape(3, -1)
    offset = frame.T @ (affine[:3, :3] @ (index - centre[:, None]))
    scaled = offset / axes[:, None]
    radius = np.linalg.norm(scaled, axis=0)
    unit = scaled / np.maximum(radius, 1e-6)
    surface = np.clip(1 + lobes @ (unit[[0, 1, 2]] * unit[[1, 2, 0]]) * 2, 0.85, 1.15)
    inside = radius < surface
    depth = (surface - radius) * np.linalg.norm(offset, axis=0) / np.maximum(radius, 1e-6)
    keep = inside & allowed[tuple(index)]
    return tuple(axis[keep] for axis in index), depth[keep], max(int(inside.sum()), 1)
