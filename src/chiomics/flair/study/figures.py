"""Figures that both papers' folders hold: scores beside lesion load, calibration, attention, a network's boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from chiomics.core.figures import COLOURS, add_note, blank, figure_style, left_out
from chiomics.flair.study.trainings import TITLES
from chiomics.flair.study.verdict import COUNTING

NETWORK, COUNT, NULL = COLOURS[0], COLOURS[1], COLOURS[6]


def draw_scores(fair: pd.DataFrame, performance: pd.DataFrame, *, published: dict[str, float]) -> Figure:
    """Draw the AUC of every arm with its interval, permuted labels behind, published values beside.

    Parameters
    ----------
    fair : pandas.DataFrame
        Rows of ``performance`` that estimate the AUC.
    performance : pandas.DataFrame
        All.
    published : dict of str to float
        AUC that the paper prints, by arm.

    Returns
    -------
    matplotlib.figure.Figure
        One panel.
    """
    permuted = performance[(performance["labels"] == -1) & (performance["metric"] == "auc")]
    ordered = fair.sort_values("pooled", ignore_index=True)
    with figure_style():
        figure = blank(height=0.9 + 0.32 * len(ordered))
        axis = figure.subplots()
        for place, row in enumerate(ordered.itertuples()):
            colour = _colour(row.arm)
            null = permuted[
                (permuted["arm"] == row.arm) & (permuted["epoch"] == row.epoch) & (permuted["scheme"] == row.scheme)
            ]
            if len(null):
                one = null.iloc[0]
                axis.plot([one["low"], one["high"]], [place, place], color=NULL, linewidth=6, solid_capstyle="butt")
                axis.plot(one["pooled"], place, "|", color="white", markersize=6)
            axis.plot([row.low, row.high], [place, place], color=colour, linewidth=1.2)
            axis.plot(row.pooled, place, "o", color=colour, markersize=4)
            if row.arm in published:
                axis.plot(published[row.arm], place, "D", color="black", markersize=4, fillstyle="none")
        axis.axvline(0.5, color="0.6", linewidth=0.6, zorder=0)
        axis.set_yticks(range(len(ordered)), [TITLES[arm] for arm in ordered["arm"]])
        axis.set_ylim(-0.6, len(ordered) - 0.4)
        axis.set_xlim(min(0.3, axis.dataLim.x0 - 0.03), 1.01)
        axis.set_xlabel("AUC")
        add_note(
            figure,
            "Blue: networks. Red: models of lesion load and sites. Yellow: who the patients are. Lines: 95 % bootstrap "
            "over patients. Grey: permuted labels, range and mean." + (" Diamond: as printed." if published else ""),
        )
    return figure


def draw_calibration(calibration: pd.DataFrame) -> Figure:
    """Draw observed against predicted shares of the positive class, one panel per arm."""
    arms = list(dict.fromkeys(calibration["arm"]))
    columns = min(len(arms), 4)
    rows = -(-len(arms) // columns)
    with figure_style():
        figure = blank(height=0.4 + 1.9 * rows)
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for axis in grid.flat[len(arms) :]:
            axis.axis("off")
        for axis, arm in zip(grid.flat, arms, strict=False):
            own = calibration[calibration["arm"] == arm]
            axis.plot([0, 1], [0, 1], color="0.7", linewidth=0.7)
            axis.plot(own["predicted"], own["observed"], "o-", color=_colour(arm), markersize=3)
            axis.set_title(_wrap(TITLES[arm]), fontsize=7)
            axis.set_xlim(-0.02, 1.02)
            axis.set_ylim(-0.02, 1.02)
        for axis in grid[:, 0]:
            axis.set_ylabel("observed share")
        label_lowest(grid, len(arms), "predicted")
        add_note(figure, "Mean probability of each session over repeats, in fifths; the diagonal is ideal.")
    return figure


def label_lowest(grid: np.ndarray, count: int, label: str) -> None:
    """Label the horizontal axis of the lowest panel of each column, of `count` panels that fill a grid row by row."""
    for number in range(max(count - grid.shape[1], 0), count):
        grid.flat[number].set_xlabel(label)
        grid.flat[number].tick_params(labelbottom=True)


def draw_attention(scores: pd.DataFrame, *, layers: Sequence[str] = ("last",)) -> Figure:
    """Draw the ratio of Grad-CAM's mass on lesions, trained against random weights, and the effect of erasure.

    Parameters
    ----------
    scores : pandas.DataFrame
        Of `study.networks.kept_models.map_study`.
    layers : sequence of str
        Stages and views that are shown, in their order.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels.
    """
    if scores.empty or not np.isfinite(pd.to_numeric(scores["ratio"])).any():
        return left_out("no maps could be scored")
    shown = scores[scores["layer"].isin(layers)]
    order = shown["layer"].map({name: place for place, name in enumerate(layers)})
    kinds = shown.assign(order=order).sort_values("order", kind="stable")
    kinds = kinds.drop_duplicates(["layer", "input", "class"])[["layer", "input", "class"]]
    with figure_style():
        figure = blank(height=3.1)
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        labels, place = [], 0
        for layer, image, name in kinds.itertuples(index=False):
            same = shown[(shown["layer"] == layer) & (shown["input"] == image) & (shown["class"] == name)]
            for kind, colour in (("trained", NETWORK), ("random", NULL)):
                values = same.loc[same["weights"] == kind, "ratio"].dropna().to_numpy()
                _box_plot(left, values, place, 0.7, colour)
                labels.append(f"{_say_layer(layer)} {image.replace('_', ' ')}, {name}" if kind == "trained" else "")
                place += 1
        left.axhline(1, color="0.4", linewidth=0.7)
        left.set_xticks(range(len(labels)), labels, rotation=40, ha="right", fontsize=6)
        left.set_ylabel("share of mass on lesions / chance")
        left.set_title("Grad-CAM: trained (blue), random (grey)")
        erased = scores.dropna(subset=["p"])
        erased = erased[erased["class"] == erased["class"].iloc[0]]
        networks = erased[["arm", "input"]].drop_duplicates()
        for number, (arm, image) in enumerate(networks.itertuples(index=False)):
            part = erased[(erased["arm"] == arm) & (erased["input"] == image)]
            for offset, column, colour in ((-0.18, "p_without_lesions", COUNT), (0.18, "p_without_tissue", NULL)):
                _box_plot(right, (part[column] - part["p"]).abs().to_numpy(), number + offset, 0.3, colour)
        several = networks["arm"].nunique() > 1
        labels = [
            f"{arm}, {image.replace('_', ' ')}" if several else image.replace("_", " ")
            for arm, image in networks.itertuples(index=False)
        ]
        right.set_xticks(range(len(labels)), labels, fontsize=6, **({"rotation": 40, "ha": "right"} if several else {}))
        right.set_ylabel("change of the probability")
        right.set_title("Filled: lesions (red), as much tissue (grey)")
        views = any("view" in layer for layer in kinds["layer"])
        add_note(
            figure,
            "Boxes: quartiles over test sessions; whiskers within 1.5 times their distance. Line: chance."
            + " Views: maps of the compression blocks of the two-view network, each in its own picture." * views,
        )
    return figure


def _box_plot(axis: Axes, values: np.ndarray, place: float, width: float, colour: str) -> None:
    if len(values):
        box = axis.boxplot(values, positions=[place], widths=width, patch_artist=True, showfliers=False)
        box["boxes"][0].set_facecolor(colour)
        box["medians"][0].set_color("black")


def _say_layer(layer: str) -> str:
    """Name a stage or view on an axis."""
    return f"stage {layer[-1]}:" if layer.startswith("layer") else "" if layer == "last" else f"{layer}:"


def draw_boxes(steps: Sequence[tuple[str, str]], *, note: str, branches: int = 1) -> Figure:
    """Draw a network as boxes from left to right.

    Parameters
    ----------
    steps : sequence of (str, str)
        Name of each box, and what leaves it.
    note : str
        Under the figure.
    branches : int
        How often the second box stands above another: the views.

    Returns
    -------
    matplotlib.figure.Figure
        One panel.
    """
    with figure_style():
        figure = blank(height=1.5 if branches == 1 else 1.9)
        axis = figure.subplots()
        axis.axis("off")
        axis.set_xlim(-0.05, len(steps))
        axis.set_ylim(0, 1)
        for place, (name, shape) in enumerate(steps):
            rows = branches if place == 1 else 1
            for row in range(rows):
                height = 0.34 if rows > 1 else 0.44
                low = (0.5 - height / 2) if rows == 1 else 0.12 + row * 0.42
                _box(axis, place, low, height, name if rows == 1 else f"{name} {row + 1}", shape)
                before = branches if place == 2 else 1
                for other in range(max(before, 1)) if place else ():
                    start = 0.5 if before == 1 else 0.29 + other * 0.42
                    axis.annotate(
                        "", (place, low + height / 2), (place - 0.16, start),
                        arrowprops={"arrowstyle": "-|>", "color": "0.3", "linewidth": 0.8},
                    )  # fmt: skip
        add_note(figure, note)
    return figure


def _box(axis: Axes, place: int, low: float, height: float, name: str, shape: str) -> None:
    axis.add_patch(
        FancyBboxPatch(
            (place, low), 0.82, height, boxstyle="round,pad=0,rounding_size=0.04", fc="#E8EEF5", ec=COLOURS[0]
        )
    )
    axis.text(place + 0.41, low + height * 0.62, name, ha="center", va="center", fontsize=6.5)
    axis.text(place + 0.41, low + height * 0.22, shape, ha="center", va="center", fontsize=6, color="0.35")


def _colour(arm: str) -> str:
    return COUNT if arm in COUNTING else COLOURS[3] if arm == "demographics" else NETWORK


def _wrap(title: str, width: int = 26) -> str:
    words, lines = title.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
