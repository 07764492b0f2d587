"""Figures: one style, files that are the same on a re-run, and a mark on what comes from simulated subjects."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import STEP_LOOKUP_MAP, Line2D
from PIL import Image

from chiomics.core.files import atomic_write
from chiomics.core.origin import mark_of

# Names in data are no formulas: two dollars in a region's or a group's name would be read as one, or end the figure.
mpl.rcParams["text.parse_math"] = False

#: Width of two columns of a journal page, in inches.
TWO_COLUMNS = 7.2
#: Colours that readers with any colour vision tell apart (Tol's bright scheme).
COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#BBBBBB", "#222222")
#: Colours of regions on pictures and pages: deep grey nuclei (Yan et al. 2021), tracts (Fiscone et al. 2023).
#: Found by search: no two of a set are nearer than ΔE 16 (CIEDE2000) to normal or colour-blind eyes, all light on dark
#: images; a test measures it.
NUCLEUS_COLOURS = {
    "HCN": "#9999FF",
    "PUT": "#33FFCC",
    "GP": "#FF0000",
    "THA": "#CC3399",
    "SN": "#CCFF33",
    "RN": "#FFCCFF",
    "DN": "#009966",
}
TRACT_COLOURS = {
    "AF": "#33FFCC",
    "CST": "#CC00FF",
    "FAT": "#FF0000",
    "IFOF": "#CCFF00",
    "OR": "#009966",
    "UF": "#FF99FF",
}
STYLE = {
    "axes.prop_cycle": mpl.cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "figure.dpi": 100,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "savefig.dpi": 300,
    "svg.fonttype": "none",
    "svg.hashsalt": "chiomics",
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
}
#: Inches at the top of a figure that stay free for the mark of simulated subjects.
HEAD = 0.16
NOTE_SIZE = 6.5
#: Colours of a PNG, as many as a byte holds.
COLOURS_OF_PNG = 256
#: Letters per inch at that size, measured on running English text.
LETTERS_PER_INCH = 21
#: Letters of a line across a page in the style's own size, with capitals and digits of paths in it.
REASON_LETTERS = 95

#: Said under a figure where it happens.
EQUAL_NOTE = "Curves that lie on one another are dashed in turn."
#: Distance, in parts of the panel, below which curves cannot be told apart: half a line in a panel of three inches.
CLOSE = 0.003
#: Points along each curve that are compared.
POINTS = 400
#: What matplotlib calls the lines of box plots and of error bars, which are no curves.
PART_OF_BOXES = "_nolegend_"
#: Length of a dash in line widths.
DASH = 4.0


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw in the project's style within the block, and leave no figure open."""
    with mpl.rc_context(STYLE):
        try:
            yield
        finally:
            plt.close("all")


def save_figure(figure: Figure, *paths: str | Path, simulated: bool | str) -> None:
    """Write a figure to one or several files, PNG or SVG, whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Drawn within `figure_style`.
    *paths : path-like
        Files, the format by their ending.
    simulated : bool or str
        Whether the subjects are simulated, or how many of them: it is then said on the figure's face.
    """
    if simulated:
        mark_simulated(figure, simulated=simulated)
    for path in map(Path, paths):
        options: dict[str, Any] = {"metadata": {"Date": None}}
        if path.suffix == ".png":  # compressed well when it has few colours, a moment later
            options = {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 1}}
        with mpl.rc_context(STYLE), atomic_write(path) as temporary:
            figure.savefig(temporary, bbox_inches="tight", **options)
            if path.suffix == ".png":
                shrink_png(temporary)


def shrink_png(path: str | Path) -> None:
    """Write a PNG anew with the 256 colours that stand for its own best, a third of the bytes, without dithering.

    Parameters
    ----------
    path : path-like
        The picture, which is opaque; its resolution is kept.
    """
    with Image.open(path) as picture:
        resolution = picture.info.get("dpi")
        few = picture.convert("RGB").quantize(COLOURS_OF_PNG, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(path, optimize=True, **({"dpi": resolution} if resolution else {}))


def mark_simulated(figure: Figure, *, simulated: bool | str = True) -> None:
    """Say in a figure's upper right corner that its subjects are simulated, or how many of them."""
    figure.text(0.995, 0.995, mark_of(simulated), ha="right", va="top", fontsize=7, color="#BB0000", weight="bold")


def keep_head_free(figure: Figure) -> None:
    """Keep the top of a figure in constrained layout free for that mark."""
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - HEAD / figure.get_figheight()))


