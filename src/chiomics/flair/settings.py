"""Settings of Wang et al. 2020 and Seok et al. 2023, checked before anything runs; see config/README.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from chiomics.core.errors import SettingError
from chiomics.core.papers import Include
from chiomics.core.settings import Keys, Limits, Size

Image = Literal["flair", "flair_lesions", "lesions"]
Arm = Literal["3d-18", "3d-34", "2v-18", "2v-34", "2v-18-imagenet", "2v-34-imagenet", "2v-18-heads"]
IMAGES: tuple[Image, ...] = ("flair", "flair_lesions", "lesions")
ARMS: tuple[Arm, ...] = ("3d-18", "3d-34", "2v-18", "2v-34", "2v-18-imagenet", "2v-34-imagenet", "2v-18-heads")
#: The arm that supplements and permutations look at.
REFERENCE_ARM = "2v-18"
#: Channels of the stages of ResNet-18 and -34.
PUBLISHED_WIDTHS = (64, 128, 256, 512)
Device = Literal["auto", "cpu", "cuda", "mps"]
Positive = Annotated[float, Limits(above=0)]
BelowOne = Annotated[float, Limits(0, below=1)]
Count = Annotated[int, Limits(1)]
AtLeastTwo = Annotated[int, Limits(2)]
Natural = Annotated[int, Limits(0)]


@dataclass(frozen=True)
class FlairSettings:
    """The section ``flair``."""

    model: str | None = None


@dataclass(frozen=True)
class HeadsSettings:
    """A simulated cohort of heads."""

    seed: Natural = 2020
    groups: dict[str, Natural] = field(default_factory=lambda: {"MS": 47, "NMOSD": 41})


@dataclass(frozen=True)
class Wang2020Settings:
    """The section ``papers.wang2020``."""

    include: Include = "auto"
    groups: tuple[str, str] = ("MS", "NMOSD")
    positive: str = "NMOSD"
    lesions_required: bool = True
    edge: Annotated[int, Limits(24)] = 100
    input: Image = "flair"
    inputs: tuple[Image, ...] = IMAGES
    arms: Annotated[tuple[Arm, ...], Size(1)] = ARMS
    pretrained: Annotated[dict[str, str], Keys("18|34", "18 or 34, the number of layers")] = field(default_factory=dict)
    views: Annotated[tuple[Literal[0, 1, 2], ...], Size(1, 3, unique=True)] = (0, 1)
    compression: Literal["stem", "rgb"] = "stem"
    widths: tuple[AtLeastTwo, AtLeastTwo, AtLeastTwo, AtLeastTwo] = (64, 128, 256, 512)
    widths_3d: tuple[AtLeastTwo, AtLeastTwo, AtLeastTwo, AtLeastTwo] = (64, 128, 256, 512)
    dropout: BelowOne = 0.15
    learning_rate: Positive = 0.01
    momentum: BelowOne = 0.9
    weight_decay: Annotated[float, Limits(0)] = 0.0001
    decays: Annotated[tuple[Annotated[float, Limits(above=0, high=1)], ...], Size(1)] = (0.9, 0.1)
    batch: AtLeastTwo = 8
    epochs: Count = 60
    shift: Annotated[float, Limits(0, 0.5)] = 0.05
    flip: bool = True
    folds: AtLeastTwo = 5
    repeats: Count = 15
    supplement_repeats: Natural = 3
    permutations: Natural = 5
    baseline_permutations: Natural = 100
    heads: HeadsSettings = field(default_factory=HeadsSettings)
    other_heads: HeadsSettings = field(default_factory=lambda: HeadsSettings(seed=2021))
    heads_per_job: Count = 22
    device: Device = "auto"
    trainings_per_job: Count = 1
    bootstraps: AtLeastTwo = 2000
    seed: Natural = 2020


@dataclass(frozen=True)
class Seok2023Settings:
    """The section ``papers.seok2023``."""

    include: Include = "auto"
    groups: tuple[str, str] = ("MS", "NMOSD")
    positive: str = "MS"
    lesions_required: bool = False
    pixels: Literal[128, 64, 32] = 128
    input: Image = "flair"
    inputs: tuple[Image, ...] = IMAGES
    widths: Annotated[tuple[AtLeastTwo, ...], Size(2, 4)] = (64, 128, 256, 512)
    learning_rate: Positive = 0.0005
    batch: AtLeastTwo = 10
    epochs: Count = 25
    flip: bool = True
    noise: Annotated[float, Limits(0)] = 0.1
    folds: AtLeastTwo = 5
    tests: AtLeastTwo = 100
    test_per_class: Count = 15
    supplement_tests: Natural = 10
    permutations: Natural = 5
    permutation_tests: Count = 4
    baseline_permutations: Natural = 100
    device: Device = "auto"
    trainings_per_job: Count = 1
    bootstraps: AtLeastTwo = 2000
    seed: Natural = 2023


def check_settings(wang2020: Mapping[str, Any], seok2023: Mapping[str, Any]) -> None:
    """Check what the types of the sections ``papers.wang2020`` and ``papers.seok2023`` do not say.

    Raises
    ------
    SettingError
        For a positive class that is none of the two groups, one group named twice, arms without the one that the study
        cannot do without, or pretrained weights beside widths that they cannot fit.
    """
    for paper, section in (("wang2020", wang2020), ("seok2023", seok2023)):
        if len(set(section["groups"])) < 2:
            raise SettingError(f"papers.{paper}.groups", found=", ".join(section["groups"]), expected="two groups")
        if section["positive"] not in section["groups"]:
            raise SettingError(
                f"papers.{paper}.positive", found=section["positive"], expected=" or ".join(section["groups"])
            )
    if REFERENCE_ARM not in wang2020["arms"]:
        raise SettingError(
            f"papers.wang2020.arms lacks {REFERENCE_ARM}, which supplements, confounders and the model file look at",
            found=", ".join(wang2020["arms"]), expected=REFERENCE_ARM,
        )  # fmt: skip
    if any(wang2020["pretrained"].values()) and tuple(wang2020["widths"]) != PUBLISHED_WIDTHS:
        raise SettingError(
            "papers.wang2020.widths: the weights of papers.wang2020.pretrained fit the published widths alone",
            found=str(list(wang2020["widths"])), expected=str(list(PUBLISHED_WIDTHS)),
        )  # fmt: skip
