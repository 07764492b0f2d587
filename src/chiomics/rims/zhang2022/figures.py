"""What the study's figures share: pictures of a lesion, boxes with arrows, colours of the methods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from chiomics.core.figures import COLOURS
from chiomics.rims.detectors.arms import ARMS
from chiomics.rims.detectors.lesions import CHI_UNIT_PPB

#: χ of the pictures, in ppb, and the scaled FLAIR.
CHI_WINDOW, FLAIR_WINDOW = (-60.0, 100.0), (-2.0, 6.0)
ORDER = ("qsmrim", "rimnet", "aprl_rf", "aprl_nn", "reference", "mean_chi")


def colour_of(arm: str) -> str:
    """Give a method's colour, the same in all figures."""
    names = [*ORDER, *(name for name in ARMS if name not in ORDER)]
    return COLOURS[names.index(arm) % len(COLOURS)]


def show_lesion(axes: Sequence[Axes], patch: np.ndarray, mask: np.ndarray, *, aspect: float = 1.0) -> None:
    """Show the slice through the largest part of a lesion on χ and FLAIR, the lesion outlined.

    Parameters
    ----------
    axes : sequence of two Axes
        For χ and FLAIR.
    patch : ndarray, shape (2, X, Y, Z)
        As in `Lesions`, axes towards right, front and top.
    mask : ndarray, shape (X, Y, Z)
        The lesion.
    aspect : float
        Height over width of a voxel in plane.
    """
    level = int(mask.sum(axis=(0, 1)).argmax())
    inside = mask[:, :, level].T > 0
    images = (np.asarray(patch[0], float) * CHI_UNIT_PPB, CHI_WINDOW), (np.asarray(patch[1], float), FLAIR_WINDOW)
    for axis, (image, (low, high)) in zip(axes, images, strict=True):
        axis.imshow(
            image[:, :, level].T,
            cmap="gray",
            vmin=low,
            vmax=high,
            origin="lower",
            aspect=aspect,
            interpolation="nearest",
        )
        if inside.any() and not inside.all():
            axis.contour(inside, levels=[0.5], colors="#EE6677", linewidths=0.7)
        axis.set_xticks([])
        axis.set_yticks([])


def draw_box(axis: Axes, centre: tuple[float, float], size: tuple[float, float], text: str, *, colour: str) -> None:
    """Draw a box with text in the middle, in the axis' own units."""
    corner = (centre[0] - size[0] / 2, centre[1] - size[1] / 2)
    axis.add_patch(
        FancyBboxPatch(
            corner, *size, boxstyle="round,pad=0,rounding_size=0.08", facecolor=colour, edgecolor="0.3", lw=0.8
        )
    )
    axis.text(*centre, text, ha="center", va="center", fontsize=6.5, linespacing=1.25)


def draw_arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow between two points."""
    axis.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "lw": 0.9, "color": "0.3", "shrinkA": 0, "shrinkB": 0}
    )
