"""Feature tables of a simulated cohort without images, for tests of the statistics: N subjects in seconds.

Features of a nucleus share latent scores: susceptibility (which the group's `mean_d` shifts), texture (`texture_d`)
and a few nuisance scores. A feature is λ · score + sqrt(1 − λ²) · noise, so it has unit variance within a group and
Cohen's d λ · d between groups; the best a classifier can reach from the scores themselves is Φ(d/√2).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from chiomics.phantom.head.nuclei import NUCLEI
from chiomics.phantom.recipe import list_sessions, load_recipe

#: Features of pyradiomics 3.0.1 by class: the 86 per filtered image of Yan et al. (2021), and the shape features.
CLASSES = {
    "firstorder": "10Percentile 90Percentile Energy Entropy InterquartileRange Kurtosis Maximum MeanAbsoluteDeviation "
    "Mean Median Minimum Range RobustMeanAbsoluteDeviation RootMeanSquared Skewness TotalEnergy Uniformity Variance",
    "glcm": "Autocorrelation ClusterProminence ClusterShade ClusterTendency Contrast Correlation DifferenceAverage "
    "DifferenceEntropy DifferenceVariance Id Idm Idmn Idn Imc1 Imc2 InverseVariance JointAverage JointEnergy "
    "JointEntropy MaximumProbability SumEntropy SumSquares",
    "glrlm": "GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance HighGrayLevelRunEmphasis "
    "LongRunEmphasis LongRunHighGrayLevelEmphasis LongRunLowGrayLevelEmphasis LowGrayLevelRunEmphasis RunEntropy "
    "RunLengthNonUniformity RunLengthNonUniformityNormalized RunPercentage RunVariance ShortRunEmphasis "
    "ShortRunHighGrayLevelEmphasis ShortRunLowGrayLevelEmphasis",
    "glszm": "GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance HighGrayLevelZoneEmphasis "
    "LargeAreaEmphasis LargeAreaHighGrayLevelEmphasis LargeAreaLowGrayLevelEmphasis LowGrayLevelZoneEmphasis "
    "SizeZoneNonUniformity SizeZoneNonUniformityNormalized SmallAreaEmphasis SmallAreaHighGrayLevelEmphasis "
    "SmallAreaLowGrayLevelEmphasis ZoneEntropy ZonePercentage ZoneVariance",
    "gldm": "DependenceEntropy DependenceNonUniformity DependenceNonUniformityNormalized DependenceVariance "
    "GrayLevelNonUniformity GrayLevelVariance HighGrayLevelEmphasis LargeDependenceEmphasis "
    "LargeDependenceHighGrayLevelEmphasis LargeDependenceLowGrayLevelEmphasis LowGrayLevelEmphasis "
    "SmallDependenceEmphasis SmallDependenceHighGrayLevelEmphasis SmallDependenceLowGrayLevelEmphasis",
}
SHAPE = (
    "Elongation Flatness LeastAxisLength MajorAxisLength Maximum2DDiameterColumn Maximum2DDiameterRow "
    "Maximum2DDiameterSlice Maximum3DDiameter MeshVolume MinorAxisLength Sphericity SurfaceArea SurfaceVolumeRatio "
    "VoxelVolume"
)
IMAGES = ("original", "log-sigma-1-0-mm-3D", *(f"wavelet-{a}{b}{c}" for a in "LH" for b in "LH" for c in "LH"))
#: First-order features of the unfiltered and low-pass image that follow the mean susceptibility.
FOLLOW_MEAN = ("10Percentile", "90Percentile", "Maximum", "Mean", "Median", "Minimum", "RootMeanSquared")
NUISANCE_SCORES = 12


def feature_names() -> list[str]:
    """List the 874 feature names of one region, in pyradiomics' own spelling."""
    names = [f"original_shape_{name}" for name in SHAPE.split()]
    return names + [
        f"{image}_{kind}_{name}" for image in IMAGES for kind, members in CLASSES.items() for name in members.split()
    ]


def simulate_features(recipe: dict | None = None, *, loading: float = 0.8) -> pd.DataFrame:
    """Make the feature table of a recipe's cohort.

    Parameters
    ----------
    recipe : dict, optional
        As `load_recipe` takes it; groups, demographics, effects and seed are used.
    loading : float
        λ of the features that carry an effect; 1 makes them the latent score itself.

    Returns
    -------
    pandas.DataFrame
        One row per subject: the columns of ``participants.tsv``, the true scores ``<nucleus>.mean_score`` and
        ``<nucleus>.texture_score``, and ``<nucleus>.<feature>`` for the seven nuclei, float32.
    """
    recipe = load_recipe(recipe)
    participants = pd.DataFrame([session.participant for session in list_sessions(recipe)])
    groups, count = participants["group"].to_numpy(), len(participants)
    names = feature_names()
    follows = [_score_of(name) for name in names]
    columns: dict[str, np.ndarray] = {}
    for position, nucleus in enumerate(NUCLEI):
        rng = np.random.default_rng(np.random.SeedSequence([recipe["seed"], 7, position]))
        effects = {group: recipe["effects"].get(group, {}).get(nucleus, {}) for group in recipe["groups"]}
        scores = {"nuisance": rng.standard_normal((count, NUISANCE_SCORES), dtype=np.float32)}
        for score, key in (("mean", "mean_d"), ("texture", "texture_d")):
            shift = np.array([effects[group].get(key, 0.0) for group in groups])
            scores[score] = (rng.standard_normal(count) + shift).astype(np.float32)
            columns[f"{nucleus}.{score}_score"] = scores[score]
        noise = rng.standard_normal((len(names), count), dtype=np.float32)
        which = rng.integers(NUISANCE_SCORES, size=len(names))
        signs = rng.choice(np.array([-1, 1], np.float32), len(names))
        for number, (name, score) in enumerate(zip(names, follows, strict=True)):
            latent = scores["nuisance"][:, which[number]] if score == "nuisance" else scores[score]
            own = np.float32(loading) * latent + np.float32(np.sqrt(1 - loading**2)) * noise[number]
            columns[f"{nucleus}.{name}"] = own if score == "mean" else signs[number] * own
    return pd.concat([participants, pd.DataFrame(columns)], axis=1)


def simulate_repeats(rng: np.random.Generator, *, subjects: int, repeats: int, features: int, icc: float) -> np.ndarray:
    """Draw repeated measurements whose intraclass correlation is known.

    A measurement is sqrt(ICC) · subject + sqrt(1 − ICC) · error with standard normal subject and error, so that the
    population values of ICC(1,1), ICC(A,1) and ICC(C,1) all equal `icc`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the draw.
    subjects, repeats, features : int
        Size of the table.
    icc : float
        0 to 1.

    Returns
    -------
    ndarray, shape (subjects, repeats, features)
        Measurements.
    """
    between = rng.standard_normal((subjects, 1, features))
    within = rng.standard_normal((subjects, repeats, features))
    return np.sqrt(icc) * between + np.sqrt(1 - icc) * within


def _score_of(name: str) -> str:
    """Tell which latent score a feature follows; shape and half of the filtered images follow nuisance."""
    image, kind, member = name.split("_")
    if kind == "shape":
        return "nuisance"
    if kind == "firstorder" and member in FOLLOW_MEAN:
        return "mean" if image in ("original", "wavelet-LLL") else "nuisance"
    return "texture" if image in ("original", "log-sigma-1-0-mm-3D", "wavelet-LLL", "wavelet-HHH") else "nuisance"
