"""Radiomic features that equal pyradiomics 3.0.1, at a small part of its cost.

>>> from chiomics.radiomics import extract
>>> features = extract("sub-01_Chimap.nii.gz", "sub-01_dseg.nii.gz", gray_levels=(8, 64))  # doctest: +SKIP
"""

from __future__ import annotations

import importlib

# Numba and pandas take seconds to import, which a command line that only prints its help should not pay.
_HOMES = {"extract": "extraction", "PRESETS": "parameters", "Settings": "parameters", "load_settings": "parameters"}
__all__ = ["PRESETS", "Settings", "extract", "load_settings"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
