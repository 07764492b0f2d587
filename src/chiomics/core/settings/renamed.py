"""Names of settings that were given up: refused with the name that took their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chiomics.core.errors import SettingError

#: Old key: new key, wherever it stands.
KEYS = {
    "least_consistency": "min_quality",
    "inconsistency_scale": "quality_scale",
    "least_agreement": "min_agreement",
    "least_voxels": "min_voxels",
    "least_volume": "min_volume",
    "least_streamlines": "min_streamlines",
    "least_share": "min_share",
    "least_contrast": "min_contrast",
    "most_change": "max_change",
    "largest_radius": "max_radius",
    "rim_least_diameter": "rim_min_diameter",
    "rim_thickness": "kinds.rim_width",
}
#: Old value: new value, by key.
VALUES = {"background": {"projection": "pdf"}}


def check_renamed(given: Mapping[str, Any], *, where: str = "") -> None:
    """Refuse settings under a name that is no longer used.

    Parameters
    ----------
    given : mapping
        A configuration or a section of it, nested as it is written.
    where : str
        Name of the section, for the error.

    Raises
    ------
    SettingError
        At the first such key or value, with its new name.
    """
    for key, value in given.items():
        place = f"{where}.{key}" if where else str(key)
        if key in KEYS:
            raise SettingError(f"{place} has another name now", found=str(key), expected=KEYS[key])
        if isinstance(value, Mapping):
            check_renamed(value, where=place)
        elif isinstance(value, str) and value in VALUES.get(key, {}):
            raise SettingError(f"{place} has another value now", found=value, expected=VALUES[key][value])
