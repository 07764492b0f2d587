"""Derive places and sizes of lesions from expert masks: ``python -m benchmarks.lesion_prior MASKS T1W...``.

MASKS holds consensus masks of MS patients in one rigid space (27 of Lesjak et al. 2018, Neuroinformatics 16:51, CC
BY; muschellij2/open_ms_data, folder cross_sectional/MNI). Their heads were turned into MNI space and not scaled, so
that the way to the template, one affine for all, is the mean of those of the skull-stripped T1W images of that study
which are given. The masks' mean is smoothed, made symmetric, as 27 patients say nothing about sides, and kept at 4 mm
in a byte per voxel: no patient can be told from it.
Of the lesions' sizes, quantiles of all patients together are kept.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from scipy import ndimage

from chiomics.anatomy.registration.ants import register
from chiomics.anatomy.registration.settings import settings
from chiomics.anatomy.registration.stripped import own_brain
from chiomics.core.files import atomic_write, write_sidecar
from chiomics.core.images import write_image
from chiomics.core.priors.lesion_density import FILE
from chiomics.core.space.grids import coarsen
from chiomics.core.space.template import template_brain
from chiomics.core.space.volume import Volume
from chiomics.phantom.lesions.lesions import DIAMETERS

#: Standard deviation of the smoothing, and voxel of the map, mm.
SMOOTHING, RESOLUTION = 5.0, 4.0
#: Least diameter in mm of a lesion that counts, that of the phantom's recipe, and shares that are kept.
MIN_DIAMETER, SHARES = 3.0, np.append(np.linspace(0, 0.95, 20), (0.96, 0.97, 0.98, 0.99, 1))
SOURCE = (
    "27 consensus masks of Lesjak et al. (2018), A novel public MR image dataset of multiple sclerosis patients with "
    "lesion segmentations based on multi-rater consensus, Neuroinformatics 16:51, CC BY"
)


def onto_template(t1w: Path) -> np.ndarray:
    """Return the affine from a stripped head's world to the template's."""
    image = Volume.read(t1w)
    brain = image.like(np.where(own_brain(image).voxels, image.voxels, 0).astype(np.float32))
    with tempfile.TemporaryDirectory() as scratch:
        return register(
            brain, template_brain(1.0), settings=settings("fast"), kind="affine", out_dir=scratch
        ).matrix()  # fmt: skip


def write_sizes(masks: list[Volume], path: Path) -> None:
    """Write quantiles of the diameters of balls as large as the masks' connected lesions, and their source."""
    diameters: list[float] = []
    for mask in masks:
        found, count = ndimage.label(mask.voxels > 0, np.ones((3, 3, 3)))
        volumes = np.bincount(found.ravel(), minlength=count + 1)[1:] * mask.voxel_volume
        diameters += [d for d in np.cbrt(6 * volumes / np.pi).tolist() if d >= MIN_DIAMETER]
    rows = zip(SHARES, np.quantile(diameters, SHARES), strict=True)
    with atomic_write(path) as temporary:
        temporary.write_text("share\tdiameter\n" + "".join(f"{share:.2f}\t{d:.2f}\n" for share, d in rows))
    write_sidecar(path.with_suffix(".json"), {
        "Description": "Share of the lesions of multiple sclerosis that have at most this diameter in mm (of a ball as "
        f"large; lesions below {MIN_DIAMETER:g} mm do not count)",
        "Source": SOURCE, "Patients": len(masks), "Lesions": len(diameters), "Made": "benchmarks/lesion_prior.py",
    })  # fmt: skip


def main() -> None:
    """Write the map, the sizes and their source into the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("masks", type=Path, help="folder of lesion masks (NIfTI)")
    parser.add_argument("t1w", type=Path, nargs="+", help="skull-stripped T1w images of the same study")
    arguments = parser.parse_args()
    files = sorted(arguments.masks.glob("*.nii.gz"))
    masks = [Volume.read(file) for file in files]
    write_sizes(masks, DIAMETERS)
    mean = masks[0].like(np.mean([mask.voxels > 0 for mask in masks], axis=0, dtype=np.float32))
    smooth = ndimage.gaussian_filter(mean.voxels, SMOOTHING / mean.voxel_size)
    affine = np.mean([onto_template(file) for file in arguments.t1w], axis=0)
    grid = coarsen(template_brain(1.0), RESOLUTION)
    back = np.linalg.inv(affine @ mean.affine) @ grid.affine
    density = ndimage.affine_transform(smooth, back[:3, :3], back[:3, 3], grid.voxels.shape, order=1)
    world_x = grid.affine[0, 0] * np.arange(density.shape[0]) + grid.affine[0, 3]
    mirrored = np.interp(-world_x, *(np.sort(world_x), np.arange(len(world_x))[np.argsort(world_x)]))
    index = np.meshgrid(mirrored, *map(np.arange, density.shape[1:]), indexing="ij")
    other = ndimage.map_coordinates(density, index, order=1)
    density = (density + other) / 2
    stored = np.round(density * (255 / density.max())).astype(np.uint8)
    write_image(FILE, stored, grid.affine)
    write_sidecar(FILE.with_name("lesion_prior.json"), {
        "Description": "Relative density of white matter lesions of multiple sclerosis in template space",
        "Source": SOURCE,
        "Patients": len(files), "SmoothingMm": SMOOTHING, "LargestShareOfPatients": float(density.max()),
        "AffineToTemplate": np.round(affine, 4).tolist(), "Made": "benchmarks/lesion_prior.py",
    })  # fmt: skip


if __name__ == "__main__":
    main()
