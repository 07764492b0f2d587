"""Boxes of the texts of a figure, and which of them lie on one another or beyond the page."""

from __future__ import annotations

from itertools import combinations

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from chiomics.core.figures import TWO_COLUMNS, figure_style


def text_boxes(figure: Figure) -> list[tuple[str, mpl.transforms.Bbox]]:
    """Measure titles, labels, letters, notes and legends (each as a whole); labels of ticks are left out."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    with figure_style():
        figure.draw_without_rendering()
    axes = [axis for axis in figure.axes if axis.get_visible()]
    legends = [axis.get_legend() for axis in axes] + list(figure.legends)
    legends += [legend for part in figure.subfigs for legend in part.legends]
    legends = [legend for legend in legends if legend is not None and legend.get_visible()]
    inside = {text for legend in legends for text in legend.findobj(mpl.text.Text)}
    ticks = {t for axis in axes for kind in (axis.xaxis, axis.yaxis) for t in kind.findobj(mpl.text.Text)}
    ticks -= {label for axis in axes for label in (axis.xaxis.label, axis.yaxis.label)}
    hidden = {text for axis in figure.axes if not axis.get_visible() for text in axis.findobj(mpl.text.Text)}
    bare = [kind for axis in axes if not axis.axison for kind in (axis.xaxis, axis.yaxis)]
    hidden |= {text for kind in bare for text in kind.findobj(mpl.text.Text)}
    boxes = [("legend", legend.get_window_extent(renderer)) for legend in legends]
    for text in figure.findobj(mpl.text.Text):
        if text in inside or text in ticks or text in hidden or not text.get_visible() or not text.get_text().strip():
            continue
        boxes.append((text.get_text(), text.get_window_extent(renderer)))
    return boxes


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """List the pairs of texts that share more than half a point along both axes."""
    found = []
    for (one, a), (other, b) in combinations(text_boxes(figure), 2):
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 0.5 and min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5:
            found.append((one[:60], other[:60]))
    return found


def width(figure: Figure) -> float:
    """Return the width of all that is drawn in inches; a page has `TWO_COLUMNS` and a margin."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    return figure.get_tightbbox(renderer).width


PAGE = TWO_COLUMNS + 0.3
