"""Settings of every stage: frozen dataclasses with names, types, limits and defaults, and how they are read."""

from chiomics.core.settings.limits import Given, Keys, Limits, Size
from chiomics.core.settings.reading import check_key, check_value, complete_section, order_keys, read_settings

__all__ = [
    "Given",
    "Keys",
    "Limits",
    "Size",
    "check_key",
    "check_value",
    "complete_section",
    "order_keys",
    "read_settings",
]
