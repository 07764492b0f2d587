"""How tracts differ in first-order and texture features: Fig. 4, Table 2 and the contradictions in it.

The paper names features that are higher or lower in the corticospinal tract, the inferior fronto-occipital fasciculus
and the optic radiation than in other tracts, from box plots. Here each session gives one difference, tract minus the
mean of the tracts that the paper does not name with it, and Wilcoxon's signed-rank test with Holm's correction says
whether its sign is more than chance.

Some of the published trends exclude one another. Run percentage is the number of runs over the number of voxels, so
that long runs lower it by definition, and so with zones and areas; the paper has both higher in the same tract.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from chiomics.core.features.columns import REGION, SESSION
from chiomics.robustness.fiscone2023.published_values import read_published
from chiomics.robustness.ratings import Ratings
from chiomics.robustness.settings import Settings
from chiomics.robustness.tables import TABLES

#: The volume of a region, of which Fig. 4 shows the adjusted one.
VOLUME = ("shape", "VoxelVolume")
#: Pairs that measure opposite things by definition: class, feature, its opposite.
OPPOSITES = (
    ("glrlm", "LongRunEmphasis", "RunPercentage"),
    ("glrlm", "LongRunEmphasis", "ShortRunEmphasis"),
    ("glszm", "LargeAreaEmphasis", "ZonePercentage"),
    ("gldm", "LargeDependenceEmphasis", "SmallDependenceEmphasis"),
)
UP, DOWN, NEITHER = "up", "down", "no difference"
#: A difference is called one below this p.
SIGNIFICANCE = 0.05


def drawn_features() -> list[tuple[str, str]]:
    """List the features whose distributions the paper shows or describes."""
    named = read_published("trends")
    pairs = [*zip(named["feature_class"], named["feature"], strict=True)]
    pairs += [(kind, feature) for kind, *both in OPPOSITES for feature in both]
    return list(dict.fromkeys(pair for pair in pairs if pair[0] != "volume"))


def tabulate_distributions(ratings: Ratings, volumes: pd.DataFrame) -> pd.DataFrame:
    """List the values of every session that the paper's box plots show.

    Parameters
    ----------
    ratings : Ratings
        Values of the reference map at the reported grey level: one rater.
    volumes : pandas.DataFrame
        The table ``volumes.tsv``.

    Returns
    -------
    pandas.DataFrame
        The table ``distributions.parquet``; ``Volume`` and ``VolumeAdjusted`` under the class ``volume``.
    """
    keys = [*REGION, "n_gray_levels", "bin_width", "feature_class", "feature"]
    wanted = pd.MultiIndex.from_tuples(drawn_features())
    original = (ratings.columns["image_type"] == "original").to_numpy()
    chosen = np.flatnonzero(
        pd.MultiIndex.from_frame(ratings.columns[["feature_class", "feature"]]).isin(wanted) & original
    )
    columns = ratings.columns.loc[chosen, keys]
    sessions = ratings.sessions.loc[np.repeat(np.arange(len(ratings.sessions)), len(chosen))]
    repeated = columns.loc[np.tile(chosen, len(ratings.sessions))]
    values = pd.concat([sessions.reset_index(drop=True), repeated.reset_index(drop=True)], axis=1)
    values["value"] = ratings.values[:, 0, chosen].ravel()
    heads = volumes[[*SESSION, "group", *REGION]].assign(n_gray_levels=np.nan, bin_width=np.nan, feature_class="volume")
    parts = [
        heads.assign(feature="Volume", value=volumes["volume"]),
        heads.assign(feature="VolumeAdjusted", value=volumes["volume_adjusted"]),
    ]
    frame = pd.concat([values, *parts], ignore_index=True)
    return frame.astype({"n_gray_levels": float, "bin_width": float, "value": float})


def session_volumes(ratings: Ratings) -> pd.DataFrame:
    """Take the volumes of the regions in mm³ from the shape features, sessions without one left out."""
    columns = ratings.columns
    chosen = np.flatnonzero((columns["feature_class"] == VOLUME[0]) & (columns["feature"] == VOLUME[1]))
    parts = [
        ratings.sessions.assign(
            voi=columns["voi"].iloc[place], hemisphere=columns["hemisphere"].iloc[place],
            volume=ratings.values[:, 0, place],
        )
        for place in chosen
    ]  # fmt: skip
    if not parts:
        return pd.DataFrame(columns=[*SESSION, "group", *REGION, "volume"])
    return pd.concat(parts, ignore_index=True).dropna(subset="volume")


def compare_trends(distributions: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Test the published trends on this cohort.

    Parameters
    ----------
    distributions : pandas.DataFrame
        The table ``distributions.parquet``.
    settings : Settings
        With the region that is no tract.

    Returns
    -------
    pandas.DataFrame
        The table ``trends.tsv``: ``found`` is the direction of a difference with p < .05, and ``agrees`` whether it is
        the published one.
    """
    merged = _of_tracts(distributions, settings)
    rows = []
    for row in read_published("trends").itertuples(index=False):
        here = merged[(merged["feature_class"] == row.feature_class) & (merged["feature"] == row.feature)]
        wide = here.pivot_table(index=list(SESSION), columns="voi", values="value", sort=False)
        named = row.vois.split()
        for voi in named:
            others = [name for name in wide.columns if name not in named]
            if voi not in wide or not others:
                continue
            pair = pd.DataFrame({"tract": wide[voi], "others": wide[others].mean(axis=1, skipna=False)}).dropna()
            if len(pair) >= 2:
                rows.append(_trend(row, voi, pair))
    if not rows:
        return pd.DataFrame(columns=TABLES["trends.tsv"])
    frame = pd.DataFrame(rows)
    frame["p"] = multipletests(frame["p"], method="holm")[1]
    clear = (frame["p"] < SIGNIFICANCE).to_numpy()
    frame["found"] = np.where(clear, np.where(frame["difference"] > 0, UP, DOWN), NEITHER)
    return frame.assign(agrees=frame["found"] == frame["direction"])


