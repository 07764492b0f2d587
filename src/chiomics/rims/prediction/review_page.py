"""Pages of candidate lesions, the most probable rims first: χ in three planes, FLAIR, and where the call comes from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chiomics.core.figures import add_note, blank, figure_style
from chiomics.rims.detectors.lesions import CHI_UNIT_PPB, KEYS, Lesions
from chiomics.rims.zhang2022.figures import say_window, show_slice, windows_of

PER_PAGE = 10
PLANES = ("axial", "coronal", "sagittal")
TITLES = (*(f"{image} {plane}" for image in ("χ", "FLAIR") for plane in PLANES), "speaks for a rim")


def draw_pages(
    lesions: Lesions, predicted: pd.DataFrame, maps: np.ndarray | None, *, voxel_size: tuple[float, ...], notice: str
) -> Iterator[Figure]:
    """Draw all lesions of a session.

    Parameters
    ----------
    lesions : Lesions
        Of the session.
    predicted : pandas.DataFrame
        Of `predict.predict_lesions`; its order is kept.
    maps : ndarray, shape (lesions, X, Y, Z), or None
        Of `explain.explain`, in the order of `lesions`.
    voxel_size : tuple of float
        Of the patches, in mm.
    notice : str
        Said under each page.

    Yields
    ------
    matplotlib.figure.Figure
        Ten lesions each.
    """
    place = {key: row for row, key in enumerate(map(tuple, lesions.table[KEYS].astype(str).to_numpy()))}
    rows = [place[key] for key in map(tuple, predicted[KEYS].astype(str).to_numpy())]
    windows = windows_of(lesions.patches, lesions.masks)
    for start in range(0, len(rows), PER_PAGE):
        part = predicted.iloc[start : start + PER_PAGE]
        with figure_style():
            figure = blank(height=0.5 + 1.25 * len(part))
            axes = figure.subplots(len(part), len(TITLES), squeeze=False)
            for line, (row, said) in zip(
                axes, zip(rows[start : start + PER_PAGE], part.itertuples(), strict=True), strict=True
            ):
                shown = None if maps is None else maps[row]
                _draw_lesion(line, lesions.patches[row], lesions.masks[row], shown, voxel_size, windows)
                call = "rim" if said.rim_call else ("review" if said.rim_review else "no rim")
                words = f"lesion {said.lesion}\np = {said.rim_probability:.2f}: {call}\n{said.volume_mm3:.0f} mm³"
                line[0].set_ylabel(words, fontsize=6.5, rotation=0, ha="right", va="center")
            for axis, title in zip(axes[0], TITLES, strict=True):
                axis.set_title(title if maps is not None or title != TITLES[-1] else "", fontsize=7)
            add_note(figure, f"{say_window(windows[0])}; the lesion outlined. {notice}")
        yield figure


def _draw_lesion(
    line: np.ndarray, patch: np.ndarray, mask: np.ndarray, map_: np.ndarray | None, voxel_size: tuple[float, ...],
    windows: tuple[tuple[float, float], tuple[float, float]],
) -> None:  # fmt: skip
    centre = [length // 2 for length in mask.shape]
    if mask.any():
        centre = np.argwhere(mask > 0).mean(axis=0).round().astype(int).tolist()
    chi, flair = np.asarray(patch[0], float) * CHI_UNIT_PPB, np.asarray(patch[1], float)
    for column, axis in enumerate(line[:3]):
        _show(axis, chi, mask, 2 - column, centre, voxel_size, windows[0])
    for column, axis in enumerate(line[3:6]):
        _show(axis, flair, mask, 2 - column, centre, voxel_size, windows[1])
    if map_ is None:
        line[6].set_axis_off()
        return
    _show(line[6], chi, mask, 2, centre, voxel_size, windows[0], outline=False)
    if not (np.nan_to_num(map_) > 0).any():
        line[6].set_xlabel("nothing in the image", fontsize=6)
        return
    shown = np.take(map_, centre[2], axis=2).T
    line[6].imshow(
        np.ma.masked_less(np.nan_to_num(shown), 0.15), cmap="inferno", vmin=0, vmax=1, alpha=0.6, origin="lower",
        aspect=voxel_size[1] / voxel_size[0], interpolation="nearest",
    )  # fmt: skip


def _show(
    axis: Axes, image: np.ndarray, mask: np.ndarray, normal: int, centre: list[int], voxel_size: tuple[float, ...],
    window: tuple[float, float], *, outline: bool = True,
) -> None:  # fmt: skip
    """Show the slice through the lesion's centre across an axis, superior or anterior up."""
    across, up = [number for number in range(3) if number != normal]
    picture, inside = (np.take(array, centre[normal], axis=normal).T for array in (image, mask > 0))
    show_slice(axis, picture, inside, window, aspect=voxel_size[up] / voxel_size[across], outline=outline)
