"""Figure 1: the flow from the data set to the participants analysed (Yan et al. 2021, Participants)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chiomics.core.figures import COLOURS, TWO_COLUMNS, add_note, blank, figure_style, short
from chiomics.diagnosis.yan2021.enrolment import Step

#: Inches: a line of text, what a box adds to its lines, and the way from one box to the next.
LINE, FRAME, WAY = 0.155, 0.16, 0.3
#: Inches: centre and width of the boxes of the flow, and left edge and width of those of what leaves it.
MIDDLE, WIDTH, SIDE, SIDE_WIDTH = 1.6, 2.6, 3.6, 3.5
LETTERS_PER_INCH = 15
PAPER = "The paper's cohort: 47 MS and 36 NMOSD; its own flow chart gives the numbers of exclusions as a picture only."


def draw_enrolment(steps: Sequence[Step]) -> Figure:
    """Draw the flow.

    Parameters
    ----------
    steps : sequence of Step
        Of `enrolment.count_flow`.

    Returns
    -------
    matplotlib.figure.Figure
        A box per step, what leaves the flow to the right, and the groups at the bottom.
    """
    texts = [f"{step.label}\n{_count(step.participants, step.sessions)}" for step in steps]
    sides = [_side(step) for step in steps]
    groups = steps[-1].groups
    heights = [_height(text) for text in texts]
    gaps = [max(WAY, _height(side) + 0.14 if side else 0) for side in sides]
    total = sum(heights) + sum(gaps) + _height("a\nb") + 0.1
    with figure_style():
        figure = blank(height=total + 0.3)
        axis = figure.subplots()
        axis.set_axis_off()
        axis.set_xlim(0, TWO_COLUMNS)
        axis.set_ylim(total, 0)
        axis.set_aspect("equal")
        top = 0.05
        for text, side, height, gap, step in zip(texts, sides, heights, gaps, steps, strict=True):
            _box(axis, text, (MIDDLE - WIDTH / 2, top), WIDTH, COLOURS[0])
            bottom = top + height
            if side:
                middle = bottom + gap / 2
                _arrow(axis, (MIDDLE, middle), (SIDE, middle))
                _box(axis, side, (SIDE, middle - _height(side) / 2), SIDE_WIDTH, COLOURS[1], align="left")
            if step is not steps[-1]:
                _arrow(axis, (MIDDLE, bottom), (MIDDLE, bottom + gap))
            top = bottom + gap
        width = (WIDTH - 0.1 * (len(groups) - 1)) / len(groups)
        for place, (name, participants, sessions) in enumerate(groups):
            left = MIDDLE - WIDTH / 2 + place * (width + 0.1)
            _arrow(axis, (left + width / 2, top - gaps[-1]), (left + width / 2, top))
            _box(axis, f"{short(name)}\n{_short(participants, sessions)}", (left, top), width, COLOURS[2])
        add_note(figure, PAPER)
    return figure


def _count(participants: int, sessions: int) -> str:
    return f"{participants} participants, {sessions} sessions"


def _short(participants: int, sessions: int) -> str:
    return f"{participants}" if participants == sessions else f"{participants} ({sessions} sessions)"


def _side(step: Step) -> str:
    """List what leaves after a step, broken at the box's width."""
    if not step.removed:
        return ""
    total = sum(count for _, count in step.removed)
    lines = [f"Left out: {total} session{'s' if total > 1 else ''}"]
    for reason, count in step.removed:
        lines += textwrap.wrap(f"{count} × {reason}", int((SIDE_WIDTH - 0.15) * LETTERS_PER_INCH),
                               initial_indent="  ", subsequent_indent="        ")  # fmt: skip
    return "\n".join(lines)


def _height(text: str) -> float:
    return LINE * (text.count("\n") + 1) + FRAME if text else 0.0


def _box(
    axis: Axes, text: str, corner: tuple[float, float], width: float, colour: str, *, align: str = "center"
) -> None:
    x, y = corner
    tint = tuple(1 - 0.12 * (1 - part) for part in mpl.colors.to_rgb(colour))
    axis.add_patch(
        mpl.patches.FancyBboxPatch(
            corner, width, _height(text), boxstyle="round,pad=0,rounding_size=0.05",
            facecolor=tint, edgecolor=colour, linewidth=1,
        )
    )  # fmt: skip
    across = x + width / 2 if align == "center" else x + 0.1
    axis.text(across, y + _height(text) / 2, text, ha=align, va="center", fontsize=7.5, linespacing=1.35)


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axis.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "color": "0.3", "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    )
