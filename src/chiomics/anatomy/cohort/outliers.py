"""Which sessions' regions and registrations stand out, on the bad side and by more than good sessions differ.

Least spreads are what good sessions of one scanner differ by, with heads of all sizes and nuclei that differ in life; a
value that is good in itself is never an outlier.
"""

from __future__ import annotations

import re

import pandas as pd

from chiomics.core.scores.outliers import Rule, score_by_rules

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


def rule_of(column: str) -> Rule:
    """Return what makes a value of a column an outlier.

    >>> rule_of("overlap_T1w_to_GRE").worse
    'low'
    """
    return next((rule for form, rule in RULES if re.fullmatch(form, column)), PLAIN)


def find_outliers(sessions: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Score every session against the cohort's median in robust standard deviations.

    Parameters
    ----------
    sessions : pandas.DataFrame
        Sessions in rows.
    columns : list of str
        Which columns are scored.

    Returns
    -------
    pandas.DataFrame
        Of these columns; 0 on the good side, NaN where too few have a value or the values do not vary.
    """
    return score_by_rules(sessions, {name: rule_of(name) for name in columns})
