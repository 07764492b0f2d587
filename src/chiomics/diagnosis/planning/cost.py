"""About how long a study takes, said before it starts.

Nearly all of it goes to the stepwise selections. Their cost was measured on one core of a shared two-core machine, of
300 to 2,000 subjects with 100 to 874 features that are independent and all carry an effect (docs/diagnosis.md):
the model is no less than any of those, up to seven times as much. None of them took more than 2 √subjects steps. Where
many features carry strong effects a selection without limit goes on until the groups are told apart: 175 steps of 1,000
subjects with 300 features at most, so that `SEPARATED` subjects a step is what is said as the upper end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from math import sqrt

from chiomics.diagnosis.models import complete_settings, count_repeats, list_models

#: CPU seconds per subject and feature of the filters; per subject, candidate and step of a selection that fits all
#: candidates, and of one with `screen`; per subject and square of steps, with `screen`; per step of any.
FILTERS, FITTED, SCREENED, DROPPED, STEP = 3e-7, 2e-7, 1e-8, 1e-7, 1e-3
#: Subjects for each step of a selection that ends because the groups are told apart.
SEPARATED = 5
#: What makes a study shorter, the first first.
LESS = {"max_features": 20, "screen": 5, "permutations": 50, "repeats": 5}
#: Studies below are not worth a word.
WORTH_SAYING_HOURS = 0.5


def selection_seconds(subjects: int, features: int, settings: Mapping, *, strong: bool = False) -> float:
    """Estimate, generously, the CPU seconds of one fit of the recipe in which all features pass the filters.

    Parameters
    ----------
    subjects, features : int
        Rows and columns.
    settings : mapping
        Keys of `diagnosis.settings.Settings`.
    strong : bool
        Whether many features carry a strong effect.

    Returns
    -------
    float
        Seconds.
    """
    likely = subjects / SEPARATED if strong else 2 * sqrt(subjects)
    steps = min(settings["max_features"] or features, features, max(likely, 2 * sqrt(subjects)))
    if settings["screen"]:
        return steps * STEP + subjects * (features * steps * SCREENED + steps**2 * DROPPED)
    return steps * STEP + subjects * features * steps * (1 + steps / 60) * FITTED


def max_hours(subjects: int, features: int, settings: Mapping, *, strong: bool = False) -> float:
    """Estimate, generously, the CPU hours of all evaluations and permutations of a study.

    Parameters
    ----------
    subjects : int
        Sessions of both groups.
    features : int
        Radiomic features of one region.
    settings : mapping
        What lies below ``papers.yan2021`` in the configuration.
    strong : bool
        Whether many features carry a strong effect.

    Returns
    -------
    float
        Hours of one core, where every feature of every region carries an effect.
    """
    settings = complete_settings(dict(settings))
    filters = subjects * features * FILTERS
    with_effect = filters + selection_seconds(subjects, features, settings, strong=strong)
    # Of permuted labels the univariate filter leaves its error rate.
    passing = max(1, round(settings["p_threshold"] * features))
    permuted = filters + selection_seconds(subjects, passing, settings)
    seconds = 0.0
    for model in list_models(settings).values():
        fits = 1 + count_repeats(settings, "nested") * settings["folds"]
        permutations = settings["permutations"] * (1 + settings["folds"]) if model.main else 0
        seconds += len(model.regions) * (fits * with_effect + permutations * permuted)
    return seconds / 3600


def noise_hours(subjects: int, features: int, settings: Mapping) -> float:
    """Estimate the CPU hours of a study whose features tell next to nothing; parameters as `max_hours`.

    The univariate filter leaves its error rate of them, of which every other one is taken at most.
    """
    settings = complete_settings(dict(settings))
    passing = max(2, round(settings["p_threshold"] * features))
    few = {**settings, "max_features": min(settings["max_features"] or passing, passing // 2)}
    fit = subjects * features * FILTERS + selection_seconds(subjects, passing, few)
    fits = 0
    for model in list_models(settings).values():
        permutations = settings["permutations"] * (1 + settings["folds"]) if model.main else 0
        fits += len(model.regions) * (1 + count_repeats(settings, "nested") * settings["folds"] + permutations)
    return fits * fit / 3600


def say_cost(subjects: int, features: int, settings: Mapping) -> str:
    """Say about how long a large study takes and what to set; nothing of a small one."""
    hours, most = (max_hours(subjects, features, settings, strong=strong) for strong in (False, True))
    if hours < WORTH_SAYING_HOURS:
        return ""
    noise = noise_hours(subjects, features, settings)
    said = (
        f"yan2021: {subjects} sessions with {features} features per region take some {noise:.1f} CPU hours where few "
    )
    said += f"features tell the groups apart, {hours:.1f} where all do a little"
    if most > 1.5 * hours:
        said += f", up to {most:.1f} where many features tell the groups well apart"
    singly = [{key: LESS[key]} for key in ("screen", "max_features") if not settings.get(key)]
    jointly = [
        step
        for size in range(1, len(LESS) + 1)
        if (step := _lowering(settings, list(LESS)[:size])) not in (*singly, {})
    ]
    hours_with = [(step, max_hours(subjects, features, {**settings, **step}, strong=True)) for step in singly]
    if all(with_it > 1 for _, with_it in hours_with):
        tried = ((step, max_hours(subjects, features, {**settings, **step}, strong=True)) for step in jointly)
        hours_with += list(islice((pair for pair in tried if pair[1] <= 1), 1))
    less = [f"{', '.join(f'{key}: {value}' for key, value in step.items())} {took:.1f}" for step, took in hours_with]
    return said + (f" (at most, below papers.yan2021, with {'; with '.join(less)})" if less else "")


def _lowering(settings: Mapping, keys: Sequence[str]) -> dict[str, int]:
    """Return those of the settings in `LESS` that ask for less than a study's own."""
    own = complete_settings(dict(settings))
    return {key: LESS[key] for key in keys if own[key] is None or own[key] > LESS[key]}
