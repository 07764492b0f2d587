"""Figure 4: volume and first-order features of the tracts as box plots over sessions (Fiscone et al. 2023, Fig. 4).

The same panels for texture features give the study's supplementary figures S6 to S8.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chiomics.core.figures import COLOURS, add_note, blank, figure_style, left_out, letter, short
from chiomics.robustness.fiscone2023.figures import (
    TRACT_ORDER,
    absent,
    choose,
    readable_feature,
    regions_of,
    setting_text,
)
from chiomics.robustness.tables import CLASSES

#: Panels of Fig. 4: class, feature, title, unit, and what values are divided by for that unit.
FIGURE_4 = (
    ("volume", "adjusted", "Volume, adjusted", "ml", 1000.0),
    ("firstorder", "InterquartileRange", "Interquartile range of χ", "ppb", 1e-3),
    ("firstorder", "MeanAbsoluteDeviation", "Mean absolute deviation of χ", "ppb", 1e-3),
    ("firstorder", "Variance", "Variance of χ", "ppb²", 1e-6),
    ("firstorder", "Entropy", "Entropy", "bit", 1.0),
    ("firstorder", "Uniformity", "Uniformity", "", 1.0),
)
COLUMNS = 3
#: Fewer values than this are drawn as dots, for quartiles of so few are numbers without meaning.
FEWEST_FOR_BOX = 8
#: Letters of a panel's title on one line.
LONGEST_TITLE = 30
#: Up to this many sessions each is drawn as a dot over its box.
MAX_DOTS = 60
BOXES = "Boxes: quartiles and median, whiskers to 1.5 times the interquartile range. "


def draw_distributions(
    distributions: pd.DataFrame,
    volumes: pd.DataFrame | None = None,
    *,
    panels: Sequence[tuple[str, str, str, str, float]] = FIGURE_4,
    whole: str = "NAWM",
) -> Figure:
    """Draw one panel per feature with a box per tract.

    Parameters
    ----------
    distributions : pandas.DataFrame
        ``distributions.parquet``.
    volumes : pandas.DataFrame, optional
        ``volumes.tsv``.
    panels : sequence of tuple
        Class, feature, title, unit and divisor of each panel; one without values is left out, and a note says so. The
        class ``volume`` is of `volumes`.
    whole : str
        The region that is no tract, and is not drawn; it is where the cohort has no tract.

    Returns
    -------
    matplotlib.figure.Figure
        Panels in rows of three.
    """
    adjusted_by = "" if volumes is None else ", ".join(volumes["adjusted_by"].unique())
    distributions = _with_volumes(distributions, volumes)
    merged = distributions[~distributions["hemisphere"].isin(["L", "R"])]
    here = merged if len(merged) else distributions
    tracts = here[here["voi"] != whole]
    here = tracts if len(tracts) else here
    regions = regions_of(here, whole=whole)
    drawn = [(panel, values) for panel in panels if len(values := _values(here, panel, regions))]
    if not drawn:
        return left_out("the cohort has no values of these features")
    missing = [title for _, _, title, _, _ in panels if title not in {panel[2] for panel, _ in drawn}]
    rows = -(-len(drawn) // COLUMNS)
    with figure_style():
        figure = blank(height=0.4 + 1.95 * rows)
        axes = figure.subplots(rows, COLUMNS, squeeze=False)
        for axis, (panel, values) in zip(axes.flat, drawn, strict=False):
            _draw_boxes(axis, values, regions)
            axis.set_title("\n".join(textwrap.wrap(panel[2], LONGEST_TITLE)), fontsize=8)
            axis.set_ylabel(panel[3])
        for name, axis in zip("abcdefghijklmnopqrstuvwxyz", axes.flat[: len(drawn)], strict=False):
            letter(axis, name)
        for axis in axes.flat[len(drawn) :]:
            axis.set_visible(False)
        sessions = len(here[["participant", "session", "run"]].drop_duplicates())
        adjusted = any(panel[0] == "volume" for panel, _ in drawn) and adjusted_by
        add_note(
            figure,
            f"{sessions} sessions, map of all echoes{_settings_of(here)}. "
            + ("" if sessions < FEWEST_FOR_BOX else BOXES)
            + ("Dots: sessions. " if sessions <= MAX_DOTS else "Dots: sessions beyond. ")
            + (f"Volumes are adjusted in proportion to the brain's size, taken as: {adjusted_by}." if adjusted else ""),
            absent(TRACT_ORDER, regions, "tracts") if len(tracts) else "",
            f"Left out, for there are no values: {', '.join(missing)}." if missing else "",
        )
    return figure


def texture_panels(
    distributions: pd.DataFrame, classes: Sequence[str], *, only: str = "", but: str = ""
) -> list[tuple[str, str, str, str, float]]:
    """Return the panels of the texture features that the table holds.

    Parameters
    ----------
    distributions : pandas.DataFrame
        ``distributions.parquet``.
    classes : sequence of str
        Of these classes, in their order.
    only, but : str
        Only this feature, or all but this one.

    Returns
    -------
    list of tuple
        As `draw_distributions` takes them.
    """
    found = distributions[["feature_class", "feature"]].drop_duplicates()
    return [
        (name, feature, f"{CLASSES[name]} {readable_feature(feature)}", "", 1.0)
        for name in classes
        for feature in choose(found, feature_class=name)["feature"]
        if feature != but and only in ("", feature)
    ]


def _settings_of(here: pd.DataFrame) -> str:
    """Say at which grey levels or bins the features are."""
    settings = here[["n_gray_levels", "bin_width"]].dropna(how="all").drop_duplicates().to_dict("records")
    return f", features at {' and '.join(map(setting_text, settings))}" if settings else ""


def _with_volumes(distributions: pd.DataFrame, volumes: pd.DataFrame | None) -> pd.DataFrame:
    """Append adjusted volumes as if they were a feature."""
    if volumes is None:
        return distributions
    rows = volumes.rename(columns={"volume_adjusted": "value"}).assign(feature_class="volume", feature="adjusted")
    return pd.concat([distributions, rows[[name for name in distributions if name in rows]]], ignore_index=True)


def _values(here: pd.DataFrame, panel: tuple, regions: list[str]) -> list[np.ndarray]:
    feature_class, feature, _, _, divisor = panel
    rows = choose(here, feature_class=feature_class, feature=feature)
    values = [(rows.loc[rows["voi"] == voi, "value"].dropna() / divisor).to_numpy() for voi in regions]
    return values if any(len(one) for one in values) else []


def _draw_boxes(axis: Axes, values: list[np.ndarray], regions: list[str]) -> None:
    boxed = [k for k, one in enumerate(values) if len(one) >= FEWEST_FOR_BOX]
    if boxed:
        axis.boxplot(
            [values[k] for k in boxed],
            positions=boxed,
            widths=0.6,
            patch_artist=True,
            boxprops={"facecolor": "#DCE6F0", "edgecolor": COLOURS[0], "linewidth": 0.8},
            medianprops={"color": COLOURS[7], "linewidth": 1.2},
            whiskerprops={"color": COLOURS[0], "linewidth": 0.8},
            capprops={"color": COLOURS[0], "linewidth": 0.8},
            flierprops={"marker": ".", "markersize": 2.5, "markeredgecolor": "0.4"},
            showfliers=max(map(len, values)) > MAX_DOTS,
        )
    for k, one in enumerate(values):
        if len(one) <= MAX_DOTS:
            # Spread in the order of the sessions, not at random, so that the figure is the same each time.
            aside = 0.18 * np.sin(2.4 * np.arange(len(one)))
            axis.plot(k + aside, one, ".", color="0.3", markersize=3, alpha=0.7, zorder=3)
    axis.set_xticks(range(len(regions)), [short(name) for name in regions])
    axis.set_xlim(-0.6, len(regions) - 0.4)
    axis.ticklabel_format(axis="y", scilimits=(-3, 4))
    axis.yaxis.get_offset_text().set_fontsize(6)
