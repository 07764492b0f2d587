"""The same rows from pyradiomics itself, the reference implementation that the fast engine is tested against."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np

from chiomics.core.errors import SettingError
from chiomics.radiomics.engine import Feature
from chiomics.radiomics.image_zyx import ImageZYX
from chiomics.radiomics.parameters import Settings
from chiomics.radiomics.prepare import RegionError


def check_installed() -> None:
    """Refuse the engine pyradiomics where it is not installed; nothing is imported.

    Raises
    ------
    SettingError
        What is missing is the machine's fault, and no session's.
    """
    if find_spec("radiomics") is None:
        raise _not_installed()


def _not_installed() -> SettingError:
    return SettingError(
        "engine pyradiomics is not installed",
        found=f"Python {sys.version_info.major}.{sys.version_info.minor} without it",
        expected="Python 3.11 and pyradiomics==3.0.1 (make install), or engine chiomics, which is tested against it",
    )


def reference_features(
    image: ImageZYX, mask: ImageZYX, labels: tuple[int, ...], settings: Settings
) -> Iterator[Feature]:
    """Compute what `region_features` computes, by one call of pyradiomics per grey-level setting.

    Parameters
    ----------
    image, mask : ImageZYX
        On the same voxels; not normalised.
    labels : tuple of int
        Labels that make up the region.
    settings : Settings
        What to compute.

    Yields
    ------
    Feature

    Raises
    ------
    RegionError
        Where pyradiomics refuses the region.
    SettingError
        Where it is not installed.
    """
    try:
        from radiomics import featureextractor
    except ImportError as error:
        raise _not_installed() from error

    logging.getLogger("radiomics").setLevel(logging.ERROR)
    region = ImageZYX(np.isin(mask.voxels, labels).astype(np.uint8), mask.spacing, mask.origin, mask.direction)
    for kind, asked in (("binCount", settings.gray_levels), ("binWidth", settings.bin_widths)):
        for size in asked:
            extractor = featureextractor.RadiomicsFeatureExtractor(parameters(settings, kind, size))
            try:
                found = extractor.execute(image.to_sitk(), region.to_sitk())
            except (ValueError, RuntimeError) as error:
                raise RegionError(f"pyradiomics: {error}") from error
            for name, value in found.items():
                image_type, feature_class, feature = name.split("_")
                yield Feature(size, image_type, feature_class, feature, float(value))


def parameters(settings: Settings, kind: str, size: float) -> dict:
    """Return the settings as pyradiomics' parameters for one ``binCount`` or ``binWidth``."""
    kept = {key: value for key, value in settings.parameters.items() if key not in ("binCount", "binWidth", "label")}
    return {
        "setting": {**kept, kind: size, "additionalInfo": False, "label": 1},
        "imageType": {name: dict(own) for name, own in settings.image_types.items()},
        "featureClass": {name: list(features) for name, features in settings.features.items()},
    }
