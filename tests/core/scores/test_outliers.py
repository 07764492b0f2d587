"""Modified z-scores: standard deviations of normal values, whatever their unit, and unmoved by what stands out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from chiomics.core.scores.outliers import OUTLIER, modified_scores


def test_scores_are_standard_deviations_of_normal_values():
    rng = np.random.default_rng(2)
    scores = modified_scores(pd.DataFrame({"a": rng.normal(5, 2, 4001)}))
    assert scores["a"].std() == pytest.approx(1, abs=0.05)  # the MAD of 4001 values is known to 2 %


def test_unit_and_zero_do_not_matter():
    values = pd.DataFrame({"a": np.random.default_rng(3).normal(size=50)})
    np.testing.assert_allclose(modified_scores(1000 * values - 7), modified_scores(values), rtol=1e-9)  # rounding


def test_one_session_far_off_is_the_only_outlier():
    values = pd.DataFrame({"a": [*np.linspace(-1, 1, 21), 50.0]})
    assert list(np.flatnonzero(modified_scores(values)["a"].abs() > OUTLIER)) == [21]


def test_what_does_not_vary_and_what_is_missing():
    values = pd.DataFrame({"constant": [3.0, 3.0, np.nan], "varies": [1.0, np.nan, 2.0], "empty": np.nan})
    for constant in (0.0, np.nan):
        scores = modified_scores(values, constant=constant)
        np.testing.assert_array_equal(scores["constant"], [constant, constant, np.nan])
        assert scores["varies"].isna().tolist() == [False, True, False]
        assert scores["empty"].isna().all()
