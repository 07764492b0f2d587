"""What the figures of the diagnosis stage share: names, colours and labels of models and schemes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chiomics.core.figures import COLOURS, blank

#: Of the nuclei, the paper's order; other models take what these leave, dark first.
NUCLEUS_COLOURS = dict(zip(("DN", "GP", "HCN", "PUT", "RN", "SN", "THA"), (*COLOURS[:6], "#EE9944"), strict=True))
SCHEME_COLOURS = {"as_published": COLOURS[1], "nested": COLOURS[0]}
SCHEME_NAMES = {"as_published": "as published", "nested": "nested"}
SCHEME_TITLES = {
    "as_published": "as published: selection on all participants",
    "nested": "nested: selection in the training folds",
}


def model_colours(models: Sequence[str]) -> dict[str, str]:
    """Return a colour per model: nuclei always the same."""
    taken = {NUCLEUS_COLOURS[name] for name in models if name in NUCLEUS_COLOURS}
    free = [colour for colour in COLOURS[::-1] if colour not in taken and colour != COLOURS[6]] or list(COLOURS)
    spare = cycle(free)
    return {name: NUCLEUS_COLOURS.get(name) or next(spare) for name in models}


def rows_of(table: pd.DataFrame, **where: str) -> pd.DataFrame:
    """Return the rows in which each named column has a value."""
    return table.loc[np.logical_and.reduce([table[name] == value for name, value in where.items()])]


def model_grid(models: Sequence[str], *, panel_height: float = 1.75) -> tuple[Figure, dict[str, Axes]]:
    """Open a figure with a panel per model, three to a row, axes shared."""
    rows = -(-len(models) // 3)
    figure = blank(height=panel_height * rows + 0.5)
    axes = figure.subplots(rows, 3, sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(models) :]:
        axis.set_visible(False)
    for column in range(3):
        # The lowest panel of a column carries the numbers, also where the last row is not full.
        last = max((row for row in range(rows) if row * 3 + column < len(models)), default=0)
        axes[last, column].tick_params(labelbottom=True)
    return figure, dict(zip(models, axes.flat, strict=False))


def write_above(axis: Axes, title: str, lines: Sequence[tuple[str, str]]) -> None:
    """Write a panel's title, and below it lines of a text and its colour, where no curve can cross them."""
    axis.set_title(title, pad=5 + 9 * len(lines))
    for place, (text, colour) in enumerate(lines[::-1]):
        axis.annotate(
            text.replace("-", "−"), (0.5, 1), xycoords="axes fraction", xytext=(0, 4 + 8.5 * place),
            textcoords="offset points", ha="center", va="bottom", fontsize=6.5, color=colour,
        )  # fmt: skip


def finish_grid(figure: Figure, axes: Mapping[str, Axes], *, across: str, up: str, columns: int) -> None:
    """Label the axes that the panels of `model_grid` share, and put their legend above them."""
    figure.supxlabel(across, fontsize=8)
    figure.supylabel(up, fontsize=8)
    legend_above(figure, next(iter(axes.values())), columns=columns)


def legend_above(figure: Figure, axis: Axes, *, columns: int) -> None:
    """Put the legend of one panel above all of them, to the left of the mark of simulated subjects."""
    handles, labels = axis.get_legend_handles_labels()
    figure.get_layout_engine().set(rect=(0, 0, 1, 1))
    figure.legend(handles, labels, loc="outside upper left", ncols=columns)


def cohort_note(performance: pd.DataFrame) -> str:
    """Say how many participants the cohort has."""
    row = performance.iloc[0]
    return f"{row['n_positive']} of the positive class {row['positive']}, {row['n_negative']} of the other."
