"""The volumes of a session's page: which there are, how they are shown, and the scripts that hand them over."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from chiomics.core.figures import NUCLEUS_COLOURS, TRACT_COLOURS
from chiomics.core.files import write_text
from chiomics.core.images import read_image
from chiomics.core.space.orientation import NearestRAS
from chiomics.core.space.volume import Volume
from chiomics.report.site.preview import (
    CHI_STEP,
    join_masks,
    plan_grid,
    preview_image,
    preview_labels,
    script_of,
    values_of,
)

log = logging.getLogger(__name__)

#: Images in the order of the menu: name, unit, digits shown, step, and the window; without a window their own range.
IMAGES = {
    "chi": ("χ", "ppm", 3, CHI_STEP, (-0.15, 0.15)),
    "r2star": ("R2*", "1/s", 0, 0.5, (0.0, 60.0)),
    "T1w": ("T1w", "", 0, None, None),
    "FLAIR": ("FLAIR", "", 0, None, None),
    "local_field": ("local field", "ppm", 3, CHI_STEP, (-0.05, 0.05)),
}
#: Label images in the order of the overlays.
LABELS = {
    "brain": "brain mask",
    "valid": "mask with values",
    "reference": "reference region",
    "quality": "reliability of the field",
    "tissue": "tissue",
    "nuclei": "deep grey nuclei",
    "lesions": "lesions",
    "nawm": "normal-appearing white matter",
    "tracts": "tracts",
}
#: Colour of what has none of its own.
OTHER = "#FFFFFF"
#: Colours of masks and tissue classes, in the order of their labels.
MASK_COLOURS = {"brain": "#66CCEE", "valid": "#FF9D3A", "reference": "#33FFCC", "lesions": "#FF2222", "nawm": "#E8D44D"}
TISSUES = ("#66CCEE", "#4477AA", "#EE6677", "#CCBB44", "#AA3377", "#228833", "#BBBBBB")


def make_previews(files: Mapping[str, object], folder: str | Path) -> list[dict]:
    """Write the scripts of a session's volumes, and describe them.

    Parameters
    ----------
    files : mapping
        Paths by the keys of `IMAGES` and `LABELS`, and ``tracts``, a list of masks; ``<key>_table`` names the labels of
        an image. What is missing or empty is passed over; there has to be χ or T1w for the grid.
    folder : path-like
        Where ``<key>.js`` go; it exists.

    Returns
    -------
    list of dict
        What the page has to know of each: key, label, kind (image, mask or labels), unit, digits, window, labels with
        their names and colours, voxel size in mm and step.
    """
    first = next((files[key] for key in IMAGES if files.get(key)), None)
    if first is None:
        return []
    brain = _read(files.get("brain") or files.get("valid") or first)
    grid = plan_grid(brain.voxels != 0, brain.affine)
    found = []
    for key, (label, unit, digits, step, window) in IMAGES.items():
        if files.get(key):
            image = preview_image(_read(files[key]), grid, step=step)
            about = {"key": key, "label": label, "kind": "image", "unit": unit, "digits": digits}
            about |= {"window": window or _window(values_of(image)), "step": step}
            found.append(about | _write(key, image, folder))
    for key, label in LABELS.items():
        if not files.get(key):
            continue
        labels, names = _read_labels(key, files)
        image = preview_labels(labels, grid, min_share=0.0 if key in ("lesions", "reference") else 0.5)
        kind = "mask" if key in ("brain", "valid", "reference") else "labels"
        present = set(np.unique(image.dataobj)) - {0}
        named = [entry for entry in names if entry["value"] in present]
        about = {"key": key, "label": label, "kind": kind, "labels": named}
        found.append(about | _write(key, image, folder))
    log.info("%d volumes of %s voxels, every %s of the session's", len(found), grid.shape, grid.factor)
    return found


def _read(path: object) -> Volume:
    """Read an image in the nearest RAS order, in which the viewer shows it and reads values."""
    voxels, affine = read_image(str(path))
    order = NearestRAS(affine, voxels.shape)
    return Volume(order(voxels), order.affine)


def _write(key: str, image: object, folder: str | Path) -> dict:
    write_text(Path(folder, f"{key}.js"), script_of(key, image))
    return {"voxel_size": [round(float(edge), 2) for edge in image.header.get_zooms()]}


def _window(values: np.ndarray) -> tuple[float, float]:
    inside = values[values > 0]
    return 0.0, float(np.percentile(inside, 99)) if inside.size else 1.0


def _read_labels(key: str, files: Mapping[str, object]) -> tuple[Volume, list[dict]]:
    """Read a label image or masks, with the name and the colour of each label."""
    if key == "tracts":
        return _read_tracts(files[key])
    labels = _read(files[key])
    table = files.get(f"{key}_table")
    rows = pd.read_csv(table, sep="\t", na_values="n/a").to_dict("records") if table else []
    if not rows:
        return labels, [{"value": 1, "name": LABELS[key], "colour": MASK_COLOURS.get(key, OTHER)}]
    return labels, [
        {"value": int(row["index"]), "name": _name(key, row), "colour": _colour(key, place, row)}
        for place, row in enumerate(rows)
    ]


def _name(key: str, row: Mapping) -> str:
    name = str(row.get("name") or row.get("abbreviation") or row["index"])
    return f"{name} ({row['abbreviation']})" if key == "nuclei" and "abbreviation" in row else name


def _colour(key: str, place: int, row: Mapping) -> str:
    if key == "nuclei":
        return NUCLEUS_COLOURS.get(str(row.get("abbreviation", "")).partition("_")[0], OTHER)
    return MASK_COLOURS.get(key) or TISSUES[place % len(TISSUES)]


def _read_tracts(paths: Sequence[str]) -> tuple[Volume, list[dict]]:
    """Bring the masks of tracts, which overlap, into one label image; the first tract of a label gives its colour."""
    masks, volume = {}, None
    for path in paths:
        volume = _read(path)
        entities = dict(part.partition("-")[::2] for part in Path(path).name.split("_") if "-" in part)
        masks[f"{entities['label']} {entities.get('hemi', '')}".strip()] = volume.voxels > 0
    voxels, names = join_masks(masks)
    named = [
        {"value": value, "name": " + ".join(tracts), "colour": TRACT_COLOURS.get(tracts[0].partition(" ")[0], OTHER)}
        for value, tracts in names.items()
    ]
    return volume.like(voxels), named
