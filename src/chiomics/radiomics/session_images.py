"""Maps and regions of one session, on the same voxels or refused.

Maps are read as float64: bins must not depend on how a map is stored. Voxels outside the mask that is valid in all maps
enter no region.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from chiomics.core.errors import InputError
from chiomics.core.space.grids import check_same_grid
from chiomics.core.space.masks import interpret
from chiomics.radiomics.image_zyx import ImageZYX, read_image_zyx
from chiomics.radiomics.vois import Voi

FIRST_MAP = "the image and the session's first map"


def read_maps(chi_maps: Mapping[tuple[str, str], str | Path]) -> dict[tuple[str, str], ImageZYX]:
    """Read the maps of a session as float64.

    Parameters
    ----------
    chi_maps : mapping of (inversion, echo set) to path-like
        Susceptibility maps in ppm.

    Returns
    -------
    dict of (inversion, echo set) to ImageZYX

    Raises
    ------
    InputError
        Where they do not lie on the voxels of the first.
    """
    maps: dict[tuple[str, str], ImageZYX] = {}
    for key, path in chi_maps.items():
        volume = read_image_zyx(path)
        maps[key] = replace(volume, voxels=volume.voxels.astype(np.float64), source=None)
        check_same_grid(next(iter(maps.values())), volume, file=path, what=FIRST_MAP)
    return maps


def valid_voxels(maps: Mapping[tuple[str, str], ImageZYX], valid_mask: str | Path | None) -> np.ndarray:
    """Return the voxels in which all maps hold values: a mask, or without it where none of them is exactly 0.

    Parameters
    ----------
    maps : mapping of (inversion, echo set) to ImageZYX
        Of `read_maps`, nothing subtracted.
    valid_mask : path-like, optional
        The mask.

    Returns
    -------
    ndarray of bool, shape (z, y, x)

    Raises
    ------
    InputError
        Where the mask does not lie on the voxels of the maps.
    """
    if valid_mask is not None:
        volume = read_image_zyx(valid_mask)
        check_same_grid(next(iter(maps.values())), volume, file=valid_mask, what=FIRST_MAP)
        return _understood(volume, valid_mask, keep_number=False) > 0
    return np.logical_and.reduce([chi.voxels != 0 for chi in maps.values()])


def region_mask(members: Sequence[Voi], grid: ImageZYX) -> np.ndarray:
    """Draw a region from the masks and labels that make it up, as far as they reach.

    Parameters
    ----------
    members : sequence of Voi
        Of `chiomics.radiomics.vois.arrange`.
    grid : ImageZYX
        On whose voxels they lie.

    Returns
    -------
    ndarray of bool, shape (z, y, x)

    Raises
    ------
    InputError
        Where they do not.
    """
    mask = np.zeros(grid.voxels.shape, dtype=bool)
    for voi in members:
        volume = read_image_zyx(voi.path)
        check_same_grid(grid, volume, file=voi.path, what=FIRST_MAP)
        labels = _understood(volume, voi.path, keep_number=bool(voi.labels))
        mask |= np.isin(labels, voi.labels) if voi.labels else labels > 0
    return mask


def _understood(volume: ImageZYX, path: str | Path, *, keep_number: bool) -> np.ndarray:
    """Return what the values of a mask or a label image mean, with its file where they mean nothing."""
    try:
        return interpret(volume.voxels, keep_number=keep_number)[0]
    except InputError as error:
        raise InputError(error.problem, file=path, found=error.found, expected=error.expected) from None
