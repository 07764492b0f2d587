"""The two classes that the estimators of this stage tell apart."""

from __future__ import annotations

import numpy as np
from sklearn.utils import ClassifierTags, Tags
from sklearn.utils.multiclass import check_classification_targets, type_of_target


def two_classes(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the two class labels, sorted, and which subjects belong to the second, the positive one.

    Raises
    ------
    ValueError
        Where there are not two classes, worded as scikit-learn's own estimators do.
    """
    check_classification_targets(y)
    classes = np.unique(y)
    if len(classes) > 2:
        raise ValueError(
            f"Only binary classification is supported. The type of the target is {type_of_target(y, input_name='y')}."
        )
    if len(classes) < 2:
        raise ValueError("Classification needs two classes, got 1 class.")
    return classes, y == classes[1]


def two_class_tags(tags: Tags) -> Tags:
    """Mark an estimator as one that needs two classes."""
    tags.target_tags.required = True
    if tags.classifier_tags is None:
        tags.classifier_tags = ClassifierTags()
    tags.classifier_tags.multi_class = False
    return tags
