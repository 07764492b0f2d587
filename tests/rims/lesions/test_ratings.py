"""Agreement of raters, their consensus, and the lesions that they mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from chiomics.core.errors import InputError
from chiomics.rims.lesions.ratings import agree, assign_ratings, find_consensus, tabulate_agreement

AFFINE = np.diag([1.0, 1.0, 3.0, 1.0])


def test_kappa_is_that_of_scikit_learn_and_its_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth = rng.random((1000, 400)) < 0.3
    first, second = (np.where(rng.random(truth.shape) < 0.15, ~truth, truth) for _ in range(2))
    big = agree(first.ravel(), second.ravel())
    assert big.kappa == pytest.approx(cohen_kappa_score(first.ravel(), second.ravel()), abs=1e-12)
    found = [agree(a, b) for a, b in zip(first, second, strict=True)]
    covered = np.mean([one.low <= big.kappa <= one.high for one in found])
    # four standard errors of a coverage of 95 % in 1000 draws are 2.8 points
    assert abs(covered - 0.95) < 0.028


def test_agreement_of_a_hand_made_table():
    first = np.repeat([1, 1, 0, 0], [20, 5, 10, 65])
    second = np.repeat([1, 0, 1, 0], [20, 5, 10, 65])
    found = agree(first, second)
    assert (found.both, found.only_first, found.only_second, found.neither) == (20, 5, 10, 65)
    # observed .85; chance .25·.30 + .75·.70 = .60
    assert found.kappa == pytest.approx((0.85 - 0.60) / 0.40)
    assert found.pabak == pytest.approx(0.70)
    assert found.positive_agreement == pytest.approx(40 / 55)
    assert found.negative_agreement == pytest.approx(130 / 145)


def test_raters_who_call_everything_alike_have_no_kappa():
    found = agree([0, 0, 0, np.nan], [0, 0, 0, 1])
    assert found.n == 3
    assert np.isnan(found.kappa)


CALLS = [[1, 1, np.nan], [1, 0, 1], [1, 0, 0], [0, 1, np.nan], [np.nan, 1, np.nan], [np.nan] * 3, [0, 0, 1]]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("exclude", [1, 1, 0, np.nan, 1, np.nan, 0]),
        ("majority", [1, 1, 0, np.nan, 1, np.nan, 0]),
        ("first", [1, 1, 0, 0, 1, np.nan, 0]),
    ],
)
def test_consensus_rules(rule, expected):
    np.testing.assert_array_equal(find_consensus(CALLS, rule=rule), expected)


def test_the_majority_of_four_decides_where_that_is_the_rule():
    calls = [[1, 0, 1, 1], [1, 0, 1, 0]]
    np.testing.assert_array_equal(find_consensus(calls, rule="majority"), [1, np.nan])
    np.testing.assert_array_equal(find_consensus(calls, rule="exclude"), [np.nan, np.nan])


def _labels() -> np.ndarray:
    labels = np.zeros((30, 30, 10), np.int32)
    labels[5:10, 5:10, 4:6] = 1
    labels[20:22, 20:22, 4] = 3
    return labels


def _rating(line: int, rater: str, rim: int, *, lesion: str = "", place: tuple = ("", "", "")) -> dict:
    named = dict(zip("xyz", map(str, place), strict=True))
    return {"session": "sub-1", "lesion": lesion, **named, "rater": rater, "rim": str(rim), "line": str(line)}


def test_places_mean_the_lesion_that_they_fall_in_or_the_nearest():
    ratings = [
        _rating(2, "A", 1, place=(7.2, 6.9, 12.4)),
        _rating(3, "B", 0, place=(11.5, 7, 13)),  # 2.5 mm beside lesion 1
        _rating(4, "A", 0, lesion="3"),
    ]
    found = assign_ratings(ratings, _labels(), AFFINE, file="r.tsv")
    assert found[1]["rater_A"] == 1
    assert found[1]["rater_B"] == 0
    assert np.isnan(found[1]["consensus"])
    assert "differ" in found[1]["consensus_note"]
    assert found[3]["consensus"] == 0
    unrated = assign_ratings([], _labels(), AFFINE, file="r.tsv")
    assert unrated[3]["consensus_note"] == "rated by nobody"


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        ([_rating(2, "A", 1, lesion="2")], "line 2 rates a lesion that does not exist"),
        ([_rating(7, "A", 1, place=(0, 0, 0))], "line 7 rates a place without a lesion"),
        ([_rating(2, "A", 1, lesion="1"), _rating(3, "A", 0, place=(7, 7, 12))], "lines 2 and 3 are two calls"),
    ],
)
def test_ratings_that_mean_no_lesion_or_one_twice_are_refused_with_their_line(ratings, message):
    with pytest.raises(InputError, match=message):
        assign_ratings(ratings, _labels(), AFFINE, file="r.tsv")


def test_every_pair_of_raters_has_its_row():
    table = pd.DataFrame({"rater_A": [1, 0, 1, 0], "rater_B": [1, 0, 0, 0], "rater_C": [np.nan, np.nan, 1, np.nan]})
    found = tabulate_agreement(table).set_index(["first", "second"])
    assert list(found.index) == [("A", "B"), ("A", "C"), ("B", "C")]
    assert found["n"].tolist() == [4, 1, 1]
    assert found.loc[("A", "B"), "kappa"] == pytest.approx(0.5)
    assert tabulate_agreement(table[[]]).empty


def test_the_interval_widens_with_fewer_lesions():
    first, second = np.repeat([1, 1, 0, 0], [20, 5, 10, 65]), np.repeat([1, 0, 1, 0], [20, 5, 10, 65])
    small, large = agree(first, second), agree(np.tile(first, 4), np.tile(second, 4))
    assert (small.high - small.low) / (large.high - large.low) == pytest.approx(2, abs=1e-9)  # √4
    assert stats.norm.ppf(0.975) == pytest.approx(1.959964, abs=1e-6)
