"""Which sessions of a cohort stand out: by their distance from its median in robust standard deviations.

That is the modified z-score of Iglewicz and Hoaglin (1993, How to detect and handle outliers).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

#: Score beyond which a value is an outlier.
OUTLIER = 3.5
#: Makes the median absolute deviation of normal values their standard deviation.
MAD_TO_SD = 1.4826


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
    return scores.where(spread > 0, centred.where(centred.isna(), constant), axis=1)


def draw_scores(axis: Axes, scores: pd.DataFrame, *, fewest: int) -> AxesImage:
    """Draw scores as colours, sessions from left to right, outliers dotted; say where sessions are fewer than that."""
    shown = axis.imshow(scores.T, cmap="RdBu_r", vmin=-OUTLIER, vmax=OUTLIER, aspect="auto", interpolation="nearest")
    axis.plot(*np.nonzero((scores.abs() > OUTLIER).to_numpy()), "k.", markersize=2.5)
    if len(scores) < fewest:
        axis.text(0.5, 0.5, "too few sessions to compare", transform=axis.transAxes, ha="center", fontsize=12)
    return shown
