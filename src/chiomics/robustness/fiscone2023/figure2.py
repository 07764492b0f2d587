"""Figure 2: robust features against grey levels, one line per threshold (Fiscone et al. 2023, Fig. 2).

Added to the study's figure: bands of the bootstrap over participants, and how often each grey level wins in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chiomics.core.figures import add_note, blank, figure_style, letter
from chiomics.robustness.fiscone2023.figures import SETTING_LABELS, absent, choose
from chiomics.robustness.tables import ALL

#: Colours of the thresholds, from low to high: dark to light, which survives any colour vision and print.
THRESHOLD_COLOURS = mpl.colormaps["viridis"]
#: Part of the colour map that is used: its lightest end is pale on white.
DARKEST, LIGHTEST = 0.0, 0.85
#: The study's subsets, and how panels name the two treatments of the sides.
SUBSETS = ("all", "patients", "controls")
SIDES = {"merged": "both sides as one", "separate": "each side"}
#: Of numbers of bins; the study has no bins of fixed width.
PUBLISHED_OPTIMUM = " The published optimum is 64 grey levels at all thresholds."
#: Opacity of the bands, which overlap.
BAND = 0.1


def draw_gray_levels(optimal: pd.DataFrame, counts: pd.DataFrame, *, cohort: str = ALL) -> Figure:
    """Draw the number of robust features against the grey level, and below it where the most are in bootstrap draws.

    Parameters
    ----------
    optimal : pandas.DataFrame
        ``optimal_gray_level.tsv``.
    counts : pandas.DataFrame
        ``counts.tsv``, for the number of features that could be robust.
    cohort : str
        Which subset.

    Returns
    -------
    matplotlib.figure.Figure
        One column of panels per preset and kind of setting; those of the first axis.
    """
    sides = next(name for name in SIDES if (optimal["sides"] == name).any())
    here = choose(optimal, cohort=cohort, sides=sides, perturbation=optimal["perturbation"].iloc[0])
    panels = [
        (preset, kind, part)
        for preset, block in here.groupby("preset", sort=False)
        for kind in SETTING_LABELS
        if len(part := block[block[kind].notna()])
    ]
    with figure_style():
        figure = blank(height=4.4)
        axes = figure.subplots(2, len(panels), squeeze=False, height_ratios=(2.6, 1), sharex="col")
        for column, (preset, kind, part) in enumerate(panels):
            _draw_counts(axes[0, column], part, kind)
            _draw_shares(axes[1, column], part, kind)
            if len(panels) > 1:
                axes[0, column].set_title(preset)
        total = choose(counts, cohort=cohort, sides=sides, voi=ALL, feature_class=ALL)["n_features"].max()
        axes[0, 0].set_ylabel(f"robust features of {total:g}")
        axes[1, 0].set_ylabel("threshold")
        letter(axes[0, 0], "a")
        letter(axes[1, 0], "b")
        handles, labels = axes[0, -1].get_legend_handles_labels()
        axes[0, -1].legend(
            handles, labels, title="ICC above", title_fontsize=7, loc="upper left", bbox_to_anchor=(1, 1)
        )  # fmt: skip
        add_note(
            figure,
            "Features of all regions together, without shape. Bands: 95 % of the bootstrap draws of participants. "
            f"Regions: {SIDES[sides]}. Rings: most robust features. (b) Percent of the draws in which a setting "
            f"has the most.{PUBLISHED_OPTIMUM if any(kind == 'n_gray_levels' for _, kind, _ in panels) else ''}",
        )
    return figure


def draw_subsets(optimal: pd.DataFrame, counts: pd.DataFrame, *, wanted: Sequence[str] = SUBSETS) -> Figure:
    """Draw the same for every subset of the cohort, and for both sides as one region and each on its own.

    Parameters
    ----------
    optimal, counts
        As in `draw_gray_levels`.
    wanted : sequence of str
        Subsets; one that the cohort lacks is left out, and a note says so.

    Returns
    -------
    matplotlib.figure.Figure
        A row of panels per treatment of the sides, a column per subset.
    """
    first = optimal.iloc[0]
    here = choose(optimal, perturbation=first["perturbation"], preset=first["preset"])
    kind = next(name for name in SETTING_LABELS if here[name].notna().any())
    here = here[here[kind].notna()]
    cohorts = [name for name in wanted if name in set(here["cohort"])]
    sides = [name for name in SIDES if name in set(here["sides"])]
    with figure_style():
        figure = blank(height=0.6 + 1.9 * len(sides))
        axes = figure.subplots(len(sides), len(cohorts), squeeze=False)
        for (row, column), axis in np.ndenumerate(axes):
            place = {"cohort": cohorts[column], "sides": sides[row]}
            part = choose(here, **place)
            if part.empty:
                axis.set_visible(False)
                continue
            _draw_counts(axis, part, kind)
            of = choose(counts, cohort=cohorts[column], sides=sides[row], voi=ALL, feature_class=ALL)[
                "n_features"
            ].max()
            axis.set_title(f"{cohorts[column]}, {SIDES[sides[row]]}")
            axis.set_ylabel(f"robust features of {of:g}")
            settings = np.sort(part[kind].unique())
            axis.set_xticks(range(len(settings)), [f"{setting:g}" for setting in settings])
            axis.tick_params(labelbottom=True)
        for axis in axes[-1]:
            axis.set_xlabel(SETTING_LABELS[kind])
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, title="ICC above", title_fontsize=7, loc="outside right center")
        add_note(
            figure,
            "Features of all regions together, without shape. Bands: 95 % of the bootstrap draws of participants. "
            "Rings: most robust features.",
            absent(wanted, cohorts, "subset"),
            "" if "separate" in sides else "Left out, for the cohort has none: sides.",
        )
    return figure


def _draw_counts(axis: Axes, part: pd.DataFrame, kind: str) -> None:
    thresholds = np.sort(part["threshold"].unique())
    for threshold, colour in zip(thresholds, _colours(len(thresholds)), strict=True):
        line = choose(part, threshold=float(threshold)).sort_values(kind)
        places = np.arange(len(line))
        low, high = (line[end].astype(float) for end in ("low", "high"))
        axis.fill_between(places, low, high, color=colour, alpha=BAND, linewidth=0)
        axis.plot(places, line["n_robust"], "o-", color=colour, markersize=3, linewidth=1.2, label=f"{threshold:.2f}")
        best = line["optimal"].to_numpy(dtype=bool)
        axis.plot(places[best], line["n_robust"][best], "o", markersize=7, markerfacecolor="none", color=colour)
    axis.set_ylim(bottom=0)
    axis.grid(axis="y", color="0.92", linewidth=0.6)
    axis.tick_params(labelbottom=False)


def _draw_shares(axis: Axes, part: pd.DataFrame, kind: str) -> None:
    shares = part.pivot_table(index="threshold", columns=kind, values="bootstrap_share").sort_index(ascending=False)
    axis.imshow(shares, cmap="Greys", vmin=0, vmax=1.3, aspect="auto", interpolation="nearest")
    for row, column in np.ndindex(shares.shape):
        share = shares.iloc[row, column]
        if share >= 0.005:
            colour = "white" if share > 0.75 else "black"
            axis.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=6, color=colour)
    axis.set_yticks(range(len(shares)), [f"{threshold:.2f}" for threshold in shares.index], fontsize=6)
    axis.set_xticks(range(shares.shape[1]), [f"{setting:g}" for setting in shares.columns])
    axis.set_xlabel(SETTING_LABELS[kind])
    axis.spines[:].set_visible(True)
    axis.tick_params(length=0)


def _colours(number: int) -> np.ndarray:
    return THRESHOLD_COLOURS(np.linspace(DARKEST, LIGHTEST, number))
