"""The best AUC that a simulation allows stands beside the one that was found."""

from __future__ import annotations

import numpy as np
import pandas as pd

from chiomics.diagnosis.yan2021.oracle import say_oracle

MODELS = {"DN": (0.95, 0.71), "PUT": (np.nan, 0.5), "hybrid": (1.0, 0.9)}
TABLE4 = pd.DataFrame(MODELS.values(), columns=["as_published_auc", "nested_auc"]).assign(model=list(MODELS))
ORACLE = [
    {"nucleus": "DN", "kind": "mean", "auc": 0.802},
    {"nucleus": "PUT", "kind": "null", "auc": 0.5},
    {"nucleus": "RN", "kind": "null", "auc": 0.5},
]


def cohort(*sizes: int) -> pd.DataFrame:
    groups = [group for group, size in zip(("MS", "NMOSD"), sizes, strict=True) for _ in range(size)]
    return pd.DataFrame({"participant": range(len(groups)), "group": groups})


def test_every_nucleus_that_has_a_model_is_set_beside_what_was_built_in():
    text = say_oracle(ORACLE, TABLE4, cohort(10, 8), positive="MS")
    assert "| DN | mean | 0.80 | 0.95 | 0.71 |" in text and "| PUT | none | 0.50 | n/a | 0.50 |" in text
    assert "With 10 and 8 participants" in text
    assert not say_oracle([], TABLE4, cohort(10, 8), positive="MS"), "nothing is built into real subjects"
    assert "RN" not in text and "hybrid" not in text


def test_more_participants_show_more():
    few, many = (say_oracle(ORACLE, TABLE4, cohort(n, n), positive="MS") for n in (9, 900))
    assert "With 9 and 9 participants" in few
    width = [float(text.split(" to ")[1][:4]) - float(text.split("from ")[1][:4]) for text in (few, many)]
    assert width[0] > 0.3 > 0.1 > width[1]
