"""Pages to look at: a session's prepared images, and where a network looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from chiomics.core.figures import add_note, blank, figure_style, left_out, save_figure
from chiomics.flair.images.draw import faces, normalise, show, show_slices
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.images.slices import REGIONS

VIEWS = ("sagittal", "coronal", "axial")
#: Sessions on one page of maps.
MOST_SESSIONS = 8


def write_page(prepared: Prepared, record: Mapping[str, Any], path: str | Path, *, title: str, simulated: bool) -> None:
    """Draw a session's five slices and three faces of its cube, lesions outlined.

    Parameters
    ----------
    prepared : Prepared
        Of one session.
    record : mapping
        Of `prepare_session`.
    path : path-like
        PNG.
    title : str
        Name of the session.
    simulated : bool
        Whether the subject is simulated.
    """
    if prepared.table.empty:
        save_figure(left_out(f"{title}: {record['Refused']}"), path, simulated=simulated)
        return
    with figure_style():
        figure = blank(height=3.7)
        figure.suptitle(title, fontsize=9)
        grid = figure.subplots(2, 5)
        show_slices(grid[0], prepared.images["seok_flair"][0], prepared.images["seok_lesions"][0])
        for axis, name, level in zip(grid[0], REGIONS, record["SlicesMNI"], strict=True):
            axis.set_title(f"{name}\nz = {level:+.0f} mm", fontsize=7)
        pairs = zip(faces(prepared.images["wang_flair"][0]), faces(prepared.images["wang_lesions"][0]), strict=True)
        for axis, name, (picture, lesion) in zip(grid[1], VIEWS, pairs, strict=False):
            show(axis, picture, lesion)
            axis.set_title(f"cube, {name}", fontsize=7)
        for axis in grid[1, 3:]:
            axis.axis("off")
        row = prepared.table.iloc[0]
        said = [
            f"{row['lesion_count']:.0f} lesions", f"{row['lesion_volume_mm3'] / 1000:.2f} ml",
            f"{row['lesion_share_percent']:.2f} % of the brain mask",
        ]  # fmt: skip
        grid[1, 3].text(0, 0.5, "\n".join(said), fontsize=8, va="center")
        add_note(
            figure,
            "Upper row: the five slices in MNI space, left is the patient's left. The third must cross the "
            "lateral ventricles. Lower row: the volume cropped to the brain and resized to a cube. Lesions in red.",
        )
        save_figure(figure, path, simulated=simulated)


def write_attention_pages(
    model: Any, card: Mapping[str, Any], scored: Sequence[tuple[Prepared, pd.DataFrame]], path: str | Path
) -> None:
    """Draw Grad-CAM of both classes for every session that was scored.

    Parameters
    ----------
    model : Classifier
        One with maps.
    card : mapping
        Its card.
    scored : sequence of (Prepared, pandas.DataFrame)
        Sessions, and their scores by `chiomics.flair.prediction.score.score_sessions`.
    path : path-like
        PNG; where it takes several pages their numbers are added to its name.
    """
    rows = [
        (prepared, number, score)
        for prepared, scores in scored
        for number, score in enumerate(scores.to_dict("records"))
        if not score["refused"]
    ]
    pages = [rows[start : start + MOST_SESSIONS] for start in range(0, len(rows), MOST_SESSIONS)]
    path = Path(path)
    for number, page in enumerate(pages, start=1):
        name = path if len(pages) == 1 else path.with_stem(f"{path.stem}-{number}")
        simulated = all(bool(prepared.table["simulated"].iloc[row]) for prepared, row, _ in page)
        save_figure(_draw_attention(model, card, page), name, simulated=simulated)


def _draw_attention(
    model: Any, card: Mapping[str, Any], page: Sequence[tuple[Prepared, int, Mapping[str, Any]]]
) -> Figure:
    import torch

    from chiomics.flair.study.networks.attention import attention_maps
    from chiomics.flair.study.networks.training import pick_images

    with figure_style():
        figure = blank(height=0.5 + 2 * 1.35 * len(page))
        grid = figure.subplots(2 * len(page), 5, squeeze=False)
        for number, (prepared, row, score) in enumerate(page):
            own = prepared.take(np.array([row]))
            flair, lesions = own.images["seok_flair"][0], own.images["seok_lesions"][0]
            image = torch.from_numpy(pick_images(own, card["study"], card["input"]))
            for target, name in enumerate((card["negative"], card["positive"])):
                axes = grid[2 * number + target]
                cam = attention_maps(model, image, target)[0]
                show_slices(axes, flair, lesions, normalise(cam, (flair != 0).any(axis=0)))
                axes[0].set_ylabel(f"{score['session'] or score['participant']}\nspeaks for {name}", fontsize=6)
                axes[2].set_title(f"P({card['positive']}) = {score['p_' + card['positive']]:.2f}", fontsize=7)
        add_note(
            figure,
            card["intended_use"] + (" Trained on simulated heads alone." if card["training"]["simulated"] else ""),
            "Grad-CAM of the last convolution, each scaled to its own maximum; its grid is far coarser than a lesion. "
            "Lesions in red.",
        )
    return figure
