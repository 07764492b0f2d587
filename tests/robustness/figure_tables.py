"""Result tables with made-up numbers, of the columns that the robustness stage writes, for tests of its figures."""

from __future__ import annotations

import numpy as np
import pandas as pd

from chiomics.radiomics.extraction import expected_features
from chiomics.radiomics.parameters import load_settings
from chiomics.robustness.fiscone2023.published_values import read_published
from chiomics.robustness.fiscone2023.volumes import BY_ANATOMY
from chiomics.robustness.tables import TABLES

PAPER_VOIS = ("AF", "CST", "FAT", "IFOF", "OR", "UF", "NAWM")
PAPER_LEVELS = (8, 16, 32, 64, 128, 256, 512)
THRESHOLDS = (0.85, 0.86, 0.87, 0.88, 0.89, 0.90)


def make_tables(
    vois=PAPER_VOIS, levels=PAPER_LEVELS, n_sessions=149, cohorts=("all", "patients", "controls"), sides=True, seed=0
):
    """Make the tables of a study: most features agree, fewer in NAWM and at few grey levels."""
    rng = np.random.default_rng(seed)
    features = [row[2:] for row in expected_features(load_settings("fiscone107", gray_levels=[8]))]
    icc = _coefficients(rng, features, vois, levels, cohorts, sides, n_sessions)
    tables = {"icc.parquet": icc, "counts.tsv": _counts(icc)}
    tables["optimal_gray_level.tsv"] = _optimal(tables["counts.tsv"])
    tables["sides.tsv"] = _sides(icc) if sides else pd.DataFrame(columns=TABLES["sides.tsv"])
    tables["distributions.parquet"] = _distributions(rng, vois, n_sessions)
    tables["volumes.tsv"] = _volumes(tables["distributions.parquet"], rng)
    tables["published.tsv"] = _published(tables, vois)
    return {name: frame[list(TABLES[name])].reset_index(drop=True) for name, frame in tables.items()}


def _coefficients(rng, features, vois, levels, cohorts, sides, n_sessions):
    own = {feature: rng.beta(9, 1) for feature in features}
    rows = []
    regions = [("merged", voi, "" if voi == "NAWM" else "LR") for voi in vois]
    if sides:
        regions += [("separate", voi, side) for voi in vois for side in "LR"]
    for cohort in cohorts:
        for level in levels:
            for side, voi, hemisphere in regions:
                drop = 0.06 * (voi == "NAWM") + 0.02 * abs(np.log2(level / 64)) + 0.02 * (side == "separate")
                for feature_class, feature in features:
                    value = own[feature_class, feature] - drop + 0.02 * rng.standard_normal()
                    value = 1.0 if feature_class == "shape" else min(value, 0.999)
                    rows.append(
                        {
                            "cohort": cohort, "sides": side, "perturbation": "echo_set", "preset": "fiscone107",
                            "n_gray_levels": level, "voi": voi, "hemisphere": hemisphere, "image_type": "original",
                            "feature_class": feature_class, "feature": feature, "n_raters": 4,
                            "n_sessions": n_sessions, "n_missing": 0, "icc": value, "icc_a1": value,
                            "robust": value > 0.85, "reason": "",
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=TABLES["icc.parquet"])


def _counts(icc):
    above = np.stack([icc["icc"] > threshold for threshold in THRESHOLDS], axis=1)
    keys = ["cohort", "sides", "perturbation", "preset", "n_gray_levels", "voi", "hemisphere", "feature_class"]
    by_class = pd.concat([icc[keys], pd.DataFrame(above)], axis=1).groupby(keys, sort=False)
    classes = by_class.sum().join(by_class.size().rename("n_features")).reset_index()
    real = classes[classes["feature_class"] != "shape"]
    parts = [classes, real.assign(feature_class="all")]
    for name, regions in (("all", real), ("tracts", real[real["voi"] != "NAWM"])):
        parts += [
            regions.assign(voi=name, hemisphere="all"),
            regions.assign(voi=name, hemisphere="all", feature_class="all"),
        ]
    wide = pd.concat(parts).groupby(keys, sort=False).sum().reset_index()
    counts = wide.melt(id_vars=[*keys, "n_features"], var_name="threshold", value_name="n_robust")
    counts["threshold"] = counts["threshold"].map(dict(enumerate(THRESHOLDS)))
    width = 0.6 * np.sqrt(counts["n_features"])
    counts["low"] = (counts["n_robust"] - width).clip(lower=0)
    counts["high"] = np.minimum(counts["n_robust"] + width, counts["n_features"])
    counts["bootstrap_mean"], counts["percent"] = counts["n_robust"], 100 * counts["n_robust"] / counts["n_features"]
    return counts.reindex(columns=TABLES["counts.tsv"])


def _optimal(counts):
    whole = counts[(counts["voi"] == "all") & (counts["feature_class"] == "all")].copy()
    keys = ["cohort", "sides", "threshold"]
    most = whole.groupby(keys)["n_robust"].transform("max")
    whole["optimal"] = whole["n_robust"].eq(most)
    whole["bootstrap_share"] = np.exp((whole["n_robust"] - most) / 8)
    whole["bootstrap_share"] /= whole.groupby(keys)["bootstrap_share"].transform("sum")
    return whole.reindex(columns=TABLES["optimal_gray_level.tsv"])


def _sides(icc):
    split = icc[(icc["sides"] == "separate") & (icc["feature_class"] != "shape")]
    keys = ["cohort", "perturbation", "preset", "n_gray_levels", "voi", "feature_class"]
    both = pd.concat([split, split.assign(feature_class="all")])
    groups = both.groupby([*keys, "hemisphere"], sort=False)
    wide = groups.agg(n=("icc", "size"), robust=("robust", "sum"), mean=("icc", "mean")).unstack().reset_index()
    wide.columns = ["_".join(filter(None, name)) for name in wide.columns]
    wide = wide.rename(
        columns={
            "n_L": "n_features", "robust_L": "n_robust_left", "robust_R": "n_robust_right",
            "mean_L": "mean_icc_left", "mean_R": "mean_icc_right",
        }
    )  # fmt: skip
    difference = wide["mean_icc_left"] - wide["mean_icc_right"]
    wide = wide.assign(
        mean_difference=difference, p_difference=0.4, margin=0.05, p_equivalence=0.01,
        bootstrap_low=difference - 0.01, bootstrap_high=difference + 0.01, equivalent=difference.abs() < 0.004,
    )  # fmt: skip
    return wide.reindex(columns=TABLES["sides.tsv"])


def _distributions(rng, vois, n_sessions):
    drawn = {
        "firstorder": ["InterquartileRange", "MeanAbsoluteDeviation", "Variance", "Entropy", "Uniformity"],
        "glcm": ["DifferenceEntropy", "MCC", "JointEntropy", "JointEnergy"],
        "glrlm": ["LongRunEmphasis", "RunPercentage", "GrayLevelNonUniformity"],
    }  # fmt: skip
    middle = {"Variance": 4e-4, "Entropy": 4.0, "Uniformity": 0.08}
    rows = [
        {
            "participant": f"sub-{k:03d}", "session": "", "run": "", "group": "MS" if k % 5 else "HC", "voi": voi,
            "hemisphere": "" if voi == "NAWM" else "LR", "n_gray_levels": 64, "feature_class": feature_class,
            "feature": feature,
            "value": middle.get(feature, 0.03) * (1 + 0.3 * place) * np.exp(0.15 * rng.standard_normal()),
        }
        for k in range(n_sessions)
        for place, voi in enumerate(vois)
        for feature_class, names in drawn.items()
        for feature in names
    ]  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=TABLES["distributions.parquet"])


