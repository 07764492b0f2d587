"""All features of one session: every χ map, volume of interest, preset and grey level, as one tidy table.

Masks come first and maps second, so that shape and neighbours are found once per region. What cannot be extracted has
rows without values, and their reason; nothing is imputed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from chiomics.core.features.columns import COLUMNS as FEATURE_COLUMNS
from chiomics.core.features.simulated import SIMULATED_KEY
from chiomics.core.files import atomic_write
from chiomics.core.provenance import generated_by
from chiomics.core.stage_versions import stage_version
from chiomics.radiomics.engine import Feature
from chiomics.radiomics.extraction import in_unit
from chiomics.radiomics.parameters import Settings
from chiomics.radiomics.region_rows import ready_for, region_rows
from chiomics.radiomics.session_images import read_maps, region_mask, valid_voxels
from chiomics.radiomics.session_presets import (
    complete_preset,
    hemispheres_of,
    preset_settings,
    wanted_maps,
    wanted_vois,
)
from chiomics.radiomics.vois import arrange, find_vois

#: Columns after those that name the session and its group.
COLUMNS = {
    "voi": pa.string(), "hemisphere": pa.string(), "echo_set": pa.string(), "inversion": pa.string(),
    "preset": pa.string(), "n_gray_levels": pa.int32(), "bin_width": pa.float64(), "image_type": pa.string(),
    "feature_class": pa.string(), "feature": pa.string(), "value": pa.float64(), "reason": pa.string(),
}  # fmt: skip

log = logging.getLogger(__name__)


def extract_session(
    chi_maps: Mapping[tuple[str, str], str | Path],
    vois: Sequence[str | Path],
    *,
    presets: Mapping[str, Mapping],
    identity: Mapping[str, str],
    valid_mask: str | Path | None = None,
    offset: float = 0.0,
    engine: str = "chiomics",
    isolated_voxels: str = "pyradiomics",
) -> pd.DataFrame:
    """Extract the features of one session.

    Parameters
    ----------
    chi_maps : mapping of (inversion, echo set) to path-like
        Susceptibility maps in ppm on the same voxels.
    vois : sequence of path-like
        Masks and label images on these voxels, see `chiomics.radiomics.vois`.
    presets : mapping of str to mapping
        Preset name to what differs from its defaults: ``gray_levels``, ``bin_width``, ``hemispheres``, ``sources``,
        ``vois`` (names), ``inversions`` and ``echo_sets`` (which maps) and, for a name of the user's own,
        ``parameter_file``, or ``parameters``, what such a file holds.
    identity : mapping of str to str
        Columns that name the session and its group, put first.
    valid_mask : path-like, optional
        Where all maps hold values. Without it, where none of them is exactly 0.
    offset : float
        Susceptibility in ppm that becomes 0: of another reference region than that of the maps.
    engine : {"chiomics", "pyradiomics"}
        This engine, or the reference.
    isolated_voxels : {"pyradiomics", "ibsi"}
        See `chiomics.radiomics.extract`.

    Returns
    -------
    pandas.DataFrame
        The columns of `identity`, then those of `COLUMNS`; ``reason`` is empty where a value can be used.

    Raises
    ------
    InputError
        Where maps or masks do not lie on the same voxels, or the engine cannot do what is asked for.
    """
    maps = read_maps(chi_maps)
    first = next(iter(maps.values()))
    valid = valid_voxels(maps, valid_mask)
    maps = {key: replace(chi, voxels=chi.voxels - offset) for key, chi in maps.items()}
    found = find_vois(vois)
    rows: list[tuple] = []
    for preset, options in presets.items():
        settings = preset_settings(preset, options, isolated_voxels)
        regions = arrange(wanted_vois(found, preset, options), hemispheres_of(preset, options))
        if not regions:
            log.warning("preset %s: this session has none of its volumes", preset)
        chosen = wanted_maps(maps, preset, options)
        ready = {key: ready_for(engine, chi, settings) for key, chi in chosen.items()}
        for (name, hemisphere), members in regions.items():
            inside = region_mask(members, first) & valid
            of = {"settings": settings, "region": (name, hemisphere)}
            rows += [
                (*identity.values(), *feature_row(feature, reason, map_name=key, **of))
                for key, feature, reason in region_rows(inside, ready, settings, engine=engine, name=name)
            ]
    return pd.DataFrame(rows, columns=[*identity, *COLUMNS])


def feature_row(
    feature: Feature, reason: str, *, settings: Settings, region: tuple[str, str], map_name: tuple[str, str]
) -> tuple:
    """Lay out one value in the order of `COLUMNS`; a region is a name and a side, a map an inversion and echo set."""
    inversion, echo_set = map_name
    levels = (feature.setting, None) if settings.gray_levels else (None, feature.setting)
    return (*region, echo_set, inversion, settings.name, *levels, *feature[1:], reason)


def region_values(
    chi_maps: Mapping[tuple[str, str], str | Path],
    vois: Sequence[str | Path],
    *,
    preset: str,
    options: Mapping,
    valid_mask: str | Path | None = None,
    offset: float = 0.0,
) -> dict[str, np.ndarray]:
    """Return the values of the first map in each region of a preset, for a picture.

    Parameters
    ----------
    chi_maps, vois, valid_mask, offset
        As in `extract_session`.
    preset, options
        One of its presets.

    Returns
    -------
    dict of str to ndarray
        Region name to the values in the preset's unit; structures with two sides once, both together.
    """
    maps = read_maps(chi_maps)
    valid = valid_voxels(maps, valid_mask)
    first = next(iter(maps.values()))
    first = in_unit(replace(first, voxels=first.voxels - offset), preset_settings(preset, options), "ppm")
    regions = arrange(wanted_vois(find_vois(vois), preset, options), "merged")
    return {name: first.voxels[region_mask(members, first) & valid] for (name, _), members in regions.items()}


def write_session(frame: pd.DataFrame, path: str | Path, *, simulated: bool = False) -> None:
    """Write a session's table as Parquet, with the same types in every session so that many open as one.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of `extract_session`.
    path : path-like
        The file.
    simulated : bool
        Whether the subject is simulated: the file's metadata then say so, and what is made from it can.
    """
    schema = pa.schema([(name, COLUMNS.get(name, pa.string())) for name in frame.columns])
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
    table = table.replace_schema_metadata({SIMULATED_KEY: b"true"} if simulated else None)
    with atomic_write(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def describe_session(settings: Mapping[str, Any], sources: Sequence[str] = ()) -> dict[str, Any]:
    """Describe a session's table for its sidecar: columns as BIDS has them, how it was made, and by what.

    Parameters
    ----------
    settings : mapping
        What it was extracted by.
    sources : sequence of str
        BIDS URIs of what it was extracted from.

    Returns
    -------
    dict
        A key per column with its description and unit, ``Settings`` with every parameter, ``Sources``, ``GeneratedBy``
        and ``StageVersion``.
    """
    named = {name: FEATURE_COLUMNS[name] for name in ("participant", "session", "run", *COLUMNS)}
    columns = {
        name: {"Description": column.says} | ({"Units": column.unit} if column.unit else {})
        for name, column in named.items()
    }
    isolated = settings.get("isolated_voxels", "pyradiomics")
    presets = {name: complete_preset(name, options, isolated) for name, options in settings.get("presets", {}).items()}
    made = {"GeneratedBy": generated_by(), "StageVersion": stage_version("radiomics"), "Sources": list(sources)}
    return columns | made | {"Settings": {**settings, "presets": presets}}


def read_sessions(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read the tables of many sessions as one."""
    tables = [pq.read_table(path) for path in paths]
    return pa.concat_tables(tables, promote_options="default").to_pandas()
