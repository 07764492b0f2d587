"""What each scheme finds where there is nothing to find: AUCs of permuted labels beside the observed one.

The published recipe selects on all participants before it cross-validates: its null lies far above 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from chiomics.core.figures import add_note, figure_style, left_out
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

BIN_EDGES = np.linspace(0, 1, 41)


def draw_null(permuted: pd.DataFrame, performance: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw histograms of the AUC under permuted labels, the observed AUC as a line.

    Parameters
    ----------
    permuted, performance : pandas.DataFrame
        `contracts.PERMUTATION` and `contracts.PERFORMANCE`.
    models : sequence of str
        A panel each.

    Returns
    -------
    matplotlib.figure.Figure
        A page that says so where nothing was permuted.
    """
    if permuted.empty:
        return left_out("no labels were permuted (permutations: 0)")
    with figure_style():
        figure, axes = model_grid(models, panel_height=1.95)
        for model, axis in axes.items():
            lines = []
            for scheme in SCHEMES:
                null = rows_of(permuted, model=model, scheme=scheme)["auc"]
                found = rows_of(performance, model=model, scheme=scheme).iloc[0]
                colour, name = SCHEME_COLOURS[scheme], SCHEME_NAMES[scheme]
                axis.hist(
                    null, BIN_EDGES, weights=np.full(len(null), 100 / max(len(null), 1)), color=colour, alpha=0.45,
                    label=f"permuted labels, {name}",
                )  # fmt: skip
                axis.axvline(found["auc"], color=colour, linewidth=1.6, label=f"observed, {name}")
                lines.append(
                    (f"null mean {found['auc_permuted_mean']:.2f}, p {_say_p(found['p_permutation'])}", colour)
                )
            axis.axvline(0.5, color="0.5", linewidth=0.8, linestyle=":", zorder=0)
            write_above(axis, model.replace("_", " "), lines)
        next(iter(axes.values())).set_xlim(0, 1)
        finish_grid(figure, axes, across="AUC", up="permutations (%)", columns=2)
        nested = rows_of(permuted, scheme="nested")
        add_note(
            figure,
            f"{nested['permutation'].nunique()} permutations of the participants' labels, one repeat each; dotted: "
            f"0.5. p: share of permutations that reach the observed AUC. {cohort_note(performance)}",
        )
    return figure


def _say_p(p: float) -> str:
    return f"= {p:.3f}" if p >= 0.001 else "< .001"
