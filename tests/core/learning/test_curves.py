"""Averaged curves and the normalised partial area, against small cases done by hand."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_curve

from chiomics.core.errors import InputError
from chiomics.core.learning.curves import (
    average_precision,
    count_above,
    mean_precision,
    mean_roc,
    precision_on_grid,
    roc_on_grid,
)

#: Ten negative and two positive samples, the positive ones ranked 1st and 4th.
ONE = np.array([1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), np.arange(12)[::-1] / 12
#: The positive ones ranked 2nd and 3rd.
TWO = np.array([0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]), np.arange(12)[::-1] / 12
#: All positives first.
PERFECT = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), np.arange(12)[::-1] / 12


def test_three_folds_by_hand():
    # ONE: half of the positives before any negative; both after two of ten. TWO: none before one of ten, then both.
    grid = np.array([0, 0.05, 0.1, 0.15, 0.2])
    np.testing.assert_allclose(roc_on_grid(*ONE, grid), [0.5, 0.5, 0.5, 0.5, 1])
    np.testing.assert_allclose(roc_on_grid(*TWO, grid), [0, 0, 1, 1, 1])
    _, tpr, area = mean_roc([ONE, TWO, PERFECT], max_fpr=0.2, points=5)
    np.testing.assert_allclose(tpr, [0.5, 0.5, 2.5 / 3, 2.5 / 3, 1])
    # trapezia between the five points, over a width of .2
    assert area == pytest.approx(0.05 * (0.25 + 0.5 + 2.5 / 3 + 2.5 / 3 + 0.5) / 0.2)


def test_precision_by_hand():
    # ONE: precision 1 up to recall .5, then 2 of 4. TWO: 1 of 2, then 2 of 3.
    grid = np.array([0, 0.5, 0.51, 1])
    np.testing.assert_allclose(precision_on_grid(*ONE, grid), [1, 1, 0.5, 0.5])
    np.testing.assert_allclose(precision_on_grid(*TWO, grid), [0.5, 0.5, 2 / 3, 2 / 3])
    _, curve, _ = mean_precision([ONE, TWO], points=3)
    np.testing.assert_allclose(curve, [0.75, 0.75, 0.5 * (0.5 + 2 / 3)])
    # a fine grid approaches average precision to its step
    assert mean_precision([ONE])[2] == pytest.approx(average_precision(*ONE), abs=1e-3)
    assert average_precision(*ONE) == pytest.approx(0.75)


def test_perfect_and_chance():
    assert mean_roc([PERFECT])[2] == 1
    rng = np.random.default_rng(0)
    labels = (rng.random(200_000) < 0.04).astype(float)
    scores = rng.random(len(labels))
    # 8,000 positives: the standard error of a share of .05 is .0024
    assert mean_roc([(labels, scores)])[2] == pytest.approx(0.05, abs=0.006)
    assert mean_precision([(labels, scores)])[2] == pytest.approx(labels.mean(), abs=0.01)


def test_ties_are_one_step_as_in_scikit_learn():
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(0, 2, 300), rng.integers(0, 8, 300) / 8
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    _, true, false = count_above(labels, scores)
    np.testing.assert_allclose(np.append(0, true / true[-1]), tpr)
    np.testing.assert_allclose(np.append(0, false / false[-1]), fpr)
    assert average_precision(labels, scores) == pytest.approx(average_precision_score(labels, scores))
    assert roc_on_grid(labels, np.zeros(300), np.array([0.0, 0.1]))[1] == 0


def test_one_class_or_nan_is_refused():
    with pytest.raises(InputError, match="both classes"):
        count_above(np.zeros(3), np.zeros(3))
    with pytest.raises(InputError, match="not finite"):
        count_above(np.array([0, 1]), np.array([0, np.nan]))


def test_curves_need_no_torch():
    code = "import sys, chiomics.core.learning.curves, chiomics.core.learning.device; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
