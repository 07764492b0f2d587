"""Pages that show where a network looked: Grad-CAM of both classes over the FLAIR of every session that was scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from chiomics.core.figures import add_note, blank, figure_style, save_figure, short
from chiomics.flair.images.draw import normalise, show, show_slices
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.images.slices import REGIONS
from chiomics.flair.study.networks.architectures import Classifier
from chiomics.flair.study.networks.attention import attention_maps, axis_of_view, name_view
from chiomics.flair.study.networks.training import pick_images

#: Sessions on one page.
MAX_SESSIONS = 8
#: Letters of a name along the height of a row.
LETTERS = 24
#: A picture to show: its title, FLAIR, lesions and map.
Panel = tuple[str, np.ndarray, np.ndarray, np.ndarray]
NOTES = {
    "slices": "Grad-CAM of the last convolution, each scaled to its own maximum; its grid is far coarser than a "
    "lesion. Lesions in red.",
    "cube": "Grad-CAM of the last convolution, each scaled to its own maximum; its grid is far coarser than a lesion. "
    "Sections through the middle of the map. Lesions in red.",
    "views": "Maps of the compression blocks, where a point of a view has a place in the head: each weighted by its "
    "own gradient (HiResCAM), both views of a class scaled to their common maximum. A view takes in all sections along "
    "its axis: shown is the FLAIR of the section with most lesion, in red the lesions of all sections.",
}


def write_attention_pages(
    model: Classifier, card: Mapping[str, Any], scored: Sequence[tuple[Prepared, pd.DataFrame]], path: str | Path
) -> None:
    """Draw Grad-CAM of both classes for every session that was scored.

    Parameters
    ----------
    model : Classifier
        Five slices, a cube, or two views of one.
    card : mapping
        Its card.
    scored : sequence of (Prepared, pandas.DataFrame)
        Sessions, and their scores by `score.score_sessions`.
    path : path-like
        PNG; where it takes several pages their numbers are added to its name.
    """
    rows = [
        (prepared, number, score)
        for prepared, scores in scored
        for number, score in enumerate(scores.to_dict("records"))
        if not score["refused"]
    ]
    draw = draw_slices if card["study"] == "seok2023" else draw_volumes
    pages = [rows[start : start + MAX_SESSIONS] for start in range(0, len(rows), MAX_SESSIONS)]
    path = Path(path)
    for number, page in enumerate(pages, start=1):
        name = path if len(pages) == 1 else path.with_stem(f"{path.stem}-{number}")
        simulated = all(bool(prepared.table["simulated"].iloc[row]) for prepared, row, _ in page)
        with figure_style():
            figure, note = draw(model, card, page)
            trained = " Trained on simulated heads alone." if card["training"]["simulated"] is True else ""
            add_note(figure, card["intended_use"] + trained, note)
        save_figure(figure, name, simulated=simulated)


def _classes(card: Mapping[str, Any]) -> tuple[str, str]:
    return card["negative"], card["positive"]


def _name(score: Mapping[str, Any]) -> str:
    """Name a session within the height of a row."""
    return short(str(score["session"] or score["participant"]), LETTERS)


def _say_score(card: Mapping[str, Any], score: Mapping[str, Any]) -> str:
    return f"P({card['positive']}) = {score['p_' + card['positive']]:.2f}"


def draw_slices(
    model: Classifier, card: Mapping[str, Any], page: Sequence[tuple[Prepared, int, Mapping[str, Any]]]
) -> tuple[Figure, str]:
    """Draw five slices of each session, a row for each class."""
    figure = blank(height=0.5 + 2 * 1.35 * len(page))
    grid = figure.subplots(2 * len(page), len(REGIONS), squeeze=False)
    for number, (prepared, row, score) in enumerate(page):
        own = prepared.take(np.array([row]))
        flair, lesions = own.images["seok_flair"][0], own.images["seok_lesions"][0]
        image = torch.from_numpy(np.asarray(pick_images(own, card["study"], card["input"])))
        for target, name in enumerate(_classes(card)):
            axes = grid[2 * number + target]
            cam = attention_maps(model, image, target)["last"][0]
            show_slices(axes, flair, lesions, normalise(cam, (flair != 0).any(axis=0)))
            axes[0].set_ylabel(f"{_name(score)}\nspeaks for {name}", fontsize=6)
            axes[2].set_title(_say_score(card, score), fontsize=7)
    return figure, NOTES["slices"]


def draw_volumes(
    model: Classifier, card: Mapping[str, Any], page: Sequence[tuple[Prepared, int, Mapping[str, Any]]]
) -> tuple[Figure, str]:
    """Draw pictures of each session's cube in a row, those of one class beside those of the other."""
    rows = []
    for prepared, row, score in page:
        own = prepared.take(np.array([row]))
        flair, lesions = (own.images[f"wang_{kind}"][0].astype(np.float32) for kind in ("flair", "lesions"))
        image = torch.from_numpy(np.asarray(pick_images(own, card["study"], card["input"])))
        panels = []
        for target, group in enumerate(_classes(card)):
            found = {name: cams[0] for name, cams in attention_maps(model, image, target).items()}
            panels += [
                (f"speaks for {group}\n{title}" if place == 0 else f"\n{title}", *rest)
                for place, (title, *rest) in enumerate(_pictures(found, flair, lesions))
            ]
        rows.append((f"{_name(score)}\n{_say_score(card, score)}", panels))
    figure = blank(height=0.6 + (1.5 if model.views is None else 1.9) * len(rows))
    grid = figure.subplots(len(rows), len(rows[0][1]), squeeze=False)
    for line, (said, panels) in zip(grid, rows, strict=True):
        line[0].set_ylabel(said, fontsize=6)
        for axis, (title, picture, lesion, cam) in zip(line, panels, strict=True):
            show(axis, picture, lesion, cam)
            axis.set_title(title, fontsize=7)
    return figure, NOTES["cube" if model.views is None else "views"]


def _pictures(found: Mapping[str, np.ndarray], flair: np.ndarray, lesions: np.ndarray) -> Iterator[Panel]:
    """Lay maps over sections of a cube: those through a map's middle, or the picture that each view sees."""
    brain = flair != 0
    if "last" in found:
        cam = normalise(found["last"], brain)
        # the coarse map of a small network has no single highest point
        middle = np.average(np.argwhere(brain), axis=0, weights=cam[brain] if cam.any() else None).round().astype(int)
        for axis in range(3):
            parts = (np.take(array, middle[axis], axis=axis) for array in (flair, lesions, cam))
            yield (name_view(axis).partition(" ")[0], *(part.T[::-1] for part in parts))
        return
    top = max(float(np.where(brain.any(axis=axis_of_view(name)), cam, 0).max()) for name, cam in found.items())
    for name, cam in found.items():
        axis = axis_of_view(name)
        most = int(lesions.sum(axis=tuple(other for other in range(3) if other != axis)).argmax())
        picture = np.take(flair, most if lesions.any() else flair.shape[axis] // 2, axis=axis)
        scaled = np.clip(cam / max(top, 1e-12), 0, 1)
        yield (name, *(part.T[::-1] for part in (picture, lesions.max(axis=axis), scaled)))
