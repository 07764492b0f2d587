"""Settings of the robustness stage: what the study of Fiscone et al. (2023) chose, and what can be chosen otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from chiomics.core.errors import InputError, SettingError
from chiomics.core.features.table import FeatureTable
from chiomics.robustness.perturbation_settings import REFERENCE_ECHO_SET, UNPERTURBED, read_perturbations
from chiomics.robustness.ratings import Axis

#: Names of the coefficients in the configuration and in the tables.
COEFFICIENTS = {"ICC(A,1)": "icc_a1", "ICC(C,1)": "icc_c1", "ICC(1,1)": "icc_11"}
#: Columns that an axis can vary; an axis holds the other two.
VARIED = ("echo_set", "inversion", "perturbation")
#: The study's axis.
ECHO_SETS = "echo_set"


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

    presets: tuple[str, ...] = ("fiscone107",)
    vois: tuple[str, ...] = ("AF", "CST", "FAT", "IFOF", "OR", "UF", "NAWM")
    whole: str = "NAWM"
    gray_levels: tuple[int, ...] = (8, 16, 32, 64, 128, 256, 512)
    echo_sets: tuple[str, ...] = ()
    inversion: str | None = None
    axes: Mapping[str, Mapping] = field(default_factory=dict)
    perturbations: Mapping[str, Mapping] = field(default_factory=dict)
    icc: str = "ICC(A,1)"
    threshold: float = 0.85
    thresholds: tuple[float, ...] = (0.85, 0.86, 0.87, 0.88, 0.89, 0.90)
    gray_level: int | str = "optimal"
    groups: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {"patients": ("MS", "NMOSD"), "controls": ("HC",)}
    )
    group_column: str = "group"
    bootstraps: int = 1000
    seed: int = 1
    equivalence_margin: float = 0.05

    @classmethod
    def from_config(cls, config: Mapping) -> Settings:
        """Read the settings from a configuration, where lists stand for tuples and null for the default.

        Raises
        ------
        SettingError
            Where a key is unknown or a value cannot be used.
        """
        known = {one.name for one in fields(cls)}
        if unknown := sorted(set(config) - known):
            raise SettingError("unknown settings", found=", ".join(unknown), expected=", ".join(sorted(known)))
        given = {key: _tuple(value) for key, value in config.items() if value is not None}
        settings = cls(**given)
        if settings.icc not in COEFFICIENTS:
            raise SettingError("icc", found=str(settings.icc), expected=" or ".join(COEFFICIENTS))
        if settings.threshold not in settings.thresholds:
            settings = replace(settings, thresholds=tuple(sorted({settings.threshold, *settings.thresholds})))
        if settings.bootstraps < 2:
            raise SettingError("bootstraps", found=str(settings.bootstraps), expected="at least 2")
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
        return replace(self, inversion=inversion, echo_sets=echo_sets)

    def all_axes(self) -> list[Axis]:
        """List the axes, the study's first; a further axis holds what it does not vary at the reference."""
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


def _tuple(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return tuple(value)
    if isinstance(value, Mapping):
        return {key: _tuple(item) for key, item in value.items()}
    return value
