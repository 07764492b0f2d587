"""Which sessions' regions and registrations stand out, on the bad side and by more than good sessions differ.

Least spreads are what good sessions of one scanner differ by, with heads of all sizes and nuclei that differ in life; a
value that is good in itself is never an outlier.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from chiomics.core.scores.outliers import OUTLIER, Rule, score_by_rules

#: Rules by the form of a column's name, the first that fits.
RULES = (
    (r"(brain|parenchyma)_mm3", Rule("both", min_spread=0.08, relative=True)),
    (r"NAWM_mm3", Rule("both", min_spread=0.12, relative=True)),
    (r".*_mm3", Rule("both", min_spread=0.2, relative=True)),
    (r".*_dice", Rule("low", min_spread=0.05, floor=0.75)),
    (r".*_shift_mm", Rule("high", min_spread=0.7, floor=2.5)),
    (r"overlap_.*", Rule("low", min_spread=0.01, floor=0.95)),
    (r"mutual_information_.*", Rule("low", min_spread=0.06, relative=True)),
    (r"sharpness_.*", Rule("low", min_spread=0.08, relative=True)),
)
#: Where nothing is known of a column.
PLAIN = Rule("both")
#: Column with the volume of one voxel of the map.
VOXEL = "voxel_mm3"
#: How well a segmentation finds a boundary, voxels, and the surface of a sphere of one voxel's volume.
BOUNDARY, SPHERE = 0.1, (36 * np.pi) ** (1 / 3)
#: Score at most of a region without a voxel, where the cohort has it: a small nucleus may vary by more than a third.
EMPTY = -2 * OUTLIER


def rule_of(column: str, voxels: float = np.inf) -> Rule:
    """Return what makes a value of a column an outlier.

    Parameters
    ----------
    column : str
        Name of the column.
    voxels : float
        How many voxels its region has. Of a ball of n voxels a boundary that is off by d voxels changes the volume by
        4.84 d / n^(1/3), and the Dice coefficient by half of that; so does the spread of good sessions grow.

    Returns
    -------
    Rule
        For `score_by_rules`.

    Examples
    --------
    >>> rule_of("overlap_T1w_to_GRE").worse
    'low'
    >>> round(rule_of("RN_L_mm3", 45).min_spread, 3)  # 0.2 in life, 0.136 by the boundary
    0.242
    """
    rule = next((rule for form, rule in RULES if re.fullmatch(form, column)), PLAIN)
    error = SPHERE * BOUNDARY / np.cbrt(voxels)
    if column.endswith("_mm3"):
        return replace(rule, min_spread=float(np.hypot(rule.min_spread, error)))
    if column.endswith("_dice"):
        return replace(rule, min_spread=float(np.hypot(rule.min_spread, error / 2)))
    return rule


def find_outliers(sessions: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Score every session against the cohort's median in robust standard deviations.

    Parameters
    ----------
    sessions : pandas.DataFrame
        Sessions in rows. The volume of a voxel, `VOXEL`, tells how small a region is; without it none is small.
    columns : list of str
        Which columns are scored.

    Returns
    -------
    pandas.DataFrame
        Of these columns; 0 on the good side, NaN where too few have a value or the values do not vary.
    """
    scores = score_by_rules(sessions, {name: rule_of(name, _count_voxels(sessions, name)) for name in columns})
    for name in columns:
        if name.endswith("_mm3") and sessions[name].median() > 0:
            scores[name] = scores[name].mask(sessions[name] == 0, np.minimum(scores[name], EMPTY))
    return scores


def _count_voxels(sessions: pd.DataFrame, column: str) -> float:
    """Return how many voxels the region of a column has in the median session, without end where that is not told."""
    volume = re.sub("_(mm3|dice)$", "_mm3", column)
    if VOXEL not in sessions or volume not in sessions or not volume.endswith("_mm3"):
        return np.inf
    return max(float((sessions[volume] / sessions[VOXEL]).median()), 1.0)
