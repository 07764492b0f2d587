"""Volumes of interest in the space of the gradient echo: normal-appearing white matter, lesions, nuclei and tracts.

Normal-appearing white matter is white matter without lesions (Fiscone et al. 2023), and tracts leave lesions out as
well. Everything lies inside the brain where all maps are valid. A volume of too few voxels is taken out of its image
and stays in its table with the reason; a small lesion still is no normal-appearing white matter. Tables are those that
the radiomics stage reads: one row per label, the label's name and its side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from chiomics.anatomy.atlases.description import STRUCTURES
from chiomics.anatomy.atlases.nuclei import label_of
from chiomics.anatomy.tissue.tissue import CLASSES, relabel, white_matter_mask
from chiomics.core.cells import plain_cell
from chiomics.core.errors import InputError, SettingError
from chiomics.core.files import atomic_write
from chiomics.core.space.grids import check_same_grid
from chiomics.core.space.volume import Volume

#: Columns of the table beside a label image.
COLUMNS = ("index", "name", "abbreviation", "hemisphere", "n_voxels", "volume_mm3", "kept", "reason")
NUCLEUS_NAMES = {
    "HCN": "caudate head",
    "PUT": "putamen",
    "GP": "globus pallidus",
    "THA": "thalamus",
    "RN": "red nucleus",
    "SN": "substantia nigra",
    "DN": "dentate nucleus",
}
TRACT_NAMES = {
    "AF": "arcuate fasciculus",
    "CST": "corticospinal tract",
    "FAT": "frontal aslant tract",
    "IFOF": "inferior fronto-occipital fasciculus",
    "OR": "optic radiation",
    "UF": "uncinate fasciculus",
}
SIDES = {"L": "left", "R": "right"}


@dataclass(frozen=True)
class VoiSettings:
    """What counts as a volume of interest.

    Parameters
    ----------
    min_voxels : int
        Smaller volumes are dropped; lesions stay in their image and table, and are not `kept` for radiomics.
    lesion_margin : float
        Distance from lesions, mm, that normal-appearing white matter and tracts keep as well.
    tracts_in_white_matter : bool
        Whether tracts are cut to the white matter.
    """

    min_voxels: int = 10
    lesion_margin: float = 0.0
    tracts_in_white_matter: bool = False

    def __post_init__(self) -> None:
        if self.min_voxels < 1 or self.lesion_margin < 0:
            raise SettingError("min_voxels must be 1 or more and lesion_margin not negative")


@dataclass(frozen=True)
class Regions:
    """Label images and masks of one session by the end of their names, and what is in them.

    Attributes
    ----------
    images : dict of str to Volume
        ``desc-tissue_dseg``, ``desc-lesions_dseg``, ``desc-dgm_dseg``, ``desc-nawm_dseg`` (uint8, lesions int16 or
        int32) and ``hemi-<L|R>_label-<tract>_mask`` (bool).
    tables : dict of str to pandas.DataFrame
        With `COLUMNS`, by the same names; a tract's mask has label 1.
    """

    images: dict[str, Volume] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


def assemble_regions(
    tissue: Volume,
    brain_mask: Volume,
    *,
    valid_mask: Volume | None = None,
    lesions: Volume | None = None,
    searched: Volume | None = None,
    nuclei: Volume | None = None,
    tracts: Mapping[tuple[str, str], Volume] | None = None,
    settings: VoiSettings | None = None,
) -> Regions:
    """Make all label images of a session from what was found, all on the grid of the gradient echo.

    Parameters
    ----------
    tissue : Volume
        Labels of `chiomics.anatomy.tissue.tissue.CLASSES`.
    brain_mask : Volume
        Not 0 inside the brain.
    valid_mask : Volume, optional
        Not 0 where all maps of the session hold values.
    lesions : Volume, optional
        One label per lesion; none is no lesion.
    searched : Volume, optional
        Not 0 where lesions were looked for: elsewhere no white matter counts as normal-appearing.
    nuclei : Volume, optional
        Labels of `chiomics.anatomy.atlases.nuclei.label_of`.
    tracts : mapping of (str, str) to Volume, optional
        Masks by abbreviation and hemisphere, ``L`` or ``R``.
    settings : VoiSettings, optional
        By default those of the class.

    Returns
    -------
    Regions
        The image and the table of nuclei are there only where `nuclei` is, tracts as they are given.

    Raises
    ------
    InputError
        Where grids differ, a label of `nuclei` is not known, or a tract has no side.
    """
    settings, tracts = settings or VoiSettings(), tracts or {}
    given = [volume for volume in (valid_mask, lesions, searched, nuclei) if volume is not None]
    check_same_grid(tissue, brain_mask, *given, *tracts.values())
    inside = brain_mask.voxels > 0
    if valid_mask is not None:
        inside = inside & (valid_mask.voxels > 0)
    lesions = tissue.like(np.zeros(inside.shape, np.int16)) if lesions is None else lesions
    tissue = relabel(tissue, lesions=lesions, nuclei=nuclei)
    white = white_matter_mask(tissue).voxels
    normal = ~_with_margin(lesions, settings.lesion_margin)

    regions = Regions()
    _add(regions, "desc-tissue_dseg", _masked(tissue, inside), _class_names(), 1)
    found = _masked(lesions, inside)
    _add(regions, "desc-lesions_dseg", found, _lesion_names(lesions), settings.min_voxels, small_stay=True)
    if nuclei is not None:
        _add(regions, "desc-dgm_dseg", _masked(nuclei, inside), _nucleus_names(nuclei), settings.min_voxels)
    known = True if searched is None else searched.voxels > 0
    nawm = tissue.like((white & normal & inside & known).astype(np.uint8))
    _add(regions, "desc-nawm_dseg", nawm, {1: ("normal-appearing white matter", "NAWM", "")}, settings.min_voxels)
    for (tract, hemisphere), mask in tracts.items():
        if hemisphere not in SIDES:
            raise InputError(f"tract {tract} has no side", found=repr(hemisphere), expected="L or R")
        kept = (mask.voxels > 0) & normal & inside
        if settings.tracts_in_white_matter:
            kept &= white
        name = f"{SIDES[hemisphere]} {TRACT_NAMES.get(tract, tract)}"
        key = f"hemi-{hemisphere}_label-{tract}_mask"
        _add(regions, key, tissue.like(kept), {1: (name, f"{tract}_{hemisphere}", hemisphere)}, settings.min_voxels)
    return regions


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as BIDS wants it, whole or not at all: tabs, ``n/a`` where there is nothing, 1 and 0 for truth."""
    table = table.copy()
    for column in table.columns:
        if table[column].dtype == bool:
            table[column] = table[column].astype(int)
    table = table.replace("", "n/a")
    table = table.map(lambda cell: plain_cell(cell) if isinstance(cell, str) else cell)
    with atomic_write(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, na_rep="n/a", float_format="%.8g", lineterminator="\n")


