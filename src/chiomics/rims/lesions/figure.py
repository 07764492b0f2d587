"""A page of lesions as the detectors see them: χ and FLAIR of examples, kind by kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from chiomics.core.figures import TWO_COLUMNS, figure_style, save_figure
from chiomics.rims.lesions.patches import CHI_CLIP, CHI_SCALE
from chiomics.rims.lesions.table import LesionSet

#: Examples per kind, and voxels shown to either side of the lesion's centre.
EXAMPLES, HALF = 6, 14
#: Colour of what is masked: no grey, so that it is not taken for a value.
AROUND = "#D6E4F5"
#: Range of χ in ppb around the median of the lesions shown, and the largest scaled FLAIR.
CHI_RANGE, FLAIR_RANGE = 45.0, 15.0


def draw_examples(lesions: LesionSet, path: str | Path, *, simulated: bool | str) -> None:
    """Draw examples of every kind of lesion, evenly spaced by size from the largest.

    Parameters
    ----------
    lesions : LesionSet
        Of a cohort.
    path : path-like
        PNG or SVG.
    simulated : bool or str
        Whether to say that the lesions are simulated, or how many of them.
    """
    groups = _groups(lesions.table)
    with figure_style():
        height = 0.62 + 0.51 * len(groups)
        figure = Figure(figsize=(TWO_COLUMNS, height))
        axes = figure.subplots(
            len(groups),
            2 * EXAMPLES,
            squeeze=False,
            gridspec_kw={"left": 0.165, "right": 0.995, "top": 1 - 0.58 / height, "bottom": 0.01}
            | {"wspace": 0.03, "hspace": 0.03},
        )
        for axis in axes.ravel():
            axis.set_axis_off()
        middle = float(np.median(lesions.table["chi_mean"])) if len(lesions.table) else 0.0
        for row, (name, members) in enumerate(groups.items()):
            for column, k in enumerate(members):
                _draw_one(axes[row, 2 * column : 2 * column + 2], lesions.patches[k], lesions.masks[k], middle)
            axes[row, 0].text(-0.12, 0.5, name, transform=axes[row, 0].transAxes, ha="right", va="center", fontsize=7)
        figure.suptitle(
            f"Lesions as the detectors see them: χ from {middle - CHI_RANGE:.0f} to {middle + CHI_RANGE:.0f} ppb, "
            "and FLAIR at its right,\nin the slice with most of the lesion",
            fontsize=8,
            y=1 - 0.2 / height,
        )
        save_figure(figure, path, simulated=simulated)


def _groups(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Choose examples by kind and vein where these are known, by the raters' consensus elsewhere."""
    if "kind" in table and table["kind"].notna().any():
        names = table["kind"].str.cat(
            table["vein"].map({"none": "", "central": ", central vein", "edge": ", edge vein"})
        )
    else:
        names = table["consensus"].map({1.0: "rim", 0.0: "no rim"}).fillna("not rated")
    groups = {}
    for name in sorted(names.unique()):
        members = np.flatnonzero(names == name)
        members = members[np.argsort(-table["volume_mm3"].to_numpy()[members], kind="stable")]
        spaced = np.unique(np.linspace(0, 0.7 * (len(members) - 1), EXAMPLES).round().astype(int))
        groups[name] = members[spaced]
    return groups


def _draw_one(axes: np.ndarray, patch: np.ndarray, mask: np.ndarray, middle: float) -> None:
    """Draw χ and FLAIR of one lesion, anterior up and the left side on the right."""
    best = int(mask.sum(axis=(0, 1)).argmax())
    centre = np.array(mask.shape[:2]) // 2
    cut = tuple(slice(max(c - HALF, 0), c + HALF) for c in centre)
    inside = mask[(*cut, best)] > 0
    chi = np.where(inside, patch[(0, *cut, best)].astype(float) * CHI_SCALE, np.nan)
    flair = np.where(inside, patch[(1, *cut, best)].astype(float), np.nan)
    limit = CHI_CLIP * CHI_SCALE
    low, high = max(middle - CHI_RANGE, -limit), min(middle + CHI_RANGE, limit)
    for axis, image, (vmin, vmax) in zip(axes, (chi, flair), ((low, high), (0, FLAIR_RANGE)), strict=True):
        axis.imshow(np.ones_like(image).T, cmap=ListedColormap([AROUND]), origin="lower")
        axis.imshow(image.T[:, ::-1], cmap="gray", vmin=vmin, vmax=vmax, origin="lower", interpolation="nearest")
