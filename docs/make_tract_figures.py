"""Picture of traced tracts over the gradient echo, as docs/tracts.md shows it.

python docs/make_tract_figures.py TRACED MAGNITUDE OUT.png [TRUTH]: the folder of a session's traced tracts, a magnitude
on the same grid, and of a simulated subject the folder of its truth, whose tracts are outlined.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
from matplotlib.patches import Patch

from chiomics.anatomy.diffusion.session import read_traced
from chiomics.core.figures import COLOURS, TWO_COLUMNS, figure_style, save_figure
from chiomics.core.images import read_image

#: The plane that shows each tract best, as Fiscone et al. (2023, Fig. 5d) choose it: across x, y or z.
PLANES = {"AF": 0, "IFOF": 0, "UF": 0, "CST": 1, "FAT": 1, "OR": 2}
TRACED, TRUE = COLOURS[1], COLOURS[4]
#: Dark edge around the head that is cut off: share of the brightest percentile.
AIR = 0.1


def upright(voxels: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Turn voxels to right, anterior, superior."""
    return nib.orientations.apply_orientation(voxels, nib.io_orientation(affine))


def main(traced: str, magnitude: str, out: str, truth: str | None = None) -> None:
    """Draw the twelve tracts."""
    masks, _ = read_traced(traced)
    background, affine = read_image(magnitude)
    sizes = np.abs(np.diag(nib.as_closest_canonical(nib.load(magnitude)).affine))
    background = upright(background, affine)
    bright = np.percentile(background, 99.5)
    box = tuple(slice(*np.flatnonzero((background > AIR * bright).sum(tuple({0, 1, 2} - {axis})) > 20)[[0, -1]])
                for axis in range(3))  # fmt: skip
    extents = np.array([sizes[axis] * (box[axis].stop - box[axis].start) for axis in range(3)])
    with figure_style():
        widths = [extents[1 if axis == 0 else 0] for axis in PLANES.values()]
        tallest = max(extents[2], extents[1])
        figure, axes = plt.subplots(
            2, 6, figsize=(TWO_COLUMNS, 2 * TWO_COLUMNS * tallest / sum(widths) + 1.1), width_ratios=widths
        )
        for column, (tract, axis) in enumerate(PLANES.items()):
            for row, hemisphere in enumerate("LR"):
                panel = axes[row, column]
                panel.set_axis_off()
                panel.set_title(f"{tract}, {'left' if hemisphere == 'L' else 'right'}")
                mask = masks.get((tract, hemisphere))
                found = None if mask is None else upright(mask.voxels, mask.affine)[box]
                true = None
                if truth is not None:
                    (file,) = Path(truth).glob(f"*hemi-{hemisphere}_label-{tract}_mask.nii.gz")
                    true = upright(*read_image(file))[box] > 0
                shown = true if true is not None else found
                middle = background[box].shape[axis] // 2
                if shown is not None:
                    middle = int(np.median(np.nonzero(shown)[axis]))
                aspect = sizes[2 if axis < 2 else 1] / sizes[1 if axis == 0 else 0]
                panel.imshow(
                    background[box].take(middle, axis).T, origin="lower", cmap="gray", vmax=bright, aspect=aspect
                )
                if found is None:
                    panel.text(
                        0.5, 0.02, "not traced", color="white", transform=panel.transAxes, ha="center", fontsize=7
                    )
                else:
                    panel.contourf(found.any(axis).T, levels=[0.5, 1.5], colors=[TRACED], alpha=0.7)
                if true is not None:
                    panel.contour(true.any(axis).T, levels=[0.5], colors=[TRUE], linewidths=0.8)
        entries = [Patch(color=TRACED, alpha=0.7, label="traced, projected on the slice")]
        if truth is not None:
            entries.append(Patch(fill=False, edgecolor=TRUE, label="true"))
        figure.tight_layout(pad=0.3, rect=(0, 0.06, 1, 0.95))
        figure.legend(handles=entries, loc="lower center", ncols=2)
        save_figure(figure, out, simulated=truth is not None)


if __name__ == "__main__":
    main(*sys.argv[1:])
