"""Settings of the tracts that are traced on diffusion images; docs/tracts.md says where the defaults come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from chiomics.core.errors import SettingError

#: Values that the settings may take: above the first, up to the second.
RANGES = {
    "margin": (0, 20), "end_share": (0, 0.45), "streamlines": (0, 1e6), "min_streamlines": (0, 1e6),
    "cutoff": (0, 1), "angle": (0, 90), "edge": (0, 1),
}  # fmt: skip


@dataclass(frozen=True)
class DiffusionSettings:
    """Settings of the route.

    Parameters
    ----------
    denoise, unring : bool
        See `chiomics.anatomy.diffusion.preprocessing`.
    margin : float
        Half width in mm of the corridor around the atlas' bundle.
    end_share : float
        Share of the way between the bundle's tips that each of the two ends has, which streamlines must visit.
    streamlines : int
        Per tract and side.
    min_streamlines : int
        Below it a tract counts as not traced.
    cutoff : float
        Amplitude of the orientation distribution below which streamlines end (MRtrix3's default).
    angle : float
        Largest angle between steps in degrees (MRtrix3's default).
    edge : float
        A voxel belongs to the tract from this part of the density inside the tract on.
    """

    denoise: bool = True
    unring: bool = False
    margin: float = 5.0
    end_share: float = 0.25
    streamlines: int = 300
    min_streamlines: int = 100
    cutoff: float = 0.1
    angle: float = 45.0
    edge: float = 0.6

    @classmethod
    def of(cls, parameters: Mapping[str, object], *, where: str = "") -> DiffusionSettings:
        """Take what a configuration changes, refusing what is no setting and values out of range.

        Parameters
        ----------
        parameters : mapping
            By name.
        where : str
            What goes before the name in an error.

        Raises
        ------
        SettingError
            Naming the setting.
        """
        known = [setting.name for setting in fields(cls)]
        if unknown := sorted(set(parameters) - set(known)):
            raise SettingError("not a setting of the tractography", found=", ".join(unknown), expected=", ".join(known))
        settings = cls(**parameters)
        for name, (low, high) in RANGES.items():
            if not low < getattr(settings, name) <= high:
                raise SettingError(
                    f"{where}{name} is out of range", found=str(getattr(settings, name)),
                    expected=f"above {low:g} to {high:g}",
                )  # fmt: skip
        return settings
