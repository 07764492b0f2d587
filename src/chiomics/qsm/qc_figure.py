"""Quality-control picture of one session: magnitude, wrapped phase, R2*, local field and χ in three planes.

Shown in the nearest RAS order whatever the stored orientation, the subject's left on the left, with letters at the
sides; the scales are fixed, so that sessions can be compared by eye.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from chiomics.core.files import atomic_write
from chiomics.core.origin import SIMULATED_MARK
from chiomics.core.space.orientation import NearestRAS
from chiomics.qsm.quality_map import DISAGREEING, GUESSED, RELIABLE

#: Display ranges in ppm, and of R2* in 1/s.
CHI_RANGE, FIELD_RANGE, R2STAR_RANGE = 0.15, 0.05, 60.0
#: Outlines: voxels with a valid χ, which the quality of the phase cut, and the brain that was found.
OUTLINES = {"voxels with χ": "tab:orange", "brain": "tab:cyan"}
#: Height of a row of slices, inches.
ROW = 3.25
UNRELIABLE = "no reliable field\n2: echoes disagree\n3: turns are a guess"


def write_qc_figure(
    path: str | Path,
    *,
    magnitude: np.ndarray,
    phase: np.ndarray,
    local_field: np.ndarray,
    chi: np.ndarray,
    mask: np.ndarray,
    affine: np.ndarray,
    title: str,
    echoes: tuple[str, str] = ("", ""),
    brain: np.ndarray | None = None,
    r2star: np.ndarray | None = None,
    others: Mapping[str, np.ndarray] | None = None,
    quality: np.ndarray | None = None,
    simulated: bool = False,
) -> None:
    """Draw and write the picture.

    Parameters
    ----------
    path : path-like
        PNG file.
    magnitude, phase, local_field, chi : ndarray, shape (x, y, z)
        Magnitude (any unit), wrapped phase in rad, local field and χ in ppm.
    mask : ndarray of bool, shape (x, y, z)
        Voxels with a valid χ; its outline is drawn.
    echoes : tuple of str
        Which echo the magnitude and the phase are of, e.g. ``echo 1, 6 ms``.
    brain : ndarray of bool, shape (x, y, z), optional
        The brain that was found; its outline shows what the phase's quality took away.
    r2star : ndarray, shape (x, y, z), optional
        1/s.
    others : mapping of str to ndarray, optional
        χ of the other echo sets by their names, ppm.
    quality : ndarray of int, shape (x, y, z), optional
        Labels of `chiomics.qsm.quality_map`.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.
    title : str
        Session, echo set, inversion and reference value.
    simulated : bool
        True marks the picture as simulated.
    """
    to_ras = NearestRAS(affine, mask.shape)
    size = to_ras.voxel_size
    outlines = {"brain": brain, "voxels with χ": mask}
    outlines = {name: to_ras(found.astype(np.float32)) for name, found in outlines.items() if found is not None}
    bright = np.percentile(magnitude[mask], 99) * 1.2
    first, last = (f"\n{echo}" if echo else "" for echo in echoes)
    doubt = None if quality is None else np.maximum(quality.astype(np.float32), RELIABLE)
    rows = [
        (f"magnitude (a.u.){first}", magnitude, 0, bright),
        (f"wrapped phase (rad){last}", phase, -np.pi, np.pi),
        *([("R2* (1/s)", r2star, 0, R2STAR_RANGE)] if r2star is not None else []),
        *([(UNRELIABLE, doubt, RELIABLE, GUESSED)] if doubt is not None else []),
        ("local field (ppm)", local_field, -FIELD_RANGE, FIELD_RANGE),
        ("χ (ppm), all echoes" if others else "χ (ppm)", chi, -CHI_RANGE, CHI_RANGE),
        *((f"χ (ppm), echo set {name}", other, -CHI_RANGE, CHI_RANGE) for name, other in (others or {}).items()),
    ]
    centre = [int(np.median(index)) for index in np.nonzero(outlines["voxels with χ"] > 0.5)]
    figure = Figure(figsize=(10.5, ROW * len(rows)), facecolor="black", layout="constrained")
    axes = figure.subplots(len(rows), 3)
    for row, (label, image, low, high) in enumerate(rows):
        volume = to_ras(image.astype(np.float32))
        for column, axis in enumerate((2, 1, 0)):
            _draw_plane(axes[row, column], volume, outlines, axis, centre[axis], size, low, high)
        scalar = mpl.cm.ScalarMappable(mpl.colors.Normalize(low, high), "gray")
        bar = figure.colorbar(scalar, ax=axes[row], fraction=0.03, pad=0.01)
        bar.set_label(label, color="white")
        if label == UNRELIABLE:
            bar.set_ticks([RELIABLE, DISAGREEING, GUESSED])
        bar.ax.tick_params(colors="white")
    lines = [mpl.lines.Line2D([], [], color=OUTLINES[name], label=name) for name in outlines]
    figure.legend(handles=lines, loc="outside lower center", ncols=2, labelcolor="white", frameon=False)
    figure.suptitle(title + (f"\n{SIMULATED_MARK}" if simulated else ""), color="white", fontsize=11)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=80, facecolor="black", metadata={"Software": None})


def _draw_plane(
    axes: mpl.axes.Axes,
    volume: np.ndarray,
    outlines: Mapping[str, np.ndarray],
    axis: int,
    index: int,
    size: Sequence[float],
    low: float,
    high: float,
) -> None:
    """Draw one slice with the outlines and the letters of its sides."""
    across, up = (other for other in range(3) if other != axis)
    letters = ("LR", "PA", "IS")
    axes.imshow(
        np.take(volume, index, axis=axis).T, origin="lower", cmap="gray", vmin=low, vmax=high,
        aspect=size[up] / size[across], interpolation="nearest",
    )  # fmt: skip
    for name, outline in outlines.items():
        edge = np.take(outline, index, axis=axis).T
        if edge.min() < 0.5 < edge.max():
            axes.contour(edge, levels=[0.5], colors=OUTLINES[name], linewidths=0.6)
    for (x, y), letter in zip(
        ((0.02, 0.5), (0.98, 0.5), (0.5, 0.02), (0.5, 0.98)), letters[across] + letters[up], strict=True
    ):
        axes.text(x, y, letter, transform=axes.transAxes, color="yellow", ha="center", va="center", fontsize=8)
    axes.set_axis_off()
