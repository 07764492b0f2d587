"""What the figures of the robustness stage share: order and names of regions and classes, notes, sheets of panels.

Figures read the tables of `chiomics.robustness.tables`. What a cohort cannot give is left out, and a note under the
figure says so.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chiomics.core.figures import COLOURS, TWO_COLUMNS, figure_style
from chiomics.robustness.paper_values import CLASSES
from chiomics.robustness.tables import ALL, TRACTS

#: The study's order of its tracts; further regions come after them, the white matter as a whole last.
TRACT_ORDER = ("AF", "CST", "FAT", "IFOF", "OR", "UF")
#: Colour and marker of each class, so that lines that cross are told apart without colour too.
CLASS_STYLE = {
    name: {"color": colour, "marker": marker}
    for name, colour, marker in zip(CLASSES, (*COLOURS[:3], COLOURS[5], COLOURS[3], COLOURS[4]), "os^Dvp", strict=True)
}
#: Inches at the top of a figure that stay free for the mark of simulated subjects.
HEAD = 0.16
NOTE_SIZE = 6.5
#: Letters per inch at that size, measured on running English text.
LETTERS_PER_INCH = 21
#: Axis labels of the two kinds of grey-level settings.
SETTING_LABELS = {"n_gray_levels": "number of grey levels", "bin_width": "bin width"}


def blank(*, height: float, width: float = TWO_COLUMNS) -> Figure:
    """Open a figure in the project's style, its head kept free; draw in `chiomics.core.figures.figure_style` too.

    Parameters
    ----------
    height, width : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        Without panels.
    """
    with figure_style():
        figure = Figure(figsize=(width, height), layout="constrained")
        figure.get_layout_engine().set(rect=(0, 0, 1, 1 - HEAD / height))
        return figure


def add_note(figure: Figure, *lines: str) -> None:
    """Write lines under a figure, broken at its width."""
    said = [line for line in lines if line]
    if said:
        letters = int(figure.get_figwidth() * LETTERS_PER_INCH)
        text = "\n".join("\n".join(textwrap.wrap(line, letters)) for line in said)
        figure.text(0.005, -0.01, text, ha="left", va="top", fontsize=NOTE_SIZE, color="0.25", linespacing=1.3)


def letter(axis: Axes, name: str) -> None:
    """Mark a panel with its letter, above its upper left corner."""
    axis.annotate(
        name, (0, 1), xycoords="axes fraction", xytext=(-4, 5), textcoords="offset points",
        fontsize=9, weight="bold", ha="right", va="bottom",
    )  # fmt: skip


def choose(table: pd.DataFrame, **where: object) -> pd.DataFrame:
    """Give the rows in which each named column has a value; numbers are compared to rounding, NaN with NaN."""
    chosen = np.ones(len(table), dtype=bool)
    for name, value in where.items():
        column = table[name]
        if isinstance(value, float | int) and not isinstance(value, bool):
            chosen &= np.isclose(pd.to_numeric(column).astype(float), value, equal_nan=True)
        else:
            chosen &= (column == value).to_numpy()
    return table[chosen]


def first_stratum(table: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of the first axis and the first preset, which are those that a paper reports."""
    if table.empty:
        return table
    first = table.iloc[0]
    return choose(table, perturbation=first["perturbation"], preset=first["preset"])


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
