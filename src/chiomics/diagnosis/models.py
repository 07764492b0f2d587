"""Which models are compared, and the recipe that each is fitted by (Yan et al. 2021, S-14 to S-19).

Radiomics alone: median imputation, standardisation, univariate filter, redundancy filter, stepwise AIC, logistic
regression. Demographics alone: imputation, standardisation, logistic regression. Hybrid: the features that survive the
radiomic recipe, and the demographic variables, in one logistic regression. Every step is learned from the subjects that
the pipeline is fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from chiomics.diagnosis.redundancy import RedundancyFilter
from chiomics.diagnosis.stepwise import StepwiseAIC
from chiomics.diagnosis.univariate import UnivariateFilter

DEMOGRAPHIC, HYBRID = "demographics", "hybrid"


@dataclass(frozen=True)
class Model:
    """One model of the comparison.

    Attributes
    ----------
    name : str
        Its name in every table.
    regions : tuple of str
        Regions whose features it may select from; empty for demographics alone.
    demographics : tuple of str
        Variables that enter it without selection.
    best_region : bool
        Select within the one region of least AIC on the training subjects.
    whitelist : str, optional
        TSV of the radiomic features it may select from.
    main : bool
        False for the models that only serve the analysis of confounding.
    """

    name: str
    regions: tuple[str, ...] = ()
    demographics: tuple[str, ...] = ()
    best_region: bool = False
    whitelist: str | None = None
    main: bool = True

    @property
    def kind(self) -> str:
        """``radiomic``, ``demographic`` or ``hybrid``."""
        return "hybrid" if self.regions and self.demographics else "radiomic" if self.regions else "demographic"


def list_models(settings: dict) -> dict[str, Model]:
    """List the models of the study: one per nucleus, demographics, hybrid, the user's own, and those of confounding.

    Parameters
    ----------
    settings : dict
        Keys of `contracts.DEFAULTS`.

    Returns
    -------
    dict of str to Model
        In the order of the tables.
    """
    nuclei, demographics = settings["nuclei"], tuple(settings["demographics"])
    models = [Model(name, (name,), whitelist=settings["whitelist"]) for name in nuclei]
    best = settings["hybrid_nucleus"] == "best"
    regions = tuple(nuclei) if best else (settings["hybrid_nucleus"],)
    if demographics:
        models.append(Model(DEMOGRAPHIC, (), demographics))
        models.append(Model(HYBRID, regions, demographics, best, settings["whitelist"]))
    for left_out in settings["confounders"] if demographics else ():
        absent = set(left_out) - set(demographics)
        if absent:
            raise SettingError("confounders that are not among the demographics", found=", ".join(sorted(absent)))
        kept = tuple(name for name in demographics if name not in left_out)
        suffix = "_without_" + "_".join(left_out)
        if kept:
            models.append(Model(DEMOGRAPHIC + suffix, (), kept, main=False))
        models.append(Model(HYBRID + suffix, regions, kept, best, settings["whitelist"], main=False))
    for name, parts in settings["models"].items():
        own = {key: tuple(parts.get(key, ())) for key in ("regions", "demographics")}
        models.append(Model(name, **own, whitelist=parts.get("whitelist", settings["whitelist"])))
    named = {model.name: model for model in models}
    if len(named) < len(models):
        raise SettingError("two models have the same name", found=", ".join(model.name for model in models))
    return named


def needed_regions(settings: dict) -> list[str]:
    """List the regions that any model reads."""
    return list(dict.fromkeys(region for model in list_models(settings).values() for region in model.regions))


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
            design[name] = pd.Categorical(design[name]).codes
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
        ("aic", StepwiseAIC(max_features=settings["max_features"])),
    ]


def _places(columns: list[str], wanted: list[str] | tuple[str, ...]) -> np.ndarray:
    place = {name: number for number, name in enumerate(columns)}
    return np.array([place[name] for name in wanted])
