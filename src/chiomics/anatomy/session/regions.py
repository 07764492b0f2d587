"""Regions of a session on the voxels of its gradient echo, from its segmentation, the atlases and its own χ.

Everything is carried over in one interpolation: from the T1w (tissue, lesions) or from the atlases (nuclei, tracts).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from chiomics.anatomy import files as kept
from chiomics.anatomy.atlases.atlas import Atlas, read_atlas
from chiomics.anatomy.atlases.nuclei import label_nuclei, label_of
from chiomics.anatomy.atlases.on_grid import atlas_coordinates, fractions_on_grid
from chiomics.anatomy.atlases.refine_nuclei import RefineSettings, refine_nuclei
from chiomics.anatomy.atlases.tracts import tract_masks
from chiomics.anatomy.diffusion.session import SEEN, TO_ANATOMY, read_traced
from chiomics.anatomy.files import SessionFiles
from chiomics.anatomy.registration.ants import Chain, resample
from chiomics.anatomy.registration.stripped import own_brain
from chiomics.anatomy.session.carry import in_place, lesions_on_gre
from chiomics.anatomy.session.consistency import compare_nuclei
from chiomics.anatomy.session.coverage import measure_coverage, seen_by, structure_points, template_points
from chiomics.anatomy.session.sidecars import made_by
from chiomics.anatomy.session.vois import Regions, VoiSettings, assemble_regions
from chiomics.anatomy.session.volumes import brain_volumes, session_volumes
from chiomics.anatomy.tissue.label_maps import nuclei_from_labels
from chiomics.anatomy.tissue.tissue import VENTRICLES
from chiomics.anatomy.tissue.ventricles import measure_offset, reference_region
from chiomics.core.errors import InputError
from chiomics.core.files import read_sidecar
from chiomics.core.provenance import source_uris
from chiomics.core.settings import read_settings
from chiomics.core.space.volume import Volume

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SessionRegions:
    """What the anatomy stage gives for a session.

    Attributes
    ----------
    regions : Regions
        Label images, masks and their tables.
    volumes : pandas.DataFrame
        Of `chiomics.anatomy.session.volumes.session_volumes`.
    reference : dict
        Sidecar of the ventricles' susceptibility.
    sidecar : dict
        How everything came about.
    background : Volume
        The anatomical image on the GRE's grid.
    on_gre : dict of str to (Volume, dict)
        ``T1w`` and ``FLAIR``, those that the session has: bias-corrected, on the GRE's grid after one interpolation,
        with their sidecars.
    chi : Volume or None
        Susceptibility in ppm.
    brain : Volume
        Brain mask of the GRE.
    to_template : Chain
        From the GRE to the template.
    consistency : pandas.DataFrame
        Of `chiomics.anatomy.session.consistency.compare_nuclei`.
    flair : Volume or None
        FLAIR on the GRE's grid.
    """

    regions: Regions
    volumes: pd.DataFrame
    reference: dict
    sidecar: dict
    background: Volume
    on_gre: dict[str, tuple[Volume, dict]]
    chi: Volume | None
    brain: Volume
    to_template: Chain
    consistency: pd.DataFrame
    flair: Volume | None = None


def define_regions(
    files: SessionFiles,
    segmentation: str | Path,
    *,
    atlases: Mapping[str, str | Path],
    settings: Mapping,
    traced: str | Path | None = None,
    notes: Sequence[str] = (),
) -> SessionRegions:
    """Define every region of a session.

    Parameters
    ----------
    files : SessionFiles
        The session's inputs.
    segmentation : path-like
        Folder of `chiomics.anatomy.session.segmentation.segment_session`.
    atlases : mapping of str to path-like
        Prepared atlases, ``nuclei`` and ``tracts``, those that there are.
    settings : mapping
        The section ``anatomy`` of the configuration.
    traced : path-like, optional
        Folder of tracts traced on diffusion images, which replace the atlas' where they were found.
    notes : sequence of str
        What the index said of the session's images, for the sidecar.

    Returns
    -------
    SessionRegions
        All on the grid of the GRE, or where there is none on that of the T1w.
    """
    segmentation = Path(segmentation)
    anatomy = Volume.read(segmentation / kept.ANATOMY)
    if files.has_gre:
        gre = files.read_magnitude()
        brain = files.read_brain(gre)
    else:
        gre, brain = anatomy, Volume.read(segmentation / kept.BRAIN)
    chi, r2star, valid = (
        None if path is None else Volume.read(path) for path in (files.chi, files.r2star, files.valid_mask)
    )
    valid = brain if valid is None else valid.like(valid.voxels > 0)
    to_gre = Chain.read(segmentation / kept.TO_GRE)
    from_template = Chain.read(segmentation / kept.TO_TEMPLATE).inverse().then(to_gre)
    of_anatomy = Volume.read(segmentation / kept.TISSUE, dtype=np.uint8)
    tissue = resample(of_anatomy, gre, to_gre, interpolation="label") if files.has_gre else of_anatomy
    space = "gradient echo" if files.has_gre else "T1w"
    sidecar = {"SpatialReference": space, "Sources": files.sources}
    sidecar["Segmentation"] = read_sidecar(segmentation / kept.SIDECAR)
    lesions, searched = _lesions(segmentation, gre, sidecar["Segmentation"], "GRE" if files.has_gre else "T1w")

    nuclei, consistency = None, compare_nuclei({}, {}, np.zeros((3, 0)))
    if "nuclei" in atlases:
        atlas = read_atlas(atlases["nuclei"])
        # R2* shows iron best; without it the magnitude does, less well.
        images = {"chi": chi, "second": gre if r2star is None else r2star, "valid": valid}
        nuclei, consistency, sidecar["Nuclei"] = _nuclei(atlas, gre, from_template, images, settings["nuclei"])
    elif files.tissue_labels is not None:
        nuclei, notes = nuclei_from_labels(Volume.read(segmentation / kept.LABELS, dtype=np.int32))
        nuclei = resample(nuclei, gre, to_gre, interpolation="label")
        sidecar["Nuclei"] = {"Source": files.tissue_labels.name, "Notes": list(notes)}
    points = template_points()
    if "nuclei" in atlases:
        points["nuclei"] = structure_points(atlas.structures(), atlas.to_template())
    tracts: dict[tuple[str, str], Volume] = {}
    if "tracts" in atlases:
        atlas = read_atlas(atlases["tracts"])
        points["tracts"] = structure_points(atlas.structures(), atlas.to_template())
        fractions = fractions_on_grid(
            atlas.structures(), atlas_coordinates(gre, atlas.to_template().then(from_template))
        )
        masks = tract_masks(fractions, gre.voxels.shape, threshold=settings["tracts"]["threshold"])
        tracts = {key: gre.like(mask) for key, mask in masks.items()}
        sidecar["Tracts"] = {"TractRoute": "atlas", "Threshold": settings["tracts"]["threshold"], **atlas.sidecar()}
    if traced is not None:
        found, sidecar["TracedTracts"] = read_traced(traced)
        tracts |= found
        sidecar["TracedTracts"]["Traced"] = sorted(f"{side} {tract}" for tract, side in found)

    chosen = read_settings(VoiSettings, settings["regions"], where="anatomy.regions")
    # Features take some voxels; a list of lesions is whole.
    chosen = chosen if files.has_gre else replace(chosen, min_voxels=1)
    sidecar["Regions"] = asdict(chosen)
    regions = assemble_regions(
        tissue, brain, valid_mask=valid, lesions=lesions, searched=searched, nuclei=nuclei, tracts=tracts,
        settings=chosen,
    )  # fmt: skip
    background = resample(anatomy, gre, to_gre)
    sidecar["Coverage"], unseen = measure_coverage(
        points, _seen(segmentation, anatomy, gre, traced, has_gre=files.has_gre)
    )
    there = from_template.then(Chain.read(segmentation / kept.LESIONS_TO_GRE).inverse())
    looked, _ = measure_coverage(points, {"lesions": (Volume.read(segmentation / kept.SEARCHED), there)})
    of_lesions = sidecar["Segmentation"]["Lesions"]
    known = of_lesions["Source"] != "none"
    of_lesions["SearchedShareOfWhiteMatter"] = looked["lesions"]["white matter"] if known else 0.0
    of_tracts = [sidecar["TracedTracts"]["Warning"]] if "Warning" in sidecar.get("TracedTracts", {}) else []
    sidecar["Warnings"] = [*notes, *sidecar["Segmentation"].get("Warnings", []), *of_tracts, *unseen]
    for text in unseen:
        log.warning("%s", text)
    on_gre = _structural_on_gre(files, segmentation, background, to_gre)
    return SessionRegions(
        regions=regions,
        volumes=session_volumes(regions, brain_volumes(of_anatomy)),
        reference=_reference(tissue, chi, valid, r2star),
        sidecar=sidecar,
        background=background,
        on_gre=on_gre,
        chi=chi,
        brain=brain,
        to_template=from_template.inverse(),
        consistency=consistency,
        flair=on_gre["FLAIR"][0] if (segmentation / kept.FLAIR).is_file() else None,
    )


def _structural_on_gre(
    files: SessionFiles, segmentation: Path, anatomy: Volume, to_gre: Chain
) -> dict[str, tuple[Volume, dict]]:
    """Carry the bias-corrected T1w and FLAIR onto the GRE, each from its own grid; `anatomy` is there already.

    An image that could not be used leaves zeros and the reason, so that every session has the same files.
    """
    empty = anatomy.like(np.zeros(anatomy.shape, np.float32))
    found = {}
    if files.T1w is not None:
        read = read_sidecar(segmentation / kept.SIDECAR)["AnatomicalImage"] == "T1w"
        found["T1w"] = (files.T1w, anatomy if read else empty)
    if files.FLAIR is not None:
        image = empty
        if (segmentation / kept.FLAIR).is_file():
            chain = Chain.read(segmentation / kept.FLAIR_TO_ANATOMY).then(to_gre)
            image = resample(Volume.read(segmentation / kept.FLAIR), anatomy, chain)
        found["FLAIR"] = (files.FLAIR, image)
    said = {"BiasFieldCorrected": True, "Interpolation": "linear, once", "SpatialReference": "gradient echo"}
    unusable = {"Usable": False, "Reason": "the image could not be used; see the session's anatomy sidecar"}
    return {
        name: (
            image,
            {"Sources": source_uris([path]), "SkullStripped": not image.voxels.any() or own_brain(image) is not None}
            | (said if image.voxels.any() else unusable)
            | made_by(),
        )
        for name, (path, image) in found.items()
    }


def _lesions(segmentation: Path, gre: Volume, notes: dict, grid: str) -> tuple[Volume, Volume]:
    """Carry the lesions and where they were looked for onto the gradient echo, and write down what is left of them."""
    chain = Chain.read(segmentation / kept.LESIONS_TO_GRE)
    lesions, volumes = lesions_on_gre(Volume.read(segmentation / kept.LESIONS, dtype=np.int32), gre, chain)
    notes["Lesions"] |= {key.replace("GRE", grid): volume for key, volume in volumes.items()}
    searched = Volume.read(segmentation / kept.SEARCHED)
    if not in_place(searched, gre, chain):
        searched = resample(searched, gre, chain)
    return lesions, searched.like(searched.voxels > 0.5)


def _seen(
    segmentation: Path, anatomy: Volume, gre: Volume, traced: str | Path | None, *, has_gre: bool
) -> dict[str, tuple[Volume, Chain]]:
    """List what each image saw, with the way from the template to its world."""
    onto_anatomy = Chain.read(segmentation / kept.TO_TEMPLATE).inverse()
    seen = {}
    if has_gre:
        seen["GRE"] = (seen_by(gre), onto_anatomy.then(Chain.read(segmentation / kept.TO_GRE)))
    if read_sidecar(segmentation / kept.SIDECAR)["AnatomicalImage"] == "T1w":
        seen["T1w"] = (seen_by(anatomy), onto_anatomy)
    if (segmentation / kept.FLAIR).is_file():
        back = Chain.read(segmentation / kept.FLAIR_TO_ANATOMY).inverse()
        seen["FLAIR"] = (seen_by(Volume.read(segmentation / kept.FLAIR)), onto_anatomy.then(back))
    if traced is not None and (Path(traced) / SEEN).is_file():
        image, chain = Path(traced) / SEEN, Path(traced) / TO_ANATOMY  # after eddy, where it ran
    else:
        image, chain = segmentation / kept.DWI, segmentation / kept.DWI_TO_ANATOMY
    if image.is_file():
        seen["DWI"] = (seen_by(Volume.read(image)), onto_anatomy.then(Chain.read(chain).inverse()))
    return seen


def _nuclei(
    atlas: Atlas, gre: Volume, from_template: Chain, images: Mapping[str, Volume | None], settings: Mapping
) -> tuple[Volume, pd.DataFrame, dict]:
    """Label the nuclei by the atlas with their edges moved to where χ changes, and compare with the atlas alone."""
    if atlas.kind != "dgm":
        raise InputError("not an atlas of the deep nuclei", file=atlas.folder, found=atlas.kind, expected="dgm")
    coordinates = atlas_coordinates(gre, atlas.to_template().then(from_template))
    structures = atlas.structures()
    fractions = fractions_on_grid(structures, coordinates)
    unrefined = label_nuclei(fractions, gre.voxels.shape)
    sidecar = {**atlas.sidecar(), "Refined": False}
    if settings["refine"] and images["chi"] is not None:
        seen = [images["chi"].voxels, images["second"].voxels]
        chosen = read_settings(RefineSettings, settings["parameters"], where="anatomy.nuclei.parameters")
        valid = images["valid"].voxels > 0
        fractions, reasons = refine_nuclei(fractions, seen, valid, voxel_size=gre.voxel_size, settings=chosen)
        sidecar |= {"Refined": True, "Settings": asdict(chosen)}
        sidecar |= {"KeptFromAtlas": {f"{side} {name}": why for (name, side), why in reasons.items()}}
    labels = label_nuclei(fractions, gre.voxels.shape)
    found = {key: (labels == label_of(*key), unrefined == label_of(*key)) for key in structures}
    return gre.like(labels), compare_nuclei(found, structures, coordinates), sidecar


def _reference(tissue: Volume, chi: Volume | None, valid: Volume, r2star: Volume | None) -> dict:
    """Measure the susceptibility of ventricular fluid."""
    if chi is None:
        found = {"ReferenceTrusted": False, "ReferenceReason": "the session has no susceptibility map"}
    else:
        region, shortcoming = reference_region(tissue.like(tissue.voxels == VENTRICLES), valid, r2star=r2star)
        found = measure_offset(chi, region, shortcoming).sidecar()
    said = "Susceptibility of the lateral ventricles, which the radiomics stage subtracts where it is told to"
    return {"Description": said, "Units": "ppm"} | found | made_by()
