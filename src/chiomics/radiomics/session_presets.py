"""What a configured preset takes: its settings, and which volumes, sides and maps of a session it is for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from chiomics.core.errors import InputError
from chiomics.radiomics.parameters import DEFAULTS, PRESETS, Settings, load_settings
from chiomics.radiomics.vois import Voi

#: Which volumes each preset is meant for, and how it treats the sides; a preset of the user's own takes all volumes.
FOR_PRESET = {
    "fiscone107": {"sources": ("tracts", "nawm", "own"), "hemispheres": "both"},
    "yan874": {"sources": ("dgm", "own"), "hemispheres": "merged"},
    "zhang527": {"sources": ("lesions",), "hemispheres": "separate"},
}

log = logging.getLogger(__name__)


def preset_settings(preset: str, options: Mapping, isolated_voxels: str = "pyradiomics") -> Settings:
    """Read the settings of a configured preset."""
    file = options.get("parameters", options.get("parameter_file"))
    if file is None and preset not in PRESETS:
        raise InputError(f"preset {preset} is not known and has no parameter_file", expected=", ".join(PRESETS))
    settings = load_settings(
        preset if file is None else file,
        gray_levels=options.get("gray_levels"),
        bin_width=options.get("bin_width"),
        isolated_voxels=isolated_voxels,
    )
    return replace(settings, name=preset)


def complete_preset(preset: str, options: Mapping, isolated_voxels: str = "pyradiomics") -> dict[str, Any]:
    """Return every setting of a preset with its value, pyradiomics' defaults too.

    Parameters
    ----------
    preset, options, isolated_voxels
        As of `preset_settings`.

    Returns
    -------
    dict
        ``features`` by class, ``image_types`` with what holds for each alone, ``parameters``, ``gray_levels``,
        ``bin_widths``, ``unit``, ``isolated_voxels``, and which regions and maps it is for.
    """
    found = asdict(preset_settings(preset, options, isolated_voxels))
    # A width of bins that nobody set means nothing beside numbers of them.
    is_set = bool(found["gray_levels"] or found["bin_widths"])
    defaults = {name: value for name, value in DEFAULTS.items() if not (is_set and name in ("binWidth", "binCount"))}
    chosen = {name: value for name, value in options.items() if name not in ("parameters", "parameter_file")}
    taken = {"sources": FOR_PRESET.get(preset, {}).get("sources"), "hemispheres": hemispheres_of(preset, options)}
    found.pop("name")
    return found | {"parameters": defaults | found["parameters"]} | taken | chosen


def wanted_vois(vois: list[Voi], preset: str, options: Mapping) -> list[Voi]:
    """Choose the volumes that a preset is for: by source, and by name where the options list names."""
    sources = options.get("sources") or FOR_PRESET.get(preset, {}).get("sources")
    names = options.get("vois")
    return [
        voi for voi in vois if (sources is None or voi.source in sources) and (names is None or voi.name in names)
    ]  # fmt: skip


def wanted_maps(maps: Mapping[tuple[str, str], object], preset: str, options: Mapping) -> dict[tuple[str, str], object]:
    """Choose the maps that a preset reads; one of the user's own, without inversion and echo set, serves all."""
    inversions, echo_sets = options.get("inversions"), options.get("echo_sets")
    chosen = {
        (inversion, echo_set): chi
        for (inversion, echo_set), chi in maps.items()
        if (inversions is None or inversion in (*inversions, "given"))
        and (echo_sets is None or echo_set in (*echo_sets, "given"))
    }
    if not chosen:
        log.warning("preset %s: this session has none of its maps, it has %s", preset, " ".join(map("-".join, maps)))
    return chosen


def hemispheres_of(preset: str, options: Mapping) -> str:
    """Say how a preset treats the two sides of a structure."""
    return options.get("hemispheres") or FOR_PRESET.get(preset, {}).get("hemispheres", "separate")