def save_figures(figures: Mapping[str, Figure], folder: str | Path, *, simulated: bool | str) -> None:
    """Write figures by their names into a folder, each as PNG and as SVG; `simulated` as of `save_figure`."""
    for name, figure in figures.items():
        save_figure(figure, Path(folder, f"{name}.png"), Path(folder, f"{name}.svg"), simulated=simulated)


def blank(*, height: float) -> Figure:
    """Open a figure of two columns in the project's style, its head kept free; draw in `figure_style` too.

    Parameters
    ----------
    height : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        Without panels.
    """
    with figure_style():
        figure = Figure(figsize=(TWO_COLUMNS, height), layout="constrained")
        keep_head_free(figure)
        return figure


def add_note(figure: Figure, *lines: str) -> None:
    """Write lines under a finished figure, broken at its width, below whatever reaches beyond its lower edge.

    Curves that lie on one another are dashed in turn, which is said too.
    """
    equal = part_equal_curves(figure)
    said = [line for line in (*lines, EQUAL_NOTE if equal else "") if line]
    if said:
        letters = int(figure.get_figwidth() * LETTERS_PER_INCH)
        text = "\n".join("\n".join(textwrap.wrap(line, letters)) for line in said)
        lowest = min(0.0, _lowest(figure))
        figure.text(0.005, lowest - 0.01, text, ha="left", va="top", fontsize=NOTE_SIZE, color="0.25", linespacing=1.3)


def _lowest(figure: Figure) -> float:
    """Find the lower edge of all that is drawn, as a part of the figure's height."""
    figure.draw_without_rendering()
    boxes = [axis.get_tightbbox() for axis in figure.axes if axis.get_visible()]
    legends = [*figure.legends, *(axis.get_legend() for axis in figure.axes if axis.get_visible())]
    boxes += [legend.get_window_extent() for legend in legends if legend is not None]
    return min((box.y0 for box in boxes if box is not None), default=0.0) / figure.bbox.height


def short(name: str, letters: int = 18) -> str:
    """Shorten a long name in its middle, so that names that end differently stay apart.

    >>> short("superior longitudinal fasciculus II")
    'superior l…culus II'
    """
    return name if len(name) <= letters + 1 else f"{name[: letters - 8]}…{name[-8:]}"


def letter(axis: Axes, name: str) -> None:
    """Mark a panel with its letter, above its upper left corner."""
    axis.annotate(
        name, (0, 1), xycoords="axes fraction", xytext=(-4, 5), textcoords="offset points",
        fontsize=9, weight="bold", ha="right", va="bottom",
    )  # fmt: skip


def left_out(why: str) -> Figure:
    """Make a page that says why a figure is left out."""
    lines = textwrap.wrap(f"Left out: {why}.", REASON_LETTERS)
    with figure_style():
        figure = blank(height=1.0 + 0.2 * len(lines))
        figure.text(0.5, 0.45, "\n".join(lines), ha="center", va="center")
    return figure


def part_equal_curves(figure: Figure) -> bool:
    """Dash the solid curves of each panel that are the same all along, each where the others leave gaps.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Drawn, with the limits of its panels.

    Returns
    -------
    bool
        Whether there were such curves.
    """
    found = False
    for axis in figure.axes:
        groups: list[tuple[np.ndarray, list[Line2D]]] = []
        for line in axis.get_lines():
            course = _course(axis, line)
            if course is None:
                continue
            same = next((lines for other, lines in groups if np.abs(other - course).max() < CLOSE), None)
            if same is None:
                groups.append((course, [line]))
            else:
                same.append(line)
        for _, lines in groups:
            found |= len(lines) > 1
            for place, line in enumerate(lines if len(lines) > 1 else []):
                gap = (len(lines) - 1) * DASH
                line.set_linestyle((-place * DASH % (DASH + gap), (DASH, gap)))
                line.set_markevery((place % len(line.get_xdata()), len(lines)))
    return found


def _course(axis: Axes, line: Line2D) -> np.ndarray | None:
    """Return points at equal distances along a solid curve, in parts of the panel; None for other lines."""
    if line.get_label() == PART_OF_BOXES or line.get_linestyle() != "-" or not line.get_visible():
        return None
    if line.get_transform() != axis.transData:
        return None
    x, y = (np.asarray(values, float) for values in line.get_data())
    x, y = np.asarray(STEP_LOOKUP_MAP[line.get_drawstyle()](x, y))
    points = (axis.transData - axis.transAxes).transform(np.column_stack([x, y]))
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) < 2:
        return None
    along = np.append(0, np.cumsum(np.hypot(*np.diff(points, axis=0).T)))
    if along[-1] == 0:
        return None
    at = np.linspace(0, along[-1], POINTS)
    return np.column_stack([np.interp(at, along, points[:, 0]), np.interp(at, along, points[:, 1])])
