"""The best AUC that a cohort's known effects allow, per nucleus and pair of groups.

Two normal groups of equal spread that differ by Cohen's d are told apart with AUC = Φ(d/√2). At equal age this holds
for the mean of a nucleus and for the logarithm of its texture's SD; the age dependence adds variance and, where
groups differ in age, a shift: `auc_mean_raw` has both.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from chiomics.phantom.demographics import age_moments
from chiomics.phantom.head import tissue


def oracle_auc(d: float) -> float:
    """Return Φ(d/√2), the AUC of a normal score with Cohen's d."""
    return 0.5 * (1 + math.erf(d / 2))


def oracle_table(recipe: dict) -> list[dict]:
    """List the effects of a recipe and what they allow.

    Parameters
    ----------
    recipe : dict
        Completed recipe.

    Returns
    -------
    list of dict
        One row per pair of groups and nucleus: ``mean_d`` and ``texture_d`` (first group minus second), their AUC at
        equal age, the AUC of both together, the AUC of the raw mean with its age dependence, method and support.
    """
    rows = []
    for first, second in combinations([group for group, count in recipe["groups"].items() if count], 2):
        for nucleus, label in tissue.NUCLEUS_LABELS.items():
            effects = [recipe["effects"].get(group, {}).get(nucleus, {}) for group in (first, second)]
            mean_d, texture_d = (effects[0].get(key, 0.0) - effects[1].get(key, 0.0) for key in ("mean_d", "texture_d"))
            support = "; ".join(
                f"{group}: {effect['support']}"
                for group, effect in zip((first, second), effects, strict=True)
                if effect
            )
            row = tissue.tissue_table()[label]
            rows.append(
                {
                    "group_1": first,
                    "group_2": second,
                    "nucleus": nucleus,
                    "mean_d": mean_d,
                    "texture_d": texture_d,
                    "auc_mean": oracle_auc(abs(mean_d)),
                    "auc_texture": oracle_auc(abs(texture_d)),
                    "auc_both": oracle_auc(float(np.hypot(mean_d, texture_d))),
                    "auc_mean_raw": _raw_auc(recipe, first, second, mean_d, row),
                    "kind": _kind(mean_d, texture_d),
                    "method": "Phi(d/sqrt 2) for two normal groups of equal spread",
                    "support": support or "no effect",
                }
            )
    return rows


def _kind(mean_d: float, texture_d: float) -> str:
    if mean_d and texture_d:
        return "mean and texture"
    return "mean" if mean_d else "texture" if texture_d else "null"


def _raw_auc(recipe: dict, first: str, second: str, mean_d: float, row: dict) -> float:
    """Take the age dependence into account: P(a > b) or P(a < b), whichever is larger, for two normals."""
    moments = [age_moments(recipe["demographics"][group], group) for group in (first, second)]
    sd, slope = row["chi_sd"], row["chi_age_slope"]
    shift = mean_d * sd + slope * (moments[0][0] - moments[1][0])
    spread = math.sqrt(2 * sd**2 + slope**2 * (moments[0][1] ** 2 + moments[1][1] ** 2))
    return oracle_auc(abs(shift) / spread * math.sqrt(2))
