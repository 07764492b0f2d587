"""Settings of the study of robustness, checked before anything runs; apart from `settings`, which loads pyarrow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def check_settings(section: Mapping[str, Any]) -> None:
    """Check the section ``papers.fiscone2023`` as far as no table is needed; the schema has looked at its types.

    Raises
    ------
    SettingError
        For a perturbation that is not known, or a value that it cannot use.
    """
    if section["perturbations"]:
        from chiomics.robustness.perturbation_settings import read_perturbations

        read_perturbations(section["perturbations"])
