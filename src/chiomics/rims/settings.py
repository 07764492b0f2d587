"""Settings of the stage and of Zhang et al. 2022, checked before anything runs; see config/README.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from chiomics.core.papers import Include
from chiomics.core.settings import Given, Limits, Size, check_key

Positive = Annotated[float, Limits(above=0)]
Share = Annotated[float, Limits(0, 1)]
Count = Annotated[int, Limits(1)]
Side = Annotated[int, Limits(8, multiple=2)]


@dataclass(frozen=True)
class PatchSettings:
    """What is cut out around a lesion."""

    shape: tuple[Side, Side, Side] = (32, 32, 16)
    surroundings: bool = False
    voxel_size: Literal["native"] | tuple[Positive, Positive, Positive] = "native"


@dataclass(frozen=True)
class LesionsSettings:
    """How lesions are gathered."""

    consensus: Literal["exclude", "majority", "first"] = "exclude"
    patch: PatchSettings = field(default_factory=PatchSettings)
    subjects_per_job: Count = 10


@dataclass(frozen=True)
class RimsSettings:
    """The section ``rims``."""

    model: str | None = None
    resample: bool = False
    lesions: LesionsSettings = field(default_factory=LesionsSettings)


@dataclass(frozen=True)
class Augmentation:
    """How patches are changed in training; the values are those of `chiomics.rims.detectors.arms.BY_SIZE`."""

    flip: Share
    affine: Share
    blur: Share
    scale: Annotated[float, Limits(0, 0.5)]
    degrees: Annotated[float, Limits(0, 180)]


@dataclass(frozen=True)
class Zhang2022Settings:
    """The section ``papers.zhang2022``; what is open is set by the size."""

    include: Include = "auto"
    size: Literal["auto", "demo", "published"] = "auto"
    arms: Annotated[tuple[str, ...], Size(1)] | None = None
    folds: Annotated[int, Limits(2)] = 5
    seeds: Count | None = None
    epochs: Count | None = None
    batch: Annotated[int, Limits(8)] = 64
    learning_rate: Positive | None = None
    optimiser: Literal["adam", "adamw"] | None = None
    milestones: tuple[Annotated[float, Limits(above=0, high=1)], ...] = (0.5, 0.7, 0.9)
    gamma: Annotated[float, Limits(above=0, high=1)] = 0.1
    sampler: Literal["random", "stratified"] | None = None
    fusion: Literal["concat", "add"] = "concat"
    deepsmote: Literal["paper", "code", "off"] = "paper"
    aprl_nn_deepsmote: bool = True
    augmentation: Annotated[dict, Given("chiomics.rims.settings:Augmentation")] | None = None
    voxel_size: tuple[Positive, Positive, Positive] = (0.75, 0.75, 3.0)
    trees: Count = 500
    inner: bool | None = None
    inner_seeds: Count | None = None
    final: Annotated[tuple[str, ...], Size(1)] = ("qsmrim", "reference")
    trainings_per_job: Count | None = None
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    bootstraps: Annotated[int, Limits(10)] = 500
    permutations: Annotated[int, Limits(0)] = 20
    permutation_trees: Count = 100
    leak_repeats: Annotated[int, Limits(2)] = 40
    seed: Annotated[int, Limits(0)] = 2022


def check_settings(section: Mapping[str, Any], zhang2022: Mapping[str, Any]) -> None:
    """Check what the types of the sections ``rims`` and ``papers.zhang2022`` do not say.

    Raises
    ------
    SettingError
        For an unknown detector.
    """
    from chiomics.rims.detectors.arms import ARMS

    for key in ("arms", "final"):
        for arm in zhang2022[key] or ():
            check_key(arm, ARMS, where=f"papers.zhang2022.{key}")
