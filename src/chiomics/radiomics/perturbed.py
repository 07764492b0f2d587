"""Features of one session under changes of its map and of its regions, as one tidy table.

The table is that of `chiomics.radiomics.session` with one column more, `perturbation`; both open as one data set. What
the changes are is the caller's business: map and regions are given as arrays, and taken back changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from chiomics.core.images import voxel_size
from chiomics.radiomics.engine import Feature
from chiomics.radiomics.image_zyx import as_image
from chiomics.radiomics.parameters import Settings
from chiomics.radiomics.region_rows import ready_for, region_rows
from chiomics.radiomics.session import COLUMNS, feature_row
from chiomics.radiomics.session_images import read_maps, region_mask, valid_voxels
from chiomics.radiomics.session_presets import hemispheres_of, wanted_vois
from chiomics.radiomics.vois import arrange, find_vois

#: What the log calls a map that is changed.
PERTURBED = ("under", "perturbation")


@dataclass(frozen=True)
class SessionArrays:
    """A session's map and regions, all on the same voxels.

    Parameters
    ----------
    chi : ndarray of float64, shape (x, y, z)
        Susceptibility in ppm.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.
    valid : ndarray of bool, shape (x, y, z)
        Where the map holds values; regions are not cut to it.
    masks : dict of (voi, hemisphere) to ndarray of bool
        The regions of a preset.
    """

    chi: np.ndarray
    affine: np.ndarray
    valid: np.ndarray
    masks: dict[tuple[str, str], np.ndarray]


def read_arrays(
    chi_maps: Mapping[tuple[str, str], str | Path],
    vois: Sequence[str | Path],
    *,
    map_name: tuple[str, str],
    preset: str,
    options: Mapping,
    valid_mask: str | Path | None = None,
    offset: float = 0.0,
) -> SessionArrays:
    """Read one map of a session and the regions of a preset, as the session's own extraction reads them.

    Parameters
    ----------
    chi_maps, vois, valid_mask, offset
        As in `chiomics.radiomics.session.extract_session`.
    map_name : (inversion, echo set)
        Which of the maps. The others are read only where no mask says which voxels are valid in all of them.
    preset, options
        One of its presets.

    Returns
    -------
    SessionArrays

    Raises
    ------
    InputError
        Where maps or masks do not lie on the same voxels.
    """
    maps = read_maps(chi_maps if valid_mask is None else {map_name: chi_maps[map_name]})
    grid = maps[map_name]
    regions = arrange(wanted_vois(find_vois(vois), preset, options), hemispheres_of(preset, options))
    return SessionArrays(
        np.ascontiguousarray(grid.voxels.T) - offset,
        grid.affine,
        np.ascontiguousarray(valid_voxels(maps, valid_mask).T),
        {region: np.ascontiguousarray(region_mask(members, grid).T) for region, members in regions.items()},
    )


def features_of(
    chi: np.ndarray, mask: np.ndarray, *, affine: np.ndarray, settings: Settings, engine: str = "chiomics"
) -> list[tuple[Feature, str]]:
    """Take the features of one region as the session's own table does: where it cannot be used, NaN, and why.

    Parameters
    ----------
    chi : ndarray, shape (x, y, z)
        Susceptibility in ppm.
    mask : ndarray of bool, shape (x, y, z)
        The region, which may be empty.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.
    settings : Settings
        Of `chiomics.radiomics.session_presets.preset_settings`.
    engine : {"chiomics", "pyradiomics"}
        This engine, or the reference.

    Returns
    -------
    list of (Feature, str)
        All features of the preset, each with the reason for having no value, or none of use, or an empty one.
    """
    image = ready_for(engine, as_image(chi.astype(np.float64), voxel_size(affine)), settings)
    rows = region_rows(mask.T, {PERTURBED: image}, settings, engine=engine, name="a region")
    return [(feature, reason) for _, feature, reason in rows]


def perturbed_table(
    draws: Iterable[tuple[str, tuple[str, str], list[tuple[Feature, str]]]],
    *,
    settings: Settings,
    identity: Mapping[str, str],
    map_name: tuple[str, str],
) -> pd.DataFrame:
    """Lay out the features of all changes as one table.

    Parameters
    ----------
    draws : iterable of (perturbation, region, features)
        What was changed, key of `SessionArrays.masks`, and what `features_of` gave.
    settings : Settings
        With which they were taken.
    identity : mapping of str to str
        Columns that name the session and its group, put first.
    map_name : (inversion, echo set)
        Of the map.

    Returns
    -------
    pandas.DataFrame
        The columns of `identity`, ``perturbation``, then those of `chiomics.radiomics.session.COLUMNS`.
    """
    rows = [
        (*identity.values(), draw, *feature_row(feature, reason, settings=settings, region=region, map_name=map_name))
        for draw, region, found in draws
        for feature, reason in found
    ]
    return pd.DataFrame(rows, columns=[*identity, "perturbation", *COLUMNS])
