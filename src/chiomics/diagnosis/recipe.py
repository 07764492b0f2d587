"""The recipe that a model is fitted by (Yan et al. 2021, Features to Model).

Radiomics: median imputation, standardisation, univariate filter, redundancy filter, stepwise AIC. Demographic
variables: imputation, standardisation. Then one logistic regression of all that is left. Every step is learned from the
subjects that the pipeline is fitted on.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from chiomics.core.errors import InputError, SettingError
from chiomics.diagnosis.adjust import ComBat, ConfounderRegression
from chiomics.diagnosis.best_region import BestRegion
from chiomics.diagnosis.cohort import FEATURE_COLUMNS, outcome, radiomic_columns
from chiomics.diagnosis.impute import MedianImputer
from chiomics.diagnosis.logistic import MultivariableLogistic
from chiomics.diagnosis.models import Model
from chiomics.diagnosis.redundancy import RedundancyFilter
from chiomics.diagnosis.stepwise import StepwiseAIC
from chiomics.diagnosis.univariate import UnivariateFilter


def design_matrix(cohort: pd.DataFrame, model: Model, settings: dict) -> pd.DataFrame:
    """Return the columns of a cohort that a model reads, as numbers; text columns become codes in sorted order."""
    radiomics = [name for region in model.regions for name in radiomic_columns(cohort, region)]
    if model.whitelist:
        allowed = read_whitelist(model.whitelist)
        radiomics = [name for name in radiomics if name in allowed or name.partition(".")[2] in allowed]
        if not radiomics:
            raise InputError("no feature of the model is in the whitelist", file=model.whitelist, found=model.name)
    covariates = settings["adjust_for"] if settings["adjust"] and radiomics else []
    missing = [name for name in (*model.demographics, *covariates) if name not in cohort]
    if missing:
        raise InputError(f"the cohort has no column {missing[0]}", expected=", ".join(missing))
    columns = list(dict.fromkeys([*radiomics, *model.demographics, *covariates]))
    design = cohort[columns].copy()
    for name in covariates:
        if not pd.api.types.is_numeric_dtype(design[name]):
            numbers = pd.to_numeric(design[name], errors="coerce")
            # Numbers written as text stay numbers; ComBat's site is a code whatever it is called.
            is_number = numbers.notna().all() and settings["adjust"] != "combat"
            design[name] = numbers if is_number else pd.Categorical(design[name]).codes
    return design.astype(float)


def build_pipeline(model: Model, columns: list[str], settings: dict) -> Pipeline:
    """Build the unfitted recipe of a model.

    Parameters
    ----------
    model : Model
        Which.
    columns : list of str
        Of its design matrix.
    settings : dict
        Keys of `contracts.DEFAULTS`.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Steps ``features`` and ``logistic``; takes the design matrix.
    """
    covariates = list(settings["adjust_for"]) if settings["adjust"] else []
    radiomics = [name for name in columns if "." in name]
    parts = []
    if radiomics:
        selection = Pipeline(_selection_steps(settings, len(covariates)))
        if model.best_region:
            homes = tuple(name.partition(".")[0] for name in radiomics) + ("",) * len(covariates)
            selection = BestRegion(selection, homes)
        parts.append(("radiomics", selection, _places(columns, [*radiomics, *covariates])))
    if model.demographics:
        steps = [("impute", MedianImputer()), ("scale", StandardScaler())]
        parts.append(("demographics", Pipeline(steps), _places(columns, model.demographics)))
    features = ColumnTransformer(parts, verbose_feature_names_out=False)
    return Pipeline([("features", features), ("logistic", MultivariableLogistic(settings["estimator"]))])


def fit_final(cohort: pd.DataFrame, model: Model, settings: dict) -> tuple[Pipeline, list[str]]:
    """Fit a model on every session of the cohort.

    Returns
    -------
    pipeline : sklearn.pipeline.Pipeline
        Fitted.
    columns : list of str
        Of the design matrix it takes.
    """
    design = design_matrix(cohort, model, settings)
    columns = list(design.columns)
    return build_pipeline(model, columns, settings).fit(design.to_numpy(), outcome(cohort, settings)), columns


def selected_features(pipeline: Pipeline, columns: list[str]) -> pd.DataFrame:
    """List what each step of a fitted pipeline left.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Of `build_pipeline`, fitted.
    columns : list of str
        Of its design matrix.

    Returns
    -------
    pandas.DataFrame
        Columns step, feature, coefficient: per standard deviation, NaN before the last step.
    """
    rows, left = [], []
    for part, fitted, places in pipeline["features"].transformers_:
        names = np.asarray(columns, dtype=object)[places]
        if part == "radiomics":
            if isinstance(fitted, BestRegion):
                names, fitted = names[fitted.columns_], fitted.selection_
            if "adjust" in fitted.named_steps:
                names = names[: len(names) - fitted["adjust"].covariates]
            for step in ("univariate", "spearman", "aic"):
                names = names[fitted[step].get_support()]
                if step != "aic":
                    rows += [(step, name, np.nan) for name in names]
        left += list(names)
    rows += [("aic", name, value) for name, value in zip(left, pipeline["logistic"].coef_[0], strict=True)]
    return pd.DataFrame(rows, columns=["step", "feature", "coefficient"])


def read_whitelist(path: str) -> set[str]:
    """Read feature names, with their region where the table has a column ``voi``."""
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    if "feature" not in table:
        raise InputError("the whitelist has no column feature", file=path, found=", ".join(table.columns))
    name = (
        table[list(FEATURE_COLUMNS)].agg("_".join, axis=1) if set(FEATURE_COLUMNS) <= set(table) else table["feature"]
    )
    return set(table["voi"] + "." + name if "voi" in table else name)


def _selection_steps(settings: dict, covariates: int) -> list[tuple]:
    adjusters = {"regression": ConfounderRegression, "combat": ComBat}
    steps = [("impute", MedianImputer(settings["abnormal_z"]))]
    if settings["adjust"]:
        if settings["adjust"] not in adjusters or not covariates:
            raise SettingError(
                "adjustment",
                found=f"{settings['adjust']} for {settings['adjust_for']}",
                expected="regression or combat",
            )
        steps.append(("adjust", adjusters[settings["adjust"]](covariates)))
    return [
        *steps,
        ("scale", StandardScaler()),
        ("univariate", UnivariateFilter(settings["p_threshold"], settings["normality_threshold"])),
        ("spearman", RedundancyFilter(settings["rho_cutoff"])),
        ("aic", StepwiseAIC(max_features=settings["max_features"], screen=settings["screen"])),
    ]


def _places(columns: list[str], wanted: list[str] | tuple[str, ...]) -> np.ndarray:
    place = {name: number for number, name in enumerate(columns)}
    return np.array([place[name] for name in wanted])


def count_radiomic(cohort: pd.DataFrame, models: dict[str, Model], settings: dict) -> dict[str, int]:
    """Count the radiomic features that each model selects from; the region of a best-region model counts once."""
    counts = {}
    for name, model in models.items():
        own = [column for column in design_matrix(cohort, model, settings).columns if "." in column]
        regions = len(model.regions) if model.best_region else 1
        counts[name] = len(own) // regions
    return counts
