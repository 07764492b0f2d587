"""Figures 6 and 7 of Zhang et al. 2022, and three that show calibration, chance and the errors by kind of lesion."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chiomics.core.figures import COLOURS, add_note, blank, figure_style, left_out, letter
from chiomics.rims.detectors.arms import ARMS
from chiomics.rims.evaluation.chance import LEAK_MEASURES, leak_check
from chiomics.rims.evaluation.lesion_level import order_of
from chiomics.rims.zhang2022.figures import colour_of
from chiomics.rims.zhang2022.published_values import published_number

OUTCOME_COLOURS = {"TP": COLOURS[2], "FN": COLOURS[3], "FP": COLOURS[1], "TN": COLOURS[6]}


def draw_curves(tables: Mapping[str, pd.DataFrame], share: float) -> Figure:
    """Draw Figure 6: partial ROC and precision-recall curves, averaged over folds."""
    points, areas = tables["curves"], tables["areas"].set_index("arm")
    arms = [arm for arm in order_of(tables["areas"]) if ARMS[arm].table != "3"]
    with figure_style():
        figure = blank(height=4.3)
        panels = figure.subplots(1, 2)
        frames = [("roc", "proc_auc", "false positive rate", "true positive rate", 0.1)]
        frames.append(("pr", "pr_auc", "recall", "precision", 1.0))
        for axis, (curve, measure, across, up, right), name in zip(panels, frames, "ab", strict=True):
            for arm in arms:
                own = points.loc[(points["arm"] == arm) & (points["curve"] == curve)]
                printed = published_number(arm, measure)
                label = f"{ARMS[arm].title}: {areas.loc[arm, measure]:.3f}"
                label += f" (paper {printed:.3f})" if np.isfinite(printed) else ""
                axis.plot(own["x"], own["y"], color=colour_of(arm), label=label, linewidth=1.2)
            chance = [0, right] if curve == "roc" else [share, share]
            axis.plot([0, right], chance, color="0.6", linestyle=":", linewidth=0.9, label="chance")
            axis.set(xlabel=across, ylabel=up, xlim=(0, right), ylim=(0, 1.02))
            title = "AUC / 0.1, chance 0.05" if curve == "roc" else "AUC"
            _legend_below(axis, title=title)
            letter(axis, name)
        folds = int(areas["folds"].max())
        add_note(
            figure, f"Means of {folds} folds, piecewise constant on a common grid; probabilities are means over seeds."
        )
    return figure


def draw_counts(counts: pd.DataFrame, level: pd.DataFrame, arm: str) -> Figure:
    """Draw Figure 7: rim lesions per subject, counted by a method against the experts, under both thresholds."""
    if arm not in set(counts["arm"]):
        return left_out(f"{ARMS[arm].title} was not trained")
    own, rng = counts.loc[counts["arm"] == arm], np.random.default_rng(7)
    rows = level.loc[level["arm"] == arm].set_index("threshold")
    with figure_style():
        figure = blank(height=3.6)
        for axis, (rule, row), name in zip(figure.subplots(1, max(2, len(rows))), rows.iterrows(), "ab", strict=False):
            x, y = own["expert"].to_numpy(float), own[f"predicted_{rule}"].to_numpy(float)
            top = max(x.max(), y.max()) + 1
            jitter = rng.uniform(-0.22, 0.22, (2, len(x)))
            axis.scatter(x + jitter[0], y + jitter[1], s=9, color=COLOURS[0], alpha=0.6, linewidth=0)
            axis.plot([0, top], [0, top], color=COLOURS[0], linestyle="--", linewidth=0.9, label="identity")
            _regression(axis, x, y, top)
            axis.set(xlabel="experts", xlim=(-0.5, top), ylim=(-0.5, top), title=f"threshold {rule}")
            axis.set_aspect("equal")
            text = f"r = {row['r']:.2f} ({row['r_low']:.2f}–{row['r_high']:.2f})"
            text += f"\nMSE = {row['mse']:.2f}\nICC = {row['icc']:.2f}"
            axis.text(0.03, 0.97, text, transform=axis.transAxes, va="top", fontsize=7)
            letter(axis, name)
        figure.axes[0].set_ylabel(ARMS[arm].title)
        figure.axes[0].legend(loc="lower right")
        printed = [published_number(arm, name) for name in ("r", "mse")]
        paper = f" The paper: r = {printed[0]:.2f}, MSE = {printed[1]:.2f}." if np.isfinite(printed).all() else ""
        add_note(
            figure, f"Rim lesions per subject ({len(own)} subjects), points jittered; band: 95 % of the line.{paper}"
        )
    return figure


def draw_calibration(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw reliability, and F1 over the share of rim lesions."""
    arms = [arm for arm in order_of(tables["areas"]) if ARMS[arm].table != "3"]
    brier = tables["calibration"].set_index(["arm", "which"])["brier"]
    with figure_style():
        figure = blank(height=4.0)
        raw, undone, over = figure.subplots(1, 3)
        for axis, which, title in (
            (raw, "probability", "as predicted"),
            (undone, "calibrated", "training share undone"),
        ):
            for arm in arms:
                own = tables["reliability"].loc[lambda t, a=arm, w=which: (t["arm"] == a) & (t["which"] == w)]
                label = f"{ARMS[arm].title}: Brier {brier[arm, which]:.3f}"
                axis.plot(
                    own["predicted"], own["found"], marker="o", markersize=2.5, color=colour_of(arm), lw=1, label=label
                )
            axis.plot([0, 1], [0, 1], color="0.6", linestyle=":", linewidth=0.9)
            axis.set(
                xlabel="predicted", ylabel="found share of rims", title=title, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02)
            )
        for arm in arms:
            own = tables["prevalence"].loc[lambda t, a=arm: (t["arm"] == a) & (t["threshold"] == "published")]
            over.plot(own["prevalence"], own["f1"], marker="o", markersize=2.5, color=colour_of(arm), lw=1)
        over.axvline(0.0425, color="0.6", linestyle=":", linewidth=0.9)
        over.set(
            xlabel="share of rim lesions",
            ylabel="F1",
            xscale="log",
            ylim=(0, 1.02),
            title="F1 in other cohorts",
        )
        over.xaxis.set_major_formatter("{x:g}")
        for axis, name in zip((raw, undone, over), "abc", strict=True):
            letter(axis, name)
            if axis is not over:
                _legend_below(axis, fontsize=6)
        add_note(figure, "Ten bins of equally many lesions. Dotted in c: the paper's share of 4.25 %.")
    return figure


