"""Boxes of the texts of a figure, and which of them lie on one another or beyond the page."""

from __future__ import annotations

from itertools import combinations, pairwise

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


def crowded_ticks(figure: Figure) -> list[tuple[str, str]]:
    """List neighbours among the labels of an axis' ticks that lie on one another; slanted ones may."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    with figure_style():
        figure.draw_without_rendering()
    found = []
    for axis in (axis for axis in figure.axes if axis.get_visible() and axis.axison):
        whole = axis.get_tightbbox(renderer)
        for labels in (axis.get_xticklabels(), axis.get_yticklabels()):
            boxes = [(label.get_text(), label.get_window_extent(renderer)) for label in labels if label.get_text()]
            boxes = [(text, box) for text, box in boxes if whole.overlaps(box)]
            slanted = bool(labels) and labels[0].get_rotation() % 90
            for (one, a), (other, b) in [] if slanted else pairwise(boxes):
                if min(a.x1, b.x1) - max(a.x0, b.x0) > 0.5 and min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5:
                    found.append((one, other))
    return found


def beyond_page(figure: Figure) -> list[str]:
    """List the texts that the edge of the page cuts, of a figure that is saved as it is."""
    page = figure.bbox
    return [
        text for text, box in text_boxes(figure)
        if box.x0 < page.x0 - 0.5 or box.y0 < page.y0 - 0.5 or box.x1 > page.x1 + 0.5 or box.y1 > page.y1 + 0.5
    ]  # fmt: skip


def wider_than_page(figure: Figure) -> list[str]:
    """Say how wide a figure is drawn that is saved with all that lies beside it, where that makes the rest small."""
    drawn, own = width(figure), figure.get_figwidth()
    return [f"{drawn:.1f} of {own:.1f} inches"] if drawn > own + 0.3 else []


def width(figure: Figure) -> float:
    """Return the width of all that is drawn in inches; a page has `TWO_COLUMNS` and a margin."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    return figure.get_tightbbox(renderer).width


PAGE = TWO_COLUMNS + 0.3
