"""Which sessions of a cohort stand out: by their distance from its median in robust standard deviations.

That is the modified z-score of Iglewicz and Hoaglin (1993, How to detect and handle outliers). Measures of quality are
judged on their bad side alone, and by no less than a spread that sessions always have: of twenty good sessions that
scatter little, the best or the second best is no finding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

#: Score beyond which a value is an outlier.
OUTLIER = 3.5
#: Makes the median absolute deviation of normal values their standard deviation.
MAD_TO_SD = 1.4826
#: Least width of a picture of scores, inches: that of one session has a title and a mark as well.
NARROWEST = 6.5
#: Names of sessions that the widest picture has room for.
MOST_NAMED = 400
#: Fewer sessions have no spread to speak of.
FEWEST = 5


@dataclass(frozen=True)
class Rule:
    """What makes a value of one column an outlier.

    Parameters
    ----------
    worse : {"low", "high", "both"}
        The side on which values are bad.
    min_spread : float
        Robust standard deviation that is assumed at least, in the column's unit.
    relative : bool
        Whether `min_spread` is a share of the median.
    floor : float, optional
        A value at least as good as this is none, however good the others are.
    """

    worse: Literal["low", "high", "both"]
    min_spread: float = 0.0
    relative: bool = False
    floor: float | None = None


def score_by_rules(values: pd.DataFrame, rules: Mapping[str, Rule], *, fewest: int = FEWEST) -> pd.DataFrame:
    """Score every value against the median of its column, 0 where it lies on the good side or is good enough.

    Parameters
    ----------
    values : pandas.DataFrame
        Sessions in rows.
    rules : mapping of str to Rule
        Of the columns that are scored.
    fewest : int
        Columns with fewer values get NaN.

    Returns
    -------
    pandas.DataFrame
        Of the columns in `rules`; beyond ± `OUTLIER` lies an outlier.
    """
    scores = pd.DataFrame(np.nan, index=values.index, columns=list(rules), dtype=float)
    for name, rule in rules.items():
        column = values[name].astype(float)
        if column.notna().sum() < fewest:
            continue
        centred = column - column.median()
        least = rule.min_spread * (abs(column.median()) if rule.relative else 1.0)
        spread = max(MAD_TO_SD * centred.abs().median(), least)
        score = centred / spread if spread > 0 else centred * np.nan
        if rule.worse != "both":
            score = score.clip(upper=0) if rule.worse == "low" else score.clip(lower=0)
        if rule.floor is not None:
            good = column >= rule.floor if rule.worse == "low" else column <= rule.floor
            score = score.mask(good, 0.0)
        scores[name] = score
    return scores


def explain_outliers(
    values: pd.DataFrame, rules: Mapping[str, Rule], *, units: Mapping[str, tuple[str, int]]
) -> list[dict[str, str]]:
    """Say of every session which of its values are outliers, and why.

    Parameters
    ----------
    values : pandas.DataFrame
        Sessions in rows.
    rules : mapping of str to Rule
        Of the columns that are scored.
    units : mapping of str to (str, int)
        Unit and digits of each column.

    Returns
    -------
    list of dict of str to str
        By session in their order, the words by column.
    """
    scores = score_by_rules(values, rules)
    medians = values[list(rules)].median()
    said: list[dict[str, str]] = []
    for session in range(len(values)):
        found = {}
        for name in scores.columns[(scores.iloc[session].abs() > OUTLIER).to_numpy()]:
            unit, digits = units[name]
            value, median = (
                f"{number:.{digits}f} {unit}".strip() for number in (values[name].iloc[session], medians[name])
            )
            found[name] = f"{value}, the cohort's median is {median} (modified z {scores[name].iloc[session]:+.1f})"
        said.append(found)
    return said


def modified_scores(values: pd.DataFrame, *, constant: float = np.nan) -> pd.DataFrame:
    """Score every value against the median of its column.

    Parameters
    ----------
    values : pandas.DataFrame
        Sessions in rows.
    constant : float
        Score of the values of a column that does not vary.

    Returns
    -------
    pandas.DataFrame
        Of the same shape; NaN where there is no value.
    """
    centred = values - values.median()
    spread = MAD_TO_SD * centred.abs().median()
    scores = centred / spread.where(spread > 0)
    flat = centred.where(centred.isna(), constant)
    return pd.DataFrame(np.where(spread > 0, scores, flat), index=values.index, columns=values.columns)


def name_sessions(axis: Axes, names: Sequence[str]) -> None:
    """Write sessions below a picture of scores; of more than `MOST_NAMED` every second, third and so on."""
    step = -(-len(names) // MOST_NAMED)
    axis.set_xticks(range(0, len(names), step), list(names)[::step], rotation=90, fontsize=6)
    if step > 1:
        axis.set_xlabel(f"one of {step} sessions is named", fontsize=7)


def draw_scores(axis: Axes, scores: pd.DataFrame, *, fewest: int) -> ScalarMappable:
    """Draw scores as colours, sessions from left to right, outliers dotted; say where sessions are fewer than that."""
    from matplotlib import cm, colors

    colours = cm.ScalarMappable(colors.Normalize(-OUTLIER, OUTLIER), "RdBu_r")
    # As colours of a byte, since numbers take a gigabyte and more in the widest picture.
    shown = colours.to_rgba(np.ma.masked_invalid(scores.to_numpy().T), bytes=True)
    axis.imshow(shown, aspect="auto", interpolation="nearest")
    axis.plot(*np.nonzero((scores.abs() > OUTLIER).to_numpy()), "k.", markersize=2.5)
    if len(scores) < fewest:
        text = "too few sessions to compare"
        axis.text(0.5, 0.5, text, transform=axis.transAxes, ha="center", va="center", fontsize=10)
    return colours