def draw_chance(chance: pd.DataFrame) -> Figure:
    """Draw what permuted labels give, and what splitting lesions in place of subjects adds."""
    with figure_style():
        figure = blank(height=3.0)
        arms = list(chance["arm"].unique())
        *axes, last = figure.subplots(1, len(arms) + 1)
        for axis, arm in zip(axes, arms, strict=True):
            own = chance.loc[chance["arm"] == arm]
            null = own.loc[own["scheme"] == "permuted", "auc"]
            axis.hist(null, bins=np.linspace(0, 1, 41), color=COLOURS[6], label=f"permuted, mean {null.mean():.2f}")
            value = own.loc[own["scheme"] == "subject_split", "auc"].mean()
            axis.axvline(value, color=COLOURS[0], linewidth=1.4, label=f"true labels: {value:.3f}")
            axis.set(xlabel="AUC", xlim=(0, 1), title=ARMS[arm].title)
            _legend_below(axis)
            axis.yaxis.get_major_locator().set_params(integer=True)
        axes[0].set_ylabel("permutations")
        found = leak_check(chance)
        for (measure, words), colour in zip(LEAK_MEASURES.items(), (COLOURS[0], COLOURS[1]), strict=True):
            own = found.loc[found["measure"] == measure]
            places = np.arange(len(own)) + (-0.12 if measure == "ap" else 0.12)
            reach = [own["difference"] - own["low"], own["high"] - own["difference"]]
            last.errorbar(places, own["difference"], reach, fmt="o", markersize=3, color=colour, label=words)
        last.axhline(0, color="0.6", linewidth=0.7)
        last.set(title="lesions split − subjects split", xlim=(-0.5, len(arms) - 0.5))
        last.set_xticks(range(len(arms)), [textwrap.fill(ARMS[arm].title, 14) for arm in arms], fontsize=6)
        _legend_below(last, lines=3)
        add_note(
            figure, "Where lesions are split at random a detector is tested on subjects that it knows, which flatters "
            "it as far as lesions of a subject resemble each other. Right: mean over "
            f"{found['repeats'].iloc[0]} pairs of splits and its 95 % interval.",
        )  # fmt: skip
    return figure