def _volumes(distributions, rng):
    keys = ["participant", "session", "run", "group", "voi", "hemisphere"]
    volumes = distributions[keys].drop_duplicates().assign(brain_volume=1.2e6, adjusted_by=BY_ANATOMY)
    volumes["volume"] = 5000 * np.exp(0.15 * rng.standard_normal(len(volumes)))
    return volumes.assign(volume_adjusted=volumes["volume"]).reindex(columns=TABLES["volumes.tsv"])


def _published(tables, vois):
    counts, icc = tables["counts.tsv"], tables["icc.parquet"]
    level = 64 if 64 in set(icc["n_gray_levels"]) else icc["n_gray_levels"].iloc[0]
    at = {"cohort": "all", "sides": "merged", "n_gray_levels": level}
    counts = counts[(counts[list(at)] == pd.Series(at)).all(axis=1) & counts["threshold"].eq(0.85)]
    ours = counts.drop_duplicates(["voi", "feature_class"]).set_index(["voi", "feature_class"])
    rows = []
    for row in read_published("numbers").query("quantity == 'percent robust'").itertuples():
        found = ours.loc[row.voi, row.feature_class] if (row.voi, row.feature_class) in ours.index else None
        scale = 0 if found is None else 100 / found["n_features"]
        values = {} if found is None else {"ours": found["percent"], "low": found["low"] * scale,
                                           "high": found["high"] * scale}  # fmt: skip
        rows.append({"quantity": row.quantity, "voi": row.voi, "feature_class": row.feature_class, "feature": "all",
                     "published": row.value, **values})  # fmt: skip
    first = icc[(icc[list(at)] == pd.Series(at)).all(axis=1)].set_index(["feature_class", "feature", "voi"])["icc"]
    for row in read_published("table1").itertuples():
        rows.append({"quantity": "coefficient", "voi": row.voi, "feature_class": "firstorder", "feature": row.feature,
                     "published": row.icc, "ours": first.get(("firstorder", row.feature, row.voi))})  # fmt: skip
    frame = pd.DataFrame(rows).assign(n_gray_levels=level, threshold=0.85)
    frame["ours"] = pd.to_numeric(frame["ours"])
    return frame.assign(difference=frame["ours"] - frame["published"]).reindex(columns=TABLES["published.tsv"])
