"""The folder that a session's traced tracts are kept in: masks on the GRE's grid, anisotropy, and how they came about.

A folder without masks is a result too: its sidecar says why, and the tract atlas serves.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from chiomics.anatomy.atlases.atlas import Atlas
from chiomics.anatomy.diffusion.tracts import DiffusionSeries, DiffusionSettings, Tracts, trace_tracts
from chiomics.anatomy.files import ANATOMY, BRAIN, TO_GRE, TO_TEMPLATE
from chiomics.anatomy.registration.ants import Chain
from chiomics.anatomy.registration.settings import Settings
from chiomics.core.bids import build_name, parse_name
from chiomics.core.errors import InputError, SettingError
from chiomics.core.files import plain_folder, read_sidecar, write_sidecar
from chiomics.core.space.volume import Volume

log = logging.getLogger(__name__)

#: Names in the folder.
SIDECAR, ANISOTROPY, SEEN, TO_ANATOMY = "tracts.json", "FA.nii.gz", "seen.nii.gz", "to_anatomy"


def trace_session(
    series: DiffusionSeries,
    segmentation: str | Path,
    out_dir: str | Path,
    *,
    gre: Volume,
    atlas: Atlas,
    registration: Settings,
    settings: DiffusionSettings,
    scratch: str | Path,
) -> Tracts:
    """Trace the tracts of a session and keep them.

    Parameters
    ----------
    series : DiffusionSeries
        Diffusion images.
    segmentation : path-like
        Folder of the anatomical image and its chains.
    out_dir : path-like
        Folder that is made and filled.
    gre : Volume
        Gives the grid of the masks.
    atlas : Atlas
        Of tracts, prepared; where streamlines start and end.
    registration : Settings
        Of the rigid registration.
    settings : DiffusionSettings
        Of the tractography.
    scratch : path-like
        Folder for what nobody needs afterwards.

    Returns
    -------
    Tracts
        What was written.

    Raises
    ------
    InputError
        Where the series cannot be used, or the atlas is none of tracts.
    """
    if atlas.kind != "tracts":
        raise InputError("not an atlas of tracts", file=atlas.folder, found=atlas.kind, expected="tracts")
    segmentation, out_dir = Path(segmentation), Path(out_dir)
    from_template = Chain.read(segmentation / TO_TEMPLATE).inverse()
    brain = Volume.read(segmentation / BRAIN)
    Path(scratch).mkdir(parents=True, exist_ok=True)
    # nipype quotes no names.
    with plain_folder(scratch) as plain:
        tracts = trace_tracts(
            series, atlas.structures(), anatomy=Volume.read(segmentation / ANATOMY), anatomy_mask=brain,
            atlas_to_anatomy=atlas.to_template().then(from_template),
            anatomy_to_gre=Chain.read(segmentation / TO_GRE), gre=gre, registration=registration, settings=settings,
            scratch=plain,
        )  # fmt: skip
    write_traced(tracts, out_dir, fields=atlas.sidecar())
    return tracts


def trace_or_leave(gradients: Sequence[str | Path], segmentation: str | Path, out_dir: str | Path, **options) -> Tracts:
    """Trace the tracts of a session, or leave them to the atlas where its diffusion images cannot be used.

    Parameters
    ----------
    gradients : sequence of path-like
        Image, bval and bvec.
    segmentation, out_dir, **options
        As for `trace_session`.

    Returns
    -------
    Tracts
        What was written; without masks where anything was wrong, and the reason in the sidecar.
    """
    try:
        return trace_session(DiffusionSeries.with_sidecar(*gradients), segmentation, out_dir, **options)
    except SettingError:
        raise
    except Exception as error:
        # Diffusion is optional: whatever went wrong with it must not take the nuclei and the atlas' tracts along.
        log.exception("the diffusion images %s cannot be used", gradients[0])
        reason = f"the diffusion images cannot be used: {error or type(error).__name__}"
        keys = dict.fromkeys(options["atlas"].structures(), reason)
        tracts = Tracts({}, keys, sidecar={"TractRoute": "none", "Reason": reason, "Warning": reason})
        write_traced(tracts, out_dir, fields=options["atlas"].sidecar())
        return tracts


def write_traced(tracts: Tracts, folder: str | Path, *, fields: dict | None = None) -> None:
    """Write masks, anisotropy, what was seen, registration and sidecar into a folder; `fields` go into the sidecar."""
    folder = Path(folder)
    for (tract, hemisphere), mask in tracts.masks.items():
        mask.write(folder / build_name("mask", hemi=hemisphere, label=tract))
    if tracts.anisotropy is not None:
        tracts.anisotropy.write(folder / ANISOTROPY)
    if tracts.seen is not None:
        tracts.seen.write(folder / SEEN)
    if tracts.to_anatomy is not None:
        tracts.to_anatomy.write(folder / TO_ANATOMY)
    write_sidecar(folder / SIDECAR, {**tracts.sidecar, **(fields or {})})


def read_traced(folder: str | Path) -> tuple[dict[tuple[str, str], Volume], dict]:
    """Read what `write_traced` wrote.

    Parameters
    ----------
    folder : path-like
        The folder.

    Returns
    -------
    masks : dict of (tract, hemisphere) to Volume
        Booleans on the GRE's grid; empty where nothing was traced.
    sidecar : dict
        How they came about.
    """
    masks = {}
    for path in sorted(Path(folder).glob("hemi-*_label-*_mask.nii.gz")):
        entities, *_ = parse_name(path.name)
        masks[entities["label"], entities["hemi"]] = Volume.read(path, dtype=np.uint8)
    return {key: mask.like(mask.voxels > 0) for key, mask in masks.items()}, read_sidecar(Path(folder) / SIDECAR)
