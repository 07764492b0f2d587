"""Figure 6: robust features on the left and on the right, by tract and class (Fiscone et al. 2023, Fig. 6).

The study concludes from p > .05 that the sides do not differ, which is no evidence that they agree; the last panel
shows the mean difference of the coefficients with its interval against a margin of equivalence instead.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chiomics.core.figures import add_note, blank, figure_style, left_out, letter, short
from chiomics.robustness.fiscone2023.figures import TRACT_ORDER, absent, choose, classes_of, regions_of, setting_text
from chiomics.robustness.tables import ALL, CLASSES

#: The study's colours; the markers tell the sides apart without colour.
LEFT = {"color": "#CC3311", "marker": "o", "label": "left"}
RIGHT = {"color": "#000000", "marker": "s", "label": "right"}
COLUMNS = 4


def draw_sides(
    sides: pd.DataFrame, *, setting: dict, threshold: float, whole: str = "NAWM", cohort: str = "all"
) -> Figure:
    """Draw the numbers of robust features of both sides, and whether the sides are equivalent.

    Parameters
    ----------
    sides : pandas.DataFrame
        ``sides.tsv``; may be empty, where the cohort has no sides.
    setting, threshold, whole, cohort
        As in `chiomics.robustness.fiscone2023.figure3.draw_robust`.

    Returns
    -------
    matplotlib.figure.Figure
        A panel per class, all classes, and the test of equivalence; without sides a page that says so.
    """
    here = choose(sides, cohort=cohort, **setting) if len(sides) else sides
    if here.empty:
        return left_out("the cohort's regions have no sides to compare")
    regions, classes = regions_of(here, whole=whole), classes_of(here)
    with figure_style():
        rows = -(-(len(classes) + 2) // COLUMNS)
        figure = blank(height=0.6 + 1.9 * rows)
        axes = figure.subplots(rows, COLUMNS, squeeze=False)
        for axis, name in zip(axes.flat, [*classes, ALL], strict=False):
            _draw_numbers(axis, choose(here, feature_class=name).set_index("voi").reindex(regions))
            axis.set_title(CLASSES.get(name, "all classes"))
        for row in axes:
            row[0].set_ylabel("robust features")
        last = axes.flat[len(classes) + 1]
        whole_range = choose(here, feature_class=ALL).set_index("voi").reindex(regions)
        _draw_equivalence(last, whole_range)
        for name, axis in zip("abcdefghijklmnop", axes.flat[: len(classes) + 2], strict=False):
            letter(axis, name)
            axis.set_xticks(range(len(regions)), [short(name) for name in regions], rotation=90)
            axis.set_xlim(-0.5, len(regions) - 0.5)
        for axis in axes.flat[len(classes) + 2 :]:
            axis.set_visible(False)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
        add_note(
            figure,
            f"{setting_text(setting)}, ICC above {threshold:g} between the reconstructions, without shape. "
            + _said_of_sides(whole_range),
            absent((*TRACT_ORDER, whole), regions, "sides of"),
        )
    return figure


def _draw_numbers(axis: Axes, rows: pd.DataFrame) -> None:
    places = np.arange(len(rows))
    # The right side lies under the left one and is larger, so that equal numbers show both.
    axis.plot(places, rows["n_robust_right"], markersize=5, linewidth=1.6, **RIGHT)
    axis.plot(places, rows["n_robust_left"], markersize=3, linewidth=1, **LEFT)
    axis.set_ylim(-0.04 * rows["n_features"].max(), 1.06 * rows["n_features"].max())
    axis.axhline(rows["n_features"].max(), color="0.75", linewidth=0.7, linestyle=":")
    axis.yaxis.get_major_locator().set_params(integer=True, nbins=5)


def _draw_equivalence(axis: Axes, rows: pd.DataFrame) -> None:
    places = np.arange(len(rows))
    margin = float(rows["margin"].max())
    axis.axhspan(-margin, margin, color="0.92", linewidth=0)
    axis.axhline(0, color="0.6", linewidth=0.6)
    equivalent = (rows["equivalent"].astype(str) == "True").to_numpy()
    axis.vlines(places, rows["bootstrap_low"].astype(float), rows["bootstrap_high"].astype(float), color="0.2", lw=1)
    for chosen, face in ((equivalent, "0.2"), (~equivalent, "white")):
        axis.plot(places[chosen], rows["mean_difference"][chosen], "o", markersize=4, color="0.2", markerfacecolor=face)
    reach = np.nanmax(
        np.abs(rows[["bootstrap_low", "bootstrap_high", "mean_difference"]].astype(float)), initial=margin
    )
    axis.set_ylim(-1.15 * reach, 1.15 * reach)
    axis.set_title("equivalence")
    axis.set_ylabel("mean ICC, left − right")


def _said_of_sides(rows: pd.DataFrame) -> str:
    equivalent = int((rows["equivalent"].astype(str) == "True").sum())
    smallest = rows["p_difference"].min()
    said = "not estimable" if np.isnan(smallest) else f"{smallest:.2g}"
    return (
        "Dotted: number of features. Last panel: mean difference with its 90 % bootstrap interval; grey, the margin of "
        f"equivalence ±{rows['margin'].max():g}; filled where the interval lies within it: {equivalent} of "
        f"{int(rows['margin'].notna().sum())} regions. Smallest p of the study's two-sample t test: {said}."
    )