def draw_errors(errors: pd.DataFrame, arm: str, *, rule: str) -> Figure:
    """Draw right and wrong calls by kind, place, size and disagreement."""
    own = errors.loc[(errors["arm"] == arm) & (errors["threshold"] == rule)]
    if own.empty:
        return left_out(f"{ARMS[arm].title} was not trained")
    factors = [factor for factor in own["factor"].unique() if (own["factor"] == factor).sum() > 1]
    sizes = [int((own["factor"] == factor).sum()) for factor in factors]
    with figure_style():
        figure = blank(height=0.9 + 0.24 * sum(sizes))
        for axis, factor in zip(
            figure.subplots(len(factors), 1, height_ratios=sizes, squeeze=False)[:, 0], factors, strict=True
        ):
            rows = own.loc[own["factor"] == factor]
            total = rows[list(OUTCOME_COLOURS)].sum(axis=1)
            left = np.zeros(len(rows))
            for outcome, colour in OUTCOME_COLOURS.items():
                part = (rows[outcome] / total).to_numpy()
                axis.barh(np.arange(len(rows)), part, left=left, color=colour, label=outcome)
                left += part
            names = [
                f"{level.replace('_', ' ')} ({n})" for level, n in zip(rows["level"].astype(str), total, strict=True)
            ]
            axis.set_yticks(np.arange(len(rows)), names)
            axis.set_xlim(0, 1)
            axis.set_title(factor, loc="left", fontsize=8)
            axis.invert_yaxis()
        figure.axes[0].legend(ncols=4, loc="lower right", bbox_to_anchor=(1, 1.0))
        figure.axes[-1].set_xlabel("share of the lesions")
        add_note(figure, f"{ARMS[arm].title}, threshold `{rule}`; in brackets the number of lesions.")
    return figure


def _legend_below(axis: Axes, *, fontsize: float = 7, lines: int = 2, **options: Any) -> None:
    """Put the legend under so many lines of labels, at a distance that does not shrink with the panel."""
    axis.legend(
        loc="upper center", bbox_to_anchor=(0.5, 0), fontsize=fontsize, borderaxespad=(10 + 11 * lines) / fontsize,
        **options,
    )  # fmt: skip


def _regression(axis: Axes, x: np.ndarray, y: np.ndarray, top: float) -> None:
    """Draw the least-squares line with its 95 % band."""
    if x.std() == 0 or len(x) < 4:
        return
    slope, intercept = np.polyfit(x, y, 1)
    at = np.linspace(0, top, 50)
    rest = np.sqrt(np.sum((y - slope * x - intercept) ** 2) / (len(x) - 2))
    half = 1.96 * rest * np.sqrt(1 / len(x) + (at - x.mean()) ** 2 / np.sum((x - x.mean()) ** 2))
    axis.plot(at, slope * at + intercept, color=COLOURS[0], linewidth=1.2, label="regression")
    axis.fill_between(
        at, slope * at + intercept - half, slope * at + intercept + half, color=COLOURS[0], alpha=0.15, lw=0
    )
