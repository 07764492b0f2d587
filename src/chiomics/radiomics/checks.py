"""Settings of the stage, checked before anything runs; apart from `settings`, which loads the engine."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from chiomics.core.errors import SettingError
from chiomics.core.settings import check_key


def check_settings(section: Mapping[str, Any]) -> None:
    """Check the section ``radiomics`` as far as no image is needed; the schema has looked at its types.

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
