"""Figures 1, 2, 3 and 8 of Zhang et al. 2022: the lesions themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from chiomics.core.figures import COLOURS, add_note, blank, figure_style, left_out, letter
from chiomics.rims.detectors.arms import ARMS
from chiomics.rims.detectors.folds import STRATUM_NAMES, count_rims, strata_of
from chiomics.rims.detectors.lesions import KEYS, Lesions
from chiomics.rims.evaluation.errors import outcomes
from chiomics.rims.zhang2022.figures import draw_arrow, draw_box, say_window, show_lesion, windows_of

OUTCOME_TITLES = {"TP": "true positive", "FP": "false positive", "FN": "false negative", "TN": "true negative"}
EXAMPLES = 3


def draw_examples(lesions: Lesions) -> Figure:
    """Draw Figure 1: lesions with and without a rim, χ above FLAIR."""
    chosen, windows = {1: "with a rim", 0: "without"}, windows_of(lesions.patches, lesions.masks)
    with figure_style():
        figure = blank(height=2.9)
        axes = figure.subplots(2, 2 * EXAMPLES, squeeze=False)
        for group, (label, words) in enumerate(chosen.items()):
            rows = np.flatnonzero(lesions.labels == label)
            size = lesions.table["volume_mm3"].to_numpy(float)[rows]
            # The largest have a rim that can be seen; others are of the same sizes.
            order = rows[np.argsort(-size, kind="stable")]
            for place, row in enumerate(order[:: max(1, len(order) // 12)][:EXAMPLES]):
                pair = axes[:, group * EXAMPLES + place]
                show_lesion(pair, lesions.patches[row], lesions.masks[row], windows)
                pair[0].set_title(f"{words}\n{lesions.table['participant_id'].iloc[row]}", fontsize=7)
        axes[0, 0].set_ylabel("χ")
        axes[1, 0].set_ylabel("FLAIR")
        for axis in axes.flat:
            if not axis.images:
                axis.set_axis_off()
        add_note(
            figure, f"{say_window(windows[0])}; axial slice through the largest part of each lesion, outlined; "
            "front up; what the networks do not see is coloured.",
        )  # fmt: skip
    return figure


def draw_annotation(lesions: Lesions, facts: Mapping[str, object]) -> Figure:
    """Draw Figure 2: from masks to labels, with this cohort's numbers."""
    raters = lesions.table.filter(regex="^rater_").apply(pd.to_numeric)
    called = "\n".join(
        f"{name.removeprefix('rater_')}: {int(raters[name].sum())} of {int(raters[name].notna().sum())}"
        for name in raters
    )
    rated = raters.notna().sum(axis=1) >= 2
    differ = int(((raters.max(axis=1) != raters.min(axis=1)) & rated).sum())
    source = "lesion masks" if not lesions.table["simulated"].any() else "simulated lesions\nand their masks"
    boxes = [
        (source, f"{facts['lesions']} rated lesions\n{facts['subjects']} subjects"),
        (
            "confluent lesions\nsplit or kept",
            f"{int(np.sum(lesions.table['cropped'].astype(float) > 0))} larger\nthan the patch",
        ),
        ("raters call rims", called or "no single raters"),
        ("consensus", f"{differ} lesions\nwith disagreement"),
        ("labels", f"{facts['rims']} with a rim\n{facts['lesions'] - facts['rims']} without"),
    ]
    with figure_style():
        figure = blank(height=1.7)
        axis = figure.subplots()
        for place, (title, text) in enumerate(boxes):
            draw_box(axis, (place * 1.25, 0.62), (1.0, 0.55), title, colour="#DDE8F4")
            axis.text(place * 1.25, 0.22, text, ha="center", va="top", fontsize=6.5, linespacing=1.25)
            if place:
                draw_arrow(axis, (place * 1.25 - 0.75, 0.62), (place * 1.25 - 0.5, 0.62))
        axis.set_xlim(-0.6, 5.6)
        axis.set_ylim(-0.25, 0.95)
        axis.set_axis_off()
    return figure


def draw_histogram(lesions: Lesions) -> Figure:
    """Draw Figure 3: rim lesions per subject, coloured by the strata of the folds."""
    names, counts = count_rims(lesions.subjects, lesions.labels)
    strata = strata_of(counts)
    with figure_style():
        figure = blank(height=2.6)
        axis = figure.subplots()
        for number, words in enumerate(STRATUM_NAMES):
            values, heights = np.unique(counts[strata == number], return_counts=True)
            axis.bar(values, heights, width=0.9, color=COLOURS[number], label=f"{words} ({heights.sum()} subjects)")
        axis.set_xlabel("rim lesions of a subject")
        axis.set_ylabel("subjects")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.yaxis.get_major_locator().set_params(integer=True)
        axis.legend(title="stratum of the folds")
        add_note(
            figure, f"{len(names)} subjects, {counts.sum()} rim lesions. The paper: 172 and 177, up to 17 in a subject."
        )
    return figure


def draw_outcomes(lesions: Lesions, calls: pd.DataFrame, arm: str, *, rule: str) -> Figure:
    """Draw Figure 8: lesions that a method calls rightly and wrongly, the surest of each kind."""
    if arm not in set(calls["arm"]):
        return left_out(f"{ARMS[arm].title} was not trained")
    keys = lesions.table[KEYS].astype(str)
    own = calls.loc[calls["arm"] == arm].astype(dict.fromkeys(KEYS, str))
    own = keys.reset_index(names="row").merge(own, on=KEYS, how="inner", validate="one_to_one")
    own["outcome"] = outcomes(own["label"], own[f"call_{rule}"])
    windows = windows_of(lesions.patches, lesions.masks)
    with figure_style():
        figure = blank(height=5.2)
        axes = figure.subplots(4, 2 * EXAMPLES, squeeze=False)
        for line, (outcome, words) in enumerate(OUTCOME_TITLES.items()):
            surest = own.loc[own["outcome"] == outcome].sort_values("probability", ascending=outcome in ("FN", "TN"))
            for place, row in enumerate(surest.itertuples()):
                if place == EXAMPLES:
                    break
                pair = axes[line, 2 * place : 2 * place + 2]
                show_lesion(pair, lesions.patches[row.row], lesions.masks[row.row], windows)
                pair[0].set_title(f"p = {row.probability:.2f} {_say_kind(lesions, row.row)}", fontsize=6, loc="left")
            axes[line, 0].set_ylabel(f"{words}\n({len(surest)})", fontsize=7)
            letter(axes[line, 0], "ABCD"[line])
        _hide_empty(axes)
        add_note(
            figure, f"{ARMS[arm].title}, threshold `{rule}`, the surest calls of each kind; left χ, right FLAIR, the "
            f"lesion outlined; {say_window(windows[0])}; in brackets the number of lesions.",
        )  # fmt: skip
    return figure


def _say_kind(lesions: Lesions, row: int) -> str:
    """Say what is known of a simulated lesion, nothing of another."""
    known = lesions.table.iloc[row]
    kind, vein = (str(known.get(name, "") or "") for name in ("kind", "vein"))
    return kind.replace("_", " ") + (f", {vein} vein" if vein in ("central", "edge") else "")


def _hide_empty(axes: Sequence) -> None:
    for axis in np.asarray(axes).flat:
        if not axis.images:
            axis.set_xticks([])
            axis.set_yticks([])
            for spine in axis.spines.values():
                spine.set_visible(False)
