"""All trainings of a study together: the tidy tables that the papers' own tables and figures are made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.baselines import score_baselines
from chiomics.flair.study.confounders import calibration, table_of_confounders
from chiomics.flair.study.performance import (
    KEYS,
    METRICS,
    average_models,
    case_errors,
    compare_arms,
    intervals_of_draws,
    score_sessions,
    summarise,
    swap_classes,
)
from chiomics.flair.study.scanner_effects import table_of_scanners
from chiomics.flair.study.splits import size_of_test
from chiomics.flair.study.trainings import SCANNER_OUT, main_arm


def fair_rows(predictions: pd.DataFrame, study: str, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Choose the predictions that estimate performance: true labels, and nothing selected on what is tested."""
    scheme, epoch = ("nested", "best") if study == "wang2020" else ("as_published", "last")
    own = predictions[(predictions["labels"] == 0) & (predictions["scheme"] == scheme)]
    numbers = own["input"] == "numbers"
    rate = settings["decays"][0] if study == "wang2020" else 1.0
    main = (own["input"] == settings["input"]) & (own["epoch"] == epoch) & (own["decay"] == rate)
    return own[numbers | main]


def fair_performance(performance: pd.DataFrame, study: str, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Choose the rows of ``performance`` that estimate the AUC: one per arm."""
    return fair_rows(performance[performance["metric"] == "auc"], study, settings)


def summarise_study(
    prepared: Prepared,
    predictions: pd.DataFrame,
    study: str,
    settings: Mapping[str, Any],
    *,
    matched: Prepared | None,
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Work out every table of a study.

    Parameters
    ----------
    prepared : Prepared
        The cohort.
    predictions : pandas.DataFrame
        Of all trainings.
    study : {"wang2020", "seok2023"}
        Whose.
    settings : mapping
        Of the paper.
    matched : Prepared or None
        Simulated heads whose groups have equal lesion load.

    Returns
    -------
    predictions : pandas.DataFrame
        With those of the baselines; test draws averaged over their models.
    tables : dict of str to pandas.DataFrame
        ``performance``, ``comparisons``, ``draws``, ``case_errors``, ``confounders``, ``calibration``, ``matched``.
    """
    seed, draws = settings["seed"], settings["bootstraps"]
    baselines = score_baselines(prepared, settings, study, permutations=settings["baseline_permutations"])
    scanner_out = predictions[predictions["scheme"] == SCANNER_OUT]
    predictions = predictions[predictions["scheme"] != SCANNER_OUT]
    if study == "seok2023":
        predictions = average_models(predictions)
    together = pd.concat([predictions, baselines], ignore_index=True)
    fair = fair_rows(together, study, settings)
    own = fair[fair["arm"] == main_arm(study)]
    mean = own.groupby(["participant", "session", "y"], as_index=False)["p"].mean()
    truly = together["labels"] == 0
    summary = summarise(together[truly], draws=draws, seed=seed)
    permuted = summarise_permuted(together[~truly])
    tables = {
        "performance": pd.concat([summary, permuted], ignore_index=True),
        "comparisons": compare_all(fair),
        "draws": describe_draws(fair, prepared, settings) if study == "seok2023" else pd.DataFrame(columns=["arm"]),
        "case_errors": case_errors(own, prepared.table),
        "confounders": pd.concat(
            [
                table_of_confounders(mean, prepared.table, draws=draws, seed=seed),
                table_of_scanners(prepared, scanner_out, study, settings),
            ],
            ignore_index=True,
        ),
        "calibration": pd.concat(
            [
                calibration(part.groupby(["participant", "session", "y"], as_index=False)["p"].mean()).assign(arm=arm)
                for arm, part in fair.groupby("arm", sort=False)
            ],
            ignore_index=True,
        ),
        "matched": score_matched(matched, settings, study),
    }
    return together, tables


def summarise_permuted(predictions: pd.DataFrame) -> pd.DataFrame:
    """Summarise what permuted labels give: mean, and range over permutations, of the pooled AUC and accuracy."""
    rows = []
    by = [key for key in KEYS if key != "labels"]
    for key, part in predictions.groupby(by, sort=False):
        scores = pd.DataFrame([score_sessions(one["y"], one["p"]) for _, one in part.groupby(["labels", "repeat"])])
        for metric in ("auc", "accuracy"):
            values = scores[metric].dropna()
            rows.append(
                dict(zip(by, key, strict=True))
                | {
                    "labels": -1,
                    "metric": metric,
                    "pooled": values.mean(),
                    "pooled_sd": values.std(ddof=1) if len(values) > 1 else float("nan"),
                    "low": values.quantile(0.025),
                    "high": values.quantile(0.975),
                    "n_repeats": len(values),
                }
            )
    return pd.DataFrame(rows)


def compare_all(fair: pd.DataFrame) -> pd.DataFrame:
    """Test every pair of arms over the same folds, by accuracy and by AUC."""
    arms, rows = list(dict.fromkeys(fair["arm"])), []
    for number, first in enumerate(arms):
        for second in arms[number + 1 :]:
            for metric in ("accuracy", "auc"):
                pair = [fair[fair["arm"] == arm] for arm in (first, second)]
                rows.append({"first": first, "second": second, "metric": metric} | compare_arms(*pair, metric=metric))
    return pd.DataFrame(rows)


def describe_draws(fair: pd.DataFrame, prepared: Prepared, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Return mean and intervals over the test draws of Seok et al. 2023, for both choices of the positive class.

    PPV and NPV come as the mean of each draw's ratio, as in the paper, and as the ratio of the means
    (``ppv_of_means``), with as many patients of each class.
    """
    y = (prepared.table["group"] == settings["positive"]).to_numpy().astype(int)
    participants = prepared.table["participant"].to_numpy()
    n_test = 2 * size_of_test(y, participants, per_class=settings["test_per_class"])
    rows = []
    other = next(group for group in settings["groups"] if group != settings["positive"])
    for arm, part in fair.groupby("arm", sort=False):
        draws = [score_sessions(own["y"], own["p"]) for _, own in part.groupby("repeat")]
        for positive, scores in ((settings["positive"], draws), (other, [swap_classes(one) for one in draws])):
            means = pd.DataFrame(scores).mean()
            for metric in [name for name in METRICS if name in means.index]:
                row = {"arm": arm, "positive": positive, "metric": metric, "n_draws": len(draws)}
                values = [one[metric] for one in scores]
                rows.append(row | intervals_of_draws(values, n_test=n_test, n_train=len(y) - n_test))
            hits = {"ppv": (means["sensitivity"], 1 - means["specificity"])}
            hits["npv"] = (means["specificity"], 1 - means["sensitivity"])
            for metric, (right, wrong) in hits.items():
                row = {"arm": arm, "positive": positive, "metric": f"{metric}_of_means", "n_draws": len(draws)}
                rows.append(row | {"mean": right / (right + wrong) if right + wrong else float("nan")})
    return pd.DataFrame(rows)


def score_matched(matched: Prepared | None, settings: Mapping[str, Any], study: str) -> pd.DataFrame:
    """Score the baselines where the groups have equal lesion load and sites alone differ."""
    if matched is None:
        return pd.DataFrame(columns=["arm", "auc"])
    few = dict(settings) | {"repeats": min(settings.get("repeats", 3), 3), "tests": min(settings.get("tests", 10), 10)}
    found = score_baselines(matched, few, study, permutations=0)
    summary = summarise(found, draws=settings["bootstraps"], seed=settings["seed"])
    summary = summary[summary["metric"] == "auc"].rename(columns={"pooled": "auc"})
    return summary[["arm", "auc", "low", "high", "n_sessions", "n_repeats"]]
