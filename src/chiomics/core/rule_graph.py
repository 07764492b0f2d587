"""The workflow as a figure, drawn from the graph of the rules that made the results.

What the studies show as the flowchart of their steps: Fiscone et al. 2023, Fig. 1; Yan et al. 2021, Fig. 3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

import matplotlib as mpl
import matplotlib.font_manager
import matplotlib.textpath
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chiomics.core.errors import InputError
from chiomics.core.figures import COLOURS, STYLE, TWO_COLUMNS, add_note, blank, figure_style
from chiomics.core.layered_layout import place_layers, transitive_reduction

#: What the stages are for, in the order of the workflow.
STAGES = {
    "phantom": "simulated subjects",
    "index": "index",
    "qsm": "susceptibility maps",
    "anatomy": "registration and regions",
    "radiomics": "radiomic features",
    "robustness": "robustness",
    "diagnosis": "diagnosis",
    "report": "report",
}
OTHER = "targets and further rules"
STAGE_COLOURS = dict(
    zip(STAGES, (COLOURS[6], COLOURS[4], *COLOURS[:3], COLOURS[5], "#EE9944", COLOURS[3]), strict=True)
)
#: Inches: height of a box, from one layer to the next, between boxes, and around a box's text.
BOX, STEP, GAP, PADDING = 0.27, 0.54, 0.16, 0.1
#: Inches that the layers may take on a journal's page; deeper graphs are pushed together.
TALLEST = 8.4
#: Of the text: its size in points, and letters on one line before it is broken at an underscore.
TEXT_SIZE, ONE_LINE = 6.5, 15
POINTS_PER_INCH = 72

_NODE = re.compile(r'^\s*"?(\w+)"?\s*\[.*?label\s*=\s*"((?:[^"\\]|\\.)*)"')
_EDGE = re.compile(r'^\s*"?(\w+)"?\s*->\s*"?(\w+)"?')


def read_rule_graph(dot: str) -> list[tuple[str, str]]:
    """Read the edges of ``snakemake --rulegraph``.

    Parameters
    ----------
    dot : str
        What the command prints.

    Returns
    -------
    list of (str, str)
        Rule and the rule that uses what it makes.

    Raises
    ------
    InputError
        Where there is no edge.
    """
    nodes = [match.groups() for line in dot.splitlines() if "->" not in line and (match := _NODE.match(line))]
    names = {number: re.split(r"\\n", label)[0] for number, label in nodes}
    edges = [match.groups() for line in dot.splitlines() if (match := _EDGE.match(line))]
    if not edges:
        raise InputError("the graph of the rules has no edge", expected="the text of snakemake --rulegraph")
    return sorted({(names.get(tail, tail), names.get(head, head)) for tail, head in edges})


def upstream_of(edges: Sequence[tuple[str, str]], rule: str) -> list[tuple[str, str]]:
    """Keep the edges that lead to a rule: what the other targets of a run need is no part of its workflow.

    Parameters
    ----------
    edges : sequence of (str, str)
        Rule and the rule that uses what it makes.
    rule : str
        The last one.

    Returns
    -------
    list of (str, str)
        In the order of `edges`.
    """
    needed = {rule}
    while more := {tail for tail, head in edges if head in needed} - needed:
        needed |= more
    return [(tail, head) for tail, head in edges if head in needed]


def draw_workflow(edges: Sequence[tuple[str, str]], *, stages: Mapping[str, str] | None = None) -> Figure:
    """Draw the rules from top to bottom, an arrow from each to those that use what it makes.

    Parameters
    ----------
    edges : sequence of (str, str)
        Rule and the rule that uses what it makes.
    stages : mapping of str to str, optional
        Rule to its stage, one of `STAGES`, for the colours.

    Returns
    -------
    matplotlib.figure.Figure
        Arrows that others imply are left out.

    Raises
    ------
    InputError
        Where the rules close a circle, or there is none.
    """
    if not edges:
        raise InputError("the graph of the rules has no edge", expected="at least one rule that another one uses")
    drawn = transitive_reduction(edges)
    labels = {name: _label(name) for edge in drawn for name in edge}
    widths = {name: _width(text) + 2 * PADDING for name, text in labels.items()}
    places, ways = place_layers(drawn, widths, gap=GAP)
    width = max(x + widths[name] / 2 for name, (x, _) in places.items())
    depth = 1 + max(layer for _, layer in places.values())
    scale = min(1.0, TWO_COLUMNS / width)
    with figure_style():
        step = min(STEP, TALLEST / depth)
        figure = blank(height=step * depth + 0.55)
        axis = figure.subplots()
        axis.set_axis_off()
        middle = (max(TWO_COLUMNS, width) - width) / 2
        axis.set_xlim(-middle, width + middle)
        axis.set_ylim(step * (depth - 1) + 0.6 * BOX, -0.6 * BOX)
        for way in ways.values():
            _arrow(axis, [(x, step * layer) for x, layer in way])
        of = dict(stages or {})
        for name, (x, layer) in places.items():
            _box(axis, labels[name], (x, step * layer), widths[name], _stage(name, of), TEXT_SIZE * scale)
        _legend(figure, [_stage(name, of) for name in places])
        add_note(
            figure,
            "Rules of the workflow, each above those that use what it makes; arrows that others imply are left out.",
        )
    return figure


def _label(name: str) -> str:
    """Break a long rule name at the underscore nearest to its middle."""
    if len(name) <= ONE_LINE or "_" not in name:
        return name
    cuts = [match.end() for match in re.finditer("_", name)]
    cut = min(cuts, key=lambda place: abs(place - len(name) / 2))
    return f"{name[:cut]}\n{name[cut:]}"


def _width(text: str) -> float:
    """Measure a text of one or more lines, in inches."""
    font = mpl.font_manager.FontProperties(family=STYLE["font.family"])
    lines = [mpl.textpath.TextPath((0, 0), line, size=TEXT_SIZE, prop=font) for line in text.split("\n")]
    return max(line.get_extents().width for line in lines) / POINTS_PER_INCH


def _stage(name: str, stages: Mapping[str, str]) -> str:
    """Give a rule's stage; rules that are there once per kind of session differ by a number at the end."""
    stage = stages.get(name) or stages.get(re.sub(r"_\d+$", "", name), OTHER)
    return stage if stage in STAGES else OTHER


