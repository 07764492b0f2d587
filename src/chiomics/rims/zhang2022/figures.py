"""What the study's figures share: pictures of a lesion, boxes with arrows, colours of the methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from chiomics.core.figures import COLOURS
from chiomics.rims.detectors.arms import ARMS
from chiomics.rims.detectors.lesions import CHI_UNIT_PPB

#: Voxels that are masked out of a patch.
OUTSIDE = "#D5DAE0"
ORDER = ("qsmrim", "rimnet", "aprl_rf", "aprl_nn", "reference", "mean_chi")


def colour_of(arm: str) -> str:
    """Return a method's colour, the same in all figures."""
    names = [*ORDER, *(name for name in ARMS if name not in ORDER)]
    return COLOURS[names.index(arm) % len(COLOURS)]


def windows_of(patches: np.ndarray, masks: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """Choose what is black and white from the lesions that are shown.

    Parameters
    ----------
    patches : ndarray, shape (lesions, 2, X, Y, Z)
        As in `Lesions`.
    masks : ndarray, shape (lesions, X, Y, Z)
        The lesions.

    Returns
    -------
    chi, flair : tuple of float
        The 2nd and 99.5th percentile within the lesions, χ in ppb in steps of 10; FLAIR from 0, the white matter.
    """
    inside = np.asarray(masks) > 0
    chi = np.asarray(patches[:, 0], float)[inside] * CHI_UNIT_PPB
    flair = np.asarray(patches[:, 1], float)[inside]
    if not chi.size:
        return (-100.0, 100.0), (0.0, 10.0)
    low, high = np.percentile(chi, [2, 99.5])
    return (10 * np.floor(low / 10), 10 * np.ceil(high / 10)), (-2.0, max(float(np.percentile(flair, 99)), 1.0))


def say_window(window: tuple[float, float]) -> str:
    """Say which χ is black and which is white."""
    return f"χ from {window[0]:g} to {window[1]:g} ppb".replace("-", "−")


def show_lesion(
    axes: Sequence[Axes], patch: np.ndarray, mask: np.ndarray, windows: tuple[tuple[float, float], tuple[float, float]]
) -> None:
    """Show the slice through the largest part of a lesion on χ and FLAIR, the lesion outlined.

    Parameters
    ----------
    axes : sequence of two Axes
        For χ and FLAIR.
    patch : ndarray, shape (2, X, Y, Z)
        As in `Lesions`, axes towards right, front and top.
    mask : ndarray, shape (X, Y, Z)
        The lesion.
    windows : tuple
        Of `windows_of`.
    """
    level = int(mask.sum(axis=(0, 1)).argmax())
    images = np.asarray(patch[0], float) * CHI_UNIT_PPB, np.asarray(patch[1], float)
    for axis, image, window in zip(axes, images, windows, strict=True):
        show_slice(axis, image[:, :, level].T, mask[:, :, level].T > 0, window)


def show_slice(
    axis: Axes, picture: np.ndarray, inside: np.ndarray, window: tuple[float, float], **options: Any
) -> None:
    """Show one slice; voxels that are masked out (0) are coloured, the lesion is outlined.

    Parameters
    ----------
    axis : Axes
        Where to.
    picture, inside : ndarray, shape (rows, columns)
        The slice, its first row below, and the lesion.
    window : tuple of float
        What is black and white.
    **options
        `aspect`, and `outline`, which may be left out.
    """
    axis.set_facecolor(OUTSIDE)
    axis.imshow(
        np.ma.masked_where((picture == 0) & ~inside, picture), cmap="gray", vmin=window[0], vmax=window[1],
        origin="lower", interpolation="nearest", aspect=options.get("aspect", 1.0),
    )  # fmt: skip
    if options.get("outline", True) and inside.any() and not inside.all():
        axis.contour(inside, levels=[0.5], colors="#EE6677", linewidths=0.6)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


def draw_box(axis: Axes, centre: tuple[float, float], size: tuple[float, float], text: str, *, colour: str) -> None:
    """Draw a box with text in the middle, in the axis' own units."""
    corner = (centre[0] - size[0] / 2, centre[1] - size[1] / 2)
    axis.add_patch(
        FancyBboxPatch(
            corner, *size, boxstyle="round,pad=0,rounding_size=0.08", facecolor=colour, edgecolor="0.3", lw=0.8
        )
    )
    axis.text(*centre, text, ha="center", va="center", fontsize=5.6, linespacing=1.3)


def draw_arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow between two points."""
    axis.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "lw": 0.9, "color": "0.3", "shrinkA": 0, "shrinkB": 0}
    )
