"""Simulated cohorts in the form of the stage's own table, for tests."""

from __future__ import annotations

import numpy as np
import pandas as pd

from chiomics.phantom.features import simulate_features


def simulated_cohort(
    seed: int, *, sizes: tuple[int, int] = (47, 36), effects: dict | None = None, regions: tuple[str, ...] = ("DN",)
) -> pd.DataFrame:
    """Make MS and NMOSD subjects with the features of some nuclei; effects are the generator's own unless given."""
    recipe = {"groups": {"MS": sizes[0], "NMOSD": sizes[1]}, "seed": seed}
    if effects is not None:
        recipe["effects"] = effects
    return as_cohort(simulate_features(recipe), regions)


def as_cohort(wide: pd.DataFrame, regions: tuple[str, ...]) -> pd.DataFrame:
    """Return the generator's table the columns of the stage's own, with the features of some nuclei."""
    features = [
        name for name in wide if name.partition(".")[0] in regions and "." in name and not name.endswith("_score")
    ]
    cohort = pd.DataFrame(
        {"participant": wide["participant_id"], "session": "", "run": "", "group": wide["group"]}
        | {name: pd.to_numeric(wide[name]) for name in ("age", "disease_duration", "edss")}
        | {"sex": (wide["sex"] == "M").astype(float)}
    )
    return pd.concat([cohort, wide[features].astype(float)], axis=1)


def tidy_features(cohort: pd.DataFrame, **columns: object) -> pd.DataFrame:
    """Turn such a cohort into the rows that the radiomics stage writes, text as text."""
    identity = cohort[["participant", "session", "run", "group", "age", "sex", "disease_duration", "edss"]].copy()
    identity["sex"] = np.where(identity["sex"] == 1, "M", "F")
    for name in ("age", "disease_duration", "edss"):
        identity[name] = identity[name].map(str)
    parts = []
    for name in cohort.columns[8:]:
        region, _, feature = name.partition(".")
        image, kind, member = feature.split("_")
        place = {
            "voi": region, "hemisphere": "LR", "echo_set": "all", "inversion": "star", "preset": "yan874",
            "n_gray_levels": 32, "bin_width": np.nan, "image_type": image, "feature_class": kind, "feature": member,
        }  # fmt: skip
        parts.append(identity.assign(**(place | columns), value=cohort[name].to_numpy(), reason=""))
    return pd.concat(parts, ignore_index=True)
