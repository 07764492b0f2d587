"""The cohort's atlas as a figure, after Fig 5 of Fiscone et al. (2023): where χ varies between controls.

a, variance within the tracts on the template; b, mean χ; c, variance over mean χ; d, variance of each tract alone, from
the side on which the paper shows it. In a and d the largest value along the line of sight is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from chiomics.anatomy.cohort.atlas import TRACT_SHARE, CohortAtlas
from chiomics.core.figures import TWO_COLUMNS, add_note, figure_style, keep_head_free, save_figure
from chiomics.core.space.orientation import NearestRAS
from chiomics.core.space.volume import Volume

#: Display range of mean χ in ppm, and the percentile of the variance at which colours saturate.
CHI_RANGE, BRIGHTEST = 0.1, 99.0
#: Variance is shown in this unit, ppm².
UNIT, UNIT_NAME = 1e-3, "10⁻³ ppm²"
#: Axis along which each tract is looked at: 0 from the side, 1 from the front, 2 from above.
VIEWS = {"AF": 0, "IFOF": 0, "UF": 0, "CST": 1, "FAT": 1, "OR": 2}
VIEW_NAMES = ("left side", "from the front", "from above")
#: Letters at the left and the right edge of a slice, per view.
EDGES = (("P", "A"), ("L", "R"), ("L", "R"))
#: Template point in mm through which the slices of a to c go: basal ganglia.
CENTRE = (24.0, -4.0, 2.0)
COLOUR_MAP = "inferno"


def draw_cohort_atlas(
    atlas: CohortAtlas,
    anatomy: Volume,
    tracts: Mapping[tuple[str, str], Volume],
    *paths: str | Path,
    cohort: str,
    simulated: bool | str,
) -> None:
    """Draw and write the figure.

    Parameters
    ----------
    atlas : CohortAtlas
        Of the controls.
    anatomy : Volume
        Template's T1w on the same grid.
    tracts : mapping of (str, str) to Volume
        As in `chiomics.anatomy.cohort.atlas.summarise_tracts`; without tracts a and d are left out.
    *paths : path-like
        PNG and SVG files.
    cohort : str
        Who the subjects are, for the title.
    simulated : bool or str
        Whether they are simulated, or how many of them.
    """
    scene = _Scene(atlas, anatomy, tracts)
    names = list(dict.fromkeys(name for name, _ in tracts))
    rows = ["a", "b", "c"] if names else ["b", "c"]
    tract_rows = -(-len(names) // 3)
    with figure_style():
        figure = Figure(figsize=(TWO_COLUMNS, 1.95 * (len(rows) + tract_rows) + 0.4), layout="constrained")
        grid = figure.add_gridspec(len(rows) + tract_rows, 4, width_ratios=(1, 1, 1, 0.04))
        figure.suptitle(f"χ over {cohort}", fontsize=9)
        bars = {
            "b": (ScalarMappable(Normalize(-CHI_RANGE, CHI_RANGE), "gray"), "mean χ (ppm)"),
            "c": (ScalarMappable(Normalize(0, scene.brightest / UNIT), COLOUR_MAP), f"variance ({UNIT_NAME})"),
        }
        titles = {"a": "variance in the tracts", "b": "mean χ", "c": "variance on mean χ"}
        for row, letter in enumerate(rows):
            for view in range(3):
                axes = figure.add_subplot(grid[row, view])
                scene.draw_slice(axes, letter, view)
                if view == 0:
                    _title(axes, letter, titles[letter])
            mappable, label = bars["c" if letter == "a" else letter]
            figure.colorbar(mappable, cax=figure.add_subplot(grid[row, 3]), label=label)
        for number, name in enumerate(names):
            axes = figure.add_subplot(grid[len(rows) + number // 3, number % 3])
            view = scene.draw_tract(axes, name)
            _title(axes, "d" if number == 0 else "", f"{name}, {VIEW_NAMES[view]}")
        if names:
            mappable, label = bars["c"]
            figure.colorbar(mappable, cax=figure.add_subplot(grid[len(rows) :, 3]), label=label)
        save_figure(figure, *paths, simulated=simulated)


#: Supplementary figures of Fiscone et al. (2023) that show the variance in one tract: background and side of each.
OVERLAYS = {
    "S2": ("MNI152", "L"),
    "S3": ("MNI152", "R"),
    "S4": ("mean χ", "L"),
    "S5": ("mean χ", "R"),
}  # fmt: skip


def draw_tract_overlays(
    atlas: CohortAtlas,
    anatomy: Volume,
    tracts: Mapping[tuple[str, str], Volume],
    paths: Mapping[str, Sequence[str | Path]],
    *,
    name: str = "CST",
    simulated: bool | str,
) -> None:
    """Draw the variance within one tract over the template and over the atlas of χ, in three planes, side by side.

    The paper's text says that Supplementary Figures S2 to S5 show the corticospinal tract so, but not which is which:
    `OVERLAYS` is our choice.

    Parameters
    ----------
    atlas, anatomy, tracts
        As of `draw_cohort_atlas`.
    paths : mapping of str to sequence of path-like
        PNG and SVG files by the figure's number, see `OVERLAYS`.
    name : str
        The tract.
    simulated : bool or str
        Whether the subjects are simulated, or how many of them.
    """
    scene = _Scene(atlas, anatomy, tracts)
    for number, files in paths.items():
        background, side = OVERLAYS[number]
        mask = scene.tracts.get((name, side), np.zeros_like(scene.seen))
        with figure_style():
            figure = Figure(figsize=(TWO_COLUMNS, 2.6), layout="constrained")
            keep_head_free(figure)
            axes = figure.subplots(1, 3)
            for view, axis in enumerate(axes):
                scene.draw_overlay(axis, view, mask, on_template=background == "MNI152")
            words = {"L": "left", "R": "right"}[side]
            axes[0].set_title(f"{name}, {words}, on {background}", loc="left")
            mappable = ScalarMappable(Normalize(0, scene.brightest / UNIT), COLOUR_MAP)
            figure.colorbar(mappable, ax=axes, label=f"variance ({UNIT_NAME})", fraction=0.03)
            if not mask.any():
                add_note(figure, f"No voxel of {name} on this side was seen in enough sessions.")
            save_figure(figure, *files, simulated=simulated)


def _title(axes: Axes, letter: str, text: str) -> None:
    """Put a panel's letter, in bold, before its title; dollars of the title are its own."""
    text = text.replace("$", r"\$")
    axes.set_title(f"$\\bf{{{letter}}}$  {text}" if letter else text, loc="left", parse_math=True)


