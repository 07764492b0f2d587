"""Choose a dipole inversion by name and give it what it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import get_type_hints

import numpy as np

from chiomics.core.settings import check_key, check_value

#: Inversions by the name that stands in the configuration and in the file name (``rec-<name>``); each is the function
#: in the module of its name, imported when it is asked for, since a job needs one or two of them.
INVERSIONS = ("ilsqr", "star", "tv", "medi", "l1", "tkd", "l2")
#: What an inversion is given by the session or by the workflow, and no configuration sets.
GIVEN = ("local_field", "mask", "voxel_size", "b0_direction", "weight", "noise", "magnitude", "csf_mask", "workers",
         "padding", "backend")  # fmt: skip


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
    known = {key: value for key, value in given.items() if key in takes}
    return inversion(local_field, mask, **known, **complete_parameters(name, parameters))


def complete_parameters(name: str, parameters: Mapping) -> dict[str, object]:
    """Return every parameter of an inversion with its value.

    Parameters
    ----------
    name : str
        One of `INVERSIONS`.
    parameters : mapping
        Those that replace its defaults.

    Returns
    -------
    dict
        In the order of its signature, without what the session gives.

    Raises
    ------
    SettingError
        For an unknown name, a parameter that the inversion does not have, or a value of another type or beyond limits.
    """
    inversion, takes = find_inversion(name)
    hints = get_type_hints(inversion, include_extras=True)
    complete = {key: one.default for key, one in takes.items() if key not in GIVEN}
    for key, value in parameters.items():
        check_key(key, complete, where=f"qsm.parameters.{name}")
        complete[key] = check_value(hints[key], value, where=f"qsm.parameters.{name}.{key}")
    return complete


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
