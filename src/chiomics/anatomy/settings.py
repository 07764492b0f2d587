"""Settings of the stage, checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chiomics.core.settings import read_settings


def check_settings(section: Mapping[str, Any]) -> None:
    """Check the section ``anatomy`` as far as no image is needed; the schema has looked at its types.

    Each part reads what it was given as its job will; a part that was given nothing is not imported.

    Raises
    ------
    SettingError
        For a key or a value that a part cannot use.
    """
    if section["registration"]["parameters"]:
        from chiomics.anatomy.registration.settings import configured

        configured(section)
    if section["lesions"]:
        from chiomics.anatomy.tissue.lesion_settings import LesionSettings

        read_settings(LesionSettings, section["lesions"], where="anatomy.lesions")
    if section["regions"]:
        from chiomics.anatomy.session.vois import VoiSettings

        read_settings(VoiSettings, section["regions"], where="anatomy.regions")
    if section["nuclei"]["parameters"]:
        from chiomics.anatomy.atlases.refine_nuclei import RefineSettings

        read_settings(RefineSettings, section["nuclei"]["parameters"], where="anatomy.nuclei.parameters")
    if section["tracts"]["parameters"]:
        from chiomics.anatomy.diffusion.settings import DiffusionSettings

        DiffusionSettings.of(section["tracts"]["parameters"])
    if section["chi_atlas"]["parameters"]:
        from chiomics.anatomy.cohort.settings import CohortAtlasSettings

        read_settings(CohortAtlasSettings, section["chi_atlas"]["parameters"], where="anatomy.chi_atlas.parameters")
