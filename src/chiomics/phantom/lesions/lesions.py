"""White matter lesions of MS and NMOSD: how many, how large, where, of which kind.

Counts are a shifted negative binomial, diameters a truncated lognormal or those of patients' masks (`ms_lesions.tsv`,
with its source), sites are shares per disease (sources in `defaults.yaml`). A rim sits on a lesion that is large
enough, with a probability that makes the asked share of all lesions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from chiomics.core.errors import InputError
from chiomics.phantom.lesions.kinds import Appearance, draw_appearance

#: Quantiles of the diameters of lesions in patients' masks.
DIAMETERS = Path(__file__).with_name("ms_lesions.tsv")


@dataclass(frozen=True)
class Lesion:
    """A lesion before it is placed: diameter in mm, site, and how it looks."""

    diameter: float
    site: str
    appearance: Appearance = field(default_factory=Appearance)

    @property
    def rim(self) -> bool:
        """Whether it has a rim."""
        return self.appearance.kind == "rim"


def draw_lesions(rng: np.random.Generator, parameters: dict) -> list[Lesion]:
    """Draw a subject's lesions.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the draw.
    parameters : dict
        One group's part of the recipe's ``lesions``.

    Returns
    -------
    list of Lesion
        Largest first, so that the large ones find their place.
    """
    if rng.random() < parameters["none_share"]:
        return []
    surplus = parameters["mean_count"] - parameters["minimum"]
    k = parameters["dispersion"]
    count = math.inf
    while count > parameters["maximum"]:
        count = parameters["minimum"] + int(rng.negative_binomial(k, k / (k + surplus)))
    sites, shares = zip(*parameters["sites"].items(), strict=True)
    rim_probability = rim_probability_when_large(parameters)
    # The looks have a stream of their own: they do not change how many lesions there are and where.
    looks = rng.spawn(1)[0]
    lesions = []
    for _ in range(count):
        diameter = math.inf
        while not parameters["diameter_range"][0] <= diameter <= parameters["diameter_range"][1]:
            diameter = _draw_diameter(rng, parameters)
        large = diameter >= parameters["rim_min_diameter"]
        site = str(rng.choice(sites, p=shares))
        rim = bool(rng.random() < rim_probability) and large
        lesions.append(Lesion(diameter, site, draw_appearance(looks, rim, parameters["kinds"])))
    return sorted(lesions, key=lambda lesion: -lesion.diameter)


def rim_probability_when_large(parameters: dict) -> float:
    """Return the probability of a rim on a lesion that is large enough, so that the share among all is as asked."""
    mu, sigma = math.log(parameters["diameter_median"]), parameters["diameter_log_sd"]

    def below(diameter: float) -> float:
        if parameters["drawn_from"] == "masks":
            shares, diameters = diameters_of_masks()
            return float(np.interp(diameter, diameters, shares))
        return 0.5 * (1 + math.erf((math.log(diameter) - mu) / (sigma * math.sqrt(2))))

    low, high = parameters["diameter_range"]
    large = (below(high) - below(max(parameters["rim_min_diameter"], low))) / (below(high) - below(low))
    if parameters["rim_share"] > large:
        raise InputError(
            "more rims are asked for than lesions are large enough",
            found=f"rim_share {parameters['rim_share']}",
            expected=f"at most {large:.3f}, a smaller rim_min_diameter, or drawn_from: recipe (larger)",
        )
    return parameters["rim_share"] / large if parameters["rim_share"] else 0.0


@lru_cache(maxsize=1)
def diameters_of_masks() -> tuple[np.ndarray, np.ndarray]:
    """Read how large the lesions of patients with MS are.

    Returns
    -------
    shares, diameters : ndarray, shape (n,)
        Shares of the lesions, from 0 to 1, that have at most these diameters in mm.
    """
    shares, diameters = np.loadtxt(DIAMETERS, skiprows=1, unpack=True)
    return shares, diameters


def _draw_diameter(rng: np.random.Generator, parameters: dict) -> float:
    """Draw a diameter in mm, before it is cut to its range."""
    if parameters["drawn_from"] == "masks":
        return float(np.interp(rng.random(), *diameters_of_masks()))
    return rng.lognormal(math.log(parameters["diameter_median"]), parameters["diameter_log_sd"])
