"""Write what the anatomy stage found in a session: images, tables, sidecars and the page of pictures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chiomics.anatomy.session.qc_figure import write_anatomy_page
from chiomics.anatomy.session.regions import SessionRegions
from chiomics.anatomy.session.sidecars import describe_labels, describe_tract, made_by
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
        ``<name>_labels``, ``<name>_table`` and ``<name>_sidecar`` for each of `LABEL_IMAGES`, ``tracts`` and
        ``tract_sidecars`` (lists), ``reference``, ``sidecar``, ``volumes``, ``consistency`` and ``figure``;
        ``gre_<name>`` and ``gre_<name>_sidecar`` for each image of `SessionRegions.on_gre`. A session
        without GRE has neither ``reference`` nor those, and may lack label images.
    title : str
        Of the page.
    simulated : bool
        Whether to say that the subject is simulated.
    """
    on_gre = found.sidecar["SpatialReference"] != "T1w"
    write_regions(found.regions, paths, grid=found.brain)
    write_table(paths["volumes"], found.volumes)
    write_table(paths["consistency"], found.consistency)
    if on_gre:
        write_sidecar(paths["reference"], found.reference)
    write_sidecar(paths["sidecar"], found.sidecar | made_by())
    _describe_regions(found, paths)
    for name, (image, sidecar) in found.on_gre.items() if on_gre else ():
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
        if paths.get(f"{name}_labels") is None:
            continue
        key = f"desc-{name}_dseg"
        table = regions.tables.get(key, regions.tables["desc-nawm_dseg"].iloc[:0])
        regions.images.get(key, empty).write(paths[f"{name}_labels"])
        # Dropped labels are in the volumes' table alone; small lesions are here, marked for the radiomics stage.
        held = table["n_voxels"] > 0 if name == "lesions" else table["kept"].astype(bool)
        write_table(paths[f"{name}_table"], table[held])
    for path in paths.get("tracts", ()):
        key = next(key for key in regions.images if str(path).endswith(f"_{key}.nii.gz"))
        regions.images[key].write(path)


def _describe_regions(found: SessionRegions, paths: Mapping) -> None:
    """Write the sidecars of label images and tracts."""
    tables = found.regions.tables
    for name in LABEL_IMAGES:
        if paths.get(f"{name}_sidecar") is not None:
            table = tables.get(f"desc-{name}_dseg", tables["desc-nawm_dseg"].iloc[:0])
            write_sidecar(paths[f"{name}_sidecar"], describe_labels(name, table, found.sidecar))
    for path in paths.get("tract_sidecars", ()):
        key = next(key for key in found.regions.images if str(path).endswith(f"_{key}.json"))
        write_sidecar(path, describe_tract(key, tables[key], found.sidecar))


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
    outlines = {
        "brain": found.brain.voxels > 0,
        "NAWM": images["desc-nawm_dseg"].voxels > 0,
        "ventricles": tissue == VENTRICLES,
        "lesions": images["desc-lesions_dseg"].voxels > 0,
    }
    facts, warnings = describe(found)
    lost = segmentation["Lesions"]["Source"] == "none"
    write_anatomy_page(
        path,
        chi=found.chi,
        structural=found.background,
        structural_name=segmentation["AnatomicalImage"],
        outlines=outlines,
        nuclei=nuclei,
        tracts=tracts,
        title=title,
        flair=found.flair,
        unknown=[name for name in ("lesions", "NAWM") if lost and not outlines[name].any()],
        facts=facts,
        warnings=warnings,
        simulated=simulated,
    )


def describe(found: SessionRegions) -> tuple[list[str], list[str]]:
    """Say in words what a session's regions come from, and what is doubtful.

    Parameters
    ----------
    found : SessionRegions
        Of `chiomics.anatomy.session.regions.define_regions`.

    Returns
    -------
    facts, warnings : list of str
        Lines for the page.
    """
    segmentation = found.sidecar["Segmentation"]
    lesions, warnings = segmentation["Lesions"], list(found.sidecar["Warnings"])
    image = segmentation["AnatomicalImage"]
    facts = [f"anatomical image: {segmentation.get(image, {}).get('File', image)}"]
    if lesions["Source"] == "none":
        facts.append(f"lesions: NOT KNOWN ({lesions['Reason']})")
        if not any(lesions["Reason"] in warning for warning in warnings):
            warnings.insert(0, lesions["Reason"])
    else:
        space = found.sidecar["SpatialReference"]
        carried = lesions["VolumeMlOnT1w" if space == "T1w" else "VolumeMlOnGRE"]
        drawn = f", drawn on the {lesions['DrawnOn']}" if "DrawnOn" in lesions else ""
        facts.append(
            f"lesions: {lesions['Source']}{drawn}; {lesions['Lesions']} lesions, {lesions['VolumeMl']:.2f} ml, on the "
            f"{space} {carried:.2f} ml; looked for in "
            f"{lesions['SearchedShareOfWhiteMatter']:.0%} of the white matter"
        )
    for name, quality in segmentation["Registrations"].items():
        figures = [f"{key.replace('_', ' ')} {quality[key]:.2f} (at least {limit:.2f})"
                   for key, limit in quality["thresholds"].items()]  # fmt: skip
        facts.append(f"{name}: {', '.join(figures)}")
    seen = [f"{name} {found['white matter']:.0%} of the white matter and {found['brain']:.0%} of the brain"
            for name, found in found.sidecar["Coverage"].items()]  # fmt: skip
    facts.append(f"seen: {'; '.join(seen)}")
    for failure in segmentation.get("Accepted", ()):
        warnings.insert(0, f"ACCEPTED by the operator though its check failed: {failure['Step']}: {failure['Reason']}")
    if found.chi is not None and not found.reference["ReferenceTrusted"]:
        warnings.append("ventricles are no trusted reference")
    return facts, warnings
