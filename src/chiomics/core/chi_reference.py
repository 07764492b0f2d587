"""Susceptibility of another reference region than that of the maps, from the sidecar that the anatomy stage writes."""

from __future__ import annotations

import logging
from pathlib import Path

from chiomics.core.errors import InputError
from chiomics.core.files import read_sidecar

log = logging.getLogger(__name__)


def read_reference(path: str | Path) -> float:
    """Read the susceptibility in ppm that becomes 0.

    Parameters
    ----------
    path : path-like
        Sidecar of the anatomy stage.

    Returns
    -------
    float
        To be subtracted from every map of the session.

    Raises
    ------
    InputError
        Where the region was empty and there is no value.
    """
    fields = read_sidecar(path)
    value = fields.get("ReferenceValue")
    if value is None:
        raise InputError("no susceptibility of the reference region", file=path, found=fields.get("ReferenceReason"))
    if not fields.get("ReferenceTrusted"):
        log.warning("the reference is not to be trusted: %s", fields.get("ReferenceReason"))
    return float(value)
