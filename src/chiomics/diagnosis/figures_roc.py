"""Receiver operating characteristics of several models, as published and nested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chiomics.core.figures import add_note, blank, figure_style, letter, short
from chiomics.diagnosis.contracts import INTERVAL, SCHEMES
from chiomics.diagnosis.figure_style import (
    SCHEME_COLOURS,
    SCHEME_NAMES,
    SCHEME_TITLES,
    cohort_note,
    model_colours,
    rows_of,
)

BAND_NOTE = (
    "Bands: pointwise {confidence:.0%} of the bootstrap over participants. In brackets: {confidence:.0%} interval of "
    "DeLong's variance on the logit scale, Newcombe's at 0 and 1. Nested curves are means of {repeats} repeats of the "
    "cross-validation. {who}"
)


#: Longer names of models take the legend's whole width.
MAX_NAME = 8


def draw_nuclei(
    roc: pd.DataFrame,
    performance: pd.DataFrame,
    models: Sequence[str],
    warning: str = "",
    printed: Mapping[str, float] | None = None,
) -> Figure:
    """Draw the curves of many models, e.g. one per nucleus.

    Parameters
    ----------
    roc, performance : pandas.DataFrame
        `contracts.ROC` and `contracts.PERFORMANCE`.
    models : sequence of str
        The nuclei.
    warning : str
        What the caption says besides, e.g. that the site tells the diagnosis.
    printed : mapping of str to float, optional
        AUC of a model in a paper, which stands beside the one under its scheme.

    Returns
    -------
    matplotlib.figure.Figure
        All curves of a scheme in one panel (a, b), then each nucleus by itself under both schemes.
    """
    rows = -(-len(models) // 4)
    with figure_style():
        figure = blank(height=5.2 + 1.75 * rows)
        upper, lower = figure.subfigures(2, 1, height_ratios=(5.2, 1.75 * rows))
        for axis, scheme, name in zip(upper.subplots(1, 2, sharey=True), SCHEMES, "ab", strict=True):
            _panel(axis, roc, performance, models, scheme, printed or {}, bands=False)
            letter(axis, name)
        axes = lower.subplots(rows, 4, sharex=True, sharey=True, squeeze=False)
        for axis, model in zip(axes.flat, models, strict=False):
            for scheme in SCHEMES:
                _curve(axis, rows_of(roc, model=model, scheme=scheme), SCHEME_COLOURS[scheme], SCHEME_NAMES[scheme])
            _frame(axis)
            axis.set_title(short(model, 14))
        legend = axes.flat[len(models)] if len(models) < axes.size else axes[0, 0]
        for axis in axes.flat[len(models) :]:
            axis.set_axis_off()
        handles, labels = axes[0, 0].get_legend_handles_labels()
        legend.legend(handles, labels, loc="center" if legend is not axes[0, 0] else "lower right", title="scheme")
        for place, axis in enumerate(axes.flat[: len(models)]):
            if place + 4 >= len(models):
                axis.tick_params(labelbottom=True)
        lower.supxlabel("1 − specificity", fontsize=8)
        lower.supylabel("sensitivity", fontsize=8)
        letter(axes[0, 0], "c")
        add_note(figure, _note(performance), warning)
    return figure


def draw_hybrid(
    roc: pd.DataFrame,
    performance: pd.DataFrame,
    models: Sequence[str],
    warning: str = "",
    printed: Mapping[str, float] | None = None,
) -> Figure:
    """Draw few models with their bands, e.g. demographics, a nucleus and both; parameters as of `draw_nuclei`."""
    with figure_style():
        figure = blank(height=4.2)
        for axis, scheme, name in zip(figure.subplots(1, 2, sharey=True), SCHEMES, "ab", strict=True):
            _panel(axis, roc, performance, models, scheme, printed or {}, bands=True)
            letter(axis, name)
        add_note(figure, _note(performance), warning)
    return figure


def _panel(
    axis: Axes,
    roc: pd.DataFrame,
    performance: pd.DataFrame,
    models: Sequence[str],
    scheme: str,
    printed: Mapping[str, float],
    *,
    bands: bool,
) -> None:
    colours = model_colours(models)
    for model in models:
        found = rows_of(performance, model=model, scheme=scheme).iloc[0]
        limits = [found[f"auc_{INTERVAL}_{end}"] for end in ("low", "high")]
        label = f"{short(model)} {found['auc']:.2f} ({limits[0]:.2f}–{limits[1]:.2f})"
        if scheme == "as_published" and model in printed:
            label += f", paper {printed[model]:.2f}"
        _curve(axis, rows_of(roc, model=model, scheme=scheme), colours[model], label, band=bands)
    _frame(axis)
    axis.set_title(SCHEME_TITLES[scheme], loc="left", x=0.02)
    axis.set_xlabel("1 − specificity")
    axis.set_anchor("N")
    if scheme == SCHEMES[0]:
        axis.set_ylabel("sensitivity")
    columns = 2 if len(models) > 3 and max(map(len, models)) <= MAX_NAME else 1
    axis.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.16), title="AUC", ncols=columns,
        handlelength=1.2, columnspacing=1.0, borderaxespad=0, fontsize=6.5,
    )  # fmt: skip


def _curve(axis: Axes, curve: pd.DataFrame, colour: str, label: str, *, band: bool = True) -> None:
    # The grid's first point is the sensitivity without a false positive: the curve rises to it from 0.
    fpr, tpr = [0.0, *curve["fpr"]], [0.0, *curve["tpr"]]
    axis.plot(fpr, tpr, color=colour, label=label, linewidth=1.2, drawstyle="steps-post")
    if band:
        axis.fill_between(
            curve["fpr"], curve["tpr_low"], curve["tpr_high"], color=colour, alpha=0.15, linewidth=0, step="post"
        )


def _frame(axis: Axes) -> None:
    axis.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle=":", zorder=0)
    axis.set_xlim(-0.01, 1.01)
    axis.set_ylim(-0.01, 1.01)
    axis.set_aspect("equal")
    axis.set_xticks([0, 0.5, 1])
    axis.set_yticks([0, 0.5, 1])


def _note(performance: pd.DataFrame) -> str:
    nested = rows_of(performance, scheme="nested")
    return BAND_NOTE.format(
        confidence=performance["confidence"].iloc[0], repeats=nested["repeats"].max(), who=cohort_note(performance)
    )
