"""How many features each step of the selection leaves, beside the published counts, and how steadily it chooses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chiomics.core.figures import COLOURS, add_note, blank, figure_style, letter
from chiomics.diagnosis.contracts import SCHEMES, STEPS
from chiomics.diagnosis.figure_style import SCHEME_COLOURS, SCHEME_NAMES, legend_above, rows_of
from chiomics.diagnosis.yan2021.published_values import read_published

STEP_NAMES = {"univariate": "univariate filter", "spearman": "|ρ| below cut-off", "aic": "AIC"}
#: Features shown per model in the figure of stability.
N_SHOWN = 6


def draw_counts(counts: pd.DataFrame, models: Sequence[str], *, p_threshold: float) -> Figure:
    """Draw the numbers of features left, and the stability of the choice.

    Parameters
    ----------
    counts : pandas.DataFrame
        `contracts.SELECTION_COUNTS`.
    models : sequence of str
        The nuclei.
    p_threshold : float
        Of the univariate filter: its share of all features passes by chance.

    Returns
    -------
    matplotlib.figure.Figure
        A panel per step, published counts as crosses, and one for Nogueira's stability of the final features.
    """
    with figure_style():
        figure = blank(height=4.4)
        axes = figure.subplots(2, 2).flat
        for axis, step, name in zip(axes, STEPS[1:], "abc", strict=False):
            for place, scheme in enumerate(SCHEMES):
                own = rows_of(counts, scheme=scheme, step=step).set_index("model").reindex(models)
                x = np.arange(len(models)) + (place - 0.5) * 0.3
                reach = [own["median"] - own["q25"], own["q75"] - own["median"]]
                axis.bar(x, own["median"], 0.28, color=SCHEME_COLOURS[scheme], label=SCHEME_NAMES[scheme])
                axis.errorbar(x, own["median"], reach, fmt="none", ecolor="0.2", elinewidth=0.8)
            printed = [_published(counts, model, step) for model in models]
            axis.plot(range(len(models)), printed, "x", color="0.1", markersize=5, label="published")
            axis.set_ylabel("features left")
            axis.set_title(STEP_NAMES[step])
            _models(axis, models, name)
        chance = p_threshold * rows_of(counts, step="extracted")["median"].max()
        axes[0].axhline(chance, color="0.4", linestyle=":", linewidth=0.9, label="expected by chance")
        axis = axes[3]
        for place, step in enumerate(STEPS[1:]):
            own = rows_of(counts, scheme="nested", step=step).set_index("model").reindex(models)
            x = np.arange(len(models)) + (place - 1) * 0.25
            axis.bar(x, own["stability"], 0.23, color=("0.75", "0.5", "0.2")[place], label=STEP_NAMES[step])
        axis.axhline(0, color="0.2", linewidth=0.8)
        axis.set_ylim(min(0, axis.get_ylim()[0]), 1.18)
        axis.set_yticks([0, 0.25, 0.5, 0.75, 1])
        axis.set_title("stability over training folds (nested)")
        axis.set_ylabel("Nogueira's stability")
        axis.legend(loc="upper right", ncols=3, handlelength=1, columnspacing=0.8, borderaxespad=0)
        _models(axis, models, "d")
        legend_above(figure, axes[0], columns=4)
        add_note(
            figure,
            "Bars: of the selection on all participants, or the median over training folds with quartiles. Published "
            "AIC counts are those of the text; Table 2 of the paper swaps GP and HCN. Stability: 1 where every fold "
            "chooses the same features, 0 where they agree as by chance.",
        )
    return figure


def draw_stability(stability: pd.DataFrame, selected: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw how often training folds choose the features most often chosen.

    Parameters
    ----------
    stability, selected : pandas.DataFrame
        `contracts.SELECTION_STABILITY` and `contracts.SELECTED`.
    models : sequence of str
        The nuclei.

    Returns
    -------
    matplotlib.figure.Figure
        A panel per model; dark bars are features of the model of all participants.
    """
    printed = read_published("table2")
    chosen = rows_of(selected, scheme="as_published", step="aic")
    with figure_style():
        figure = blank(height=1.15 * -(-len(models) // 2) + 0.4)
        axes = list(figure.subplots(-(-len(models) // 2), 2, sharex=True, squeeze=False).flat)
        for axis, model in zip(axes, models, strict=False):
            rows = rows_of(stability, model=model, scheme="nested", step="aic").head(N_SHOWN).iloc[::-1]
            own = set(rows_of(chosen, model=model)["feature"])
            paper = {f"{model}.{name}" for name in rows_of(printed, model=model)["feature"]}
            colours = [COLOURS[0] if name in own else "#BBCCDD" for name in rows["feature"]]
            axis.barh(range(len(rows)), 100 * rows["frequency"], color=colours, height=0.75)
            names = [_short(name) + (" *" if name in paper else "") for name in rows["feature"]]
            axis.set_yticks(range(len(rows)), names, fontsize=5.5)
            axis.set_xlim(0, 100)
            axis.set_ylim(len(rows) - 0.5 - N_SHOWN, len(rows) - 0.5)
            axis.set_title(model, loc="left", pad=2)
            axis.tick_params(labelbottom=True)
        for axis in axes[len(models) :]:
            axis.set_axis_off()
        figure.supxlabel("training folds that choose the feature (%)", fontsize=8)
        add_note(
            figure,
            f"The {N_SHOWN} features that the nested selection chooses most often per nucleus. Dark: also chosen on "
            "all participants. *: in Table 2 of the paper.",
        )
    return figure


def _published(counts: pd.DataFrame, model: str, step: str) -> float:
    """Read the printed count; of two that disagree, that of the text."""
    printed = rows_of(counts, model=model, step=step)["published"].astype(str)
    first = printed.iloc[0].split(" ")[0] if len(printed) else ""
    return float(first) if first.isdigit() else np.nan


def _models(axis: Axes, models: Sequence[str], name: str) -> None:
    axis.set_xticks(range(len(models)), models)
    axis.tick_params(axis="x", length=0)
    letter(axis, name)


def _short(feature: str) -> str:
    """Leave out the region, and shorten the image's name."""
    image, kind, name = feature.partition(".")[2].split("_")
    image = image.replace("log-sigma-1-0-mm-3D", "LoG 1 mm").replace("wavelet-", "")
    return f"{image} {kind} {name}"
