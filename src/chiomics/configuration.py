"""The configuration of the workflow: every section with its types and defaults, completed and checked in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from chiomics.anatomy import settings as anatomy
from chiomics.core.settings import Limits, Size, complete_section, order_keys
from chiomics.core.settings.renamed import check_renamed
from chiomics.diagnosis import settings as diagnosis
from chiomics.flair import settings as flair
from chiomics.index import settings as index
from chiomics.qsm import settings as qsm
from chiomics.radiomics import settings as radiomics
from chiomics.report import settings as report
from chiomics.rims import settings as rims
from chiomics.robustness import settings as robustness


@dataclass(frozen=True)
class PapersSection:
    """The section ``papers``, a section per paper."""

    fiscone2023: robustness.Fiscone2023Settings = field(default_factory=robustness.Fiscone2023Settings)
    yan2021: diagnosis.Yan2021Settings = field(default_factory=diagnosis.Yan2021Settings)
    wang2020: flair.Wang2020Settings = field(default_factory=flair.Wang2020Settings)
    seok2023: flair.Seok2023Settings = field(default_factory=flair.Seok2023Settings)
    zhang2022: rims.Zhang2022Settings = field(default_factory=rims.Zhang2022Settings)


@dataclass(frozen=True)
class Configuration:
    """The whole configuration; what each key is for stands in config/README.md."""

    bids_dir: str | None = None
    on_bad_session: Literal["exclude", "fail"] = "exclude"
    features: str | None = None
    feature_columns: str | None = None
    prune: Literal["list", "move"] = "list"
    redo: Annotated[tuple[Literal["qsm", "anatomy", "radiomics"], ...], Size(unique=True)] = ()
    container: str | None = None
    keep_intermediates: bool = True
    one_job_below: Annotated[int, Limits(0)] = 4_000_000
    index: index.IndexSettings = field(default_factory=index.IndexSettings)
    phantom: dict = field(default_factory=dict)  # keys of src/chiomics/phantom/defaults.yaml, checked with the recipe
    qsm: qsm.QsmSettings = field(default_factory=qsm.QsmSettings)
    anatomy: anatomy.AnatomySettings = field(default_factory=anatomy.AnatomySettings)
    radiomics: radiomics.RadiomicsSettings = field(default_factory=radiomics.RadiomicsSettings)
    rims: rims.RimsSettings = field(default_factory=rims.RimsSettings)
    flair: flair.FlairSettings = field(default_factory=flair.FlairSettings)
    papers: PapersSection = field(default_factory=PapersSection)
    site: report.SiteSettings = field(default_factory=report.SiteSettings)


def complete_configuration(given: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the defaults of a configuration.

    Parameters
    ----------
    given : mapping
        As it was read from files and the command line.

    Returns
    -------
    dict
        Every key with its value, in one order: how they were ordered in a file has no meaning.

    Raises
    ------
    SettingError
        For a key that is not known or was renamed, and for a value of another type or out of its limits.
    """
    check_renamed(given)
    found = complete_section(Configuration, given, where="")
    order_keys(found, complete_section(Configuration, {}, where=""))
    return found


def check_configuration(config: Mapping[str, Any], resolve: Callable[[str], str] = str) -> None:
    """Check what types do not say, stage by stage, before anything runs.

    Parameters
    ----------
    config : mapping
        From `complete_configuration`.
    resolve : callable
        Makes a path of the configuration one from here.

    Raises
    ------
    SettingError
        For what a job could not use.
    """
    papers = config["papers"]
    index.check_settings(config["index"])
    qsm.check_settings(config["qsm"])
    anatomy.check_settings(config["anatomy"])
    radiomics.check_settings(config["radiomics"], resolve)
    rims.check_settings(config["rims"], papers["zhang2022"])
    robustness.check_settings(papers["fiscone2023"])
    diagnosis.check_settings(papers["yan2021"])
    flair.check_settings(papers["wang2020"], papers["seok2023"])
