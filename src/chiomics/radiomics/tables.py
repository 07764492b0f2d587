"""Feature tables from tidy to wide."""

from __future__ import annotations

import pandas as pd

#: What names a feature; every other column but value and reason names whose it is.
FEATURE_COLUMNS = ("image_type", "feature_class", "feature")


def widen(tidy: pd.DataFrame) -> pd.DataFrame:
    """Pivot: a column per feature under pyradiomics' full name, and for each region and grey-level setting a row.

    Parameters
    ----------
    tidy : pandas.DataFrame
        With the columns of `FEATURE_COLUMNS` and ``value``.

    Returns
    -------
    pandas.DataFrame
        Rows and columns in the order of their first appearance.
    """
    keys = [column for column in tidy.columns if column not in (*FEATURE_COLUMNS, "value", "reason")]
    name = tidy[list(FEATURE_COLUMNS)].astype(str).agg("_".join, axis=1)
    rows = tidy.groupby(keys, sort=False, dropna=False, observed=True).ngroup()
    wide = pd.DataFrame({"row": rows, "name": name, "value": tidy["value"]}).pivot(
        index="row", columns="name", values="value"
    )
    heads = tidy[keys].loc[~rows.duplicated()].reset_index(drop=True)
    return pd.concat([heads, wide[list(dict.fromkeys(name))].reset_index(drop=True)], axis=1)
