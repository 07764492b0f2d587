"""Picture of what a step found before it was refused, so that the user can judge it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from chiomics.core.files import atomic_write
from chiomics.core.origin import SIMULATED_MARK
from chiomics.core.space.orientation import NearestRAS
from chiomics.core.space.volume import Volume

#: Shares of the image's extent, or of the outlined part's, at which slices are drawn.
PLACES = (0.25, 0.5, 0.75)
COLOURS = ("#FF2222", "#66CCEE")


def draw_failure(
    path: str | Path,
    images: Mapping[str, Volume],
    outlines: Mapping[str, Volume],
    *,
    title: str,
    simulated: bool = False,
) -> None:
    """Draw and write the picture.

    Parameters
    ----------
    path : path-like
        PNG file.
    images : mapping of str to Volume
        One row of slices each, all on one grid.
    outlines : mapping of str to Volume
        Masks on the same grid, at most two.
    title : str
        Step and reason.
    simulated : bool
        Whether to say that the subject is simulated.
    """
    first = next(iter(images.values()))
    nearest = NearestRAS(first.affine, first.voxels.shape)
    masks = {name: nearest(mask.voxels > 0) for name, mask in outlines.items()}
    seen = next((mask for mask in masks.values() if mask.any()), np.ones(nearest(first.voxels).shape, bool))
    planes = []
    for axis in (2, 1, 0):
        where = np.flatnonzero(seen.any(axis=tuple({0, 1, 2} - {axis})))
        planes += [(axis, int(where[0] + place * (where[-1] - where[0]))) for place in PLACES]
    figure = Figure(figsize=(1.9 * len(planes), 2.3 * len(images) + 0.9), facecolor="black", layout="constrained")
    axes = figure.subplots(len(images), len(planes), squeeze=False)
    for row, (name, image) in zip(axes, images.items(), strict=True):
        voxels = nearest(image.voxels.astype(np.float32))
        inside = voxels[seen]
        # The outlined part is what is judged: bright fat beside it may saturate.
        bright = 1.3 * float(np.percentile(inside, 98)) if inside.size else float(voxels.max())
        for panel, (axis, index) in zip(row, planes, strict=True):
            across, up = (other for other in range(3) if other != axis)
            panel.imshow(
                np.take(voxels, index, axis).T, origin="lower", cmap="gray", vmin=0, vmax=max(bright, 1e-6),
                aspect=nearest.voxel_size[up] / nearest.voxel_size[across], interpolation="nearest",
            )  # fmt: skip
            for colour, mask in zip(COLOURS, masks.values(), strict=False):
                area = np.take(mask, index, axis).T
                if area.any() and not area.all():
                    panel.contour(area, levels=[0.5], colors=[colour], linewidths=0.9)
            panel.set_axis_off()
        row[0].text(-0.05, 0.5, name, transform=row[0].transAxes, color="white", rotation=90, va="center", ha="right")
    handles = [Line2D([], [], color=colour, label=name) for colour, name in zip(COLOURS, masks, strict=False)]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, labelcolor="white", frameon=False)
    text = "\n".join(textwrap.wrap(title, 150))
    figure.suptitle(text + (f"\n{SIMULATED_MARK}" if simulated else ""), color="white", fontsize=10, parse_math=False)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=80, facecolor="black", metadata={"Software": None})
