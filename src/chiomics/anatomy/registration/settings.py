"""Settings of bias correction and registration: `fast` for the demo and for coarse images, `accurate` for 1 mm images.

Resolutions are in mm and not in voxels, so that a preset means the same for every image. The schedules follow
antsRegistrationSyNQuick (`fast`) and antsRegistrationSyN (`accurate`) of ANTs, at the resolutions given here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Annotated, Any, get_type_hints

from chiomics.core.errors import SettingError
from chiomics.core.priors.plausible_brain import VOLUMES
from chiomics.core.settings import Limits, check_key, check_value

Positive = Annotated[float, Limits(above=0)]
NotNegative = Annotated[float, Limits(0)]
FromZero = Annotated[int, Limits(0)]
#: How a brain can be found.
METHODS = ("auto", "deepbet", "template", "bet")


@dataclass(frozen=True)
class BiasSettings:
    """N4.

    Parameters
    ----------
    resolution : float
        Voxel size in mm at which the bias is estimated; it is applied at the image's own.
    iterations : tuple of int
        Most iterations per level; the control points double from level to level.
    spline_distance : float
        Distance of the control points at the first level, mm.
    """

    resolution: Positive
    iterations: tuple[FromZero, ...]
    spline_distance: Positive = 200.0


@dataclass(frozen=True)
class ExtractionSettings:
    """Brain extraction; lengths in mm. All but `method` and `volumes` are the template's way.

    Parameters
    ----------
    edge_resolution : float
        Voxel size in mm at which the edge is found.
    method : str
        ``auto``, which is ``deepbet`` where torch is in the environment, else ``template``; or ``bet`` for FSL's BET.
    volumes : tuple of float
        Minimum and maximum litres of a brain; one outside is refused.
    darkest, brightest : float
        Brain tissue lies between these multiples of the median of the template's core.
    margin : float
        Tissue is brain up to this far outside the template's brain.
    core : float
        All that lies this deep inside the template's brain is brain.
    erosion : float
        Bridges to dura and scalp up to twice as thick are cut.
    closing : float
        Sulci up to twice as wide are filled.
    """

    edge_resolution: Positive
    method: str = "auto"
    volumes: tuple[float, float] = VOLUMES
    darkest: NotNegative = 0.5
    brightest: Positive = 1.8
    margin: NotNegative = 7.0
    core: NotNegative = 8.0
    erosion: NotNegative = 3.0
    closing: NotNegative = 8.0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise SettingError("the brain extraction is not known", found=str(self.method), expected=", ".join(METHODS))


@dataclass(frozen=True)
class LevelSettings:
    """One kind of transform, from coarse to fine.

    Parameters
    ----------
    resolution : float
        Voxel size in mm to which images are brought; coarser ones stay as they are.
    iterations : tuple of int
        Most iterations per level.
    shrink_factors : tuple of int
        Of `resolution`, per level.
    smoothing : tuple of float
        Standard deviation per level, in voxels of `resolution`.
    metric : str
        ``MI`` (Mattes) or ``CC``.
    bins : int
        Of the MI's histogram, or radius of the CC's neighbourhood in voxels.
    sampling : float
        Share of the voxels that the metric looks at, on a regular lattice.
    step : float
        Gradient step.
    update_smoothing, total_smoothing : float
        Of a nonlinear transform, variance in voxels².
    """

    resolution: Positive
    iterations: tuple[FromZero, ...]
    shrink_factors: tuple[Annotated[int, Limits(1)], ...]
    smoothing: tuple[NotNegative, ...]
    metric: str = "MI"
    bins: Annotated[int, Limits(1)] = 32
    sampling: Annotated[float, Limits(above=0, high=1)] = 0.25
    step: Positive = 0.1
    update_smoothing: NotNegative = 3.0
    total_smoothing: NotNegative = 0.0

    def __post_init__(self) -> None:
        if len({len(self.iterations), len(self.shrink_factors), len(self.smoothing)}) != 1 or not self.iterations:
            raise SettingError(
                "the levels of a registration differ in number",
                found=f"iterations {self.iterations}, shrink_factors {self.shrink_factors}, smoothing {self.smoothing}",
                expected="three lists of the same length",
            )
        if self.metric not in ("MI", "CC"):
            raise SettingError("a registration's metric is not known", found=str(self.metric), expected="MI or CC")


@dataclass(frozen=True)
class Settings:
    """All that a registration and what goes before it needs.

    Parameters
    ----------
    bias : BiasSettings
        Of N4.
    extraction : ExtractionSettings
        Of the brain extraction.
    rigid, affine, nonlinear : LevelSettings
        Of the registrations.
    program : str
        ``ants``, or ``fsl`` for FLIRT and FNIRT, which take none of the settings of the registrations.
    """

    bias: BiasSettings
    extraction: ExtractionSettings
    rigid: LevelSettings
    affine: LevelSettings
    nonlinear: LevelSettings
    program: str = "ants"

    def __post_init__(self) -> None:
        if self.program not in ("ants", "fsl"):
            raise SettingError(
                "the program of the registration is not known", found=str(self.program), expected="ants or fsl"
            )


PRESETS = {
    "fast": Settings(
        bias=BiasSettings(resolution=8.0, iterations=(20, 20, 20)),
        extraction=ExtractionSettings(edge_resolution=2.0),
        rigid=LevelSettings(2.5, (30, 20), (2, 1), (0.0, 0.0), sampling=0.15),
        affine=LevelSettings(4.0, (60, 20), (2, 1), (1.0, 0.0), sampling=0.25),
        nonlinear=LevelSettings(3.5, (20, 5), (2, 1), (1.0, 0.0), metric="CC", bins=1, sampling=1.0, step=0.2),
    ),
    "accurate": Settings(
        bias=BiasSettings(resolution=5.0, iterations=(40, 40, 40)),
        extraction=ExtractionSettings(edge_resolution=1.0),
        rigid=LevelSettings(1.5, (50, 50, 30), (4, 2, 1), (0.0, 0.0, 0.0), sampling=0.15),
        affine=LevelSettings(2.0, (100, 50, 20), (4, 2, 1), (2.0, 1.0, 0.0), sampling=0.25),
        nonlinear=LevelSettings(
            2.0, (40, 20, 12), (4, 2, 1), (2.0, 1.0, 0.0), metric="CC", bins=2, sampling=1.0, step=0.2
        ),
    ),
}


def settings(preset: str = "fast", overrides: Mapping[str, Any] | None = None) -> Settings:
    """Return a preset with some of its keys changed.

    Parameters
    ----------
    preset : str
        ``fast`` or ``accurate``.
    overrides : dict, optional
        E.g. ``{"nonlinear": {"iterations": [60, 30]}, "program": "ants"}``.

    Returns
    -------
    Settings
        Complete settings.

    Raises
    ------
    SettingError
        For a preset or a key that does not exist, and a value of another type or beyond its limits.
    """
    if preset not in PRESETS:
        raise SettingError("the preset of the registration is not known", found=preset, expected=" or ".join(PRESETS))
    chosen = PRESETS[preset]
    for part, changes in (overrides or {}).items():
        _known(part, within=chosen, where="anatomy.registration.parameters")
        where = f"anatomy.registration.parameters.{part}"
        inner = getattr(chosen, part)
        if not is_dataclass(inner) or not isinstance(changes, Mapping):
            chosen = replace(chosen, **{part: check_value(get_type_hints(Settings)[part], changes, where=where)})
            continue
        _known(*changes, within=inner, where=where)
        hints = get_type_hints(type(inner), include_extras=True)
        plain = {key: check_value(hints[key], value, where=f"{where}.{key}") for key, value in changes.items()}
        plain = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
        chosen = replace(chosen, **{part: replace(inner, **plain)})
    return chosen


def configured(anatomy: Mapping[str, Any]) -> Settings:
    """Return the settings that the section ``anatomy`` of a configuration means.

    Parameters
    ----------
    anatomy : mapping
        ``registration`` (``preset``, ``program``, ``parameters``), ``brain_extraction`` and ``brain_volume``.

    Returns
    -------
    Settings
        Complete settings.

    Raises
    ------
    SettingError
        As `settings` does.
    """
    chosen = anatomy["registration"]
    extraction = {"method": anatomy.get("brain_extraction", "auto")}
    if anatomy.get("brain_volume"):
        extraction["volumes"] = anatomy["brain_volume"]
    parameters = dict(chosen["parameters"])
    extraction |= parameters.pop("extraction", {})
    return settings(chosen["preset"], {"program": chosen["program"], "extraction": extraction, **parameters})


def _known(*keys: str, within: object, where: str) -> None:
    for key in keys:
        check_key(key, [field.name for field in fields(within)], where=where)
