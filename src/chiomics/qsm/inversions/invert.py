"""Choose a dipole inversion by name and give it what it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module

import numpy as np

from chiomics.core.settings import check_key

#: Inversions by the name that stands in the configuration and in the file name (``rec-<name>``); each is the function
#: in the module of its name, imported when it is asked for, since a job needs one or two of them.
INVERSIONS = ("ilsqr", "star", "tv", "medi", "tkd", "l2")


def invert(name: str, local_field: np.ndarray, mask: np.ndarray, *, parameters: Mapping, **given: object) -> np.ndarray:
    """Invert a local field to χ.

    Parameters
    ----------
    name : str
        One of `INVERSIONS`.
    local_field : ndarray, shape (x, y, z)
        In ppm.
    mask : ndarray of bool, shape (x, y, z)
        Voxels where the field is valid.
    parameters : mapping
        Parameters of the inversion that replace its defaults.
    **given
        What the session knows (voxel_size, b0_direction, weight, noise, magnitude, csf_mask, workers, backend); an
        inversion is given what its signature names.

    Returns
    -------
    ndarray, float32, shape (x, y, z)
        χ in ppm, zero outside the mask.

    Raises
    ------
    SettingError
        For an unknown name, or a parameter that the inversion does not have.
    """
    inversion, takes = find_inversion(name)
    for key in parameters:
        check_key(key, takes, where=f"qsm.parameters.{name}")
    known = {key: value for key, value in given.items() if key in takes}
    return inversion(local_field, mask, **known | dict(parameters))


def find_inversion(name: str) -> tuple[Callable[..., np.ndarray], Mapping[str, inspect.Parameter]]:
    """Return an inversion and the parameters of its signature.

    Raises
    ------
    SettingError
        For an unknown name.
    """
    check_key(name, INVERSIONS, where="qsm.inversions")
    inversion = getattr(import_module(f"chiomics.qsm.inversions.{name}"), name)
    return inversion, inspect.signature(inversion).parameters
