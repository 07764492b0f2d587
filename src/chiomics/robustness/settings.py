"""Settings of the robustness stage: what the study of Fiscone et al. (2023) chose, and what can be chosen otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from chiomics.core.errors import InputError, SettingError
from chiomics.core.papers import Include
from chiomics.core.settings import Given, Limits, Size, check_key, read_settings
from chiomics.robustness.perturbation_settings import REFERENCE_ECHO_SET, UNPERTURBED, read_perturbations

if TYPE_CHECKING:  # the main process checks settings and reads no table
    from chiomics.core.features.table import FeatureTable
    from chiomics.robustness.ratings import Axis

#: Names of the coefficients in the configuration and in the tables.
COEFFICIENTS = {"ICC(A,1)": "icc_a1", "ICC(C,1)": "icc_c1", "ICC(1,1)": "icc_11"}
#: Columns that an axis can vary; an axis holds the other two.
VARIED = ("echo_set", "inversion", "perturbation")
#: The study's axis.
ECHO_SETS = "echo_set"


Share = Annotated[float, Limits(above=0, below=1)]
Names = Annotated[tuple[str, ...], Size(1)]


@dataclass(frozen=True)
class AxisSection:
    """A further axis, see `chiomics.robustness.ratings.Axis`."""

    column: str
    values: tuple[str, ...]
    where: dict[str, str | tuple[str, ...]]


@dataclass(frozen=True)
class Settings:
    """Choices of the robustness stage; the defaults are those of the study where it names one.

    Parameters
    ----------
    presets : tuple of str
        Feature presets to analyse; the first is reported, others are set beside it.
    vois : tuple of str
        Regions, in the order of the tables.
    whole : str
        The region that is no tract.
    gray_levels : tuple of int
        Numbers of grey levels to compare; all that the tables hold where empty.
    echo_sets : tuple of str
        Reconstructions to compare, the reference first; all that the tables hold where empty.
    inversion : str, optional
        Inversion at which echo sets are compared; the only one where it is not named.
    axes : mapping of str to mapping
        Further axes by name: ``column``, ``values`` and ``where``, see `chiomics.robustness.ratings.Axis`.
    perturbations : mapping of str to mapping
        Perturbations of the map or the regions, see `chiomics.robustness.perturbation_settings`: each is an axis, the
        session as it is against its draws.
    icc : {"ICC(A,1)", "ICC(C,1)", "ICC(1,1)"}
        The coefficient that decides; the study does not name its own.
    threshold : float
        A feature is robust above it.
    thresholds : tuple of float
        Thresholds under which the optimal grey level is looked for.
    gray_level : int or "optimal"
        Grey level at which regions are compared.
    groups : mapping of str to sequence of str
        Subsets of the cohort by name, each with its values of the group column.
    group_column : str
        Column of the feature tables with the group.
    bootstraps : int
        Draws of the bootstrap.
    seed : int
        Of the bootstrap.
    equivalence_margin : float
        Sides whose mean coefficients differ by less are equivalent.
    """

    presets: Names = ("fiscone107",)
    vois: Names = ("AF", "CST", "FAT", "IFOF", "OR", "UF", "NAWM")
    whole: str = "NAWM"
    gray_levels: tuple[Annotated[int, Limits(2)], ...] = (8, 16, 32, 64, 128, 256, 512)
    echo_sets: tuple[str, ...] = ()
    inversion: str | None = None
    axes: dict[str, Annotated[dict, Given("chiomics.robustness.settings:AxisSection")]] = field(default_factory=dict)
    perturbations: dict[str, dict] = field(default_factory=dict)
    icc: Literal["ICC(A,1)", "ICC(C,1)", "ICC(1,1)"] = "ICC(A,1)"
    threshold: Share = 0.85
    thresholds: Annotated[tuple[Share, ...], Size(1)] = (0.85, 0.86, 0.87, 0.88, 0.89, 0.90)
    gray_level: Literal["optimal"] | Annotated[int, Limits(2)] = "optimal"
    groups: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {"patients": ("MS", "NMOSD"), "controls": ("HC",)}
    )
    group_column: str = "group"
    bootstraps: Annotated[int, Limits(2)] = 1000
    seed: Annotated[int, Limits(0)] = 1
    equivalence_margin: Annotated[float, Limits(above=0)] = 0.05

    @classmethod
    def from_config(cls, config: Mapping) -> Settings:
        """Read the settings from a configuration, where lists stand for tuples and null for the default.

        Raises
        ------
        SettingError
            Where a key is unknown or a value cannot be used.
        """
        given = {key: value for key, value in config.items() if value is not None}
        settings = read_settings(cls, given, where="papers.fiscone2023")
        if settings.threshold not in settings.thresholds:
            settings = replace(settings, thresholds=tuple(sorted({settings.threshold, *settings.thresholds})))
        return settings

    @property
    def coefficient(self) -> str:
        """Name in the tables of the coefficient that decides."""
        return COEFFICIENTS[self.icc]

    def with_found(self, features: FeatureTable) -> Settings:
        """Fill in the inversion and the echo sets from what feature tables hold.

        Raises
        ------
        InputError
            Where there are fewer than two reconstructions, or none of an echo set that was asked for.
        SettingError
            Where there are several inversions and none is named.
        """
        inversions = features.distinct("inversion")
        if self.inversion is None and len(inversions) > 1:
            raise SettingError("several inversions: which one?", found=", ".join(inversions), expected="inversion: one")
        inversion = self.inversion if self.inversion is not None else next(iter(inversions), "")
        found = features.distinct(ECHO_SETS, {"inversion": (inversion,) if inversion else ()})
        echo_sets = self.echo_sets or tuple(sorted(found, key=lambda name: (name != REFERENCE_ECHO_SET, name)))
        if lacking := [name for name in echo_sets if name not in found]:
            raise InputError(
                "no session has these echo sets", found=", ".join(found) or "none", expected=", ".join(lacking)
            )
        if len(echo_sets) < 2:
            raise InputError(
                "robustness compares reconstructions, and there are not two",
                found=", ".join(echo_sets) or "none",
                expected="two echo sets or more",
            )
        presets = self.presets if features.distinct("preset") else ("",)
        return replace(self, inversion=inversion, echo_sets=echo_sets, presets=presets)

    def all_axes(self) -> list[Axis]:
        """List the axes, the study's first; a further axis holds what it does not vary at the reference."""
        from chiomics.robustness.ratings import Axis

        reference = {
            "echo_set": self.echo_sets[:1] or ("",),
            "inversion": (self.inversion or "",),
            "perturbation": (UNPERTURBED,),
        }
        axes = [Axis(ECHO_SETS, ECHO_SETS, self.echo_sets, _without(reference, ECHO_SETS))]
        for name, given in self.axes.items():
            column = given.get("column", name if name in VARIED else "perturbation")
            held = {
                key: (value,) if isinstance(value, str) else tuple(value)
                for key, value in given.get("where", {}).items()
            }
            where = _without(reference, column) | held
            axes.append(Axis(name, column, tuple(given.get("values") or ()), where))
        held = _without(reference, "perturbation")
        for one in read_perturbations(self.perturbations):
            axes.append(Axis(one.name, "perturbation", (UNPERTURBED, *one.draws), held))
        return axes


def _without(reference: Mapping[str, tuple[str, ...]], column: str) -> dict[str, tuple[str, ...]]:
    return {name: value for name, value in reference.items() if name != column}


@dataclass(frozen=True)
class Fiscone2023Settings(Settings):
    """The section ``papers.fiscone2023``."""

    include: Include = "auto"


def check_settings(section: Mapping[str, Any]) -> None:
    """Check what the types of the section ``papers.fiscone2023`` do not say.

    Raises
    ------
    SettingError
        For an axis of another column, and a perturbation that is not known or has a value that it cannot use.
    """
    for name, axis in section["axes"].items():
        if "column" in axis:
            check_key(axis["column"], VARIED, where=f"papers.fiscone2023.axes.{name}.column: the features")
    read_perturbations(section["perturbations"])
