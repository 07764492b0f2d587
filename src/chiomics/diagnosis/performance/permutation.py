"""The AUC that the same procedure finds where there is nothing to find: labels permuted between participants.

p = (b + 1)/(m + 1), with b of m permuted cohorts reaching the observed AUC (Phipson and Smyth 2010). Features, folds'
sizes and the whole recipe stay; demographic variables stay with their participant and only the label moves. A
permuted cohort is evaluated in one repeat while the observed nested AUC is the mean of several, which scatters less:
the p value is on the safe side.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from chiomics.core.logs import Progress
from chiomics.core.scores.concordance import auc
from chiomics.core.scores.splits import LABELS, permute_labels, stream_seed
from chiomics.diagnosis.cohort import outcome
from chiomics.diagnosis.contracts import PERMUTATION
from chiomics.diagnosis.evaluation import cross_validate
from chiomics.diagnosis.models import Model
from chiomics.diagnosis.recipe import design_matrix


def permute(
    cohort: pd.DataFrame, model: Model, settings: dict, *, scheme: str, permutations: Iterable[int]
) -> pd.DataFrame:
    """Evaluate a model on permuted cohorts.

    Parameters
    ----------
    cohort : pandas.DataFrame
        One row per session.
    model : Model
        Which.
    settings : dict
        Keys of `diagnosis.settings.Settings`.
    scheme : {"as_published", "nested"}
        See `chiomics.diagnosis.evaluation`.
    permutations : iterable of int
        Their numbers; a number gives the same labels and folds to every model and scheme.

    Returns
    -------
    pandas.DataFrame
        `contracts.PERMUTATION`.
    """
    true = outcome(cohort, settings)
    design = design_matrix(cohort, model, settings)
    participants = cohort["participant"].to_numpy()
    rows, permutations = [], list(permutations)
    progress = Progress(len(permutations))
    for number in permutations:
        rng = np.random.default_rng(stream_seed(settings, LABELS, number))
        y = permute_labels(participants, true, rng)
        score, *_ = cross_validate(
            cohort, design.to_numpy(), list(design.columns), y, model, settings, scheme=scheme, seeds=(LABELS, number)
        )
        rows.append((model.name, scheme, number, auc(y, score)))
        progress.step(f"{model.name}, {scheme}, permutation {number}")
    return pd.DataFrame(rows, columns=list(PERMUTATION))


def permutation_p(observed: float, permuted: np.ndarray) -> float:
    """Return (b + 1)/(m + 1); an AUC equal to the observed one counts as reaching it."""
    permuted = np.asarray(permuted)
    return float(((permuted >= observed - 1e-12).sum() + 1) / (len(permuted) + 1))
