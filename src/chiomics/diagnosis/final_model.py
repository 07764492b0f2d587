"""A fitted model as numbers: what another site needs to apply it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from chiomics.diagnosis.best_region import BestRegion
from chiomics.diagnosis.recipe import selected_features

#: Columns of `coefficient_table`.
COEFFICIENTS = (
    "feature", "kind", "median", "abnormal_low", "abnormal_high", "mean", "scale", "coefficient",
    "training_low", "training_high",
)  # fmt: skip


def coefficient_table(pipeline: Pipeline, columns: list[str], design: pd.DataFrame) -> pd.DataFrame:
    """List the predictors of a fitted model with all that turns a value into a contribution to the log odds.

    A value that is missing or outside abnormal_low to abnormal_high becomes the median; then it adds
    coefficient · (value − mean) / scale to the intercept, ``pipeline["logistic"].intercept_[0]``.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Of `recipe.fit_final`.
    columns : list of str
        Of the design matrix.
    design : pandas.DataFrame
        The training subjects, for the range of their values.

    Returns
    -------
    pandas.DataFrame
        `COEFFICIENTS`, one row per predictor. Features adjusted for covariates first need that adjustment, in the
        step ``adjust`` of the pipeline.
    """
    parts = []
    for part, fitted, places in pipeline["features"].transformers_:
        names = np.asarray(columns, dtype=object)[places]
        if isinstance(fitted, BestRegion):
            names, fitted = names[fitted.columns_], fitted.selection_
        impute, scale = fitted["impute"], fitted["scale"]
        kept = len(scale.mean_)
        table = pd.DataFrame(
            {
                "feature": names[:kept],
                "kind": "radiomic" if part == "radiomics" else "demographic",
                "median": impute.median_[:kept],
                "abnormal_low": impute.low_[:kept],
                "abnormal_high": impute.high_[:kept],
                "mean": scale.mean_,
                "scale": scale.scale_,
            }
        )
        parts.append(table)
    chosen = selected_features(pipeline, columns)
    chosen = chosen.loc[chosen["step"] == "aic", ["feature", "coefficient"]]
    table = chosen.merge(pd.concat(parts), on="feature", how="left", validate="one_to_one")
    values = design[list(table["feature"])].replace([np.inf, -np.inf], np.nan)
    table["training_low"], table["training_high"] = values.min().to_numpy(), values.max().to_numpy()
    return table[list(COEFFICIENTS)]
