"""Tables of the robustness stage: their names, their columns, and how they are written.

Every table lies in ``results/robustness`` and is tidy: one row per value, the columns below in this order, no index.
Three conventions hold in all of them. `cohort` is ``all`` or the name of a subset (``patients``, ``controls``); `sides`
is ``merged`` (both sides as one region) or ``separate``; `perturbation` is the name of the axis whose values are the
raters (``echo_set``, ``inversion`` or one of the user's). A grey-level setting is a number of bins (`n_gray_levels`) or
a bin width (`bin_width`), the other one is empty. `voi` is ``all`` for every region together and ``tracts`` for every
region but the white matter as a whole; `hemisphere` is ``all`` for whatever sides there are; `feature_class` is ``all``
for every class but shape.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from chiomics.core.errors import InputError
from chiomics.core.papers import MISSING
from chiomics.core.tables import write_frame

#: What names one analysis, and the region in it.
STRATUM = ("cohort", "sides", "perturbation", "preset", "n_gray_levels", "bin_width")
REGION = ("voi", "hemisphere")
FEATURE = ("image_type", "feature_class", "feature")
SESSION = ("participant", "session", "run", "group")
#: The three coefficients of McGraw and Wong (1996): one-way, consistency, absolute agreement.
COEFFICIENTS = ("icc_11", "icc_c1", "icc_a1")
#: Names that stand for all values of a column.
ALL, TRACTS = "all", "tracts"

TABLES: dict[str, tuple[str, ...]] = {
    # One row per feature of a region. `icc` is the coefficient that the configuration chose, with its bootstrap
    # interval; `robust` says whether it exceeds the threshold; `n_missing` sessions lack a reconstruction or a value,
    # and are left out; `reason` says why there is no coefficient.
    "icc.parquet": (
        *STRATUM, *REGION, *FEATURE, "n_raters", "n_sessions", "n_missing",
        *(f"{name}{end}" for name in COEFFICIENTS for end in ("", "_low", "_high")),
        "icc", "bootstrap_low", "bootstrap_high", "robust", "reason",
    ),
    # Numbers of robust features with 95 % bootstrap bands. `n_features` counts all but shape; the two `_with_shape`
    # columns count shape too, and are filled where `feature_class` is "all". Merged sides have hemisphere "all".
    "counts.tsv": (
        *STRATUM, *REGION, "feature_class", "threshold", "n_robust", "low", "high", "bootstrap_mean", "n_features",
        "percent", "n_robust_with_shape", "n_features_with_shape",
    ),
    # One row per grey-level setting and threshold: how many features of all regions are robust, shape left out, whether
    # that is the most, and in what share of the bootstrap samples it is.
    "optimal_gray_level.tsv": (
        "cohort", "sides", "perturbation", "preset", "threshold", "n_gray_levels", "bin_width", "n_robust", "low",
        "high", "optimal", "bootstrap_share",
    ),
    # One row per feature, at the reported grey level: its least coefficient over the regions and where, and whether it
    # is robust in all; `published` says whether the paper lists it.
    "whitelist.tsv": (
        *STRATUM, *FEATURE, "n_regions", "n_robust", "min_icc", "min_icc_voi", "min_icc_hemisphere", "robust",
        "published",
    ),
    # One row per subset and treatment of the sides, at its own optimum for the reported threshold; the last three
    # columns at the reported grey level.
    "groups.tsv": (
        "cohort", "sides", "perturbation", "preset", "n_sessions", "n_participants", "threshold", "n_gray_levels",
        "bin_width", "bootstrap_share", "n_robust", "low", "high", "n_features", "percent", "median_icc",
        "mean_difference_from_all", "agreement_with_all",
    ),
    # Left against right, per region and class: the paper's two-sample t test on the coefficients, and equivalence
    # within ± `margin`: TOST on the pairs of features, and by the bootstrap over participants, whose 90 % interval then
    # lies within the margin (`equivalent`).
    "sides.tsv": (
        "cohort", "perturbation", "preset", "n_gray_levels", "bin_width", "voi", "feature_class", "n_features",
        "n_robust_left", "n_robust_right", "mean_icc_left", "mean_icc_right", "mean_difference", "t", "p_difference",
        "margin", "p_equivalence", "bootstrap_low", "bootstrap_high", "equivalent",
    ),
    # Table 2: one row per feature and tract that the paper names. `direction` is the paper's (up or down); medians are
    # over sessions, others being the mean of the remaining tracts; `difference` is the median over sessions of tract
    # minus others, `share_of_sessions` has the published direction, `p` is of Wilcoxon's signed-rank test with Holm's
    # correction.
    "trends.tsv": (
        "source", "feature_class", "feature", "mark", "voi", "direction", "n_sessions", "median", "median_others",
        "difference", "share_of_sessions", "p", "found", "agrees",
    ),
    # Features that exclude one another by their definition, which the paper lists with the same direction: Spearman's
    # correlation over sessions and tracts, the sign that the definitions imply, and the sign of the published trends.
    "contradictions.tsv": (
        "feature_class", "feature", "other", "n_values", "spearman", "expected_sign", "published_sign",
        "published_holds",
    ),
    # Values behind box plots: the first-order and texture features that the paper draws, of every session, at the
    # reported grey level and on the reference map.
    "distributions.parquet": (*SESSION, *REGION, "n_gray_levels", "bin_width", "feature_class", "feature", "value"),
    # Volumes in mm³, as they are and adjusted in proportion to `brain_volume`; `adjusted_by` says what that is.
    "volumes.tsv": (*SESSION, *REGION, "volume", "brain_volume", "volume_adjusted", "adjusted_by"),
    # What the paper prints beside what this cohort gives; `subjects` is "simulated" or "real".
    "published.tsv": (
        "source", "quantity", "voi", "feature_class", "feature", "threshold", "n_gray_levels", "published", "ours",
        "low", "high", "difference", "subjects",
    ),
    # Sessions without a value of some features, by reconstruction, region and reason.
    "missing.tsv": ("perturbation", "preset", "rater", *REGION, "n_sessions", "n_features", "reason"),
    # Who and what is not in the study at all, each with the reason.
    "left_out.tsv": ("what", "name", "of", "reason"),
}  # fmt: skip


#: Classes in the order of tables and figures, and what they are called there.
CLASSES = {"firstorder": "FO", "glcm": "GLCM", "glrlm": "GLRLM", "glszm": "GLSZM", "ngtdm": "NGTDM", "gldm": "GLDM"}


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table whole or not at all: Parquet or tab-separated by its ending, the columns as `TABLES` has them.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table; numbers are written with all their digits, missing values as nothing.
    path : path-like
        Its name decides the columns; one that `TABLES` does not know keeps those of the frame.

    Raises
    ------
    InputError
        Where a column is missing.
    """
    path = Path(path)
    columns = list(TABLES.get(path.name, frame.columns))
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InputError("columns are missing", file=path, found=", ".join(frame.columns), expected=", ".join(missing))
    write_frame(frame[columns], path)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table of this stage; empty text stays empty text, and only numbers can be missing."""
    path = Path(path)
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    columns = pd.read_csv(path, sep="\t", nrows=0).columns
    text = {name: str for name in columns if name in _TEXT}
    missing = {name: ["", MISSING] for name in columns if name not in _TEXT}
    return pd.read_csv(path, sep="\t", dtype=text, keep_default_na=False, na_values=missing)


_TEXT = {
    *REGION, *FEATURE, *SESSION, "cohort", "sides", "perturbation", "preset", "reason", "rater", "min_icc_voi",
    "min_icc_hemisphere", "source", "quantity", "mark", "direction", "found", "other", "adjusted_by",
    "subjects", "what", "name", "of",
}  # fmt: skip
