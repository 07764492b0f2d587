"""Settings of the stage, checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chiomics.core.settings import check_key

#: What an inversion is given by the session or by the workflow.
GIVEN = ("local_field", "mask", "voxel_size", "b0_direction", "weight", "noise", "magnitude", "csf_mask", "workers",
         "backend")  # fmt: skip


def check_settings(section: Mapping[str, Any]) -> None:
    """Check the section ``qsm`` as far as no image is needed; the schema has looked at its types.

    Raises
    ------
    SettingError
        For a parameter that its inversion does not have.
    """
    for name, parameters in section["parameters"].items():
        if parameters:
            from chiomics.qsm.inversions.invert import find_inversion

            _, takes = find_inversion(name)
            for key in parameters:
                check_key(key, [known for known in takes if known not in GIVEN], where=f"qsm.parameters.{name}")
