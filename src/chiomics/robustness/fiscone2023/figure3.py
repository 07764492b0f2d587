"""Figure 3: robust features by region and class, numbers on lines and percent on spiders (Fiscone et al. 2023, Fig. 3).

Added to the study's figure: intervals of the bootstrap over participants, and the published percentages.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chiomics.core.figures import COLOURS, add_note, blank, figure_style, left_out, letter, short
from chiomics.robustness.fiscone2023.figures import (
    CLASS_STYLE,
    TRACT_ORDER,
    absent,
    choose,
    classes_of,
    regions_of,
    setting_text,
)
from chiomics.robustness.tables import ALL, CLASSES

#: A spider with fewer corners is no area; dots are drawn instead.
FEWEST_CORNERS = 3
#: Part of the distance between regions that their classes spread over.
SPREAD = 0.5
#: Behind the numbers of a spider, so that lines do not strike them out.
LABEL_GROUND = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.4}
OURS, PUBLISHED = COLOURS[0], "0.45"


def draw_robust(
    counts: pd.DataFrame,
    published: pd.DataFrame,
    *,
    setting: dict,
    threshold: float,
    whole: str = "NAWM",
    cohort: str = "all",
) -> Figure:
    """Draw robust features by region, in total and by class.

    Parameters
    ----------
    counts : pandas.DataFrame
        ``counts.tsv``.
    published : pandas.DataFrame
        ``published.tsv``; its percentages are drawn where the regions are the study's.
    setting : dict
        preset, n_gray_levels and bin_width to draw.
    threshold : float
        Of the coefficient.
    whole : str
        The region that is no tract.
    cohort : str
        Which subset.

    Returns
    -------
    matplotlib.figure.Figure
        Panels a1 and a2 (numbers), b1 and b2 (percent).
    """
    first = counts["perturbation"].iloc[0]
    here = choose(counts, cohort=cohort, sides="merged", perturbation=first, threshold=threshold, **setting)
    if here.empty:
        return left_out("the cohort has its regions by side only")
    regions, classes = regions_of(here, whole=whole), classes_of(here)
    spider = len(regions) >= FEWEST_CORNERS
    with figure_style():
        figure = blank(height=5.6)
        axes = figure.subplot_mosaic(
            [["a1", "a2"], ["b1", "b2"]],
            height_ratios=(1, 1.15),
            per_subplot_kw={("b1", "b2"): {"projection": "polar"}} if spider else {},
        )
        total = _by_region(here, ALL, regions)
        _line(axes["a1"], total, label="total", color=OURS, marker="o")
        for place, name in zip(_aside(len(classes)), classes, strict=True):
            rows = _by_region(here, name, regions)
            of = rows["n_features"].max()
            _line(axes["a2"], rows, aside=place, label=f"{CLASSES[name]} ({of:g})", **CLASS_STYLE[name])
        _finish_lines(axes["a1"], regions, f"robust features of {total['n_features'].max():g}")
        _finish_lines(axes["a2"], regions, "robust features")
        outline = _outline if spider else _dots
        outline(axes["b1"], total["percent"], label="this cohort", color=OURS, marker="o", area=True)
        printed = _published_percent(published, regions)
        if printed.notna().any():
            outline(axes["b1"], printed, label="published", color=PUBLISHED, marker="x", linestyle="--")
        for place, name in zip(_aside(len(classes)), classes, strict=True):
            percent = _by_region(here, name, regions)["percent"]
            outline(axes["b2"], percent, aside=place, label=CLASSES[name], **CLASS_STYLE[name])
        for name in ("b1", "b2"):
            (_finish_spider if spider else _finish_dots)(axes[name], regions)
        axes["a2"].legend(loc="upper left", bbox_to_anchor=(1, 1), title="class (features)", title_fontsize=7)
        axes["b1"].legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
        for name, axis in axes.items():
            letter(axis, name)
        add_note(
            figure,
            f"{setting_text(setting)}, ICC above {threshold:g} between the reconstructions, without shape. Bars: 95 % "
            "of the bootstrap draws of participants. (b) Percent of the features of each region"
            + ("; the published ones are of 64 grey levels." if printed.notna().any() else "."),
            "" if spider else "Spiders take three regions; dots stand for them here.",
            absent((*TRACT_ORDER, whole), regions, "regions"),
        )
    return figure


def _by_region(here: pd.DataFrame, feature_class: str, regions: list[str]) -> pd.DataFrame:
    """Return one row per region, in their order; NaN where there is none."""
    return choose(here, feature_class=feature_class).drop_duplicates("voi").set_index("voi").reindex(regions)


def _aside(number: int) -> np.ndarray:
    """Spread classes a little, so that their bars stand side by side."""
    return np.linspace(-0.5, 0.5, number) * SPREAD


def _line(axis: Axes, rows: pd.DataFrame, *, label: str, color: str, marker: str, aside: float = 0.0) -> None:
    places = np.arange(len(rows)) + aside
    axis.vlines(places, rows["low"].astype(float), rows["high"].astype(float), color=color, linewidth=0.8, alpha=0.6)
    axis.plot(places, rows["n_robust"], marker=marker, color=color, markersize=4, linewidth=1, label=label)


def _finish_lines(axis: Axes, regions: list[str], label: str) -> None:
    axis.set_xticks(range(len(regions)), [short(name) for name in regions])
    axis.set_xlim(-0.5, len(regions) - 0.5)
    axis.set_ylim(-0.03 * axis.get_ylim()[1], axis.get_ylim()[1])
    axis.set_ylabel(label)
    axis.grid(axis="y", color="0.92", linewidth=0.6)


def _outline(
    axis: Axes, percent: pd.Series, *, label: str, area: bool = False, aside: float = 0.0, **style: object
) -> None:
    angles = np.linspace(0, 2 * np.pi, len(percent), endpoint=False)
    closed = [*percent.astype(float), float(percent.iloc[0])]
    axis.plot([*angles, 2 * np.pi], closed, markersize=3.5, linewidth=1.1, label=label, **style)
    if area and percent.notna().all():
        axis.fill([*angles, 2 * np.pi], closed, color=style["color"], alpha=0.12, linewidth=0)


def _finish_spider(axis: Axes, regions: list[str]) -> None:
    axis.set_theta_zero_location("N")
    axis.set_theta_direction(-1)
    axis.set_xticks(np.linspace(0, 2 * np.pi, len(regions), endpoint=False), regions)
    axis.set_ylim(0, 105)
    axis.set_yticks([25, 50, 75, 100], ["25", "50", "75", "100 %"], fontsize=6, color="0.35", bbox=LABEL_GROUND)
    axis.set_rlabel_position(180 / len(regions))
    axis.grid(color="0.88", linewidth=0.6)
    axis.spines["polar"].set_visible(False)


def _dots(
    axis: Axes, percent: pd.Series, *, label: str, area: bool = False, aside: float = 0.0, **style: object
) -> None:
    style = {key: value for key, value in style.items() if key != "linestyle"}
    axis.plot(np.arange(len(percent)) + aside, percent, markersize=4, linestyle="none", label=label, **style)


def _finish_dots(axis: Axes, regions: list[str]) -> None:
    axis.set_xticks(range(len(regions)), [short(name) for name in regions])
    axis.set_xlim(-0.4, len(regions) - 0.6)
    axis.set_ylim(-3, 105)
    axis.set_ylabel("robust features (%)")
    axis.grid(axis="y", color="0.92", linewidth=0.6)


def _published_percent(published: pd.DataFrame, regions: list[str]) -> pd.Series:
    rows = choose(published, quantity="percent robust", feature_class=ALL).drop_duplicates("voi").set_index("voi")
    return rows["published"].astype(float).reindex(regions)
