"""Left against right: whether the sides are as robust as one another.

The study takes a t test that finds no difference for agreement (Fiscone et al. 2023, Fig. 6). That is no evidence of
it, so equivalence is tested besides: two one-sided tests that the mean difference of the coefficients lies within a
margin (TOST; Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15:657, 1987). Both treat features as if they
were independent, which features of one region are not. The bootstrap over participants makes no such claim: sides are
equivalent where the 90 % interval of the mean difference lies within the margin, which is a test at the 5 % level.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from chiomics.robustness.bootstrap import (
    MIN_PARTICIPANTS,
    bootstrap_coefficients,
    draw_sessions,
    percentile_interval,
)
from chiomics.robustness.counts import SETTING, SHAPE
from chiomics.robustness.icc import coefficient, decompose, mean_squares
from chiomics.robustness.ratings import Ratings
from chiomics.robustness.settings import Settings
from chiomics.robustness.tables import ALL, TABLES, TRACTS

#: Numbers of all draws of one side that are held at once: 32 MB.
MAX_DRAWN = 4_000_000
FEATURE = ["image_type", "feature_class", "feature"]


def compare_sides(ratings: Ratings, perturbation: str, setting: dict, settings: Settings) -> pd.DataFrame:
    """Compare the coefficients of the left with those of the right, per region and class.

    Parameters
    ----------
    ratings : Ratings
        Values along an axis, of regions by side.
    perturbation : str
        The axis' name.
    setting : dict
        Grey-level setting: preset, n_gray_levels, bin_width.
    settings : Settings
        Coefficient, threshold, bootstrap and margin.

    Returns
    -------
    pandas.DataFrame
        The table ``sides.tsv``; no row where no region has two sides. Features without a coefficient on one of the
        sides are left out.
    """
    at_setting = _same(ratings.columns, setting) & (ratings.columns["feature_class"] != SHAPE).to_numpy()
    weights = draw_sessions(
        ratings.sessions["participant"], settings.bootstraps, settings.seed, min_participants=MIN_PARTICIPANTS
    )
    pairs, drawn = [], []
    for voi in [name for name in settings.vois or ratings.columns["voi"].unique() if name]:
        here = at_setting & (ratings.columns["voi"] == voi).to_numpy()
        places = [_features_of(ratings, here & (ratings.columns["hemisphere"] == side).to_numpy()) for side in "LR"]
        both = places[0].index.intersection(places[1].index, sort=False)
        size = max(1, MAX_DRAWN // max(len(weights), 1))
        for start in range(0, len(both), size):  # the draws of a part are summed before the next one is drawn
            names = both[start : start + size]
            left, right = (_coefficients(ratings, side[names].to_numpy(), weights, settings) for side in places)
            usable = np.isfinite(left[0]) & np.isfinite(right[0])
            pair = pd.DataFrame(names[usable].tolist(), columns=FEATURE).assign(voi=voi)
            pairs.append(pair.assign(left=left[0][usable], right=right[0][usable]))
            differences = (left[1] - right[1])[:, usable]
            for feature_class in pair["feature_class"].unique():
                of_class = differences[:, (pair["feature_class"] == feature_class).to_numpy()]
                drawn.append((voi, feature_class, np.nansum(of_class, axis=1), np.isfinite(of_class).sum(axis=1)))
    if not drawn:
        return pd.DataFrame(columns=TABLES["sides.tsv"])
    table = pd.concat(pairs, ignore_index=True)
    rows = []
    for voi, in_region in _choices(table["voi"], settings):
        for feature_class in [ALL, *sorted(table["feature_class"].unique())]:
            chosen = in_region & ((table["feature_class"] == feature_class) | (feature_class == ALL)).to_numpy()
            if not chosen.any():
                continue
            regions, classes = set(table.loc[chosen, "voi"]), set(table.loc[chosen, "feature_class"])
            sums = [part[2:] for part in drawn if part[0] in regions and part[1] in classes]
            total, number = (np.sum(values, axis=0) for values in zip(*sums, strict=True))
            means = np.where(number > 0, total / np.maximum(number, 1), np.nan)
            tested = _test(table.loc[chosen, "left"], table.loc[chosen, "right"], means, settings)
            rows.append({"voi": voi, "feature_class": feature_class, **tested})
    return pd.DataFrame(rows).assign(cohort=ALL, perturbation=perturbation, **setting)


def equivalence_p(differences: np.ndarray, margin: float) -> float:
    """Test that a mean difference lies within ± `margin`, by two one-sided t tests.

    Parameters
    ----------
    differences : ndarray, shape (pairs,)
        One per pair.
    margin : float
        In the unit of the differences.

    Returns
    -------
    float
        The larger p of the two; NaN with fewer than two pairs.
    """
    differences = np.asarray(differences, dtype=float)
    if len(differences) < 2:
        return float("nan")
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    if error == 0:
        return float(abs(differences.mean()) >= margin)
    freedom = len(differences) - 1
    above = stats.t.sf((differences.mean() + margin) / error, freedom)
    below = stats.t.cdf((differences.mean() - margin) / error, freedom)
    return float(max(above, below))


def _features_of(ratings: Ratings, chosen: np.ndarray) -> pd.Series:
    """Return the place of each feature among the columns, by its names."""
    columns = np.flatnonzero(chosen)
    return pd.Series(columns, index=pd.MultiIndex.from_frame(ratings.columns.loc[columns, FEATURE]))


def _coefficients(
    ratings: Ratings, columns: np.ndarray, weights: np.ndarray, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    parts = decompose(ratings.values[:, :, columns])
    found = np.where(parts.usable, coefficient(mean_squares(parts), settings.coefficient), np.nan)
    return found, bootstrap_coefficients(parts, weights, settings.coefficient)


def _test(left: pd.Series, right: pd.Series, means: np.ndarray, settings: Settings) -> dict:
    left, right, margin = left.to_numpy(), right.to_numpy(), settings.equivalence_margin
    enough = len(left) > 1 and np.ptp(np.concatenate([left, right])) > 0
    tested = stats.ttest_ind(left, right) if enough else None
    low, high = percentile_interval(means, level=0.90)
    known = bool(high > low)  # an interval of width 0 is none
    return {
        "n_features": len(left),
        "n_robust_left": int((left > settings.threshold).sum()),
        "n_robust_right": int((right > settings.threshold).sum()),
        "mean_icc_left": left.mean(),
        "mean_icc_right": right.mean(),
        "mean_difference": (left - right).mean(),
        "t": float(tested.statistic) if tested and known else np.nan,
        "p_difference": float(tested.pvalue) if tested and known else np.nan,
        "margin": margin,
        "p_equivalence": equivalence_p(left - right, margin) if known else np.nan,
        "bootstrap_low": float(low),
        "bootstrap_high": float(high),
        "equivalent": bool(low > -margin and high < margin) if known else pd.NA,
    }


def _choices(voi: pd.Series, settings: Settings) -> list[tuple[str, np.ndarray]]:
    choices = [(ALL, np.ones(len(voi), dtype=bool)), (TRACTS, (voi != settings.whole).to_numpy())]
    return choices + [(name, (voi == name).to_numpy()) for name in voi.unique()]


def _same(columns: pd.DataFrame, setting: dict) -> np.ndarray:
    same = [(columns[name] == setting[name]) | (columns[name].isna() & pd.isna(setting[name])) for name in SETTING]
    return np.logical_and.reduce(same)
