"""Figure 2: outlines of the deep grey nuclei on a session's susceptibility map (Yan et al. 2021, Fig. 2)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from chiomics.core.bids import parse_name
from chiomics.core.errors import InputError
from chiomics.core.figures import add_note, blank, figure_style, letter
from chiomics.core.space.grids import check_same_grid
from chiomics.core.space.orientation import NearestRAS
from chiomics.core.space.volume import Volume
from chiomics.diagnosis.figure_style import outline_colours

#: Display range of χ in ppm.
CHI_RANGE = (-0.1, 0.2)
#: Millimetres around the nuclei that a panel shows.
MARGIN = 12.0
#: Width of a panel in inches.
PANEL = 2.05


def find_nuclei(labels: np.ndarray, table: pd.DataFrame, nuclei: Sequence[str]) -> dict[str, np.ndarray]:
    """Find the nuclei in a label image, both sides as one.

    Parameters
    ----------
    labels : ndarray of int, shape (x, y, z)
        Label image.
    table : pandas.DataFrame
        Columns index and abbreviation, e.g. ``THA_L``, as beside the image.
    nuclei : sequence of str
        E.g. ``THA``.

    Returns
    -------
    dict of str to ndarray of bool
        Those that have voxels.
    """
    if not {"index", "abbreviation"} <= set(table.columns):
        raise InputError("the label table lacks a column", found=", ".join(table), expected="index, abbreviation")
    name = table["abbreviation"].astype(str).str.replace(r"[_-][LR]$", "", regex=True)
    found = {nucleus: np.isin(labels, table.loc[name == nucleus, "index"].astype(int)) for nucleus in nuclei}
    return {nucleus: mask for nucleus, mask in found.items() if mask.any()}


def draw_session(chi_path: str, labels_path: str, table_path: str, nuclei: Sequence[str]) -> Figure:
    """Read the map, the label image and its table of a session, and draw them; the file's name names the session."""
    chi, labels = Volume.read(chi_path), Volume.read(labels_path, dtype=np.int32)
    check_same_grid(chi, labels, file=labels_path, what="regions and map")
    table = pd.read_csv(table_path, sep="\t", dtype=str, keep_default_na=False)
    entities = parse_name(Path(chi_path).name)[0]
    session = "_".join(f"{key}-{entities[key]}" for key in ("sub", "ses", "run") if key in entities)
    masks = find_nuclei(labels.voxels, table, nuclei)
    return draw_outlines(chi.voxels, masks, chi.affine, nuclei=nuclei, session=session)


def draw_outlines(
    chi: np.ndarray, masks: dict[str, np.ndarray], affine: np.ndarray, *, nuclei: Sequence[str], session: str
) -> Figure:
    """Draw the outlines.

    Parameters
    ----------
    chi : ndarray, shape (x, y, z)
        Susceptibility, ppm.
    masks : dict of str to ndarray of bool
        Of `find_nuclei`, on the same voxels.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.
    nuclei : sequence of str
        Those asked for, for the colours and what is missing.
    session : str
        For the note.

    Returns
    -------
    matplotlib.figure.Figure
        Axial slices through the basal ganglia, the midbrain and the cerebellum, each with and without outlines.
    """
    if not masks:
        raise InputError("the label image holds none of the nuclei", expected=", ".join(nuclei))
    to_ras = NearestRAS(affine, chi.shape)
    chi, masks, size = to_ras(chi), {name: to_ras(mask) for name, mask in masks.items()}, to_ras.voxel_size
    window = _window(np.any(list(masks.values()), axis=0), size)
    colours = outline_colours(nuclei)
    slices = _slices(masks)
    extent = [0, (window[0].stop - window[0].start) * size[0], 0, (window[1].stop - window[1].start) * size[1]]
    with figure_style():
        figure = blank(height=0.85 + 2 * PANEL * min(extent[3] / extent[1], 1.5))
        axes = figure.subplots(2, len(slices), squeeze=False)
        for column, (title, level) in enumerate(slices):
            for axis in axes[:, column]:
                picture = axis.imshow(
                    chi[window[0], window[1], level].T, cmap="gray", origin="lower", extent=extent,
                    vmin=CHI_RANGE[0], vmax=CHI_RANGE[1], interpolation="nearest",
                )  # fmt: skip
                _bare(axis)
            _outline(axes[1, column], masks, window, level, extent, colours)
            axes[0, column].set_title(title)
        for side, ha, x in (("L", "left", 0.03), ("R", "right", 0.97)):
            axes[0, 0].text(x, 0.96, side, color="white", ha=ha, va="top", transform=axes[0, 0].transAxes)
        for axis, name in zip(axes[:, 0], "ab", strict=True):
            letter(axis, name)
        bar = figure.colorbar(picture, ax=axes, fraction=0.03, pad=0.01)
        bar.set_label("χ (ppm)")
        lines = [Line2D([], [], color=colours[name], label=name) for name in nuclei if name in masks]
        figure.legend(handles=lines, loc="outside upper left", ncols=len(lines), handlelength=1.4)
        figure.get_layout_engine().set(rect=(0, 0, 1, 1))
        absent = [name for name in nuclei if name not in masks]
        add_note(
            figure,
            f"Session {session}: susceptibility (a) and the same slices with the regions outlined (b), axial, the "
            "subject's left on the left." + (f" Without voxels: {', '.join(absent)}." if absent else ""),
        )
    return figure


def _slices(masks: dict[str, np.ndarray]) -> list[tuple[str, int]]:
    """Choose a slice per level of the brain: where the least covered of its nuclei has the most voxels."""
    levels = {"basal ganglia": ("HCN", "PUT", "GP", "THA"), "midbrain": ("RN", "SN"), "cerebellum": ("DN",)}
    known = [name for names in levels.values() for name in names]
    levels["other regions"] = tuple(name for name in masks if name not in known)
    chosen = []
    for title, names in levels.items():
        own = [masks[name].sum(axis=(0, 1)) for name in names if name in masks]
        if own:
            shares = np.array([counts / counts.max() for counts in own])
            chosen.append((title, int(np.argmax(shares.min(axis=0) + 1e-3 * shares.mean(axis=0)))))
    return chosen


def _window(mask: np.ndarray, size: np.ndarray) -> tuple[slice, slice]:
    """Cut around all nuclei, the same in every slice."""
    spans = []
    for axis in (0, 1):
        inside = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        margin = round(MARGIN / size[axis])
        spans.append(slice(max(inside[0] - margin, 0), min(inside[-1] + margin + 1, mask.shape[axis])))
    return spans[0], spans[1]


def _outline(
    axis: Axes, masks: dict[str, np.ndarray], window: tuple[slice, slice], level: int, extent: list, colours: dict
) -> None:
    for name, mask in masks.items():
        cut = mask[window[0], window[1], level].T
        if cut.any() and not cut.all():
            x, y = (
                (np.arange(count) + 0.5) * end / count for count, end in zip(cut.shape[::-1], extent[1::2], strict=True)
            )
            axis.contour(x, y, cut, levels=[0.5], colors=[colours[name]], linewidths=1.2)


def _bare(axis: Axes) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)
