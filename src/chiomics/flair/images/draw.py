"""Pictures of prepared images, with lesions outlined and maps laid over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

#: Grey levels of the common scale that a picture spans.
WINDOW = (-3.5, 3.5)
LESION_COLOUR = "#EE6677"


def show(axis: Axes, picture: np.ndarray, lesion: np.ndarray | None = None, cam: np.ndarray | None = None) -> None:
    """Draw one picture.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
        Where; its ticks are removed.
    picture : ndarray, shape (rows, columns)
        FLAIR on the common scale, 0 outside the brain.
    lesion : ndarray, shape (rows, columns), optional
        Share of lesion, outlined.
    cam : ndarray, shape (rows, columns), optional
        Map from 0 to 1, laid over the brain.
    """
    picture = np.asarray(picture, float)
    axis.imshow(np.where(picture != 0, picture, np.nan), cmap="gray", vmin=WINDOW[0], vmax=WINDOW[1])
    if cam is not None:
        axis.imshow(
            np.where(picture != 0, cam, np.nan), cmap="inferno", vmin=0, vmax=1, alpha=0.6 * np.clip(cam, 0, 1) ** 0.7
        )
    if lesion is not None and (lesion > 0.25).any():
        axis.contour(np.asarray(lesion, float), levels=[0.25], colors=LESION_COLOUR, linewidths=0.6)
    axis.set_facecolor("black")
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)


def show_slices(
    axes: Sequence[Axes], slices: np.ndarray, lesions: np.ndarray | None = None, cam: np.ndarray | None = None
) -> None:
    """Draw five slices in a row; `cam` is one map for all."""
    for number, axis in enumerate(axes):
        show(axis, slices[number], None if lesions is None else lesions[number], cam)


def faces(volume: np.ndarray) -> list[np.ndarray]:
    """Return the middle sagittal, coronal and axial picture of a cube, upright.

    Parameters
    ----------
    volume : ndarray, shape (edge, edge, edge)
        In right-anterior-superior order.

    Returns
    -------
    list of ndarray
        Three pictures; columns run to the front, to the right and to the right.
    """
    middle = [size // 2 for size in volume.shape]
    # A little beside the midline, so that the ventricle is seen.
    side = min(middle[0] + volume.shape[0] // 14, volume.shape[0] - 1)
    return [volume[side].T[::-1], volume[:, middle[1]].T[::-1], volume[:, :, middle[2]].T[::-1]]


def normalise(cam: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Scale a map to 0 to 1 within `where`; a map that is 0 stays so."""
    inside = np.where(where, cam, 0)
    return np.clip(inside / max(float(inside.max()), 1e-12), 0, 1)
