"""What a run knows of itself, in words: for the README, the list of departures and the checklist."""

from __future__ import annotations

import pandas as pd

from chiomics.core.provenance import find_version
from chiomics.diagnosis.cohort import OFTEN, often_missing, radiomic_columns
from chiomics.diagnosis.models import count_repeats

CLASSES = {"firstorder": "first order", "shape": "shape"}
#: Threshold rules of `chiomics.core.scores.thresholds` in words.
RULES = {
    "youden_training": "the largest Youden index on the training participants",
    "youden_pooled": "the largest Youden index on the reported scores themselves",
    "half": "a probability of one half",
}


def study_facts(cohort: pd.DataFrame, settings: dict, definition: dict, *, source: str) -> dict[str, str]:
    """Collect what the texts of ``published/departures.tsv`` and ``published/clear.tsv`` leave open.

    Parameters
    ----------
    cohort : pandas.DataFrame
        One row per session.
    settings : dict
        Keys of `diagnosis.settings.Settings`.
    definition : dict
        How the features are defined, of `model_file.read_definition`.
    source : str
        Where the cohort comes from, in words.

    Returns
    -------
    dict of str to str
        By the names that stand in braces there.
    """
    groups = list(settings["groups"])
    people = cohort.drop_duplicates("participant")
    nuclei = [name for name in settings["nuclei"] if radiomic_columns(cohort, name)]
    columns = [column for name in nuclei for column in radiomic_columns(cohort, name)]
    parts = [column.partition(".")[2].split("_") for column in columns]
    abnormal, levels = settings["abnormal_z"], definition["n_gray_levels"]
    site = settings["groups_column"]
    facts = {
        "version": find_version(),
        "source": f"Features of {source}",
        "groups": " and ".join(groups),
        "positive": settings["positive"],
        "negative": next(group for group in groups if group != settings["positive"]),
        "n_participants": len(people),
        "n_sessions": len(cohort),
        "sizes": ", ".join(f"{(people['group'] == group).sum()} {group}" for group in groups),
        "demographics": _words(settings["demographics"]) or "none",
        "confounders": _words([_words(names, " and ") for names in settings["confounders"]], "; ") or "nothing",
        "regions": _words(nuclei),
        "n_regions": len(nuclei),
        "n_features": len(columns) // max(len(nuclei), 1),
        "n_values": len(cohort) * len(columns),
        "n_missing": int(cohort[columns].isna().sum().sum()),
        "often_missing": _say_often(int(often_missing(cohort[columns].to_numpy()).sum())),
        "image_types": _words(dict.fromkeys(part[0] for part in parts)),
        "feature_classes": _words(dict.fromkeys(CLASSES.get(part[1], part[1].upper()) for part in parts)),
        "hemisphere": {"LR": "both as one"}.get(settings["hemisphere"], settings["hemisphere"]),
        "preset": settings["preset"],
        "inversion": definition["inversion"] or "not told by the features",
        "echo_set": settings["echo_set"],
        "discretisation": f"{levels:g} grey levels" if levels else f"bins of {definition['bin_width']}",
        "abnormal": "" if abnormal is None else f", or more than {abnormal:g} SD from the mean",
        "abnormal_rule": "values that are not finite" if abnormal is None else f"more than {abnormal:g} SD away",
        "repeats": count_repeats(settings, "nested"),
        "leave_out": f", one {site} left out at a time" if site else "",
        "adjust": f"{settings['adjust']} for {_words(settings['adjust_for'])}" if settings["adjust"] else "none",
        "estimator": settings["estimator"].replace("_", " "),
        "confidence": f"{settings['confidence']:.0%}",
        "published_rule": RULES[settings["threshold_rule"]["as_published"]],
        "nested_rule": RULES[settings["threshold_rule"]["nested"]],
    }
    plain = ("folds", "seed", "bootstraps", "permutations", "hybrid_nucleus")
    plain += ("p_threshold", "normality_threshold", "rho_cutoff")
    return {name: str(value) for name, value in (facts | {key: settings[key] for key in plain}).items()}


def _say_often(number: int) -> str:
    said = f" {number} features lack in {OFTEN:.0%} of the sessions or more: where they lack may tell the groups apart."
    return said if number else ""


def _words(names: object, joint: str = ", ") -> str:
    return joint.join(str(name).replace("_", " ") for name in names)
