"""No curve is hidden by others that lie on it."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from chiomics.core.figures import COLOURS, EQUAL_NOTE, add_note, blank, figure_style

RIGHT = np.linspace(0, 1, 41)


def drawn(curves, **options):
    """Return a figure of curves, each in its colour, with a legend as the studies' figures have it."""
    with figure_style():
        figure = blank(height=3.0)
        axis = figure.subplots()
        for (x, y), colour in zip(curves, COLOURS, strict=False):
            axis.plot(x, y, color=colour, label=colour, linewidth=1.2, **options)
        axis.plot([0, 1], [0, 1], color="0.6", linestyle=":")
        axis.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))
        add_note(figure, "A note.")
    return figure


def seen(figure, count):
    """Count the pixels inside the panel that have each curve's colour."""
    axis = figure.axes[0]
    axis.get_legend().set_visible(False)
    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(200)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    wanted = [255 * np.array(mpl.colors.to_rgb(colour)) for colour in COLOURS[:count]]
    return [int((np.abs(picture - colour).max(axis=-1) < 12).sum()) for colour in wanted]


def perfect(grid):
    return np.append(0, grid), np.append(0, np.ones(len(grid)))


@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("options", [{"drawstyle": "steps-post"}, {}, {"marker": "o", "markersize": 2.5}])
def test_every_one_of_equal_curves_is_seen(count, options):
    figure = drawn([perfect(RIGHT)] * count, **options)
    amounts = seen(figure, count)
    # Alone a curve has some 10,000 pixels at 200 dpi; each of n has its part, dashes cost at their edges.
    assert min(amounts) > 0.3 * max(amounts) > 100, amounts
    assert any(EQUAL_NOTE in text.get_text() for text in figure.texts)
    handles = figure.axes[0].get_legend().get_lines()
    assert {line.get_linestyle() for line in handles} == {"-"}, "the legend shows the colours whole"


def test_curves_on_other_points_and_of_rounding_s_difference_are_equal_too():
    figure = drawn([perfect(RIGHT), perfect(RIGHT[::5]), (RIGHT, RIGHT**2), (RIGHT, RIGHT**2 + 1e-9)])
    assert [line.get_linestyle() for line in figure.axes[0].get_lines()] == ["--"] * 4 + [":"]


def test_curves_that_differ_anywhere_stay_as_they_are():
    step = np.where(RIGHT < 0.5, 0.8, 1.0)
    figure = drawn([perfect(RIGHT), (RIGHT, step), (RIGHT, np.clip(step + 0.02, 0, 1)), (RIGHT, RIGHT * np.nan)])
    assert {line.get_linestyle() for line in figure.axes[0].get_lines()[:4]} == {"-"}
    assert not any(EQUAL_NOTE in text.get_text() for text in figure.texts)


def test_the_parts_of_flat_boxes_are_no_curves():
    with figure_style():
        figure = blank(height=2.0)
        axis = figure.subplots()
        axis.boxplot([[1, 1, 1, 1], [1, 2, 3, 4]])
        add_note(figure, "A note.")
    assert {line.get_linestyle() for line in axis.get_lines() if len(line.get_xdata()) > 1} == {"-"}
    assert not any(EQUAL_NOTE in text.get_text() for text in figure.texts)
