"""Do the probabilities mean what they say, and would acting on them help: calibration and decision curves."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from chiomics.core.figures import add_note, figure_style
from chiomics.diagnosis.contracts import SCHEMES
from chiomics.diagnosis.figure_style import (
    SCHEME_COLOURS,
    SCHEME_NAMES,
    cohort_note,
    finish_grid,
    model_grid,
    rows_of,
    write_above,
)
from chiomics.diagnosis.performance.calibration import MIN_PER_BIN, MIN_PER_CLASS

NOT_ESTIMABLE = "not estimable"


def draw_calibration(calibration: pd.DataFrame, performance: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw observed shares against predicted probabilities.

    Parameters
    ----------
    calibration, performance : pandas.DataFrame
        `contracts.CALIBRATION` and `contracts.PERFORMANCE`.
    models : sequence of str
        A panel each.

    Returns
    -------
    matplotlib.figure.Figure
        Both schemes, with slope and Brier score.
    """
    with figure_style():
        figure, axes = model_grid(models, panel_height=2.3)
        for model, axis in axes.items():
            lines = []
            for place, scheme in enumerate(SCHEMES):
                bins = rows_of(calibration, model=model, scheme=scheme)
                found = rows_of(performance, model=model, scheme=scheme).iloc[0]
                colour = SCHEME_COLOURS[scheme]
                axis.plot(
                    bins["mean_score"], bins["observed"], color=colour, marker="os"[place], markersize=3,
                    linewidth=1.2, label=SCHEME_NAMES[scheme],
                )  # fmt: skip
                slope = found["calibration_slope"]
                said = NOT_ESTIMABLE if pd.isna(slope) else f"{slope:.2f}"
                lines.append((f"slope {said}, Brier {found['brier']:.2f}", colour))
            axis.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle=":", zorder=0)
            axis.set_aspect("equal")
            write_above(axis, model.replace("_", " "), lines)
        first = next(iter(axes.values()))
        first.set_xlim(-0.02, 1.02)
        first.set_ylim(-0.02, 1.02)
        positive, prevalence = performance["positive"].iloc[0], performance["brier_prevalence"].iloc[0]
        names = {"across": f"predicted probability of {positive}", "up": f"observed share of {positive}"}
        finish_grid(figure, axes, **names, columns=2)
        add_note(
            figure,
            f"{_say_bins(calibration)} A slope below 1 means predictions that are too extreme; it takes "
            f"{MIN_PER_CLASS} participants of each class whose scores overlap. "
            f"Always predicting the share of {positive} has a Brier score of {prevalence:.2f}. "
            f"{cohort_note(performance)}",
        )
    return figure


def _say_bins(calibration: pd.DataFrame) -> str:
    bins = calibration["bin"].nunique()
    if bins < 2:
        return f"No curves: two parts of the scores would have fewer than {MIN_PER_BIN} participants each."
    return f"{bins} parts of equal size of the out-of-fold scores of all repeats, from {MIN_PER_BIN} participants each."


def draw_decision(decision: pd.DataFrame, performance: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw net benefit against the threshold probability; parameters as of `draw_calibration`."""
    with figure_style():
        figure, axes = model_grid(models)
        for model, axis in axes.items():
            for scheme in SCHEMES:
                curve = rows_of(decision, model=model, scheme=scheme)
                axis.plot(
                    curve["threshold"], curve["net_benefit"], color=SCHEME_COLOURS[scheme], linewidth=1.2,
                    label=SCHEME_NAMES[scheme],
                )  # fmt: skip
            axis.plot(curve["threshold"], curve["net_benefit_all"], color="0.4", linestyle="--", linewidth=0.9,
                      label=f"all called {performance['positive'].iloc[0]}")  # fmt: skip
            axis.axhline(0, color="0.4", linestyle=":", linewidth=0.9, label="none called")
            axis.set_title(model.replace("_", " "))
        first = next(iter(axes.values()))
        highest = decision[["net_benefit", "net_benefit_all"]].to_numpy().max()
        first.set_xlim(0, 1)
        first.set_ylim(-0.15, highest + 0.05)
        finish_grid(figure, axes, across="threshold probability", up="net benefit per participant", columns=4)
        add_note(
            figure,
            "Net benefit: true positives less false positives weighted by the odds of the threshold, per participant "
            f"(Vickers and Elkin 2006). Research use only. {cohort_note(performance)}",
        )
    return figure
