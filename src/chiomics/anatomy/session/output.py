"""Write what the anatomy stage found in a session: images, tables, sidecars and the page of pictures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chiomics.anatomy.session.qc_figure import write_anatomy_page
from chiomics.anatomy.session.regions import SessionRegions
from chiomics.anatomy.session.vois import Regions, write_table
from chiomics.anatomy.tissue.tissue import VENTRICLES
from chiomics.core.files import write_sidecar
from chiomics.core.space.volume import Volume

#: Label images of the contract.
LABEL_IMAGES = ("tissue", "lesions", "dgm", "nawm")


def write_session(found: SessionRegions, paths: Mapping, *, title: str, simulated: bool) -> None:
    """Write all results of a session.

    Parameters
    ----------
    found : SessionRegions
        Of `chiomics.anatomy.session.regions.define_regions`.
    paths : mapping
        ``<name>_labels`` and ``<name>_table`` for each of `LABEL_IMAGES`, ``tracts`` (list),
        ``reference``, ``sidecar``, ``volumes``, ``consistency`` and ``figure``; ``gre_<name>`` and
        ``gre_<name>_sidecar`` for each image of `SessionRegions.on_gre`.
    title : str
        Of the page.
    simulated : bool
        Whether to say that the subject is simulated.
    """
    write_regions(found.regions, paths, grid=found.brain)
    write_table(paths["volumes"], found.volumes)
    write_table(paths["consistency"], found.consistency)
    write_sidecar(paths["reference"], found.reference)
    write_sidecar(paths["sidecar"], found.sidecar)
    for name, (image, sidecar) in found.on_gre.items():
        image.write(paths[f"gre_{name}"])
        write_sidecar(paths[f"gre_{name}_sidecar"], sidecar)
    _draw(found, paths["figure"], title=title, simulated=simulated)


def write_regions(regions: Regions, paths: Mapping, *, grid: Volume) -> None:
    """Write label images with their tables, and the masks of tracts.

    Parameters
    ----------
    regions : Regions
        Of one session.
    paths : mapping
        ``<name>_labels``, ``<name>_table`` and ``tracts`` of `write_session`.
    grid : Volume
        Where a label image lies that the session lacks: it is empty, so that every session has the same files.
    """
    empty = grid.like(np.zeros(grid.voxels.shape, np.uint8))
    for name in LABEL_IMAGES:
        key = f"desc-{name}_dseg"
        table = regions.tables.get(key, regions.tables["desc-nawm_dseg"].iloc[:0])
        regions.images.get(key, empty).write(paths[f"{name}_labels"])
        # The radiomics stage reads this table: labels that were dropped are in the volumes' table alone.
        write_table(paths[f"{name}_table"], table[table["kept"].astype(bool)])
    for path in paths["tracts"]:
        key = next(key for key in regions.images if str(path).endswith(f"_{key}.nii.gz"))
        regions.images[key].write(path)


def _draw(found: SessionRegions, path: str, *, title: str, simulated: bool) -> None:
    """Draw the page."""
    images, tables = found.regions.images, found.regions.tables
    tissue = images["desc-tissue_dseg"].voxels
    nuclei: dict[str, np.ndarray] = {}
    if "desc-dgm_dseg" in images:
        for row in tables["desc-dgm_dseg"].to_dict("records"):
            name = row["abbreviation"].partition("_")[0]
            mask = images["desc-dgm_dseg"].voxels == row["index"]
            nuclei[name] = nuclei.get(name, False) | mask
    tracts: dict[str, np.ndarray] = {}
    for key, image in images.items():
        if key.startswith("hemi-"):
            name = key.split("_label-")[1].removesuffix("_mask")
            tracts[name] = tracts.get(name, False) | (image.voxels > 0)
    segmentation = found.sidecar["Segmentation"]
    untrusted = "" if found.reference["ReferenceTrusted"] else "ventricles are no trusted reference"
    lesions = segmentation["Lesions"].get("Reason", "")
    write_anatomy_page(
        path,
        chi=found.chi,
        structural=found.background,
        structural_name=segmentation["AnatomicalImage"],
        outlines={
            "brain": found.brain.voxels > 0,
            "white matter": images["desc-nawm_dseg"].voxels > 0,
            "ventricles": tissue == VENTRICLES,
            "lesions": images["desc-lesions_dseg"].voxels > 0,
        },
        nuclei=nuclei,
        tracts=tracts,
        title=title,
        warning="; ".join(filter(None, (untrusted, lesions))),
        simulated=simulated,
    )
