"""Figures S1 and S9: the coefficient of every feature in every region (Fiscone et al. 2023, Figs. S1 and S9).

The supplement itself was not at hand: the figures follow what the text says of them.
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chiomics.core.figures import add_note, blank, figure_style, left_out
from chiomics.robustness.fiscone2023.figures import choose, classes_of, readable_feature, regions_of, setting_text
from chiomics.robustness.tables import CLASSES

#: Coefficients below are drawn in the lowest colour.
LOWEST = 0.5
#: Inches per feature: its name has to be read.
ROW = 0.098
NAME_SIZE = 5.2
#: One map of colours below the threshold and another above, both from dark to light to dark for any colour vision.
BELOW, ABOVE = "Oranges_r", "Blues"
MISSING = "0.6"
NAMES_OF_SIDES = {"merged": "there with both sides as one", "separate": "there by side"}


def draw_matrix(
    icc: pd.DataFrame,
    *,
    setting: dict,
    threshold: float,
    sides: str = "merged",
    whole: str = "NAWM",
    cohort: str = "all",
) -> Figure:
    """Draw features by regions in colours of their coefficients.

    Parameters
    ----------
    icc : pandas.DataFrame
        ``icc.parquet``.
    setting, whole, cohort
        As in `chiomics.robustness.fiscone2023.figure3.draw_robust`.
    threshold : float
        Above it a feature is robust, and blue.
    sides : {"merged", "separate"}
        Regions as a whole (Fig. S1), or left and right (Fig. S9).

    Returns
    -------
    matplotlib.figure.Figure
        Two columns of classes, as features are many.
    """
    first = icc["perturbation"].iloc[0]
    here = choose(icc, cohort=cohort, sides=sides, perturbation=first, **setting)
    if here.empty:
        return left_out(f"the cohort's regions are not {NAMES_OF_SIDES[sides]}")
    regions, classes = _columns(here, whole), classes_of(here)
    blocks = {name: _matrix(choose(here, feature_class=name), regions) for name in classes}
    halves = _halves({name: len(block) for name, block in blocks.items()})
    longest = max(sum(len(blocks[name]) for name in half) for half in halves)
    colours, norm = _colours(threshold)
    with figure_style():
        figure = blank(height=1.3 + ROW * longest)
        axes = figure.subplots(1, len(halves), squeeze=False)[0]
        shown = None
        for axis, half in zip(axes, halves, strict=True):
            shown = _draw_half(axis, {name: blocks[name] for name in half}, regions, longest, colours, norm)
        bar = figure.colorbar(shown, ax=list(axes), location="bottom", fraction=0.02, pad=0.01, aspect=60, extend="min")
        bar.set_label("intraclass correlation")
        bar.set_ticks(sorted({LOWEST, 0.6, 0.7, 0.8, threshold, 0.9, 0.95, 1.0}))
        add_note(
            figure,
            f"{setting_text(setting)}. Blue: robust, above {threshold:g}; orange: below; the lowest colour stands for "
            f"all below {LOWEST:g}. Grey: no coefficient. Shape does not change with the reconstruction, and is left "
            "out.",
        )
    return figure


def _columns(here: pd.DataFrame, whole: str) -> list[tuple[str, str]]:
    """List region and side in the study's order."""
    pairs = {tuple(pair) for pair in here[["voi", "hemisphere"]].drop_duplicates().to_numpy()}
    return [
        (voi, side) for voi in regions_of(here, whole=whole) for side in ("LR", "", "L", "R") if (voi, side) in pairs
    ]


def _matrix(rows: pd.DataFrame, regions: list[tuple[str, str]]) -> pd.DataFrame:
    """Return one row per feature, in the order of the table, and one column per region."""
    order = list(dict.fromkeys(rows["feature"]))
    wide = rows.pivot_table(index="feature", columns=["voi", "hemisphere"], values="icc", dropna=False)
    return wide.reindex(index=order, columns=pd.MultiIndex.from_tuples(regions)).astype(float)


def _halves(sizes: dict[str, int]) -> list[list[str]]:
    """Part the classes, in their order, into two columns of nearly the same length."""
    names = list(sizes)
    if len(names) < 2:
        return [names]
    longer = [max(sum(sizes[n] for n in names[:k]), sum(sizes[n] for n in names[k:])) for k in range(1, len(names))]
    cut = int(np.argmin(longer)) + 1
    return [names[:cut], names[cut:]]


def _colours(threshold: float) -> tuple[mpl.colors.Colormap, mpl.colors.Normalize]:
    """Join two maps of colours exactly at the threshold; each has half of the scale."""
    low = mpl.colormaps[BELOW](np.linspace(0.15, 0.85, 128))
    high = mpl.colormaps[ABOVE](np.linspace(0.35, 0.95, 128))
    colours = mpl.colors.ListedColormap(np.concatenate([low, high]))
    return colours.with_extremes(bad=MISSING, under=low[0]), mpl.colors.TwoSlopeNorm(threshold, LOWEST, 1)


def _draw_half(
    axis: Axes,
    blocks: dict[str, pd.DataFrame],
    regions: list[tuple[str, str]],
    longest: int,
    colours: mpl.colors.Colormap,
    norm: mpl.colors.Normalize,
) -> mpl.image.AxesImage:
    whole = pd.concat(blocks.values())
    shown = axis.imshow(
        np.ma.masked_invalid(whole.to_numpy()), cmap=colours, norm=norm, aspect="auto", interpolation="nearest"
    )
    axis.set_yticks(range(len(whole)), [readable_feature(name) for name in whole.index], fontsize=NAME_SIZE)
    axis.set_xticks(range(len(regions)), [f"{voi} {side}".removesuffix(" LR").strip() for voi, side in regions])
    axis.tick_params(axis="x", labelrotation=90 if len(regions) > 4 else 0, top=True, bottom=False, labelsize=6)
    axis.tick_params(axis="x", labeltop=True, labelbottom=False)
    axis.tick_params(length=0)
    axis.set_ylim(longest - 0.5, -0.5)
    axis.spines[:].set_visible(False)
    end = 0
    for name, block in blocks.items():
        axis.text(len(regions) - 0.4, end + len(block) / 2 - 0.5, CLASSES[name], rotation=270, va="center", fontsize=7)
        end += len(block)
        if end < len(whole):
            axis.axhline(end - 0.5, color="black", linewidth=1)
    return shown
