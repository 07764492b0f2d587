"""Six tracts per side from a diffusion series, as masks on the GRE's grid: the second route beside the tract atlas.

Fiscone et al. (2023), Methods: denoising, distortion, rigid registration to the T1w, tensor and higher-order fibre
model, probabilistic streamlines. Streamlines are traced on the diffusion images' own grid, where their gradients hold;
the atlas' bundles come to it by their coordinates, and the density of streamlines goes to the GRE in one
interpolation.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from chiomics.anatomy.atlas_space import atlas_coordinates
from chiomics.anatomy.diffusion_model import fit_orientations, fractional_anisotropy
from chiomics.anatomy.diffusion_preprocessing import DiffusionSeries, PreparedDiffusion, prepare_diffusion
from chiomics.anatomy.diffusion_programs import missing_programs
from chiomics.anatomy.presets import Settings
from chiomics.anatomy.registration import Chain, register, resample
from chiomics.anatomy.registration_quality import RegistrationQuality, assess
from chiomics.anatomy.tract_seeds import TractRegions, tract_regions
from chiomics.anatomy.tractography import trace_tract, tract_core
from chiomics.anatomy.volume import Volume
from chiomics.core.errors import SettingError

__all__ = ["DiffusionSeries", "DiffusionSettings", "Tracts", "missing_programs", "trace_tracts"]

#: Least Dice coefficient of the two brains: the mask of the diffusion images is rough and may hold soft tissue.
LEAST_OVERLAP = 0.6
#: Values that the settings may take: above the first, up to the second.
RANGES = {
    "margin": (0, 20), "end_share": (0, 0.45), "streamlines": (0, 1e6), "least_streamlines": (0, 1e6),
    "cutoff": (0, 1), "angle": (0, 90), "edge": (0, 1),
}  # fmt: skip

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DiffusionSettings:
    """Settings of the route.

    Parameters
    ----------
    denoise, unring : bool
        See `chiomics.anatomy.diffusion_preprocessing`.
    margin : float
        Half width in mm of the corridor around the atlas' bundle.
    end_share : float
        Share of the bundle's length at each end that streamlines must reach.
    streamlines : int
        Per tract and side.
    least_streamlines : int
        Below it a tract counts as not traced.
    cutoff : float
        Amplitude of the orientation distribution below which streamlines end (MRtrix3's default).
    angle : float
        Largest angle between steps in degrees (MRtrix3's default).
    edge : float
        A voxel belongs to the tract from this part of the density inside the tract on.
    """

    denoise: bool = True
    unring: bool = False
    margin: float = 5.0
    end_share: float = 0.25
    streamlines: int = 300
    least_streamlines: int = 100
    cutoff: float = 0.1
    angle: float = 45.0
    edge: float = 0.6

    @classmethod
    def of(cls, parameters: Mapping[str, object]) -> DiffusionSettings:
        """Take what a configuration changes, refusing what is no setting and values out of range.

        Raises
        ------
        SettingError
            Naming the setting.
        """
        known = [setting.name for setting in fields(cls)]
        if unknown := sorted(set(parameters) - set(known)):
            raise SettingError("not a setting of the tractography", found=", ".join(unknown), expected=", ".join(known))
        settings = cls(**parameters)
        for name, (low, high) in RANGES.items():
            if not low < getattr(settings, name) <= high:
                raise SettingError(
                    f"{name} is out of range", found=str(getattr(settings, name)), expected=f"above {low:g} to {high:g}"
                )
        return settings


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
    """

    masks: dict[tuple[str, str], Volume]
    reasons: dict[tuple[str, str], str]
    anisotropy: Volume | None = None
    to_anatomy: Chain | None = None
    sidecar: dict[str, object] = field(default_factory=dict)


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
        By tract and hemisphere (``L``, ``R``), masks or shares on grids of the atlas' world.
    anatomy, anatomy_mask : Volume
        Image that the diffusion images are registered to, the T1w (S-34) or else the GRE's magnitude, and its brain.
    atlas_to_anatomy, anatomy_to_gre : Chain
        From the atlas' world to that of `anatomy`, and from there to the GRE's.
    gre : Volume
        Gives the grid of the masks.
    registration : Settings
        Of `chiomics.anatomy.presets`.
    scratch : path-like
        Folder for intermediate files, and ``to_anatomy`` in it for the registration.
    settings : DiffusionSettings, optional
        Others than the defaults.

    Returns
    -------
    Tracts
        No masks, and the reason, where MRtrix3 is not on this machine.

    Raises
    ------
    InputError
        Where the series' files do not fit together.
    """
    settings = settings or DiffusionSettings()
    if missing := missing_programs():
        reason = f"not on this machine: {', '.join(missing)} (MRtrix3)"
        log.warning("tracts are not traced: %s", reason)
        return Tracts({}, dict.fromkeys(bundles, reason), sidecar={"TractRoute": "none", "Reason": reason})
    scratch = Path(scratch)
    scratch.mkdir(parents=True, exist_ok=True)
    prepared = prepare_diffusion(series, scratch=scratch, denoise=settings.denoise, unring=settings.unring)
    to_anatomy = register(
        prepared.unweighted, anatomy, kind="rigid", settings=registration, fixed_mask=anatomy_mask,
        out_dir=scratch / "to_anatomy",
    )  # fmt: skip
    masks = prepared.mask, anatomy_mask
    quality = assess(prepared.unweighted, anatomy, to_anatomy, masks, thresholds={"overlap": LEAST_OVERLAP})
    if quality.failed:
        reason = f"the registration of the diffusion images failed: {quality.reason}"
        log.warning("tracts are not traced: %s", reason)
        notes = {"TractRoute": "none", "Reason": reason, **prepared.steps, "Registration": _numbers(quality)}
        return Tracts({}, dict.fromkeys(bundles, reason), to_anatomy=to_anatomy, sidecar=notes)
    brain = _brain(prepared, anatomy_mask, to_anatomy)
    made = {
        (tract, hemisphere): tract_regions(
            bundle, hemisphere=hemisphere, margin=settings.margin, end_share=settings.end_share
        )
        for (tract, hemisphere), bundle in bundles.items()
    }
    regions = _carried(made, prepared.unweighted, atlas_to_anatomy.then(to_anatomy.inverse()))
    on_gre = _carried(made, gre, atlas_to_anatomy.then(anatomy_to_gre))
    corridors = np.logical_or.reduce([found.corridor | found.exclusion for found in regions.values()])
    region = brain.like(corridors & brain.voxels)
    anisotropy = fractional_anisotropy(prepared, mask=brain, scratch=scratch)
    model = fit_orientations(prepared, brain=brain, region=region, scratch=scratch)

    to_gre = to_anatomy.then(anatomy_to_gre)
    masks, reasons, counts = {}, {}, {}
    for (tract, hemisphere), found in regions.items():
        traced = trace_tract(
            model, found, scratch=scratch / f"{hemisphere}_{tract}", streamlines=settings.streamlines,
            cutoff=settings.cutoff, angle=settings.angle,
        )  # fmt: skip
        key = tract, hemisphere
        counts[f"{hemisphere} {tract}"] = {"Streamlines": traced.streamlines, "Tried": traced.tries}
        if traced.streamlines < settings.least_streamlines:
            reasons[key] = f"{traced.streamlines} streamlines of {traced.tries} tried, fewer than the least"
            log.warning("%s %s: %s", hemisphere, tract, reasons[key])
            continue
        share = resample(traced.share, gre, to_gre)
        masks[key] = gre.like(tract_core(share.voxels, on_gre[key].position, edge=settings.edge))
    sidecar = {
        "TractRoute": "diffusion (MRtrix3)",
        **prepared.steps,
        "Registration": _numbers(quality),
        **model.description,
        "TrackingAlgorithm": model.algorithm,
        "Settings": vars(settings),
        "Tracts": counts,
        "NotTraced": {f"{hemisphere} {tract}": reason for (tract, hemisphere), reason in reasons.items()},
    }
    return Tracts(masks, reasons, anisotropy, to_anatomy, sidecar)


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
