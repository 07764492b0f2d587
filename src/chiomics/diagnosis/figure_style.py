"""What the figures of the diagnosis stage share: names, colours and labels of models and schemes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chiomics.core.figures import COLOURS, blank
from chiomics.core.figures import NUCLEUS_COLOURS as OUTLINE_COLOURS

#: Of curves on white: the nuclei, and other models in their order. Found by search: no two are nearer than ΔE 17
#: (CIEDE2000) to normal or colour-blind eyes; a test measures it.
NUCLEUS_COLOURS = {
    "DN": "#0000EE", "GP": "#AA0000", "HCN": "#448866", "PUT": "#FF8800", "RN": "#00AAFF", "SN": "#662266",
    "THA": "#AAAAAA",
}  # fmt: skip
OTHER_COLOURS = ("#222222", "#886688")
SCHEME_COLOURS = {"as_published": COLOURS[1], "nested": COLOURS[0]}
SCHEME_NAMES = {"as_published": "as published", "nested": "nested"}
SCHEME_TITLES = {
    "as_published": "as published: selection on all participants",
    "nested": "nested: selection in the training folds",
}


def model_colours(models: Sequence[str]) -> dict[str, str]:
    """Return a colour per model for curves on white: nuclei always the same."""
    return _colours(models, NUCLEUS_COLOURS, OTHER_COLOURS)


def outline_colours(nuclei: Sequence[str]) -> dict[str, str]:
    """Return a colour per nucleus for outlines on a dark image, as on the other pictures."""
    return _colours(nuclei, OUTLINE_COLOURS, ())


def _colours(names: Sequence[str], known: Mapping[str, str], others: Sequence[str]) -> dict[str, str]:
    """Give each name its own colour; names that have none take those of `others`, and then what the rest leaves."""
    left = [colour for name, colour in known.items() if name not in names]
    spare = cycle([*others, *left] or known.values())
    return {name: known.get(name) or next(spare) for name in names}


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
