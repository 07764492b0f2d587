"""Figures 1 to 3 of Seok et al. 2023 on a cohort, and Figures S1 to S3 that the paper does not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from chiomics.core.figures import add_note, blank, figure_style, left_out
from chiomics.flair.images.draw import normalise, show_slices
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.images.slices import REGIONS
from chiomics.flair.study.combine import fair_performance
from chiomics.flair.study.figures import draw_attention, draw_boxes, draw_calibration, draw_scores

PUBLISHED_AUC = {"seok": 0.85}


def paper_figures(
    prepared: Prepared,
    tables: Mapping[str, pd.DataFrame],
    curves: pd.DataFrame,
    scores: pd.DataFrame,
    maps: Mapping[str, np.ndarray],
    settings: Mapping[str, Any],
) -> dict[str, Figure]:
    """Draw all figures.

    Parameters
    ----------
    prepared : Prepared
        The cohort.
    tables : mapping of str to pandas.DataFrame
        Of `study.combine.summarise_study`.
    curves : pandas.DataFrame
        Of all trainings; not drawn.
    scores, maps
        Of `study.kept_models.map_study`.
    settings : mapping
        Of the paper.

    Returns
    -------
    dict of str to matplotlib.figure.Figure
        By file name without ending.
    """
    performance = tables["performance"]
    fair = fair_performance(performance, "seok2023", settings)
    return {
        "figure1": draw_maps(prepared, scores, maps, settings),
        "figure2": draw_patients(prepared, settings),
        "figure3": draw_network(settings),
        "figureS1": draw_scores(fair, performance, published=PUBLISHED_AUC),
        "figureS2": draw_attention(scores),
        "figureS3": draw_calibration(tables["calibration"]),
    }


def draw_maps(
    prepared: Prepared, scores: pd.DataFrame, maps: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> Figure:
    """Figure 1: Grad-CAM of the own class for two test patients of each group, those with most lesion in the slices."""
    rows = np.asarray(maps.get("rows", []), int)
    if not len(rows):
        return left_out("no maps were made")
    lesions = prepared.images["seok_lesions"]
    seen = np.concatenate([lesions[row][None].astype(np.float32).sum(axis=(1, 2, 3)) for row in rows])
    groups = prepared.table["group"].to_numpy()[rows]
    with figure_style():
        figure = blank(height=6.2)
        grid = figure.subplots(4, 5)
        for place, group in enumerate(settings["groups"]):
            own = np.flatnonzero(groups == group)
            own = own[np.argsort(-seen[own], kind="stable")][:2]
            for line in range(2):
                axes = grid[2 * place + line]
                if line >= len(own):
                    for axis in axes:
                        axis.axis("off")
                    continue
                index = rows[own[line]]
                flair = prepared.images["seok_flair"][index]
                cam = normalise(maps[group][own[line]].astype(float), (flair != 0).any(axis=0))
                show_slices(axes, flair, lesions[index], cam)
                table = scores[(scores["participant"] == prepared.table["participant"].iloc[index])]
                table = table[(table["weights"] == "trained") & (table["layer"] == "last") & (table["class"] == group)]
                p = table.loc[table["input"] == settings["input"], "p"]
                said = f"\nP({settings['positive']}) = {p.iloc[0]:.2f}" if len(p) else ""
                axes[0].set_ylabel(f"({'AB'[place]}) {group}{said}", fontsize=7)
        for axis, name in zip(grid[0], REGIONS, strict=True):
            axis.set_title(name, fontsize=7)
        add_note(
            figure,
            "Grad-CAM of the patient's own class, last convolution, scaled to its maximum; one map for five slices, "
            "which are the network's channels. Lesions in red. Test patients alone, the two of each group with most "
            f"lesion in the slices. Input: {settings['input'].replace('_', ' ')}.",
        )
    return figure


def draw_patients(prepared: Prepared, settings: Mapping[str, Any]) -> Figure:
    """Figure 2: the five slices of two patients of each group, at the lower and upper third of lesion volume."""
    table = prepared.table
    with figure_style():
        figure = blank(height=6.0)
        grid = figure.subplots(4, 5)
        for place, group in enumerate(settings["groups"]):
            own = table[(table["group"] == group) & (table["lesion_count"] > 0)]["lesion_volume_mm3"].sort_values()
            own = own if len(own) else table[table["group"] == group]["lesion_volume_mm3"]
            for line, share in enumerate((1 / 3, 2 / 3)):
                index = int(own.index[int(share * (len(own) - 1))])
                show_slices(grid[2 * place + line], prepared.images["seok_flair"][index])
                grid[2 * place + line, 0].set_ylabel(f"({'AB'[place]}) {group}", fontsize=7)
        for axis, name in zip(grid[0], REGIONS, strict=True):
            axis.set_title(name, fontsize=7)
        add_note(figure, "The five slices that are the network's channels, in MNI space; left is the patient's left.")
    return figure


def draw_network(settings: Mapping[str, Any]) -> Figure:
    """Figure 3: ResNet-18 with five input channels and two outputs, with the sizes of this run."""
    pixels, widths = settings["pixels"], settings["widths"]
    steps = [("five slices", f"5 × {pixels}²"), ("7 × 7, pool", f"{widths[0]} × {pixels // 4}²")]
    for number, width in enumerate(widths):
        steps.append((f"stage {number + 1}", f"{width} × {max(-(-pixels // (4 * 2**number)), 1)}²"))
    steps += [("mean", f"{widths[-1]}"), ("linear", "2 classes")]
    last = max(pixels // (4 * 2 ** (len(widths) - 1)), 1)
    note = (
        "Each stage has two residual blocks. Numbers are channels × pixels of what leaves a box. Grad-CAM reads the "
        f"last stage: {last} × {last} points for {pixels * 1.5 * 128 / pixels:.0f} mm."
    )
    return draw_boxes(steps, note=note)
