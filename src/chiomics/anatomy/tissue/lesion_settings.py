"""Settings of the automatic lesion segmentation: what a user may turn."""

from __future__ import annotations

from dataclasses import dataclass

from chiomics.core.errors import SettingError


@dataclass(frozen=True)
class LesionSettings:
    """How lesions are found.

    Parameters
    ----------
    threshold : float
        Probability from which on a voxel is lesion, between 0 and 1.
    min_volume : float
        Smallest lesion that is kept, mm³; 10 mm³ is a ball of 2.7 mm, below the 3 mm that radiologists count.
    prior_weight : float
        Weight of where lesions of MS lie, 0 for lesions of another kind.
    adapt_to_load : bool
        Whether a patient with many lesions needs less evidence for each voxel, and one with few more.
    split : bool
        Whether confluent lesions are split into single ones at their centres.
    """

    threshold: float = 0.5
    min_volume: float = 10.0
    prior_weight: float = 1.0
    adapt_to_load: bool = True
    split: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise SettingError("threshold of lesions", found=str(self.threshold), expected="a number between 0 and 1")
        if not 0 <= self.min_volume < float("inf"):
            raise SettingError("min_volume of lesions", found=str(self.min_volume), expected="mm³, 0 or more")
        if not 0 <= self.prior_weight <= 5:
            raise SettingError("prior_weight of lesions", found=str(self.prior_weight), expected="0 to 5")
        for name in ("split", "adapt_to_load"):
            if not isinstance(getattr(self, name), bool):
                raise SettingError(f"{name} of lesions", found=str(getattr(self, name)), expected="true or false")
