"""Random forests on lesion features: APRL (Lou et al. 2021) and the reference on the nine measures of the table.

APRL's first-order features are those of pyradiomics here. SMOTE (Chawla et al. 2002) brings rim lesions to their number
over their prevalence, which is the number of all lesions (Zhang et al. 2022, section 2.4), in the training fold alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from chiomics.rims.detectors.lesions import KEYS, Lesions
from chiomics.rims.detectors.scaling import Scaler
from chiomics.rims.lesions.contrasts import MEASURES

TREES = 500
NEIGHBOURS = 5


@dataclass(frozen=True)
class Forest:
    """A fitted forest.

    Attributes
    ----------
    scaler : Scaler
        Of its features.
    classifier : RandomForestClassifier
        Fitted.
    prior : float
        Share of rim lesions that it was fitted on, made ones included.
    which : {"first_order", "measures"}
        Which features it reads.
    """

    scaler: Scaler
    classifier: RandomForestClassifier
    prior: float
    which: str

    def predict(self, lesions: Lesions) -> np.ndarray:
        """Return the share of trees that call a rim, half a tree from 0 and 1 at the least, shape (lesions,)."""
        share = self.classifier.predict_proba(self.scaler.transform(read_features(lesions, self.which)))[:, 1]
        trees = len(self.classifier.estimators_)
        return (share * trees + 0.5) / (trees + 1)


def read_features(lesions: Lesions, which: str) -> pd.DataFrame:
    """Return the features of an arm: `all`, `first_order` of the unfiltered map, or the `measures` that see a rim."""
    if which == "measures":
        return lesions.table[list(MEASURES)]
    if which == "first_order":
        return lesions.features.filter(regex="^original_firstorder_")
    return lesions.features


def keep_what_is_read(lesions: Lesions, which: str) -> Lesions:
    """Return the lesions with what a forest of these features reads: taking rows copies all that there is."""
    bare = lesions.without_images()
    if which == "measures":
        return replace(bare, table=bare.table[[*KEYS, "consensus", *MEASURES]], features=bare.features.iloc[:, :0])
    return replace(bare, table=bare.table[[*KEYS, "consensus"]], features=read_features(bare, which))


def fit_forest(lesions: Lesions, which: str, *, smote: bool, seed: int, trees: int = TREES) -> Forest:
    """Fit a forest.

    Parameters
    ----------
    lesions : Lesions
        For training.
    which : {"first_order", "measures"}
        Features.
    smote : bool
        Whether rim lesions are made.
    seed : int
        Of SMOTE and the trees.
    trees : int
        Of the forest.

    Returns
    -------
    Forest
        Fitted.
    """
    features = read_features(lesions, which)
    scaler = Scaler.fit(features)
    x, y = scaler.transform(features), lesions.labels
    if smote:
        from imblearn.over_sampling import SMOTE

        neighbours = min(NEIGHBOURS, int(y.sum()) - 1)
        x, y = SMOTE(sampling_strategy={1: len(y)}, k_neighbors=neighbours, random_state=seed).fit_resample(x, y)
    classifier = RandomForestClassifier(trees, random_state=seed, n_jobs=1).fit(x, y)
    return Forest(scaler, classifier, float(np.mean(y)), which)
