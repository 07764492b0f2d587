"""Age, sex, disease duration and EDSS of simulated subjects, as published (`demographics.yaml`)."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml

GROUPS = ("HC", "MS", "NMOSD")
#: Minimum age in years at onset.
ONSET_AGE = 8


def draw_participant(rng: np.random.Generator, group: str, study: str) -> dict:
    """Draw one participant.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the draw.
    group : {"HC", "MS", "NMOSD"}
        Group.
    study : str
        Key of ``demographics.yaml``.

    Returns
    -------
    dict
        ``group``, ``age`` (years, one decimal), ``sex`` (F or M), ``disease_duration`` (years) and ``edss``; the last
        two are None for controls.
    """
    row = _demographics()[study][group]
    females, everyone = row["female"]
    age = round(draw_value(rng, row["age"]), 1)
    sex = "F" if rng.random() < females / everyone else "M"
    duration = edss = None
    if "edss" in row:
        while duration is None or duration > age - ONSET_AGE:
            duration = round(draw_value(rng, row["disease_duration"]), 1)
        edss = draw_value(rng, row["edss"])
    return {"group": group, "age": age, "sex": sex, "disease_duration": duration, "edss": edss}


def draw_value(rng: np.random.Generator, distribution: dict) -> float:
    """Draw from one of the distributions that ``demographics.yaml`` may name."""
    low, high = distribution.get("min", 0), distribution.get("max", math.inf)
    while True:
        if "normal" in distribution:
            value = rng.normal(*distribution["normal"])
        elif "gamma" in distribution:
            mean, sd = distribution["gamma"]
            value = rng.gamma((mean / sd) ** 2, sd**2 / mean)
        elif "lognormal_quartiles" in distribution:
            first, median, third = distribution["lognormal_quartiles"]
            value = rng.lognormal(math.log(median), (math.log(third) - math.log(first)) / 1.349)
        else:
            value = float(np.interp(rng.random(), [0, 0.25, 0.5, 0.75, 1], distribution["quartiles"]))
        if low <= value <= high:
            break
    step = distribution.get("step")
    return round(value / step) * step if step else value


def known_demographics() -> list[tuple[str, str]]:
    """List the pairs of study and group that can be drawn."""
    return [(study, group) for study, groups in _demographics().items() for group in groups]


def age_moments(study: str, group: str) -> tuple[float, float]:
    """Return mean and standard deviation of the age in years as it is drawn, truncation included."""
    row = _demographics()[study][group]["age"]
    mean, sd = row["normal"]
    ages = np.linspace(row["min"], row["max"], 2001)
    density = np.exp(-0.5 * ((ages - mean) / sd) ** 2)
    density /= density.sum()
    drawn = float(density @ ages)
    return drawn, math.sqrt(float(density @ (ages - drawn) ** 2))


@lru_cache(maxsize=1)
def _demographics() -> dict:
    text = (Path(__file__).parent / "demographics.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
