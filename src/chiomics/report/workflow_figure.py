"""The workflow as a figure, drawn from the graph of the rules that made the results.

What the studies show as the flowchart of their steps: Fiscone et al. 2023, Fig. 1; Yan et al. 2021, Fig. 3.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.font_manager
import matplotlib.textpath
import networkx as nx
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chiomics.core.errors import InputError
from chiomics.core.figures import COLOURS, STYLE, TWO_COLUMNS, add_note, blank, figure_style
from chiomics.report.layered_layout import place_layers, transitive_reduction

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
#: Of what a rule does, below its name: size in points, letters on a line, and the height of a line against the name's.
SMALL, LETTERS_ABOUT, LINE_RATIO = 5.5, 44, 0.85
#: Inches from one line to the next.
LINE = 0.11
POINTS_PER_INCH = 72

#: Numbers of the specification at the end of a docstring, which readers of a figure do not know.
_REFERENCE = re.compile(r"\s*\([A-Z]-\d[^)]*\)")
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
    graph = nx.DiGraph(edges)
    needed = {rule} | (nx.ancestors(graph, rule) if rule in graph else set())
    return [(tail, head) for tail, head in edges if head in needed]


def draw_workflow(
    edges: Sequence[tuple[str, str]],
    *,
    stages: Mapping[str, str] | None = None,
    about: Mapping[str, str] | None = None,
) -> Figure:
    """Draw the rules from top to bottom, an arrow from each to those that use what it makes.

    Parameters
    ----------
    edges : sequence of (str, str)
        Rule and the rule that uses what it makes.
    stages : mapping of str to str, optional
        Rule to its stage, one of `STAGES`, for the colours.
    about : mapping of str to str, optional
        Rule to what it does, its docstring for instance; written into the boxes where all fit on a page.

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
    names = list(dict.fromkeys(name for edge in drawn for name in edge))
    boxes = {name: _texts(name, _find(name, about or {}, "")) for name in names}
    plan = _plan(drawn, boxes)
    if about and (plan.width > TWO_COLUMNS or plan.step * plan.depth > TALLEST):
        boxes = {name: _texts(name, "") for name in names}
        plan = _plan(drawn, boxes)
    scale, step = min(1.0, TWO_COLUMNS / plan.width), min(plan.step, TALLEST / plan.depth)
    with figure_style():
        figure = blank(height=step * plan.depth + 0.55)
        axis = figure.subplots()
        axis.set_axis_off()
        margin = (max(TWO_COLUMNS, plan.width) - plan.width) / 2
        axis.set_xlim(-margin, plan.width + margin)
        axis.set_ylim(step * (plan.depth - 1) + 0.6 * plan.box, -0.6 * plan.box)
        for way in plan.ways.values():
            _arrow(axis, [(x, step * layer) for x, layer in way], plan.box)
        of = dict(stages or {})
        for name, (x, layer) in plan.places.items():
            _box(axis, boxes[name], (x, step * layer), (plan.widths[name], plan.box), _stage(name, of), scale)
        _legend(figure, [_stage(name, of) for name in plan.places])
        add_note(
            figure,
            "Rules of the workflow, each above those that use what it makes; arrows that others imply are left out.",
        )
    return figure


class _Plan(NamedTuple):
    """Where everything goes, in inches and layers."""

    places: dict
    ways: dict
    widths: dict
    width: float
    depth: int
    box: float
    step: float


def _plan(edges: list[tuple[str, str]], boxes: Mapping[str, tuple[str, str]]) -> _Plan:
    """Measure the boxes and place them."""
    widths = {
        name: max(_width(head, TEXT_SIZE), _width(text, SMALL)) + 2 * PADDING for name, (head, text) in boxes.items()
    }
    lines = max(head.count("\n") + 1 + LINE_RATIO * _lines(text) for head, text in boxes.values())
    box = BOX + LINE * max(lines - 2, 0)
    places, ways = place_layers(edges, widths, gap=GAP)
    width = max(x + widths[name] / 2 for name, (x, _) in places.items())
    depth = 1 + max(layer for _, layer in places.values())
    return _Plan(places, ways, widths, width, depth, box, box + STEP - BOX)


def _texts(name: str, about: str) -> tuple[str, str]:
    """Return the two texts of a box: the rule's name, broken where it stands alone and is long, and what it does."""
    if about:
        return name, "\n".join(textwrap.wrap(_REFERENCE.sub("", about).rstrip("."), LETTERS_ABOUT))
    return _label(name), ""


def _label(name: str) -> str:
    """Break a long rule name at the underscore nearest to its middle."""
    if len(name) <= ONE_LINE or "_" not in name:
        return name
    cuts = [match.end() for match in re.finditer("_", name)]
    cut = min(cuts, key=lambda place: abs(place - len(name) / 2))
    return f"{name[:cut]}\n{name[cut:]}"


def _lines(text: str) -> int:
    return text.count("\n") + 1 if text else 0


def _width(text: str, size: float) -> float:
    """Measure a text of one or more lines, in inches."""
    if not text:
        return 0.0
    font = mpl.font_manager.FontProperties(family=STYLE["font.family"])
    lines = [mpl.textpath.TextPath((0, 0), line, size=size, prop=font) for line in text.split("\n")]
    return max(line.get_extents().width for line in lines) / POINTS_PER_INCH


def _find(name: str, known: Mapping[str, str], otherwise: str) -> str:
    """Look a rule up; rules that are there once per kind of session differ by a number at the end."""
    return known.get(name) or known.get(re.sub(r"_\d+$", "", name)) or otherwise


def _stage(name: str, stages: Mapping[str, str]) -> str:
    stage = _find(name, stages, OTHER)
    return stage if stage in STAGES else OTHER


def _box(
    axis: Axes,
    texts: tuple[str, str],
    centre: tuple[float, float],
    size: tuple[float, float],
    stage: str,
    scale: float,
) -> None:
    (x, y), (width, height), (head, text) = centre, size, texts
    colour = STAGE_COLOURS.get(stage, "0.45")
    axis.add_patch(
        mpl.patches.FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0,rounding_size=0.06",
            facecolor=_tint(colour), edgecolor=colour, linewidth=1, zorder=2,
        )
    )  # fmt: skip
    place = {"ha": "center", "va": "center", "linespacing": 1.0, "zorder": 3}
    below = 0.5 * LINE_RATIO * LINE * _lines(text)
    above = 0.5 * LINE * (head.count("\n") + 1)
    axis.text(x, y - below, head, fontsize=TEXT_SIZE * scale, **place)
    if text:
        axis.text(x, y + above, text, fontsize=SMALL * scale, color="0.25", **place)


def _tint(colour: str) -> tuple[float, ...]:
    return tuple(1 - 0.18 * (1 - part) for part in mpl.colors.to_rgb(colour))


def _arrow(axis: Axes, points: list[tuple[float, float]], box: float) -> None:
    """Draw a smooth arrow through points, upright where it passes a layer."""
    start, end = points[0], points[-1]
    points[0], points[-1] = (start[0], start[1] + box / 2), (end[0], end[1] - box / 2 - 0.02)
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
