"""Quality-control page of a session: what was found, outlined on the T1w and on χ, for the eye to judge.

Shown in the nearest RAS order whatever the stored orientation, the subject's left on the left. Slices are those where
the structures are: dentate, midbrain, basal ganglia, the largest lesion load, and a coronal one through the thalamus.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from chiomics.core.figures import NUCLEUS_COLOURS, TRACT_COLOURS
from chiomics.core.files import atomic_write
from chiomics.core.origin import SIMULATED_MARK
from chiomics.core.space.orientation import NearestRAS
from chiomics.core.space.volume import Volume

#: Characters and lines of the text below the pictures per inch.
CHARACTERS, LINE_HEIGHT = 13.5, 0.2
#: Display range of χ in ppm.
CHI_RANGE = 0.15
CHI_LABEL = "χ (ppm)"
COLOUR_OF = NUCLEUS_COLOURS | TRACT_COLOURS
LINES = {"brain": "#FFFFFF", "ventricles": "#66CCEE", "NAWM": "#E8D44D", "lesions": "#FF2222"}


def write_anatomy_page(
    path: str | Path,
    *,
    chi: Volume | None,
    structural: Volume,
    structural_name: str,
    outlines: Mapping[str, np.ndarray],
    nuclei: Mapping[str, np.ndarray],
    tracts: Mapping[str, np.ndarray],
    title: str,
    flair: Volume | None = None,
    unknown: Sequence[str] = (),
    facts: Sequence[str] = (),
    warnings: Sequence[str] = (),
    simulated: bool = False,
) -> None:
    """Draw and write the page.

    Parameters
    ----------
    path : path-like
        PNG file.
    chi : Volume or None
        Susceptibility in ppm.
    structural : Volume
        T1w, or where there is none the magnitude, on the same grid.
    structural_name : str
        How it is called.
    outlines : mapping of str to ndarray of bool, shape (x, y, z)
        Of ``brain``, ``NAWM`` (white matter that appears normal), ``ventricles`` and ``lesions``, those that there are.
    nuclei, tracts : mapping of str to ndarray of bool
        By abbreviation, both sides as one.
    title : str
        Session.
    flair : Volume, optional
        FLAIR on the same grid.
    unknown : sequence of str
        Outlines that nobody knows: none is not nothing, and the legend says so.
    facts, warnings : sequence of str
        Lines below the pictures, warnings in red.
    simulated : bool
        True marks the page as simulated.
    """
    nearest = NearestRAS(structural.affine, structural.voxels.shape)

    def to_ras(voxels: np.ndarray) -> np.ndarray:
        return nearest(voxels.astype(np.float32))

    backgrounds = [(structural_name, to_ras(structural.voxels), (0, _bright(structural)))]
    if chi is not None:
        backgrounds.append((CHI_LABEL, to_ras(chi.voxels), (-CHI_RANGE, CHI_RANGE)))
    lines = {name: to_ras(mask) for name, mask in outlines.items()}
    regions = [{name: to_ras(mask) for name, mask in masks.items()} for masks in (nuclei, tracts)]
    planes = _planes(lines, regions[0], backgrounds[0][1].shape)
    rows = [(label, image, limits, lines, {}) for label, image, limits in backgrounds[:1]]
    if flair is not None:
        of_lesions = {"lesions": lines["lesions"]} if "lesions" in lines else {}
        rows.append(("FLAIR", to_ras(flair.voxels), (0, _bright(flair)), of_lesions, {}))
    with_nuclei = backgrounds[::-1] if nuclei or chi is not None else []
    rows += [(label, image, limits, {}, regions[0]) for label, image, limits in with_nuclei]
    rows += [(*backgrounds[0], {}, regions[1])] if tracts else []

    width = 2.6 * len(planes)
    wrapped = [
        (textwrap.fill(line, int(width * CHARACTERS), subsequent_indent="    "), colour)
        for lines_of, colour in ((facts, "white"), (warnings, "#FF7777"))
        for line in lines_of
    ]
    height = sum(text.count("\n") + 1 for text, _ in wrapped) * LINE_HEIGHT
    figure = Figure(figsize=(width, 3.1 * len(rows) + 0.8 + height), facecolor="black", layout="constrained")
    pictures, below = figure.subfigures(2, 1, height_ratios=[3.1 * len(rows) + 0.8, max(height, 0.05)])
    for part in (pictures, below):
        part.set_facecolor("black")
    axes = pictures.subplots(len(rows), len(planes), squeeze=False)
    for row, (label, image, limits, contours, filled) in zip(axes, rows, strict=True):
        for axis, plane in zip(row, planes, strict=True):
            _draw(axis, image, plane, nearest.voxel_size, limits, contours, filled, fill=filled is regions[1])
        if label == CHI_LABEL:
            shades = mpl.cm.ScalarMappable(mpl.colors.Normalize(*limits), "gray")
            bar = pictures.colorbar(shades, ax=list(row), location="bottom", shrink=0.3, aspect=40, pad=0.01)
            bar.ax.tick_params(colors="white", labelsize=8)
            bar.set_label(CHI_LABEL, color="white", fontsize=8)
        row[0].text(-0.06, 0.5, label, transform=row[0].transAxes, color="white", rotation=90, va="center", ha="right")
        colours = {name: LINES[name] for name in contours} | {name: COLOUR_OF.get(name, "white") for name in filled}
        handles = [
            Line2D([], [], color=colour, label=name + ": NOT KNOWN" * (name in unknown))
            for name, colour in colours.items()
        ]
        row[-1].legend(
            handles=handles, loc="center left", bbox_to_anchor=(1.02, 0.5), labelcolor="white", frameon=False
        )
    for axis, plane in zip(axes[0], planes, strict=True):
        axis.set_title(_place(plane, nearest.affine, backgrounds[0][1].shape), color="white", fontsize=8)
    pictures.suptitle(title + (f"   {SIMULATED_MARK}" if simulated else ""), color="white", fontsize=12)
    done = 0
    for text, colour in wrapped:
        place = 1 - done * LINE_HEIGHT / height
        below.text(0.02, place, text, color=colour, fontsize=9, va="top", ha="left", linespacing=1.3)
        done += text.count("\n") + 1
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=80, facecolor="black", metadata={"Software": None})


def _bright(image: Volume) -> float:
    """Return what is shown white."""
    inside = image.voxels[image.voxels > 0]
    return 1.1 * float(np.percentile(inside, 99)) if inside.size else 1.0


def _planes(lines: Mapping, nuclei: Mapping, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Choose axis and index of each slice by what lies there."""
    brain = lines.get("brain")
    brain = np.ones(shape, bool) if brain is None or not brain.any() else brain > 0.5
    low, high = (int(edge) for edge in np.percentile(np.nonzero(brain)[2], (8, 92)))
    planes = []
    for names, share in ((("DN",), 0.15), (("SN", "RN"), 0.35), (("GP", "PUT"), 0.5)):
        where = [np.nonzero(nuclei[name] > 0.5)[2] for name in names if name in nuclei and nuclei[name].any()]
        planes.append((2, int(np.median(np.concatenate(where))) if where else int(low + share * (high - low))))
    lesions = lines.get("lesions")
    if lesions is not None and lesions.any():
        planes.append((2, int(np.argmax((lesions > 0.5).sum((0, 1))))))
    else:
        planes.append((2, int(low + 0.65 * (high - low))))
    thalamus = nuclei.get("THA")
    middle = thalamus if thalamus is not None and thalamus.any() else brain
    planes.append((1, int(np.median(np.nonzero(middle > 0.5)[1]))))
    return planes


