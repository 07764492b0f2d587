"""Settings of the cohort's χ atlas."""

from __future__ import annotations

from dataclasses import dataclass

from chiomics.core.errors import SettingError


@dataclass(frozen=True)
class CohortAtlasSettings:
    """How the controls' maps are averaged.

    Parameters
    ----------
    resolution : float
        Voxel size in template space, mm, 1 or more.
    min_share : float
        Share of the subjects that must have seen a voxel, 0 to 1.
    """

    resolution: float = 1.0
    min_share: float = 0.8

    def __post_init__(self) -> None:
        for name, low, high in (("resolution", 1, 10), ("min_share", 0, 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
                raise SettingError(
                    f"anatomy.chi_atlas.parameters.{name}", found=repr(value), expected=f"{low} to {high}"
                )
