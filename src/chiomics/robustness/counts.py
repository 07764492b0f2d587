"""How many features are robust: by region, class and threshold, and at which grey level most are.

The study counts features whose coefficient exceeds a threshold and takes the grey level with most of them as optimal
(Fiscone et al. 2023, Fig. 2). Shape does not change with the reconstruction, so its features are robust by
construction: they are counted apart. Bands are percentiles of the same counts in bootstrap draws of the participants,
and a grey level's share is the part of the draws in which it has the most robust features. The coarser one wins a tie.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError
from chiomics.robustness.analysis import Analysis, sides_of
from chiomics.robustness.bootstrap import percentile_interval
from chiomics.robustness.settings import Settings
from chiomics.robustness.tables import ALL, TRACTS

SHAPE = "shape"
SETTING = ["preset", "n_gray_levels", "bin_width"]


def count_robust(analysis: Analysis, perturbation: str, settings: Settings) -> pd.DataFrame:
    """Count robust features.

    Parameters
    ----------
    analysis : Analysis
        Of one axis.
    perturbation : str
        The axis' name.
    settings : Settings
        With the thresholds, and the region that is no tract.

    Returns
    -------
    pandas.DataFrame
        The table ``counts.tsv``.
    """
    rows = []
    shape = [name == SHAPE for name in analysis.classes]
    choices = [(name, [name == one for one in analysis.classes]) for name in analysis.classes]
    choices.append((ALL, [not one for one in shape]))
    for cohort, robust in analysis.robust.items():
        drawn = analysis.drawn[cohort]
        for setting, sides, voi, hemisphere, chosen in _groups(analysis, settings):
            here, samples = robust[chosen].sum(axis=0), drawn[:, chosen].sum(axis=1)
            number = analysis.n_features[cohort][chosen].sum(axis=0)
            for feature_class, members in choices:
                found, of_draws = here[members].sum(axis=0), samples[:, members].sum(axis=1)
                low, high = percentile_interval(of_draws)
                total = int(number[members].sum())
                if not total:
                    continue
                whole = feature_class == ALL
                for k, threshold in enumerate(settings.thresholds):
                    rows.append(
                        {
                            "cohort": cohort, "sides": sides, "perturbation": perturbation, **setting, "voi": voi,
                            "hemisphere": hemisphere, "feature_class": feature_class, "threshold": threshold,
                            "n_robust": int(found[k]), "low": _whole(low[k]), "high": _whole(high[k]),
                            "bootstrap_mean": round(_mean(of_draws[:, k]), 3), "n_features": total,
                            "percent": round(100 * found[k] / total, 3),
                            "n_robust_with_shape": int(found[k] + here[shape, k].sum()) if whole else pd.NA,
                            "n_features_with_shape": total + int(number[shape].sum()) if whole else pd.NA,
                        }
                    )  # fmt: skip
    if not rows:
        raise InputError("no feature but shape has a coefficient", found=perturbation, expected="values that vary")
    whole = ("low", "high", "n_robust_with_shape", "n_features_with_shape")
    return pd.DataFrame(rows).astype(dict.fromkeys(whole, "Int64"))


def optimal_setting(analysis: Analysis, perturbation: str, settings: Settings) -> pd.DataFrame:
    """Find the grey-level setting with most robust features, and how sure that is.

    Parameters
    ----------
    analysis, perturbation, settings
        As for `count_robust`.

    Returns
    -------
    pandas.DataFrame
        The table ``optimal_gray_level.tsv``.
    """
    rows = []
    counted = [name != SHAPE for name in analysis.classes]
    sides = sides_of(analysis.blocks["hemisphere"])
    for cohort, robust in analysis.robust.items():
        drawn = analysis.drawn[cohort]
        for preset in analysis.blocks["preset"].unique():
            for side in dict.fromkeys(sides):
                here = (analysis.blocks["preset"] == preset).to_numpy() & (sides == side)
                candidates = _coarsest_first(analysis.blocks.loc[here])
                chosen = [here & _is(analysis.blocks, setting) for setting in candidates]
                found = np.stack([robust[one][:, counted].sum(axis=(0, 1)) for one in chosen])
                samples = np.stack([drawn[:, one][:, :, counted].sum(axis=(1, 2)) for one in chosen])
                best, best_drawn = found.argmax(axis=0), samples.argmax(axis=0)
                low, high = percentile_interval(np.moveaxis(samples, 0, 1))
                for k, threshold in enumerate(settings.thresholds):
                    for number, setting in enumerate(candidates):
                        rows.append(
                            {
                                "cohort": cohort, "sides": side, "perturbation": perturbation, **setting,
                                "threshold": threshold, "n_robust": int(found[number, k]),
                                "low": _whole(low[number, k]), "high": _whole(high[number, k]),
                                "optimal": bool(best[k] == number),
                                "bootstrap_share": round(_mean(best_drawn[:, k] == number), 4),
                            }
                        )  # fmt: skip
    return pd.DataFrame(rows).astype({"low": "Int64", "high": "Int64"})


def reported_setting(optimal: pd.DataFrame, settings: Settings) -> dict[str, float | str]:
    """Choose the grey-level setting at which regions are compared.

    Parameters
    ----------
    optimal : pandas.DataFrame
        The table ``optimal_gray_level.tsv``; its first axis decides.
    settings : Settings
        A grey level, or the optimal one of the whole cohort at the threshold.

    Returns
    -------
    dict
        preset, n_gray_levels and bin_width.

    Raises
    ------
    InputError
        Where the chosen grey level is not in the table.
    """
    first = optimal.iloc[0]
    here = optimal[
        (optimal["cohort"] == ALL)
        & (optimal["perturbation"] == first["perturbation"])
        & (optimal["preset"] == settings.presets[0])
        & np.isclose(optimal["threshold"], settings.threshold)
    ]
    here = here[here["sides"] == ("merged" if "merged" in set(here["sides"]) else "separate")]
    chosen = here[here["optimal"] if settings.gray_level == "optimal" else here["n_gray_levels"] == settings.gray_level]
    if chosen.empty:
        found = ", ".join(f"{level:g}" for level in here["n_gray_levels"])
        raise InputError("no features at this grey level", found=found, expected=str(settings.gray_level))
    return chosen.iloc[0][SETTING].to_dict()


def _groups(analysis: Analysis, settings: Settings) -> Iterator[tuple[dict, str, str, str, np.ndarray]]:
    """Yield setting, treatment of the sides, region and hemisphere of every sum, and the blocks in it."""
    blocks = analysis.blocks
    sides = sides_of(blocks["hemisphere"])
    voi, hemisphere = blocks["voi"].to_numpy(str), blocks["hemisphere"].to_numpy(str)
    for setting in _coarsest_first(blocks):
        at_setting = _is(blocks, setting)
        for side in dict.fromkeys(sides):
            here = at_setting & (sides == side)
            places = [(ALL, here), (TRACTS, here & (voi != settings.whole))]
            places += [(name, here & (voi == name)) for name in dict.fromkeys(voi[here])]
            for name, chosen in places:
                if side == "separate":
                    for one in dict.fromkeys(hemisphere[chosen]):
                        yield setting, side, name, one, chosen & (hemisphere == one)
                if chosen.any():
                    yield setting, side, name, ALL, chosen


def _whole(value: float) -> object:
    return pd.NA if np.isnan(value) else int(value)


def _mean(drawn: np.ndarray) -> float:
    return float(drawn.mean()) if len(drawn) else np.nan


def _coarsest_first(blocks: pd.DataFrame) -> list[dict]:
    settings = blocks[SETTING].drop_duplicates()
    settings = settings.assign(negative=-settings["bin_width"]).sort_values(["preset", "n_gray_levels", "negative"])
    return settings[SETTING].to_dict("records")


def _is(blocks: pd.DataFrame, setting: dict) -> np.ndarray:
    same = [(blocks[name] == value) | (blocks[name].isna() & pd.isna(value)) for name, value in setting.items()]
    return np.logical_and.reduce(same)
