"""Figures by which sessions are judged: where each is read, what is worse, and which sessions stand out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from chiomics.core.scores.outliers import Rule, explain_outliers


@dataclass(frozen=True)
class Figure:
    """One column of the cohort's table.

    Parameters
    ----------
    key, label, unit : str
        Its name, what stands above it, and its unit.
    digits : int
        Shown behind the point.
    rule : Rule, optional
        What makes a session stand out; none where a value is no matter of quality.
    """

    key: str
    label: str
    unit: str
    digits: int
    rule: Rule | None = None


#: Least spreads are what sessions of one scanner and protocol differ by, so that a cohort without spread flags no one;
#: floors are values that are good whatever the others'.
FIGURES = (
    Figure("noise", "noise of the local field", "ppb", 2, Rule("high", min_spread=0.1, floor=1.0)),
    Figure("sign", "contrast that tells the sign", "", 2, Rule("low", min_spread=0.1, floor=0.6)),
    Figure("mask_ml", "volume with values", "ml", 0, Rule("both", min_spread=40.0)),
    Figure("reference_sd", "SD in the reference", "ppb", 1, Rule("high", min_spread=1.0, floor=5.0)),
    Figure("coverage", "least coverage of white matter", "", 3, Rule("low", min_spread=0.02, floor=0.97)),
    Figure("overlap", "least overlap of brains", "", 3, Rule("low", min_spread=0.01, floor=0.96)),
    Figure("information", "least mutual information", "", 3, Rule("low", min_spread=0.02)),
    Figure("sharpness", "least sharpness", "", 3, Rule("low", min_spread=0.02)),
    Figure("lesions", "lesions", "", 0),
    Figure("lesions_ml", "volume of lesions", "ml", 2),
)


def read_figures(chi: Mapping, anatomy: Mapping, *, voxel_volume: float) -> dict[str, float | None]:
    """Read a session's figures from its sidecars.

    Parameters
    ----------
    chi, anatomy : mapping
        Sidecars of the χ map and of the regions; empty where there is none.
    voxel_volume : float
        mm³.

    Returns
    -------
    dict of str to float or None
        By the keys of `FIGURES`; None where it is not known.
    """
    found: dict[str, float | None] = dict.fromkeys(figure.key for figure in FIGURES)
    if chi.get("FieldNoise") is not None:
        found["noise"] = 1000 * chi["FieldNoise"]
    found["sign"] = chi.get("PhaseSignContrast")
    if chi.get("MapVoxels"):
        found["mask_ml"] = chi["MapVoxels"] * voxel_volume / 1000
    if chi.get("ReferenceSD") is not None:
        found["reference_sd"] = 1000 * chi["ReferenceSD"]
    segmentation = anatomy.get("Segmentation", {})
    coverage = [shares["white matter"] for shares in anatomy.get("Coverage", {}).values() if "white matter" in shares]
    found["coverage"] = min(filter(_known, coverage), default=None)
    registrations = list(segmentation.get("Registrations", {}).values())
    for key, name in (("overlap", "overlap"), ("information", "mutual_information"), ("sharpness", "sharpness")):
        found[key] = min(filter(_known, (one.get(name) for one in registrations)), default=None)
    lesions = segmentation.get("Lesions", {})
    if lesions and lesions.get("Source") != "none":  # not known is not 0
        found |= {"lesions": lesions.get("Lesions"), "lesions_ml": lesions.get("VolumeMl")}
    return found


def list_limits(anatomy: Mapping) -> list[tuple[str, str, float | None, float]]:
    """List what each registration of a session was checked by: its name, the measure, its value, and the least one."""
    registrations = anatomy.get("Segmentation", {}).get("Registrations", {})
    return [
        (name, key.replace("_", " "), quality.get(key), limit)
        for name, quality in registrations.items()
        for key, limit in quality.get("thresholds", {}).items()
    ]


def find_standouts(sessions: Sequence[str], figures: Iterable[Mapping[str, float | None]]) -> list[dict[str, str]]:
    """Say which sessions stand out, by figure, each with why.

    Parameters
    ----------
    sessions : sequence of str
        Keys of the sessions.
    figures : iterable of mapping
        Of `read_figures`, one each.

    Returns
    -------
    list of dict of str to str
        For each session the figures that are worse than the cohort's, with the words.
    """
    frame = pd.DataFrame(list(figures), index=list(sessions), columns=[figure.key for figure in FIGURES]).astype(float)
    rules = {figure.key: figure.rule for figure in FIGURES if figure.rule}
    units = {figure.key: (figure.unit, figure.digits) for figure in FIGURES}
    return explain_outliers(frame, rules, units=units)


def _known(value: float | None) -> bool:
    return value is not None and value == value