def _place(plane: tuple[int, int], affine: np.ndarray, shape: tuple[int, ...]) -> str:
    """Word where the middle of a slice lies in the scanner's coordinates."""
    axis, index = plane
    middle = (np.array(shape) - 1) / 2
    middle[axis] = index
    return f"{'xyz'[axis]} = {affine[axis, :3] @ middle + affine[axis, 3]:.0f} mm"


def _draw(
    axes: mpl.axes.Axes,
    image: np.ndarray,
    plane: tuple[int, int],
    size: np.ndarray,
    limits: tuple[float, float],
    contours: Mapping[str, np.ndarray],
    regions: Mapping[str, np.ndarray],
    *,
    fill: bool,
) -> None:
    """Draw one slice with outlines, and tracts as tinted areas, since they overlap."""
    axis, index = plane
    across, up = (other for other in range(3) if other != axis)
    axes.imshow(
        np.take(image, index, axis=axis).T, origin="lower", cmap="gray", vmin=limits[0], vmax=limits[1],
        aspect=size[up] / size[across], interpolation="nearest",
    )  # fmt: skip
    for name, mask in (*contours.items(), *regions.items()):
        area = np.take(mask, index, axis=axis).T
        if not area.min() < 0.5 < area.max():
            continue
        colour = LINES.get(name) or COLOUR_OF.get(name, "white")
        if fill:
            axes.contourf(area, levels=[0.5, 1.5], colors=[colour], alpha=0.35)
        axes.contour(area, levels=[0.5], colors=[colour], linewidths=0.8)
    axes.text(0.02, 0.5, "L", transform=axes.transAxes, color="yellow", va="center", fontsize=8)
    axes.text(0.98, 0.5, "R", transform=axes.transAxes, color="yellow", va="center", ha="right", fontsize=8)
    axes.set_axis_off()
