"""Figures 1 to 4 of Wang et al. 2020 on a cohort, and Figures S1 to S4 that the paper does not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from chiomics.core.figures import COLOURS, add_note, blank, figure_style
from chiomics.flair.images.draw import faces, show
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.combine import fair_performance
from chiomics.flair.study.figures import draw_attention, draw_boxes, draw_calibration, draw_scores, label_lowest
from chiomics.flair.study.networks.attention import name_view
from chiomics.flair.study.networks.augment import Images
from chiomics.flair.study.trainings import TITLES

#: Cases on the page of errors.
CASES = 6


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
        Of all trainings.
    scores : pandas.DataFrame
        Of `study.kept_models.map_study`.
    maps : mapping of str to ndarray
        Of the same; not drawn.
    settings : mapping
        Of the paper.

    Returns
    -------
    dict of str to matplotlib.figure.Figure
        By file name without ending.
    """
    performance = tables["performance"]
    return {
        "figure1": draw_patients(prepared, settings),
        "figure2": draw_preprocessing(prepared, settings),
        "figure3": draw_network(settings),
        "figure4": draw_curves(curves, settings),
        "figureS1": draw_scores(fair_performance(performance, "wang2020", settings), performance, published={}),
        "figureS2": draw_cases(prepared, tables["case_errors"]),
        "figureS3": draw_calibration(tables["calibration"]),
        "figureS4": draw_attention(
            scores[(scores["input"] == settings["input"])] if len(scores) else scores,
            layers=("layer2", *map(name_view, settings["views"])),
        ),
    }


def draw_patients(prepared: Prepared, settings: Mapping[str, Any]) -> Figure:
    """Figure 1: the FLAIR of one patient of each group, with and without the lesions' outline."""
    with figure_style():
        figure = blank(height=2.8)
        grid = figure.subplots(2, 6)
        for row, group in enumerate(settings["groups"]):
            index = typical(prepared.table, group)
            pictures = faces(prepared.images["wang_flair"][index])
            lesions = faces(prepared.images["wang_lesions"][index])
            for place, (picture, lesion) in enumerate(zip(pictures, lesions, strict=True)):
                show(grid[row, 2 * place], picture)
                show(grid[row, 2 * place + 1], picture, lesion)
            who = prepared.table.iloc[index]
            known = [str(who[name]) for name in ("age", "sex") if name in prepared.table and pd.notna(who[name])]
            grid[row, 0].set_ylabel(f"{group}\n{' '.join(known)}", fontsize=7)
        add_note(
            figure,
            "FLAIR, cropped and resized to a cube, and the same with lesions in red. The session of each group whose "
            "lesion volume is nearest the group's median.",
        )
    return figure


def typical(table: pd.DataFrame, group: str) -> int:
    """Return the row of the session whose lesion volume is nearest the median of its group's sessions with lesions."""
    own = table[(table["group"] == group) & (table["lesion_count"] > 0)]["lesion_volume_mm3"]
    own = own if len(own) else table[table["group"] == group]["lesion_volume_mm3"]
    return int((own - own.median()).abs().idxmin())


def draw_preprocessing(prepared: Prepared, settings: Mapping[str, Any]) -> Figure:
    """Figure 2: the cropped and resized FLAIR, the lesion image in the same box, and augmented copies."""
    index = typical(prepared.table, settings["groups"][0])
    volume = torch.from_numpy(prepared.images["wang_flair"][index])[None, None].float()
    images = Images(volume, torch.zeros(1, dtype=torch.int64), 1, shift=round(settings["shift"] * settings["edge"]))
    with figure_style():
        figure = blank(height=2.1)
        axes = figure.subplots(1, 5)
        axial = [faces(prepared.images[f"wang_{kind}"][index])[2] for kind in ("flair", "lesions")]
        show(axes[0], axial[0])
        axes[1].imshow(axial[1].astype(float), cmap="gray", vmin=0, vmax=1)
        axes[1].set_xticks([])
        axes[1].set_yticks([])
        axes[1].spines[:].set_visible(False)
        for seed, axis in enumerate(axes[2:]):
            copy = images.augment(volume.clone(), torch.Generator().manual_seed(seed))[0, 0].numpy()
            show(axis, faces(copy)[2])
        titles = ("(i, iii) cropped, resized", "(ii) lesions, same box", *3 * ("(iv) shifted, mirrored",))
        for axis, title in zip(axes, titles, strict=True):
            axis.set_title(title, fontsize=7)
        edge = settings["edge"]
        add_note(
            figure, f"Middle axial section of the cube of {edge} × {edge} × {edge} voxels; columns run to the right."
        )
    return figure