class _Scene:
    """The images in right-anterior-superior order, cropped to what was seen."""

    def __init__(self, atlas: CohortAtlas, anatomy: Volume, tracts: Mapping[tuple[str, str], Volume]) -> None:
        to_ras = NearestRAS(atlas.mean.affine, atlas.mean.voxels.shape)
        seen = to_ras(atlas.seen.voxels) > 0
        box = tuple(
            slice(max(along[0] - 3, 0), along[-1] + 4)
            for along in (np.flatnonzero(seen.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3))
        )

        def ordered(voxels: np.ndarray) -> np.ndarray:
            return to_ras(voxels)[box]

        self.seen = seen[box]
        self.anatomy, self.variance = ordered(anatomy.voxels), ordered(atlas.variance.voxels)
        # What was not seen is black.
        self.mean = np.where(self.seen, ordered(atlas.mean.voxels), -CHI_RANGE)
        self.tracts = {key: ordered(mask.voxels >= TRACT_SHARE) & self.seen for key, mask in tracts.items()}
        self.in_tracts = np.logical_or.reduce(list(self.tracts.values()) or [np.zeros_like(self.seen)])
        shown = self.in_tracts if self.in_tracts.any() else self.seen
        self.brightest = float(np.percentile(self.variance[shown], BRIGHTEST)) or float(np.finfo(np.float32).tiny)
        centre = np.linalg.solve(to_ras.affine, [*CENTRE, 1])[:3] - [part.start for part in box]
        self.centre = np.clip(np.rint(centre).astype(int), 0, np.array(self.seen.shape) - 1)
        self.voxel_size = to_ras.voxel_size

    def draw_slice(self, axes: mpl.axes.Axes, letter: str, view: int) -> None:
        """Draw one slice of row a, b or c."""
        place = self.centre[view]
        if letter == "a":
            self._show(axes, view, np.take(self.anatomy, place, view), "gray", (0, 1.1 * float(self.anatomy.max())))
            self._project(axes, view, self.in_tracts)
            return
        self._show(axes, view, np.take(self.mean, place, view), "gray", (-CHI_RANGE, CHI_RANGE))
        if letter == "c":
            variance = np.take(np.where(self.seen, self.variance, 0), place, view)
            # Little variance is see-through, so that χ below can be read.
            self._show(axes, view, variance, COLOUR_MAP, (0, self.brightest), np.clip(variance / self.brightest, 0, 1))

    def draw_tract(self, axes: mpl.axes.Axes, name: str) -> int:
        """Draw the variance of a tract on the slice of χ that holds most of it, and give the view."""
        view = VIEWS.get(name, 0)
        sides = {side: mask for (tract, side), mask in self.tracts.items() if tract == name}
        shown = {"L": sides["L"]} if view == 0 and "L" in sides else sides
        mask = np.logical_or.reduce(list(shown.values()))
        along = mask.sum(axis=tuple({0, 1, 2} - {view}))
        place = int(np.argmax(along)) if along.any() else int(self.centre[view])
        self._show(axes, view, np.take(self.mean, place, view), "gray", (-CHI_RANGE, CHI_RANGE))
        self._project(axes, view, mask)
        return view

    def draw_overlay(self, axes: mpl.axes.Axes, view: int, mask: np.ndarray, *, on_template: bool) -> None:
        """Draw the variance in a mask over the slice of the template, or of χ, that holds most of it."""
        along = mask.sum(axis=tuple({0, 1, 2} - {view}))
        place = int(np.argmax(along)) if along.any() else int(self.centre[view])
        top = 1.1 * float(self.anatomy.max())
        below, limits = (self.anatomy, (0, top)) if on_template else (self.mean, (-CHI_RANGE, CHI_RANGE))
        self._show(axes, view, np.take(below, place, view), "gray", limits)
        self._project(axes, view, mask)

    def _project(self, axes: mpl.axes.Axes, view: int, mask: np.ndarray) -> None:
        variance = np.where(mask, self.variance, 0).max(axis=view)
        self._show(axes, view, variance, COLOUR_MAP, (0, self.brightest), mask.any(axis=view).astype(np.float32))

    def _show(
        self,
        axes: mpl.axes.Axes,
        view: int,
        picture: np.ndarray,
        colours: str,
        limits: tuple[float, float],
        alpha: np.ndarray | None = None,
    ) -> None:
        across, up = (axis for axis in range(3) if axis != view)
        axes.imshow(
            picture.T, origin="lower", cmap=colours, vmin=limits[0], vmax=limits[1], interpolation="nearest",
            alpha=None if alpha is None else alpha.T, aspect=self.voxel_size[up] / self.voxel_size[across],
        )  # fmt: skip
        axes.set_axis_off()
        axes.set_anchor("N")
        if alpha is None:
            for place, align, letter in zip((0.02, 0.98), ("left", "right"), EDGES[view], strict=True):
                axes.text(place, 0.03, letter, transform=axes.transAxes, ha=align, color="#66CCEE", fontsize=7)
