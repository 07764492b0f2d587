"""The page to look at of a session: its prepared images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chiomics.core.figures import add_note, blank, figure_style, left_out, save_figure
from chiomics.flair.images.draw import faces, show, show_slices
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.images.slices import REGIONS

VIEWS = ("sagittal", "coronal", "axial")


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
