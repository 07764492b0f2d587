"""Two simulated raters of paramagnetic rims with a stated agreement (Cohen's kappa).

Both raters call a true rim with sensitivity s and another lesion with probability f, independently given the truth.
With the prevalence p and the rate q at which each calls a rim, p s + (1 − p) f = q, and the probability that both
call one is p s² + (1 − p) f² = q² + κ (q − q²). With s = q + δ (1 − p) and f = q − δ p the second equation gives δ² =
κ q (1 − q) / (p (1 − p)).
"""

from __future__ import annotations

import math

import numpy as np

from chiomics.core.errors import InputError


def rater_rates(prevalence: float, *, kappa: float, marginal_ratio: float) -> tuple[float, float]:
    """Return the sensitivity and the false positive rate that make the asked agreement.

    Parameters
    ----------
    prevalence : float
        Share of lesions that have a rim, above 0 and below 1.
    kappa : float
        Cohen's kappa between the raters, 0 to 1.
    marginal_ratio : float
        Rims that each rater calls over true rims.

    Returns
    -------
    sensitivity, false_positive_rate : float
        Probabilities of calling a rim, with and without one.

    Raises
    ------
    InputError
        Where no such raters exist.
    """
    called = prevalence * marginal_ratio
    delta = math.sqrt(kappa * called * (1 - called) / (prevalence * (1 - prevalence)))
    sensitivity, false_positive_rate = called + delta * (1 - prevalence), called - delta * prevalence
    if not (0 <= false_positive_rate <= 1 and 0 <= sensitivity <= 1):
        raise InputError(
            "no two raters have this agreement",
            found=f"kappa {kappa}, marginal_ratio {marginal_ratio}",
            expected="rates between 0 and 1",
        )
    return sensitivity, false_positive_rate


def rate_rims(
    rng: np.random.Generator, has_rim: np.ndarray, *, prevalence: float, kappa: float, marginal_ratio: float
) -> np.ndarray:
    """Let two raters call rims.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the raters' errors.
    has_rim : ndarray of bool, shape (N,)
        The truth, per lesion.
    prevalence, kappa, marginal_ratio
        As in `rater_rates`; with prevalence 0 nobody calls a rim.

    Returns
    -------
    ndarray of bool, shape (2, N)
        Calls of both raters.
    """
    has_rim = np.asarray(has_rim, bool)
    if prevalence == 0:
        return np.zeros((2, has_rim.size), bool)
    sensitivity, false_positive_rate = rater_rates(prevalence, kappa=kappa, marginal_ratio=marginal_ratio)
    return rng.random((2, has_rim.size)) < np.where(has_rim, sensitivity, false_positive_rate)


def call_rims(
    rng: np.random.Generator, has_rim: np.ndarray, *, prevalence: float, kappa: float, marginal_ratio: float
) -> dict[str, list[int | None]]:
    """Let two raters call rims, and a third one decide where they differ, as in Zhang et al. 2022.

    Parameters
    ----------
    rng, has_rim, prevalence, kappa, marginal_ratio
        As in `rate_rims`.

    Returns
    -------
    dict of str to list
        ``rater1`` and ``rater2``: 0 or 1 per lesion; ``rater3``: the truth where the two differ, None elsewhere. That
        the third one knows is a modelling choice: errors that both share remain in the consensus.
    """
    has_rim = np.asarray(has_rim, bool)
    first, second = rate_rims(rng, has_rim, prevalence=prevalence, kappa=kappa, marginal_ratio=marginal_ratio)
    third = [int(truth) if a != b else None for truth, a, b in zip(has_rim, first, second, strict=True)]
    return {"rater1": first.astype(int).tolist(), "rater2": second.astype(int).tolist(), "rater3": third}