def _box(axis: Axes, text: str, centre: tuple[float, float], width: float, stage: str, size: float) -> None:
    x, y = centre
    colour = STAGE_COLOURS.get(stage, "0.45")
    axis.add_patch(
        mpl.patches.FancyBboxPatch(
            (x - width / 2, y - BOX / 2), width, BOX, boxstyle="round,pad=0,rounding_size=0.06",
            facecolor=_tint(colour), edgecolor=colour, linewidth=1, zorder=2,
        )
    )  # fmt: skip
    axis.text(x, y, text, ha="center", va="center", fontsize=size, linespacing=1.0, zorder=3)


def _tint(colour: str) -> tuple[float, ...]:
    return tuple(1 - 0.18 * (1 - part) for part in mpl.colors.to_rgb(colour))


def _arrow(axis: Axes, points: list[tuple[float, float]]) -> None:
    """Draw a smooth arrow through points, upright where it passes a layer."""
    start, end = points[0], points[-1]
    points[0], points[-1] = (start[0], start[1] + BOX / 2), (end[0], end[1] - BOX / 2 - 0.02)
    corners, codes = [points[0]], [mpl.path.Path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        half = (y0 + y1) / 2
        corners += [(x0, half), (x1, half), (x1, y1)]
        codes += [mpl.path.Path.CURVE4] * 3
    axis.add_patch(
        mpl.patches.FancyArrowPatch(
            path=mpl.path.Path(corners, codes), arrowstyle="-|>,head_length=2.6,head_width=1.3",
            color="0.35", linewidth=0.8, zorder=1, shrinkA=0, shrinkB=0,
        )
    )  # fmt: skip


def _legend(figure: Figure, present: Sequence[str]) -> None:
    handles = [
        mpl.patches.Patch(facecolor=_tint(colour), edgecolor=colour, label=STAGES.get(stage, stage))
        for stage, colour in {**STAGE_COLOURS, OTHER: "0.45"}.items()
        if stage in present
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=3, fontsize=6.5, handlelength=1.2)
