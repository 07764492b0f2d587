"""The recipe that a model is fitted by (Yan et al. 2021, Features to Model).

Radiomics: median imputation, standardisation, univariate filter, redundancy filter, stepwise AIC. Demographic
variables: imputation, standardisation. Then one logistic regression of all that is left. Every step is learned from the
subjects that the pipeline is fitted on.
"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from chiomics.core.errors import InputError, SettingError
from chiomics.core.left_out import LeftOut
from chiomics.diagnosis.best_region import BestRegion
from chiomics.diagnosis.cohort import FEATURE_COLUMNS, outcome, radiomic_columns
from chiomics.diagnosis.estimators.adjust import ComBat, ConfounderRegression
from chiomics.diagnosis.estimators.covariates import count_covariates, covariate_columns
from chiomics.diagnosis.estimators.impute import MedianImputer
from chiomics.diagnosis.estimators.logistic import MultivariableLogistic
from chiomics.diagnosis.estimators.redundancy import RedundancyFilter
from chiomics.diagnosis.estimators.stepwise import StepwiseAIC
from chiomics.diagnosis.estimators.univariate import UnivariateFilter
from chiomics.diagnosis.models import Model

log = logging.getLogger(__name__)


def design_matrix(cohort: pd.DataFrame, model: Model, settings: dict) -> pd.DataFrame:
    """Return the columns of a cohort that a model reads, as numbers; covariates last, categories of them at the end."""
    radiomics = [name for region in model.regions for name in radiomic_columns(cohort, region)]
    if model.whitelist:
        allowed = read_whitelist(model.whitelist)
        radiomics = [name for name in radiomics if name in allowed or name.rpartition(".")[2] in allowed]
        if not radiomics:
            raise InputError("no feature of the model is in the whitelist", file=model.whitelist, found=model.name)
    covariates = settings["adjust_for"] if settings["adjust"] and radiomics else []
    missing = [name for name in (*model.demographics, *covariates) if name not in cohort]
    if missing:
        raise InputError(f"the cohort has no column {missing[0]}", expected=", ".join(missing))
    design = cohort[[*radiomics, *model.demographics]].astype(float)
    if not covariates:
        return design
    numbers, categories = covariate_columns(cohort, settings)
    numbers = numbers.drop(columns=[name for name in numbers if name in design])
    return pd.concat([design, numbers, categories], axis=1).astype(float)


def build_pipeline(model: Model, columns: list[str], settings: dict) -> Pipeline:
    """Build the unfitted recipe of a model.

    Parameters
    ----------
    model : Model
        Which.
    columns : list of str
        Of its design matrix.
    settings : dict
        Keys of `diagnosis.settings.Settings`.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Steps ``features`` and ``logistic``; takes the design matrix.
    """
    covariates, categories = count_covariates(columns, settings)
    radiomics = [name for name in columns if name not in {*covariates, *model.demographics}]
    parts = []
    if radiomics:
        selection = Pipeline(_selection_steps(settings, len(covariates), categories))
        if model.best_region:
            homes = tuple(name.rpartition(".")[0] for name in radiomics) + ("",) * len(covariates)
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


def note_whitelists(cohort: pd.DataFrame, models: dict[str, Model], left_out: LeftOut) -> None:
    """Take down the names in whitelists that match no feature of the cohort."""
    columns = set(cohort.columns) | {name.rpartition(".")[2] for name in cohort.columns}
    for path in dict.fromkeys(model.whitelist for model in models.values() if model.whitelist):
        unmatched = sorted(read_whitelist(path) - columns)
        for name in unmatched:
            left_out.add("whitelist name", name, "no feature of the cohort has this name", of=path)
        if unmatched:
            log.warning("%s: %d names match no feature: %s", path, len(unmatched), ", ".join(unmatched[:5]))


def _selection_steps(settings: dict, covariates: int, categories: int) -> list[tuple]:
    adjusters = {"regression": ConfounderRegression, "combat": ComBat}
    steps = [("impute", MedianImputer(settings["abnormal_z"], exempt=categories))]
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
        design = design_matrix(cohort, model, settings).columns
        others = {*model.demographics, *count_covariates(list(design), settings)[0]}
        own = [column for column in design if column not in others]
        regions = len(model.regions) if model.best_region else 1
        counts[name] = len(own) // regions
    return counts
