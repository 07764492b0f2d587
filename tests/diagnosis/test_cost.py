"""What a study is said to take: a bound that grows with the study, and that the named settings lower."""

from __future__ import annotations

import re

import numpy as np
import pytest

from chiomics.diagnosis.estimators.stepwise import StepwiseAIC
from chiomics.diagnosis.planning.cost import SEPARATED, max_hours, noise_hours, say_cost


def test_a_large_study_is_announced_with_what_to_set_and_a_small_one_is_not():
    said = say_cost(2000, 874, {})
    assert "2000 sessions with 874 features" in said
    assert "screen: 5" in said and "max_features: 20" in said
    assert "up to" in said and "up to" not in say_cost(2000, 874, {"max_features": 20})
    assert say_cost(83, 874, {"nuclei": ["DN"], "repeats": 2, "permutations": 0}) == ""
    assert "screen: 5" not in say_cost(20_000, 874, {"screen": 5})


@pytest.mark.parametrize("given", [{}, {"nuclei": ["DN"], "demographics": []}, {"screen": 5}, {"max_features": 20}])
def test_what_is_said_brings_a_study_below_an_hour(given):
    given = {"confounders": [], **given}
    *_, last = re.split(r"with ", say_cost(2000, 874, given).rstrip(")"))
    *pairs, hours = re.findall(r"(\w+): (\d+)|([\d.]+)$", last)
    keys = {key: int(value) for key, value, _ in pairs}
    assert keys and float(hours[2]) <= 1
    assert max_hours(2000, 874, {**given, **keys}, strong=True) <= 1


def test_a_study_of_noise_is_said_to_take_less_than_one_of_effects():
    own = {"nuclei": ["DN"], "demographics": [], "confounders": []}
    noise, some = noise_hours(2000, 874, own), max_hours(2000, 874, own)
    # One core took 4.7 s for the five fits of a nested repeat and 3.5 s for those of a permutation, which has a sixth:
    # 0.26 hours for 20 and 200.
    assert 0.26 / 2 < noise < 0.26 * 2
    assert noise < some
    assert f"{noise:.1f} CPU hours where few features" in say_cost(2000, 874, own)


@pytest.mark.parametrize("change", [{"screen": 5}, {"max_features": 10}, {"repeats": 2}, {"permutations": 0}])
def test_less_work_takes_less(change):
    assert max_hours(2000, 874, change) < max_hours(2000, 874, {}) < max_hours(3000, 874, {})


@pytest.mark.parametrize("screen", [None, 5])
@pytest.mark.parametrize(("effect", "steps"), [(0.1, 2 * np.sqrt(300)), (0.3, 300 / SEPARATED), (0.8, 300 / SEPARATED)])
def test_features_that_all_carry_an_effect_are_selected_from_within_the_bound_of_steps(screen, effect, steps):
    rng = np.random.default_rng(0)
    y = np.arange(300) % 2
    X = rng.normal(size=(300, 100)) + effect * y[:, None]
    found = StepwiseAIC(screen=screen).fit(X, y)
    assert len(found.path_) <= steps
