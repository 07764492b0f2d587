"""Six tracts per side from a diffusion series, as masks on the GRE's grid: the second route beside the tract atlas.

Fiscone et al. (2023), Methods: denoising, distortion, rigid registration to the T1w, tensor and higher-order fibre
model, probabilistic streamlines. Streamlines are traced on the diffusion images' own grid, where their gradients hold;
the atlas' bundles come to it by their coordinates, and the density of streamlines goes to the GRE in one
interpolation.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chiomics.anatomy.atlases.on_grid import atlas_coordinates
from chiomics.anatomy.diffusion.coherence import compare_tables
from chiomics.anatomy.diffusion.model import fit_orientations, fit_tensor
from chiomics.anatomy.diffusion.preprocessing import DiffusionSeries, PreparedDiffusion, prepare_diffusion
from chiomics.anatomy.diffusion.programs import ProgramError, missing_programs
from chiomics.anatomy.diffusion.seeds import TractRegions, tract_regions
from chiomics.anatomy.diffusion.settings import DiffusionSettings
from chiomics.anatomy.diffusion.tractography import TrackDensity, trace_tract, tract_core
from chiomics.anatomy.registration.ants import Chain, register, resample
from chiomics.anatomy.registration.quality import RegistrationQuality, assess
from chiomics.anatomy.registration.settings import Settings
from chiomics.core.space.volume import Volume

__all__ = ["DiffusionSeries", "DiffusionSettings", "Tracts", "missing_programs", "trace_tracts"]

#: Minimum Dice coefficient of the two brains: the mask of the diffusion images is rough and may hold soft tissue.
MIN_OVERLAP = 0.6
log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Tracts:
    """What was traced.

    Parameters
    ----------
    masks : dict of (str, str) to Volume
        By tract and hemisphere, booleans on the GRE's grid; without those that were not found.
    reasons : dict of (str, str) to str
        Why a tract was not found.
    anisotropy : Volume or None
        Fractional anisotropy on the diffusion images' grid.
    to_anatomy : Chain or None
        From the diffusion images to the anatomical one.
    sidecar : dict of str to object
        What was done and with which result.
    seen : Volume or None
        Not 0 where the diffusion images hold anything, on their grid; there where they were registered, traced or not.
    """

    masks: dict[tuple[str, str], Volume]
    reasons: dict[tuple[str, str], str]
    anisotropy: Volume | None = None
    to_anatomy: Chain | None = None
    sidecar: dict[str, object] = field(default_factory=dict)
    seen: Volume | None = None


def trace_tracts(
    series: DiffusionSeries,
    bundles: Mapping[tuple[str, str], Volume],
    *,
    anatomy: Volume,
    anatomy_mask: Volume,
    atlas_to_anatomy: Chain,
    anatomy_to_gre: Chain,
    gre: Volume,
    registration: Settings,
    scratch: str | Path,
    settings: DiffusionSettings | None = None,
) -> Tracts:
    """Trace the tracts of one session.

    Parameters
    ----------
    series : DiffusionSeries
        The files.
    bundles : dict of (str, str) to Volume
        By tract and hemisphere (``L``, ``R``), masks or fractions on grids of the atlas' world.
    anatomy, anatomy_mask : Volume
        Image that the diffusion images are registered to, the T1w or else the GRE's magnitude, and its brain.
    atlas_to_anatomy, anatomy_to_gre : Chain
        From the atlas' world to that of `anatomy`, and from there to the GRE's.
    gre : Volume
        Gives the grid of the masks.
    registration : Settings
        Of `chiomics.anatomy.registration.settings`.
    scratch : path-like
        Folder for intermediate files, and ``to_anatomy`` in it for the registration.
    settings : DiffusionSettings, optional
        Others than the defaults.

    Returns
    -------
    Tracts
        No masks, and the reason, where MRtrix3 is not on this machine or one of its programs stopped with an error, and
        where the registration failed.

    Raises
    ------
    InputError
        Where the series' files do not fit together.
    """
    settings = settings or DiffusionSettings()
    if missing := missing_programs():
        return _nothing(bundles, f"not on this machine: {', '.join(missing)} (MRtrix3)")
    if not bundles:
        return _nothing(bundles, "the atlas holds no tract, which says where streamlines start and end")
    scratch = Path(scratch)
    scratch.mkdir(parents=True, exist_ok=True)
    seen = to_anatomy = None
    try:
        prepared = prepare_diffusion(series, scratch=scratch, denoise=settings.denoise, unring=settings.unring)
        to_anatomy = register(
            prepared.unweighted, anatomy, kind="rigid", settings=registration, fixed_mask=anatomy_mask,
            out_dir=scratch / "to_anatomy",
        )  # fmt: skip
        quality = assess(
            prepared.unweighted, anatomy, to_anatomy, (prepared.mask, anatomy_mask),
            thresholds={"overlap": MIN_OVERLAP},
        )  # fmt: skip
        notes = {**prepared.steps, "Registration": _numbers(quality)}
        if quality.failed:
            return _nothing(bundles, f"the registration of the diffusion images failed: {quality.reason}", **notes)
        seen = prepared.unweighted.like(prepared.unweighted.voxels > 0)
        made = {
            (tract, hemisphere): tract_regions(
                bundle, hemisphere=hemisphere, margin=settings.margin, end_share=settings.end_share
            )
            for (tract, hemisphere), bundle in bundles.items()
        }
        regions = _carried(made, prepared.unweighted, atlas_to_anatomy.then(to_anatomy.inverse()))
        brain = _brain(prepared, anatomy_mask, to_anatomy)
        allowed = np.logical_or.reduce([found.corridor | found.exclusion for found in regions.values()])
        anisotropy, directions = fit_tensor(prepared, mask=brain, scratch=scratch)
        test = compare_tables(directions.voxels, anisotropy.voxels, anisotropy.voxel_size)
        notes["GradientTable"] = {
            "Coherence": round(test.own, 1),
            "BestOther": round(test.best, 1),
            "Other": test.change,
        }
        if test.other_is_better:
            return _nothing(
                bundles, f"the gradient directions do not fit the images: with {test.change} fibres run on from voxel "
                f"to voxel {test.best / max(test.own, 1):.1f} times as often",
                seen=seen, to_anatomy=to_anatomy, **notes,
            )  # fmt: skip
        model = fit_orientations(
            prepared, brain=brain, region=brain.like(allowed & brain.voxels), scratch=scratch
        )  # fmt: skip
        densities = {
            (tract, hemisphere): trace_tract(
                model, found, scratch=scratch / f"{hemisphere}_{tract}", streamlines=settings.streamlines,
                cutoff=settings.cutoff, angle=settings.angle,
            )
            for (tract, hemisphere), found in regions.items()
        }  # fmt: skip
    except ProgramError as error:
        return _nothing(bundles, str(error), seen=seen, to_anatomy=None if seen is None else to_anatomy)

    positions = _carried(made, gre, atlas_to_anatomy.then(anatomy_to_gre))
    masks, reasons = {}, {}
    for key, traced in densities.items():
        if reason := _too_few(traced, settings.min_streamlines):
            reasons[key] = reason
            continue
        share = resample(traced.share, gre, to_anatomy.then(anatomy_to_gre))
        masks[key] = gre.like(tract_core(share.voxels, positions[key].position, edge=settings.edge))
    sidecar = {
        "TractRoute": "diffusion (MRtrix3)",
        **notes,
        **model.description,
        "TrackingAlgorithm": model.algorithm,
        "Settings": vars(settings),
        "Tracts": {_said(key): {"Streamlines": it.streamlines, "Tried": it.tries} for key, it in densities.items()},
        "NotTraced": {_said(key): reason for key, reason in reasons.items()},
    }
    for tract, reason in sidecar["NotTraced"].items():
        log.warning("%s is not traced: %s", tract, reason)
    return Tracts(masks, reasons, anisotropy, to_anatomy, sidecar, seen)


def _nothing(
    bundles: Mapping[tuple[str, str], Volume],
    reason: str,
    *,
    seen: Volume | None = None,
    to_anatomy: Chain | None = None,
    **notes: object,
) -> Tracts:
    """Return no tract at all, and why."""
    log.warning("tracts are not traced: %s", reason)
    sidecar = {"TractRoute": "none", "Reason": reason, "Warning": reason, **notes}
    return Tracts({}, dict.fromkeys(bundles, reason), to_anatomy=to_anatomy, sidecar=sidecar, seen=seen)


def _too_few(traced: TrackDensity, min_streamlines: int) -> str:
    """Say why a tract counts as not found; empty where it does not."""
    if not traced.tries:
        return "the diffusion images do not hold both its ends"
    if traced.streamlines < min_streamlines:
        return f"{traced.streamlines} streamlines of {traced.tries} tried, fewer than {min_streamlines}"
    return ""


def _said(key: tuple[str, str]) -> str:
    return f"{key[1]} {key[0]}"


def _numbers(quality: RegistrationQuality) -> dict[str, float]:
    names = {"Overlap": "overlap", "MutualInformation": "mutual_information", "Sharpness": "sharpness"}
    return {name: round(float(getattr(quality, attribute)), 4) for name, attribute in names.items()}


def _brain(prepared: PreparedDiffusion, anatomy_mask: Volume, to_anatomy: Chain) -> Volume:
    """Bring the anatomical brain to the diffusion images, where there is signal."""
    brain = resample(anatomy_mask, prepared.unweighted, to_anatomy.inverse())
    return brain.like((brain.voxels >= 0.5) & (prepared.unweighted.voxels > 0))


def _carried(
    regions: Mapping[tuple[str, str], TractRegions], onto: Volume, chain: Chain
) -> dict[tuple[str, str], TractRegions]:
    """Look the atlas' regions up for the voxels of another grid."""
    coordinates = atlas_coordinates(onto, chain)
    return {key: found.carried(coordinates, onto.affine) for key, found in regions.items()}
