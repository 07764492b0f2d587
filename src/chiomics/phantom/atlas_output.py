"""The phantom's own atlas: the nuclei and tracts of its template, as the folders that the anatomy stage reads.

Every simulated subject is a deformed copy of these shapes, so they are to the simulated cohort what a published atlas
is to real brains. Space is that of the template (`template.py`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from chiomics.core.files import write_text
from chiomics.core.images import write_image
from chiomics.core.provenance import RELEASE
from chiomics.phantom.head import tissue
from chiomics.phantom.head.anatomy import add_nuclei
from chiomics.phantom.head.nuclei import NUCLEI
from chiomics.phantom.head.real_anatomy import AffineSpace
from chiomics.phantom.head.template import load_template
from chiomics.phantom.head.tracts import TRACTS, place_tracts

#: Voxel size in mm: the substantia nigra is 6 mm thick, tracts are as smooth as the 1 mm template.
NUCLEI_SPACING, TRACT_SPACING = 0.5, 1.0
#: Boxes that hold all nuclei and all tracts, template mm: first and last voxel.
NUCLEI_BOX = np.array([[-36.0, -70.0, -45.0], [36.0, 36.0, 28.0]])
TRACT_BOX = np.array([[-60.0, -92.0, -54.0], [60.0, 60.0, 70.0]])


def write_phantom_atlas(folder: str | Path) -> list[Path]:
    """Write the phantom's atlas.

    Parameters
    ----------
    folder : path-like
        Gets ``dgm`` (one label image) and ``tracts`` (one volume per bundle), each with its ``atlas.yaml``.

    Returns
    -------
    list of Path
        The files; the same bytes at every call.
    """
    folder = Path(folder)
    nuclei = {
        name: {"L": tissue.NUCLEUS_LABELS[name], "R": tissue.NUCLEUS_LABELS[name] + tissue.RIGHT} for name in NUCLEI
    }
    tracts = {name: {"L": 2 * position, "R": 2 * position + 1} for position, name in enumerate(TRACTS)}
    return [
        *_write(folder / "dgm", "dgm", "labels", nuclei, *_nuclei_labels()),
        *_write(folder / "tracts", "tracts", "volumes", tracts, *_tract_volumes()),
    ]


def _nuclei_labels() -> tuple[np.ndarray, np.ndarray]:
    """Label the nuclei in the template's brain."""
    labels, affine = _labelled_box(NUCLEI_BOX, NUCLEI_SPACING)
    first = min(tissue.NUCLEUS_LABELS.values())
    nuclei = np.isin(labels % tissue.RIGHT, first + np.arange(len(NUCLEI)))
    return np.where(nuclei, labels, 0).astype(np.uint8), affine


def _tract_volumes() -> tuple[np.ndarray, np.ndarray]:
    """Lay the tracts into the template's white matter; left and right follow one another."""
    labels, affine = _labelled_box(TRACT_BOX, TRACT_SPACING)
    placed = place_tracts(AffineSpace(np.eye(4)), labels == tissue.WHITE, shape=labels.shape, affine=affine)
    volumes = np.zeros((*labels.shape, 2 * len(TRACTS)), np.uint8)
    for position, (tract, hemisphere) in enumerate((tract, hemi) for tract in TRACTS for hemi in "LR"):
        volumes[..., position][placed[hemisphere, tract].voxels] = 1
    return volumes, affine


def _labelled_box(box: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Label fluid, grey matter, white matter and nuclei of the template inside a box."""
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = box[0]
    shape = tuple(np.rint((box[1] - box[0]) / spacing).astype(int) + 1)
    space, template = AffineSpace(np.eye(4)), load_template()
    points = space.grid_to_template(shape, affine)
    grey, white, brain = (template.sample(name, points) for name in ("grey", "white", "brain"))
    labels = np.full(shape, tissue.CSF, np.uint8)
    labels[grey > 1 - grey - white] = tissue.GREY
    labels[white > np.maximum(grey, 1 - grey - white)] = tissue.WHITE
    labels[brain <= 0.5] = tissue.AIR
    add_nuclei(labels, points, space, affine, {})
    return labels, affine


def _write(
    folder: Path, kind: str, encoding: str, structures: dict, voxels: np.ndarray, affine: np.ndarray
) -> list[Path]:
    image = folder / f"{encoding}.nii.gz"
    write_image(image, voxels, affine)
    description = {
        "name": "chiomics phantom",
        "version": RELEASE,
        "citation": "Shapes of the simulated subjects of chiomics; nuclei fitted to the Allen Human Reference Atlas 3D "
        "2020 (Ding et al. 2016, J Comp Neurol 524:3127), tracts checked against HCP842 (Yeh et al. 2018, "
        "NeuroImage 178:57)",
        "licence": "BSD-3-Clause",
        "kind": kind,
        "space": "chiomics-phantom",
        "encoding": encoding,
        "image": image.name,
        "structures": structures,
    }
    write_text(folder / "atlas.yaml", yaml.safe_dump(description, sort_keys=False, width=120))
    return [image, folder / "atlas.yaml"]
