"""What Fiscone et al. (2023) print beside what a cohort gives: percent of robust features, and Table 1."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chiomics.core.figures import COLOURS, add_note, blank, figure_style, letter, short
from chiomics.robustness.fiscone2023.figures import choose, classes_of, readable_feature, regions_of
from chiomics.robustness.tables import ALL, CLASSES, TRACTS

OURS = {"color": COLOURS[0], "marker": "o", "label": "this cohort"}
PUBLISHED = {"color": "0.35", "marker": "x", "label": "published"}
#: Markers of the regions in the scatter plot; more regions than these are not printed.
MARKERS = "os^Dvp*"
#: Largest difference of coefficients that has a colour of its own.
MAX_SHOWN = 0.3


def draw_published(published: pd.DataFrame, *, threshold: float, whole: str = "NAWM") -> Figure:
    """Draw published numbers and this cohort's side by side.

    Parameters
    ----------
    published : pandas.DataFrame
        ``published.tsv``; rows without a number of this cohort are left out.
    threshold : float
        Of the coefficient.
    whole : str
        The region that is no tract.

    Returns
    -------
    matplotlib.figure.Figure
        Percent robust by region (a) and by class (b); coefficients of Table 1 against each other (c) and their
        differences (d).
    """
    both = published[published["ours"].notna() & published["published"].notna()]
    percent, table1 = choose(both, quantity="percent robust"), choose(both, quantity="coefficient")
    with figure_style():
        figure = blank(height=6.0)
        upper, lower = figure.subfigures(2, 1, height_ratios=(1, 1.45))
        axes = upper.subplot_mosaic([["a", "b"]], width_ratios=(1, 1.7), sharey=True)
        axes |= lower.subplot_mosaic([["c", "d"]], width_ratios=(1, 1.1))
        totals = choose(percent, feature_class=ALL)
        _pairs(axes["a"], [totals], [regions_of(totals, whole=whole)], "voi", [""])
        groups = [choose(percent[percent["feature_class"] != ALL], voi=voi) for voi in (TRACTS, whole)]
        names = [classes_of(group) for group in groups]
        _pairs(axes["b"], groups, names, "feature_class", ["tracts", whole])
        axes["a"].set_ylabel("robust features (%)")
        _scatter(axes["c"], table1, regions_of(table1, whole=whole), threshold)
        _differences(axes["d"], table1, regions_of(table1, whole=whole))
        for name, axis in axes.items():
            letter(axis, name)
        handles, labels = axes["a"].get_legend_handles_labels()
        legend = figure.legend(handles, labels, loc="upper left", bbox_to_anchor=(0, 1.01), ncols=2)
        legend.set_in_layout(False)
        add_note(figure, _said(published, both, table1))
    return figure


def _pairs(axis: Axes, groups: list[pd.DataFrame], names: list[list[str]], key: str, titles: list[str]) -> None:
    """Draw published and own percentages, group by group along the axis."""
    ticks, start = {}, 0.0
    for rows, order, title in zip(groups, names, titles, strict=True):
        ordered = rows.drop_duplicates(key).set_index(key).reindex(order)
        places = start + np.arange(len(ordered))
        axis.vlines(places - 0.12, ordered["low"].astype(float), ordered["high"].astype(float), color=OURS["color"])
        label = {} if ticks else {"label": OURS["label"]}
        axis.plot(places - 0.12, ordered["ours"], linestyle="none", markersize=4, **{**OURS, "label": None, **label})
        label = {} if ticks else {"label": PUBLISHED["label"]}
        axis.plot(
            places + 0.12, ordered["published"], linestyle="none", markersize=5, **{**PUBLISHED, "label": None, **label}
        )  # fmt: skip
        ticks |= dict(zip(places, [CLASSES.get(name, name) for name in order], strict=True))
        if title and len(order):
            axis.text(places.mean(), 108, title, ha="center", fontsize=8)
        start += len(ordered) + 0.7
    axis.set_xticks(list(ticks), list(ticks.values()), rotation=30 if len(ticks) > 8 else 0)
    axis.set_ylim(0, 106)
    axis.grid(axis="y", color="0.92", linewidth=0.6)
    if not ticks:
        _nothing(axis)


def _scatter(axis: Axes, table1: pd.DataFrame, regions: list[str], threshold: float) -> None:
    if table1.empty:
        return _nothing(axis)
    low = np.floor(10 * min(table1["ours"].min(), table1["published"].min(), threshold) - 0.5) / 10
    low = max(low, -0.1)
    axis.plot([low, 1], [low, 1], color="0.7", linewidth=0.8, zorder=0)
    axis.axvline(threshold, color="0.8", linewidth=0.7, linestyle=":", zorder=0)
    axis.axhline(threshold, color="0.8", linewidth=0.7, linestyle=":", zorder=0)
    colours = (*COLOURS[:6], COLOURS[7])
    for voi, colour, marker in zip(regions, colours, MARKERS, strict=False):
        rows = choose(table1, voi=voi)
        axis.plot(rows["published"], rows["ours"], marker, color=colour, markersize=3.5, alpha=0.8, label=voi)
    axis.set_xlim(low, 1.01)
    axis.set_ylim(low, 1.01)
    axis.set_aspect("equal")
    axis.set_xlabel("published ICC")
    axis.set_ylabel("ICC in this cohort")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4, handletextpad=0.1, fontsize=6)
    return None


def _differences(axis: Axes, table1: pd.DataFrame, regions: list[str]) -> None:
    if table1.empty:
        return _nothing(axis)
    wide = table1.pivot_table(index="feature", columns="voi", values="difference", sort=False)[regions]
    shown = axis.imshow(wide, cmap="PuOr", vmin=-MAX_SHOWN, vmax=MAX_SHOWN, aspect="auto", interpolation="nearest")
    for row, column in np.ndindex(wide.shape):
        value = wide.iloc[row, column]
        if np.isfinite(value):
            colour = "white" if abs(value) > 0.75 * MAX_SHOWN else "black"
            text = f"{value:+.2f}".replace("-", "\u2212")
            axis.text(column, row, text, ha="center", va="center", fontsize=4.8, color=colour)
    axis.set_xticks(range(len(regions)), [short(name) for name in regions], fontsize=6)
    axis.set_yticks(range(len(wide)), [readable_feature(name) for name in wide.index], fontsize=5.5)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    bar = axis.figure.colorbar(shown, ax=axis, fraction=0.04, pad=0.02, extend="both")
    bar.set_label("ICC, this cohort − published", fontsize=7)
    bar.ax.tick_params(labelsize=6)
    return None


def _nothing(axis: Axes) -> None:
    axis.text(0.5, 0.5, "nothing to compare", ha="center", va="center", transform=axis.transAxes, color="0.4")
    axis.set_axis_off()


def _said(published: pd.DataFrame, both: pd.DataFrame, table1: pd.DataFrame) -> str:
    levels = ", ".join(f"{level:g}" for level in sorted(both["n_gray_levels"].dropna().unique()))
    text = f"Published: 64 grey levels; this cohort: {levels or 'bins of a fixed width'}. "
    text += "Bars: 95 % of the bootstrap draws of participants. Tracts: those of the six that the cohort has. "
    if len(table1):
        text += f"Table 1: mean absolute difference {table1['difference'].abs().mean():.3f} over {len(table1)} values. "
    lacking = len(published) - len(both)
    return text + (f"{lacking} published numbers have no counterpart here and are left out." if lacking else "")
