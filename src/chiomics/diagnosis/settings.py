"""Settings of the stage and of Yan et al. 2021, checked before anything runs; see config/README.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from chiomics.core.errors import SettingError
from chiomics.core.papers import Include
from chiomics.core.settings import Given, Limits, Size
from chiomics.diagnosis.contracts import POSITIVE

Level = Annotated[float, Limits(above=0, high=1)]
Count = Annotated[int, Limits(1)]
Rule = Literal["youden_pooled", "youden_training", "half"]


@dataclass(frozen=True)
class ModelSection:
    """A model of the user's own."""

    regions: tuple[str, ...]
    demographics: tuple[str, ...]
    whitelist: str | None


@dataclass(frozen=True)
class ThresholdRule:
    """How each scheme finds the score from which on a session is called positive."""

    as_published: Rule = "youden_pooled"
    nested: Rule = "youden_training"


@dataclass(frozen=True)
class Settings:
    """What the study of Yan et al. 2021 chose, and what can be chosen otherwise."""

    preset: str = "yan874"  # of the radiomics stage
    n_gray_levels: int | None = None  # None: the only one that the features have
    bin_width: float | None = None  # the same
    inversion: str | None = None  # the same; the paper's is star
    echo_set: str = "all"
    groups: tuple[str, str] = ("MS", "NMOSD")
    positive: str = POSITIVE
    nuclei: Annotated[tuple[str, ...], Size(1)] = (
        "DN",
        "GP",
        "HCN",
        "PUT",
        "RN",
        "SN",
        "THA",
    )  # as in the paper's tables
    hemisphere: Literal["LR", "L", "R", ""] = "LR"
    demographics: tuple[str, ...] = ("age", "sex", "disease_duration", "edss")
    hybrid_nucleus: str = "DN"  # Fig 5; or best: the lowest AIC on the training subjects
    # Left out of hybrid and demographic models, a set at a time.
    confounders: tuple[tuple[str, ...], ...] = (("sex",), ("edss",), ("sex", "edss"))
    models: dict[str, Annotated[dict, Given("chiomics.diagnosis.settings:ModelSection")]] = field(default_factory=dict)
    whitelist: str | None = None  # TSV with a column feature (and perhaps voi): only these radiomic features
    p_threshold: Level = 0.05
    normality_threshold: Level = 0.05
    rho_cutoff: Level = 0.9
    # |z| beyond which a value is abnormal; None: only values that are not finite.
    abnormal_z: Annotated[float, Limits(above=0)] | None = None
    # Candidates fitted per step of the AIC selection; None: all. Above 1,000 subjects 5 saves hours.
    screen: Count | None = None
    max_features: Count | None = None  # of the AIC selection; None: as many as it wants
    # Of the last model; maximum likelihood is Firth's where classes are separated.
    estimator: Literal["maximum_likelihood", "firth", "ridge"] = "maximum_likelihood"
    adjust: Literal["regression", "combat"] | None = None  # fitted inside the folds
    adjust_for: tuple[str, ...] = ()  # columns: covariates of the regression, or the one site column of ComBat
    groups_column: str | None = None  # e.g. site: folds are its values (leave one site out)
    folds: Annotated[int, Limits(2)] = 5
    repeats: Count = 20
    permutations: Annotated[int, Limits(0)] = 200
    repeats_per_job: Count = 20
    permutations_per_job: Count = 50
    bootstraps: Annotated[int, Limits(2)] = 2000
    confidence: Annotated[float, Limits(above=0, below=1)] = 0.95
    threshold_rule: ThresholdRule = field(default_factory=ThresholdRule)
    seed: Annotated[int, Limits(0)] = 2021


@dataclass(frozen=True)
class Yan2021Settings(Settings):
    """The section ``papers.yan2021``."""

    include: Include = "auto"
    jobs_per_batch: Count = 1


def check_settings(section: Mapping[str, Any]) -> None:
    """Check what the types of the section ``papers.yan2021`` do not say.

    Raises
    ------
    SettingError
        For a positive class that is none of the groups, and for models that cannot be.
    """
    from chiomics.diagnosis.models import complete_settings, list_models

    if section["positive"] not in section["groups"]:
        raise SettingError(
            "papers.yan2021.positive", found=section["positive"], expected=" or ".join(section["groups"])
        )
    own = {key: value for key, value in section.items() if key not in ("include", "jobs_per_batch")}
    list_models(complete_settings(own))
