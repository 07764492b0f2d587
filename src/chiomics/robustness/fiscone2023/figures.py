"""What the figures of the robustness stage share: order, names and colours of regions and classes, choice of rows.

Figures read the tables of `chiomics.robustness.tables`. What a cohort cannot give is left out, and a note under the
figure says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from chiomics.core.figures import COLOURS
from chiomics.robustness.tables import ALL, CLASSES, TRACTS

#: The study's order of its tracts; further regions come after them, the white matter as a whole last.
TRACT_ORDER = ("AF", "CST", "FAT", "IFOF", "OR", "UF")
#: Colour and marker of each class, so that lines that cross are told apart without colour too.
CLASS_STYLE = {
    name: {"color": colour, "marker": marker}
    for name, colour, marker in zip(CLASSES, (*COLOURS[:3], COLOURS[5], COLOURS[3], COLOURS[4]), "os^Dvp", strict=True)
}
#: Axis labels of the two kinds of grey-level settings.
SETTING_LABELS = {"n_gray_levels": "number of grey levels", "bin_width": "bin width"}


def choose(table: pd.DataFrame, **where: object) -> pd.DataFrame:
    """Return the rows in which each named column has a value; numbers are compared to rounding, NaN with NaN."""
    chosen = np.ones(len(table), dtype=bool)
    for name, value in where.items():
        column = table[name]
        if isinstance(value, float | int) and not isinstance(value, bool):
            chosen &= np.isclose(pd.to_numeric(column).astype(float), value, equal_nan=True)
        else:
            chosen &= (column == value).to_numpy()
    return table[chosen]


def regions_of(table: pd.DataFrame, *, whole: str = "NAWM") -> list[str]:
    """List the regions in the study's order."""
    found = set(table["voi"]) - {ALL, TRACTS}
    tracts = [voi for voi in TRACT_ORDER if voi in found]
    others = sorted(found - {*TRACT_ORDER, whole})
    return tracts + others + [voi for voi in (whole,) if voi in found]


def classes_of(table: pd.DataFrame) -> list[str]:
    """List the feature classes but shape, in the study's order."""
    found = set(table["feature_class"])
    return [name for name in CLASSES if name in found]


def setting_text(setting: dict) -> str:
    """Say a grey-level setting in words."""
    if pd.notna(setting["n_gray_levels"]):
        return f"{setting['n_gray_levels']:g} grey levels"
    return f"bins of {setting['bin_width']:g}"


def absent(wanted: Sequence[str], found: Sequence[str], what: str) -> str:
    """Say which of the study's regions or subsets the cohort lacks; nothing where it has all."""
    lacking = [name for name in wanted if name not in found]
    return f"Left out, for the cohort has none: {what} {', '.join(lacking)}." if lacking else ""


def readable_feature(name: str) -> str:
    """Put spaces into a feature's name: ``LongRunHighGrayLevelEmphasis`` to ``Long Run High Gray Level Emphasis``."""
    spaced = "".join(
        f" {letter}" if letter.isupper() and before.islower() else letter
        for before, letter in zip(" " + name, name, strict=False)
    )
    return spaced.strip()
