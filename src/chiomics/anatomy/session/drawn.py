"""Lesions that a user drew: read whole, laid on the image that they were drawn on, and looked at before they are used.

A mask that cannot be right is refused by its own name: most of it in fluid or outside the brain, or dark on the FLAIR
where a turned copy of it is bright. What the reading changed stands in the notes: volume in the file, in the session
and on the gradient echo, number of lesions, fractions in white matter, grey matter, fluid and outside.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chiomics.anatomy.session.carry import MAX_LOST, nearest_values, seen_share, world_points
from chiomics.anatomy.tissue.lesion_split import split_lesions
from chiomics.anatomy.tissue.lesions import LesionSettings
from chiomics.core.bids import SPACES, space_named
from chiomics.core.errors import InputError
from chiomics.core.space.grids import same_voxels
from chiomics.core.space.masks import read_labels, read_mask
from chiomics.core.space.orientation import closest_canonical
from chiomics.core.space.transforms import Chain
from chiomics.core.space.volume import Volume

#: Which of several images on one grid lesions were drawn on, where the name does not say.
LESION_ORDER, TISSUE_ORDER = ("FLAIR", "T1w", "GRE"), ("T1w", "FLAIR", "GRE")
#: Largest share of lesions in fluid and outside the brain; 27 patients' consensus masks have up to 0.20.
MAX_MISPLACED = 0.5
#: A turned copy of the mask lies this much better: white matter less fluid and outside, by the template's maps. Of the
#: same 27 masks none of `TURNED_FROM` ml or more differs by more than 0.21 from its best copy.
TURNED, TURNED_FROM = 0.3, 3.0
#: On FLAIR lesions are at least this much brighter than white matter, in its robust standard deviations, and have at
#: least this share of the brightness under the best turned copy, unless no copy is brighter by `BRIGHTER` of them;
#: below the second share there is a doubt. The one patient at hand has 2.5 under his mask and at most 0.6 under its
#: copies, and under 14 of his lesions, each taken alone, 0.9 of the best copy's or more.
MIN_BRIGHT, BRIGHTER, MIN_SHARE, DOUBTFUL_SHARE = 0.5, 1.5, 1 / 3, 2 / 3
#: Points of a mask that its copies are compared at.
POINTS = 4000


@dataclass(frozen=True)
class Placed:
    """Labels that were drawn on an image of the session.

    Attributes
    ----------
    labels : Volume
        Int32.
    chain : Chain
        From their world to that of the anatomical image.
    notes : dict
        For the sidecar.
    warnings : list of str
        For the page and the cohort.
    """

    labels: Volume
    chain: Chain
    notes: dict
    warnings: list[str] = field(default_factory=list)


def read_lesions(
    path: Path,
    spaces: Mapping[str, tuple[Volume, Chain]],
    *,
    numbered: bool,
    settings: LesionSettings,
    drawn_on: str | None = None,
) -> Placed:
    """Read a user's lesions and find the image that they were drawn on.

    Parameters
    ----------
    path : Path
        A mask, probabilities, or lesions by number.
    spaces : mapping of str to (Volume, Chain)
        ``T1w``, ``FLAIR`` and ``GRE``, those that there are, each with its way to the anatomical image and its axes in
        the order of `chiomics.core.space.orientation.closest_canonical`, to which the labels are brought.
    numbered : bool
        Whether the labels count as single lesions; else the mask is split into its lesions.
    settings : LesionSettings
        `threshold` cuts probabilities.
    drawn_on : str, optional
        The operator's word on the image, before the file's name.

    Returns
    -------
    Placed
        One label per lesion.

    Raises
    ------
    InputError
        As `chiomics.core.space.masks.read_mask` and `place` do.
    """
    read = read_labels if numbered else read_mask
    drawn = read(path, role="lesion", threshold=settings.threshold)
    labels = closest_canonical(drawn.volume)
    space, chain, notes, warnings = place(labels, path, spaces, order=LESION_ORDER, drawn_on=drawn_on)
    if not numbered:
        labels = split_lesions(labels.like(labels.voxels.astype(np.float32)), settings=settings)
    count = len(np.unique(labels.voxels[labels.voxels > 0]))
    notes = {"Source": path.name, "DrawnOn": space, **notes, **drawn.notes, "Lesions": count}
    return Placed(labels, chain, notes, warnings)


def place(
    drawn: Volume,
    path: Path,
    spaces: Mapping[str, tuple[Volume, Chain]],
    *,
    order: tuple[str, ...],
    drawn_on: str | None = None,
) -> tuple[str, Chain, dict, list[str]]:
    """Find the image that labels were drawn on: the operator's word, the file's name, else the grid.

    Parameters
    ----------
    drawn : Volume
        Labels or a mask.
    path : Path
        Its file.
    spaces : mapping of str to (Volume, Chain)
        As for `read_lesions`.
    order : tuple of str
        Which image is preferred where several share the grid.
    drawn_on : str, optional
        ``T1w``, ``FLAIR`` or ``GRE``.

    Returns
    -------
    space : str
        Name of the image.
    chain : Chain
        From there to the anatomical image.
    notes : dict
        What was special, for the sidecar.
    warnings : list of str
        Where there was a doubt.

    Raises
    ------
    InputError
        Where the session has no such image, or the labels lie on the grid of none.
    """
    named = drawn_on or space_named(path)
    fitting = [name for name in order if name in spaces and same_voxels(drawn, spaces[name][0])]
    if named:
        if named not in spaces:
            expected = ", ".join(f"space-{name}" for name in spaces) + ", or no space-"
            what = "a space that no image of the session has" if named in SPACES else "a space that is not known"
            raise InputError(f"the name says {what}", file=path, found=named, expected=expected)
        notes = {} if named in fitting else {"GridOfItsOwn": f"another grid than the {named}'s, laid on it by position"}
        if named not in fitting and seen_share(drawn, spaces[named][0], Chain()) < 1 - MAX_LOST:
            raise InputError(f"the labels lie outside the {named}", file=path, expected="the same world coordinates")
        warnings = []
        if fitting and named not in fitting:
            warnings = [f"{path.name} has the grid of the {fitting[0]}, and is laid on the {named} as it is told to be"]
        return named, spaces[named][1], notes, warnings
    if not fitting:
        # Programs write labels on a grid of their own in the world of the T1w that they were given, e.g. 256³ at 1 mm.
        for name in dict.fromkeys(("T1w", *order)):
            if name in spaces and seen_share(drawn, spaces[name][0], Chain()) >= 1 - MAX_LOST:
                said = (
                    f"{path.name} has a grid of its own and is laid by position on the {name}, the nearest label each"
                )
                return name, spaces[name][1], {"GridOfItsOwn": said}, [said]
        raise InputError(
            "labels lie on the grid of none of the session's images, and outside of all", file=path,
            expected=f"{', '.join(spaces)}, or space- in the name",
        )  # fmt: skip
    first = fitting[0]
    apart = {name: _apart(drawn, spaces[first][1], spaces[name][1]) for name in fitting[1:]}
    doubtful = {name: mm for name, mm in apart.items() if mm > 0.5 * drawn.voxel_size.min()}
    if not doubtful:
        return first, spaces[first][1], {}, []
    others = ", ".join(f"{name} ({mm:.1f} mm elsewhere)" for name, mm in doubtful.items())
    warning = (
        f"{path.name} is taken as drawn on the {first}; {others} has the same grid: say which by space- in its name or "
        "by anatomy.drawn_on"
    )
    return first, spaces[first][1], {"Doubt": warning}, [warning]


def check_lesions(
    placed: Placed, path: Path, *, brain: Volume, priors: Mapping[str, Volume], flair: Volume | None
) -> tuple[dict, list[str]]:
    """Measure where lesions lie, and refuse those that cannot be.

    Parameters
    ----------
    placed : Placed
        Of `read_lesions`.
    path : Path
        Its file.
    brain : Volume
        Brain mask of the anatomical image.
    priors : mapping of str to Volume
        ``WM``, ``GM``, ``CSF`` on the grid of the brain mask.
    flair : Volume or None
        In the world that the lesions were drawn in, where they were drawn on it.

    Returns
    -------
    notes : dict
        ``FractionsByTemplate``, and ``BrightnessOnFLAIR`` in robust standard deviations of white matter.
    warnings : list of str
        Where a turned copy lies better or is brighter.

    Raises
    ------
    InputError
        Where most lie in fluid or outside the brain, or they are not bright on FLAIR and a turned copy is.
    """
    index = np.argwhere(placed.labels.voxels > 0)
    if not len(index):
        return {}, []
    own = world_points(placed.labels, index[:: max(len(index) // POINTS, 1)].T)
    copies = _turned(placed.labels, own)
    inside = brain.like((brain.voxels > 0).astype(np.float32))
    maps = [*(priors[name] for name in ("WM", "GM", "CSF")), inside]

    def fractions(points: np.ndarray) -> np.ndarray:
        there = placed.chain.map_points(points)
        white, grey, fluid, in_brain = (nearest_values(image, there).mean() for image in maps)
        total = max(white + grey + fluid, 1e-6)
        return np.append(np.array([white, grey, fluid]) / total * in_brain, 1 - in_brain)

    found = fractions(own)
    notes = {"FractionsByTemplate": dict(zip(("WM", "GM", "CSF", "Outside"), found.round(4).tolist(), strict=True))}
    if found[2] + found[3] > MAX_MISPLACED:
        raise InputError(
            "most of the lesion mask lies in fluid or outside the brain", file=path,
            found=f"{found[2]:.0%} in fluid, {found[3]:.0%} outside", expected=f"at most {MAX_MISPLACED:.0%}",
        )  # fmt: skip
    if flair is not None:
        return notes, _check_brightness(flair, own, copies, placed, maps[0], path, notes)
    best = max((fractions(copy) for copy in copies), key=_plausible)
    volume = len(index) * placed.labels.voxel_volume * 1e-3
    if volume >= TURNED_FROM and _plausible(best) - _plausible(found) > TURNED:
        return notes, [f"{path.name} may be turned or mirrored: {best[0]:.0%} of a turned copy lie in white matter, "
                       f"{found[0]:.0%} of the mask as it is"]  # fmt: skip
    return notes, []


def _check_brightness(
    flair: Volume, own: np.ndarray, copies: list, placed: Placed, white: Volume, path: Path, notes: dict
) -> list[str]:
    """Compare the FLAIR under the mask with white matter, and with turned copies; give warnings."""
    grid = np.indices(flair.voxels.shape)[:, ::2, ::2, ::2].reshape(3, -1)
    is_white = nearest_values(white, placed.chain.map_points(world_points(flair, grid))) > 0.9
    values = flair.voxels[tuple(grid[:, is_white])]
    if values.size < 100:
        return []
    middle = float(np.median(values))
    spread = max(1.4826 * float(np.median(np.abs(values - middle))), 1e-6)

    def brightness(points: np.ndarray) -> float:
        return float((np.median(nearest_values(flair, points)) - middle) / spread)

    here, best = brightness(own), max(map(brightness, copies))
    notes["BrightnessOnFLAIR"] = round(here, 3)
    if best - here <= BRIGHTER:
        return []
    if here < (least := max(MIN_BRIGHT, MIN_SHARE * best)):
        raise InputError(
            "the lesion mask does not lie on the lesions: it is turned or mirrored, or another head's", file=path,
            found=f"{here:.1f} standard deviations brighter than white matter on the FLAIR, a turned copy {best:.1f}",
            expected=f"at least {least:.1f}",
        )  # fmt: skip
    if here < DOUBTFUL_SHARE * best:
        return [f"{path.name} may be turned or mirrored: the FLAIR is {here:.1f} standard deviations of white matter "
                f"brighter under it, under a turned copy {best:.1f}"]  # fmt: skip
    return []


def _plausible(fractions: np.ndarray) -> float:
    """White matter less fluid and outside."""
    return float(fractions[0] - fractions[2] - fractions[3])


def _turned(grid: Volume, points: np.ndarray) -> list[np.ndarray]:
    """Turn points about the middle of a grid, by 90 degrees and in mirrors along its own axes: 47 copies."""
    axes = grid.affine[:3, :3] / grid.voxel_size
    middle = world_points(grid, (np.array(grid.voxels.shape[:3])[:, None] - 1) / 2)
    along = axes.T @ (points - middle)
    copies = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            if order != (0, 1, 2) or -1 in signs:
                copies.append(axes @ (along[list(order)] * np.array(signs)[:, None]) + middle)
    return copies


def _apart(drawn: Volume, one: Chain, other: Chain) -> float:
    """Largest distance in mm between two ways for what was drawn."""
    index = np.argwhere(drawn.voxels > 0)
    if not len(index):
        return 0.0
    points = world_points(drawn, index[:: max(len(index) // POINTS, 1)].T)
    return float(np.linalg.norm(one.map_points(points) - other.map_points(points), axis=0).max())
