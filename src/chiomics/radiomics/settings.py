"""Settings of the stage, checked before anything runs; what each is for stands in config/README.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml

from chiomics.core.errors import SettingError, say_cause
from chiomics.core.settings import Given, Keys, Limits, Size, check_key
from chiomics.radiomics.parameter_types import load_yaml

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


def check_settings(section: Mapping[str, Any], resolve: Callable[[str], str] = str) -> None:
    """Check what the types of the section ``radiomics`` do not say.

    Parameters
    ----------
    section : mapping
        Keys and values.
    resolve : callable
        Makes a path of the configuration one from here.

    Raises
    ------
    SettingError
        For a preset that is neither known nor has a parameter file, for a parameter file that is not there, and for
        the reference engine where it is not installed.
    """
    if section["engine"] == "pyradiomics":
        from chiomics.radiomics.reference import check_installed

        check_installed()
    folder = files("chiomics.radiomics").joinpath("presets")
    known = sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    for name, options in (section["presets"] or {}).items():
        file = options.get("parameter_file")
        if file is None:
            check_key(name, known, where="radiomics.presets (one without a parameter_file)")
        else:
            read_parameters(resolve(file), where=f"radiomics.presets.{name}.parameter_file")


def read_parameters(path: str | Path, *, where: str) -> dict[str, Any]:
    """Read the sections of a parameter file as they are; `load_settings` checks what they hold.

    Parameters
    ----------
    path : path-like
        YAML or JSON.
    where : str
        Key of the configuration that names it, for the error.

    Raises
    ------
    SettingError
        Where there is no such file, or it has no sections.
    """
    if not Path(path).is_file():
        raise SettingError(where, found=f"{path}, no file", expected="a file; paths start at the Snakefile's folder")
    try:
        content = load_yaml(Path(path))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingError(f"{where} cannot be read", file=path, found=say_cause(error)) from error
    if not isinstance(content, dict):
        raise SettingError(f"{where} has no sections", file=path, found=type(content).__name__)
    return content