def draw_network(settings: Mapping[str, Any]) -> Figure:
    """Figure 3: the two-view network with the sizes of this run."""
    edge, widths, views = settings["edge"], settings["widths"], settings["views"]
    stem = settings["compression"] == "stem"
    channels = widths[0] // len(views) if stem else 32
    after = (edge - 7) // 3 + 1
    joined = f"{channels * len(views)} × {after}²"
    steps = [
        ("volume", f"1 × {edge}³"),
        ("view", f"{channels} × {after}²"),
        ("joined", joined) if stem else ("joined, 1 × 1", f"3 × {after}²"),
        ("stage 1", f"{widths[0]}"), ("stage 2", f"{widths[1]}"), ("stage 3", f"{widths[2]}"),
        ("stage 4", f"{widths[3]}"), ("dropout, linear", "2 classes"),
    ]  # fmt: skip
    note = (
        f"Compression: the sections along an axis are the channels of a convolution of width 7 and stride 3, batch "
        f"normalisation, ReLU; axes {', '.join(map(str, views))} of right-anterior-superior order. Stages: 2, 2, 2, 2 "
        "(18 layers) or 3, 4, 6, 3 (34 layers) residual blocks. Numbers are channels × pixels."
    )
    return draw_boxes(steps, note=note, branches=len(views))


def draw_curves(curves: pd.DataFrame, settings: Mapping[str, Any]) -> Figure:
    """Figure 4: accuracy over epochs on training and validation folds, mean and SD over folds and repeats."""
    own = curves[
        (curves["labels"] == 0) & (curves["scheme"] == "as_published") & (curves["input"] == settings["input"])
    ]
    own = own[own["decay"] == settings["decays"][0]]
    arms = [arm for arm in settings["arms"] if arm in set(own["arm"])]
    with figure_style():
        columns = min(len(arms), 4)
        rows = -(-len(arms) // columns)
        figure = blank(height=0.4 + 1.8 * rows)
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for axis in grid.flat[len(arms) :]:
            axis.axis("off")
        for axis, arm in zip(grid.flat, arms, strict=False):
            by = own[own["arm"] == arm].groupby("epoch")
            for column, said, colour in (
                ("train_accuracy", "training", COLOURS[0]), ("select_accuracy", "validation", COLOURS[1])
            ):  # fmt: skip
                mean, sd = by[column].mean(), by[column].std().fillna(0)
                axis.plot(mean.index, mean, color=colour, label=said, linewidth=1)
                axis.fill_between(mean.index, mean - sd, np.minimum(mean + sd, 1), color=colour, alpha=0.2, linewidth=0)
            axis.set_title(TITLES[arm], fontsize=7)
            axis.set_ylim(0.2, 1.02)
            axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        label_lowest(grid, len(arms), "epoch")
        for axis in grid[:, 0]:
            axis.set_ylabel("accuracy")
        grid[0, 0].legend(loc="lower right")
        count = own.groupby(["arm", "repeat", "fold"]).ngroups // max(len(arms), 1)
        add_note(figure, f"Mean and SD over {count} trainings per arm; input {settings['input'].replace('_', ' ')}.")
    return figure


def draw_cases(prepared: Prepared, cases: pd.DataFrame) -> Figure:
    """Figure S2: the cases that are called wrongly most often."""
    worst = cases.head(CASES)
    with figure_style():
        figure = blank(height=3.5)
        grid = figure.subplots(2, CASES, squeeze=False)
        names = prepared.table["participant"].astype(str) + prepared.table["session"].astype(str)
        for column in range(CASES):
            if column >= len(worst):
                for axis in grid[:, column]:
                    axis.axis("off")
                continue
            case = worst.iloc[column]
            session = "" if pd.isna(case["session"]) else str(case["session"])
            index = int(np.flatnonzero(names == f"{case['participant']}{session}")[0])
            flair, lesions = prepared.images["wang_flair"][index], prepared.images["wang_lesions"][index]
            show(grid[0, column], faces(flair)[2], faces(lesions)[2])
            projection = np.asarray(lesions, float).max(axis=2).T[::-1]
            grid[1, column].imshow(projection, cmap="gray", vmin=0, vmax=1)
            grid[1, column].set_xticks([])
            grid[1, column].set_yticks([])
            grid[1, column].spines[:].set_visible(False)
            grid[0, column].set_title(
                f"{case['participant'].removeprefix('sub-')}\n{case['group']}, wrong {case['error_rate']:.0%}",
                fontsize=7,
            )
            grid[1, column].set_title(
                f"{case['lesion_count']:.0f} lesions\n{case['lesion_volume_mm3'] / 1000:.2f} ml", fontsize=7
            )
        add_note(
            figure,
            "The cases that the reference arm calls wrongly most often over the repeats. Above: middle axial section, "
            "lesions in red. Below: all lesions projected from above.",
        )
    return figure
