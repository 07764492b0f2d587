"""Curves of a figure that lie exactly on one another are dashed in turn, so that none hides the others."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import STEP_LOOKUP_MAP, Line2D

#: Said under a figure where it happens.
EQUAL_NOTE = "Curves that lie on one another are dashed in turn."
#: Distance, in parts of the panel, below which curves cannot be told apart: half a line in a panel of three inches.
CLOSE = 0.003
#: Points along each curve that are compared.
POINTS = 400
#: Length of a dash in line widths.
DASH = 4.0


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
    if line.get_linestyle() != "-" or not line.get_visible() or line.get_transform() != axis.transData:
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