def check_contradictions(distributions: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Correlate features that exclude one another, over sessions and tracts.

    Parameters
    ----------
    distributions, settings
        As for `compare_trends`.

    Returns
    -------
    pandas.DataFrame
        The table ``contradictions.tsv``: the definitions imply a negative correlation in all pairs; a published sign of
        1 says that the paper has both features move the same way in the corticospinal tract.
    """
    merged = _of_tracts(distributions, settings)
    named = read_published("trends")
    named = named[named["vois"].str.split().str[0] == "CST"].set_index(["feature_class", "feature"])["direction"]
    rows = []
    for feature_class, feature, other in OPPOSITES:
        here = merged[(merged["feature_class"] == feature_class) & merged["feature"].isin([feature, other])]
        wide = here.pivot_table(index=[*SESSION, "voi"], columns="feature", values="value").dropna()
        if len(wide) < 3 or {feature, other} - set(wide):
            continue
        found = float(stats.spearmanr(wide[feature], wide[other]).statistic)
        published = 1 if named[feature_class, feature] == named[feature_class, other] else -1
        rows.append((feature_class, feature, other, len(wide), found, -1, published, bool(np.sign(found) == published)))
    return pd.DataFrame(rows, columns=TABLES["contradictions.tsv"])


def _of_tracts(distributions: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Keep the tracts with both sides as one; the mean of the sides where they come separately only."""
    tracts = distributions[distributions["voi"] != settings.whole]
    merged = tracts[~tracts["hemisphere"].isin(["L", "R"])]
    return merged if len(merged) else tracts


def _trend(row: tuple, voi: str, pair: pd.DataFrame) -> dict:
    difference = pair["tract"] - pair["others"]
    sign = 1 if row.direction == UP else -1
    return {
        "source": row.source, "feature_class": row.feature_class, "feature": row.feature, "mark": row.mark, "voi": voi,
        "direction": row.direction, "n_sessions": len(pair), "median": pair["tract"].median(),
        "median_others": pair["others"].median(), "difference": difference.median(),
        "share_of_sessions": float((sign * difference > 0).mean()),
        "p": float(stats.wilcoxon(difference).pvalue) if difference.any() else 1.0,
    }  # fmt: skip
