"""Settings of the stage, checked before anything runs; what each is for stands in config/README.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from chiomics.core.errors import SettingError
from chiomics.core.settings import Given, Keys, Limits, Size, check_key

Names = Annotated[tuple[str, ...], Size(1)]


@dataclass(frozen=True)
class PresetOptions:
    """What a preset of the user's own says, or changes in one of the studies'."""

    parameter_file: str
    gray_levels: Annotated[tuple[Annotated[int, Limits(2)], ...], Size(1)]
    bin_width: Annotated[tuple[Annotated[float, Limits(above=0)], ...], Size(1)]
    hemispheres: Literal["merged", "separate", "both"]
    sources: Annotated[tuple[Literal["tracts", "nawm", "dgm", "tissue", "lesions", "own"], ...], Size(1)]
    vois: Names
    inversions: Names
    echo_sets: Names


@dataclass(frozen=True)
class RadiomicsSettings:
    """The section ``radiomics``."""

    presets: (
        Annotated[
            dict[str, Annotated[dict, Given("chiomics.radiomics.settings:PresetOptions")]],
            Keys(),
            Size(1),
        ]
        | None
    ) = None
    reference: Literal["qsm", "ventricles"] = "qsm"
    engine: Literal["chiomics", "pyradiomics"] = "chiomics"
    isolated_voxels: Literal["pyradiomics", "ibsi"] = "pyradiomics"
    wide_table: bool = False


def check_settings(section: Mapping[str, Any]) -> None:
    """Check what the types of the section ``radiomics`` do not say.

    Raises
    ------
    SettingError
        For a preset that is neither known nor has a parameter file, and for a parameter file that is not there.
    """
    folder = files("chiomics.radiomics").joinpath("presets")
    known = sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    for name, options in (section["presets"] or {}).items():
        file = options.get("parameter_file")
        if file is None:
            check_key(name, known, where="radiomics.presets (one without a parameter_file)")
        elif not Path(file).is_file():
            raise SettingError(f"radiomics.presets.{name}.parameter_file", found=f"{file}, no file", expected="a file")
