"""Settings of the stage, checked before anything runs; what each is for stands in config/README.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from chiomics.core.errors import SettingError
from chiomics.core.settings import Given, Limits

Positive = Annotated[float, Limits(above=0)]


@dataclass(frozen=True)
class RegistrationSection:
    """The section ``anatomy.registration``; its ``parameters`` are fields of `registration.settings.Settings`."""

    program: Literal["ants", "fsl"] = "ants"
    preset: Literal["auto", "fast", "accurate"] = "auto"
    parameters: dict = field(default_factory=dict)


@dataclass(frozen=True)
class ChecksSection:
    """Minimum values for a registration to be used; the defaults are those of `registration.quality`."""

    overlap: Annotated[float, Limits(0, 1)]
    mutual_information: Annotated[float, Limits(1, 2)]
    sharpness: Annotated[float, Limits(-1, 1)]


@dataclass(frozen=True)
class NucleiSection:
    """The section ``anatomy.nuclei``."""

    atlas: str | None = "auto"
    refine: bool = True
    parameters: Annotated[dict, Given("chiomics.anatomy.atlases.refine_nuclei:RefineSettings")] = field(
        default_factory=dict
    )


@dataclass(frozen=True)
class TractsSection:
    """The section ``anatomy.tracts``."""

    atlas: str | None = "auto"
    route: Literal["atlas", "diffusion"] = "atlas"
    threshold: Annotated[float, Limits(0, below=1)] = 0.5
    parameters: Annotated[dict, Given("chiomics.anatomy.diffusion.settings:DiffusionSettings")] = field(
        default_factory=dict
    )


@dataclass(frozen=True)
class ChiAtlasSection:
    """The section ``anatomy.chi_atlas``."""

    groups: tuple[str, ...] = ("HC",)
    parameters: Annotated[dict, Given("chiomics.anatomy.cohort.settings:CohortAtlasSettings")] = field(
        default_factory=dict
    )


@dataclass(frozen=True)
class AnatomySettings:
    """The section ``anatomy``."""

    registration: RegistrationSection = field(default_factory=RegistrationSection)
    brain_extraction: Literal["auto", "deepbet", "template", "bet"] = "auto"
    brain_volume: tuple[Positive, Positive] | None = None
    checks: Annotated[dict, Given("chiomics.anatomy.settings:ChecksSection")] = field(default_factory=dict)
    tissue: Annotated[dict, Given("chiomics.anatomy.tissue.tissue:TissueSettings")] = field(default_factory=dict)
    lesions: Annotated[dict, Given("chiomics.anatomy.tissue.lesion_settings:LesionSettings")] = field(
        default_factory=dict
    )
    drawn_on: Literal["T1w", "FLAIR", "GRE"] | None = None
    nuclei: NucleiSection = field(default_factory=NucleiSection)
    tracts: TractsSection = field(default_factory=TractsSection)
    regions: Annotated[dict, Given("chiomics.anatomy.session.vois:VoiSettings")] = field(default_factory=dict)
    chi_atlas: ChiAtlasSection = field(default_factory=ChiAtlasSection)
    atlas_cache: str | None = None


def check_settings(section: Mapping[str, Any]) -> None:
    """Check what the types of the section ``anatomy`` do not say.

    Raises
    ------
    SettingError
        For parameters of the registration that a preset does not have, values out of range, and a brain without volume.
    """
    volumes = section["brain_volume"]
    if volumes and not volumes[0] < volumes[1]:
        raise SettingError("anatomy.brain_volume", found=str(volumes), expected="[min, max] in litres")
    if section["tracts"]["parameters"]:
        from chiomics.anatomy.diffusion.settings import DiffusionSettings

        DiffusionSettings.of(section["tracts"]["parameters"], where="anatomy.tracts.parameters.")
    registration = section["registration"]
    if registration["parameters"]:
        from chiomics.anatomy.registration.settings import configured

        preset = "accurate" if registration["preset"] == "auto" else registration["preset"]
        configured({**section, "registration": {**registration, "preset": preset}})
