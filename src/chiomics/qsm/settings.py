"""Settings of the stage, checked before anything runs; what each is for stands in config/README.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args

from chiomics.core.errors import SettingError
from chiomics.core.settings import Given, Keys, Limits, Size, check_key

Inversion = Literal["ilsqr", "star", "tv", "medi", "l1", "tkd", "l2"]
Share = Annotated[float, Limits(0, 1)]
Positive = Annotated[float, Limits(above=0)]
NotNegative = Annotated[float, Limits(0)]
Count = Annotated[int, Limits(1)]


@dataclass(frozen=True)
class PhaseSettings:
    """Parameters of the phase chain; the values are those of `chiomics.qsm.presets`."""

    combine: Literal["fit", "average"]
    unwrap: Literal["quality", "cosine", "fourier"]
    min_quality: Share
    background: Literal["pdf", "vsharp"]
    tissue_scale: Positive
    rise: Annotated[float, Limits(0)]
    iterations: Annotated[int, Limits(1)]
    refinements: Annotated[int, Limits(0)]
    offset_degree: Annotated[int, Limits(0, 6)]
    quality_scale: Positive
    edge_factor: Share
    min_agreement: Share
    echo_weights: Literal["TE", "SNR"]
    max_radius: Positive
    threshold: Share


@dataclass(frozen=True)
class QsmSettings:
    """The section ``qsm``."""

    brain_mask: Literal["template", "intensity"] = "template"
    brain_volume: tuple[Positive, Positive] = (0.9, 2.5)
    preset: Literal["default", "published"] = "default"
    phase_scale: Literal[
        "auto", "radians", "radians 0..2pi", "degrees", "degrees 0..360", "integers 0..4095", "integers -4096..4095",
        "unsigned", "symmetric",
    ] = "auto"  # fmt: skip
    phase_sign: Literal[1, -1] = 1
    bipolar: Literal["auto", True, False] = "auto"
    phase: Annotated[dict, Given("chiomics.qsm.settings:PhaseSettings")] = field(default_factory=dict)
    echo_sets: (
        Annotated[
            dict[str, Annotated[tuple[Annotated[int, Limits(1)], ...], Size(1, unique=True)]],
            Keys("(?!all$)[a-zA-Z0-9]+", "letters and digits, but not all, which there is already"),
        ]
        | None
    ) = None
    inversions: Annotated[tuple[Inversion, ...], Size(1, unique=True)] | None = None
    parameters: dict[str, dict] = field(default_factory=dict)
    data_weights: bool | None = None
    reference: Literal["csf", "whole_brain", "none"] = "csf"
    backend: Literal["numpy", "torch", "cupy"] = "numpy"


def check_settings(section: Mapping[str, Any]) -> None:
    """Check what the types of the section ``qsm`` do not say.

    Raises
    ------
    SettingError
        For a parameter that its inversion does not have, of another type or beyond its limits, and volumes in the
        wrong order.
    """
    volumes = section["brain_volume"]
    if volumes[0] >= volumes[1]:
        raise SettingError("qsm.brain_volume", found=str(volumes), expected="[least, most] in litres")
    for name, parameters in section["parameters"].items():
        check_key(name, get_args(Inversion), where="qsm.parameters")
        if parameters:
            from chiomics.qsm.inversions.invert import complete_parameters

            complete_parameters(name, parameters)
