"""Figures: one style, files that are the same on a re-run, and a mark on what comes from simulated subjects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from chiomics.core.images import whole_file

#: Widths of one and of two columns of a journal page, in inches.
ONE_COLUMN, TWO_COLUMNS = 3.5, 7.2
#: Colours that readers with any colour vision tell apart (Tol's bright scheme).
COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#BBBBBB", "#222222")
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
SIMULATED_MARK = "SIMULATED SUBJECTS"


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw in the project's style within the block, and leave no figure open."""
    with mpl.rc_context(STYLE):
        try:
            yield
        finally:
            plt.close("all")


def save_figure(figure: Figure, *paths: str | Path, simulated: bool) -> None:
    """Write a figure to one or several files, PNG or SVG, whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Drawn within `figure_style`.
    *paths : path-like
        Files, the format by their ending.
    simulated : bool
        Whether the subjects are simulated: it is then said on the figure's face.
    """
    if simulated:
        figure.text(0.995, 0.995, SIMULATED_MARK, ha="right", va="top", fontsize=7, color="#BB0000", weight="bold")
    for path in map(Path, paths):
        metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        with mpl.rc_context(STYLE), whole_file(path) as temporary:
            figure.savefig(temporary, bbox_inches="tight", metadata=metadata)
