"""Radiomic features that equal pyradiomics 3.0.1, at a small part of its cost.

>>> from chiomics.radiomics import extract
>>> features = extract("sub-01_Chimap.nii.gz", "sub-01_dseg.nii.gz", gray_levels=(8, 64))  # doctest: +SKIP
"""

from chiomics.radiomics.extract import extract
from chiomics.radiomics.settings import PRESETS, Settings, load_settings

__all__ = ["PRESETS", "Settings", "extract", "load_settings"]
