"""The page of examples of lesions: every kind has its row, and no text lies on another."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.rims.lesions.figure import draw_examples
from tests.rims.cohorts import make_lesions

pytestmark = pytest.mark.usefixtures("texts_of_figures")


def with_columns(subjects: int, **columns: object):
    lesions = make_lesions(subjects=subjects, per_subject=6, shape=(24, 24, 8))
    lesions.table["volume_mm3"] = lesions.masks.sum(axis=(1, 2, 3)) * 1.7
    for name, values in columns.items():
        lesions.table[name] = np.resize(values, len(lesions.table))
    return lesions


@pytest.mark.parametrize(
    ("subjects", "columns", "simulated"),
    [
        (3, {"kind": ["hyperintense", "iso", "rim"], "vein": ["none", "central", "edge", "edge"]}, True),
        (1, {"kind": ["rim"], "vein": ["none"]}, True),
        (2, {"kind": [np.nan], "consensus": [1.0, 0.0, np.nan]}, "3 of 12 sessions"),
        (1, {"kind": [np.nan], "consensus": [np.nan]}, False),
    ],
    ids=["every kind and vein", "one kind", "rated", "not rated"],
)
def test_texts_are_apart(tmp_path, subjects, columns, simulated):
    draw_examples(with_columns(subjects, **columns), tmp_path / "a.png", simulated=simulated)
    assert (tmp_path / "a.png").stat().st_size > 3000
