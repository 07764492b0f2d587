"""Laws of the recipe: strict keys, foretold sessions, published demographics."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from chiomics.cli import main
from chiomics.core.errors import InputError
from chiomics.phantom import list_sessions, load_recipe
from chiomics.phantom.dataset import refuse_other_data
from chiomics.phantom.demographics import age_moments, draw_participant
from chiomics.phantom.oracle import oracle_auc, oracle_table


@pytest.mark.parametrize(
    "recipe",
    [
        {"seeds": 3},
        {"lesions": {"MS": {"rim_shares": 0.1}}},
        {"acquisition": {"echo_time": [0.005]}},
        {"acquisition": {"echo_times": [5.0, 10.0]}},  # ms instead of s
        {"acquisition": {"echo_times": [0.01, 0.005]}},
        {"groups": {"ALS": 3}},
        {"groups": {"MS": -1}},
        {"profile": "philips"},
        {"effects": {"MS": {"PUTAMEN": {"mean_d": 1.0, "support": "x"}}}},
        {"effects": {"MS": {"PUT": {"mean_d": 1.0}}}},  # an effect must say what supports it
        {"seed": "one"},
        {"dwi": 1},
        {"lesions": {"MS": {"sites": {"deep": 0.9}}}},
        {"lesions": {"MS": {"drawn_from": "nowhere"}}},
        {"acquisition": {"phase_flavour": "degrees"}},
        {"acquisition": {"field_strength": -3.0}},
        {"acquisition": {"snr": float("nan")}},
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused(recipe):
    with pytest.raises(InputError):
        load_recipe(recipe)


def test_data_that_nobody_simulated_are_not_written_over(tmp_path, capsys):
    (tmp_path / "participants.tsv").write_text("participant_id\tgroup\nsub-01\tMS\n")
    (tmp_path / "dataset_description.json").write_text('{"Name": "mine", "BIDSVersion": "1.10.0"}')
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(["phantom", str(tmp_path)]) == 2
    assert "the place of the simulated cohort is taken" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "dataset_description.json").write_text('{"Name": "x", "Simulated": true}')
    refuse_other_data(tmp_path)
    refuse_other_data(tmp_path / "new")


def test_a_recipe_that_is_not_there_is_named(tmp_path, capsys):
    assert main(["phantom", str(tmp_path / "out"), "--recipe", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml" in capsys.readouterr().err


def test_a_completed_recipe_comes_back_equal():
    recipe = load_recipe({"groups": {"MS": 2}, "acquisition": {"snr": 40}})
    assert load_recipe(recipe) == recipe
    assert recipe["acquisition"]["snr"] == 40
    assert recipe["groups"] == {"MS": 2}


def test_the_default_cohort_has_the_groups_and_effects_that_the_demonstration_needs():
    recipe = load_recipe()
    assert recipe["groups"]["MS"] >= 10
    assert recipe["groups"]["NMOSD"] >= 8
    assert recipe["groups"]["HC"] >= 6
    rows = [row for row in oracle_table(recipe) if (row["group_1"], row["group_2"]) == ("MS", "NMOSD")]
    assert {row["kind"] for row in rows} >= {"mean", "texture", "null"}
    for row in rows:
        supported = row["support"].count("literature") + row["support"].count("modelling choice")
        assert (row["kind"] == "null") == (row["support"] == "no effect")
        assert row["kind"] == "null" or supported


def test_sessions_follow_from_the_recipe_and_one_subject_does_not_depend_on_another():
    small, large = list_sessions({"groups": {"MS": 3}}), list_sessions({"groups": {"HC": 5, "MS": 9}})
    by_id = {session.participant_id: session for session in large}
    for session in small:
        assert by_id[session.participant_id].participant == session.participant
    assert list_sessions({"groups": {"MS": 3}, "seed": 1}) != small
    assert len({session.participant_id for session in large}) == 14


def test_sessions_need_no_heavy_import():
    code = (
        "import sys; from chiomics.phantom import list_sessions; list_sessions(); "
        "print([name for name in ('scipy', 'nibabel', 'nilearn', 'pandas') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("study", "group", "females", "duration_median", "edss_median"),
    [
        ("yan2021", "MS", 29 / 47, 5.42, 2.0),
        ("yan2021", "NMOSD", 30 / 36, 3.88, 2.5),
        ("zhang2022", "MS", 124 / 172, None, None),
        ("seok2023", "NMOSD", 60 / 70, None, 2.5),
        ("fiscone2023", "HC", 17 / 30, None, None),
    ],
)
def test_demographics_match_the_published_ones(study, group, females, duration_median, edss_median):
    n = 4000
    people = [draw_participant(np.random.default_rng([5, i]), group, study) for i in range(n)]
    mean, sd = age_moments(study, group)
    ages = np.array([person["age"] for person in people])
    # Four standard errors everywhere: one false alarm in 16,000 per comparison.
    assert abs(ages.mean() - mean) < 4 * sd / math.sqrt(n)
    assert abs(ages.std() - sd) < 4 * sd / math.sqrt(2 * n)
    share = np.mean([person["sex"] == "F" for person in people])
    assert abs(share - females) < 4 * math.sqrt(females * (1 - females) / n)
    if group == "HC":
        assert all(person["edss"] is None and person["disease_duration"] is None for person in people)
        return
    durations = np.array([person["disease_duration"] for person in people])
    assert (durations <= ages - 8).all()
    if duration_median:
        # Onset before birth is drawn again, which costs the tail and so up to 4 points of rank at the median.
        assert abs(np.mean(durations < duration_median) - 0.5) < 0.04 + 4 * 0.5 / math.sqrt(n)
    if edss_median:
        edss = np.array([person["edss"] for person in people])
        assert abs(np.median(edss) - edss_median) <= 0.5  # one step of the scale
        assert set(edss * 2 % 1) == {0.0}


def test_oracle_auc_is_that_of_two_normals():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(400_000) + 1.2, rng.standard_normal(400_000)
    # Standard error of the share below: sqrt(.8 * .2 / 4e5) = 6e-4
    assert oracle_auc(1.2) == pytest.approx(np.mean(a > b), abs=0.003)
    assert oracle_auc(0) == 0.5


def test_raw_oracle_includes_age():
    rows = oracle_table(load_recipe({"groups": {"HC": 2, "MS": 2}, "effects": {}, "demographics": {"MS": "yan2021"}}))
    by_nucleus = {row["nucleus"]: row for row in rows}
    assert by_nucleus["PUT"]["auc_mean"] == 0.5
    assert by_nucleus["PUT"]["auc_mean_raw"] > 0.55  # controls are 13 years older and iron rises with age