def _add(
    regions: Regions,
    key: str,
    image: Volume,
    names: Mapping[int, tuple[str, str, str]],
    min_voxels: int,
    *,
    small_stay: bool = False,
) -> None:
    """Drop the small labels of an image, or only mark them, and add it with its table."""
    sizes = np.bincount(image.voxels.ravel(), minlength=max(names, default=0) + 1)
    rows, dropped = [], []
    for index, (name, abbreviation, hemisphere) in sorted(names.items()):
        count = int(sizes[index])
        reason = "" if count >= min_voxels else "no voxel" if count == 0 else f"{count} voxels, {min_voxels} are needed"
        if reason and not small_stay:
            dropped.append(index)
        volume = count * image.voxel_volume
        rows.append((index, name, abbreviation, hemisphere, count, volume, not reason, reason))
    kept = np.isin(image.voxels, dropped, invert=True)
    regions.images[key] = image.like(np.where(kept, image.voxels, 0).astype(image.voxels.dtype))
    regions.tables[key] = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"kept": bool})


def _masked(volume: Volume, inside: np.ndarray) -> Volume:
    """Keep what is inside, as the integers that it holds."""
    kept = np.where(inside, volume.voxels, 0)
    return volume.like(np.rint(kept).astype(np.int32) if kept.dtype.kind == "f" else kept)


def _with_margin(lesions: Volume, margin: float) -> np.ndarray:
    """Lesions and what lies within the margin around them."""
    is_lesion = lesions.voxels > 0
    if not margin or not is_lesion.any():
        return is_lesion
    return ndimage.distance_transform_edt(~is_lesion, sampling=lesions.voxel_size) <= margin


def _class_names() -> dict[int, tuple[str, str, str]]:
    return {label: (name, abbreviation, "") for label, (name, abbreviation) in CLASSES.items()}


def _lesion_names(lesions: Volume) -> dict[int, tuple[str, str, str]]:
    labels = [int(label) for label in np.unique(lesions.voxels) if label > 0]
    return {label: (f"lesion {label}", f"lesion{label}", "") for label in labels}


def _nucleus_names(nuclei: Volume) -> dict[int, tuple[str, str, str]]:
    """Name all nuclei of the project, found or not."""
    names = {
        label_of(nucleus, side): (f"{SIDES[side]} {NUCLEUS_NAMES[nucleus]}", f"{nucleus}_{side}", side)
        for side in SIDES
        for nucleus in STRUCTURES["dgm"]
    }
    if unknown := sorted({int(label) for label in np.unique(nuclei.voxels)} - {0, *names}):
        raise InputError("labels of nuclei are not known", found=str(unknown), expected=str(sorted(names)))
    return names
