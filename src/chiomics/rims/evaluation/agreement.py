"""A detector as one more rater: its calls against the consensus, beside the raters against each other."""

from __future__ import annotations

import pandas as pd

from chiomics.rims.detectors.lesions import KEYS
from chiomics.rims.evaluation.calls import RULES
from chiomics.rims.lesions.ratings import agree, tabulate_agreement

CONSENSUS = "consensus"


def detector_agreement(calls: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Measure how far every detector agrees with the consensus, and the raters with each other.

    Parameters
    ----------
    calls : pandas.DataFrame
        `calls.CALLS`.
    table : pandas.DataFrame
        The cohort's rated lesions, with columns ``rater_<name>``.

    Returns
    -------
    pandas.DataFrame
        ``first`` and ``second`` (an arm and "consensus", or two raters), threshold (empty for raters), and the fields
        of `ratings.Agreement`, on the same lesions. The consensus holds the raters' own calls, so that a rater against
        it would look better than the raters against each other.
    """
    rows = []
    for arm, own in calls.groupby("arm", sort=False):
        for rule in RULES:
            if own[f"call_{rule}"].notna().any():
                row = {"first": arm, "second": CONSENSUS, "threshold": rule}
                rows.append(row | vars(agree(own[f"call_{rule}"], own["label"])))
    evaluated = pd.MultiIndex.from_frame(calls[KEYS].astype(str))
    known = table[pd.MultiIndex.from_frame(table[KEYS].astype(str)).isin(evaluated)]
    raters = known.filter(regex="^rater_").apply(pd.to_numeric).dropna(axis=1, how="all")
    return pd.concat([pd.DataFrame(rows), tabulate_agreement(raters).assign(threshold="")], ignore_index=True)
