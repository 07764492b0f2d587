"""Training and files of detectors: nothing of a test subject reaches them, and a kill changes nothing."""

import json
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from chiomics.core.errors import InputError, SettingError
from chiomics.rims.detectors.arms import ARMS, list_trainings
from chiomics.rims.detectors.folds import assign_folds, count_rims, inner_split, merge_strata, strata_of
from chiomics.rims.detectors.forest import keep_what_is_read
from chiomics.rims.detectors.lesions import KEYS, check_lesions, read_lesions
from chiomics.rims.detectors.model_file import load_detector, save_detector
from chiomics.rims.detectors.scaling import Scaler
from chiomics.rims.detectors.training import run_training, train, undo_prior
from tests.rims.cohorts import make_lesions, make_settings

SMALL = make_lesions(subjects=12, per_subject=8, rims=3)


def test_folds_hold_subjects_whole_and_strata_even():
    rng = np.random.default_rng(0)
    counts = rng.choice([0, 0, 0, 1, 2, 3, 5, 6, 9], 90)
    counts[0] = 9
    subjects = np.repeat([f"sub-{number:03d}" for number in range(90)], 12)
    labels = (np.tile(np.arange(12), 90) < np.repeat(counts, 12)).astype(int)
    fold_of = assign_folds(subjects, labels, folds=5, seed=1)
    table = pd.DataFrame({"subject": subjects, "fold": fold_of}).drop_duplicates()
    assert len(table) == 90
    strata = strata_of(count_rims(subjects, labels)[1])
    for stratum in range(4):
        sizes = np.bincount(
            table["fold"].to_numpy()[np.argsort(table["subject"].to_numpy())][strata == stratum], minlength=5
        )
        assert np.ptp(sizes) <= 1
    assert np.ptp(np.bincount(table["fold"])) <= 1
    assert np.array_equal(fold_of, assign_folds(subjects, labels, folds=5, seed=1))
    assert not np.array_equal(fold_of, assign_folds(subjects, labels, folds=5, seed=2))


def test_small_strata_join_a_neighbour():
    assert merge_strata(np.array([0] * 9 + [1] * 9 + [2] * 6 + [3] * 2), 5).max() == 2
    # subjects with a rim stay apart from those without one
    assert set(merge_strata(np.array([0] * 9 + [1] * 2 + [2] * 6), 5)) == {0, 2}
    assert strata_of(np.array([0, 1, 3, 4, 6, 7, 17])).tolist() == [0, 1, 1, 2, 2, 3, 3]


def test_inner_split_holds_back_a_fifth_of_the_subjects():
    held = inner_split(SMALL.subjects, SMALL.labels, seed=0)
    assert not set(SMALL.subjects[held]) & set(SMALL.subjects[~held])
    assert 0.1 < held.mean() < 0.35


@pytest.mark.parametrize("arm", ["reference", "aprl_rf_plain"])
def test_a_forest_learns_the_same_from_what_it_reads_alone(arm):
    kept = keep_what_is_read(SMALL, ARMS[arm].features)
    assert kept.patches.size == 0 and kept.features.shape[1] < SMALL.features.shape[1]
    first, second = (train(arm, lesions, make_settings(trees=20), seed=1).predict(lesions) for lesions in (SMALL, kept))
    assert np.array_equal(first, second)


def test_scaler_fills_with_medians_and_ignores_constants():
    frame = pd.DataFrame({"a": [1.0, 2, np.nan, 3], "b": [5.0] * 4, "c": [np.nan] * 4, "d": [0, 1, 2, np.inf]})
    scaler = Scaler.fit(frame)
    out = scaler.transform(frame)
    assert out[2, 0] == 0  # the median equals the mean here
    assert np.isfinite(out).all()
    assert not out[:, 1:3].any()
    np.testing.assert_allclose(out[:, 0].std(), 1, rtol=1e-6)


def test_features_that_are_missing_are_named():
    scaler = Scaler.fit(pd.DataFrame({"a": [1.0, 2], "b": [5.0, 7]}))
    with pytest.raises(InputError, match="features that the lesions do not have") as error:
        scaler.transform(pd.DataFrame({"a": [1.0]}))
    assert "b first" in str(error.value)


def test_a_raised_prior_is_taken_back():
    # at equal odds in training, the probability becomes the share of the cohort
    assert undo_prior(np.array([0.3]), 0.3, 0.05)[0] == pytest.approx(0.05)
    p = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(undo_prior(p, 0.2, 0.2), p)


@pytest.mark.parametrize("arm", ["aprl_rf", "qsmrim"])
def test_a_test_subject_changes_nothing_that_is_learnt(arm):
    if ARMS[arm].is_network:
        pytest.importorskip("torch", reason="PyTorch is not installed")
    settings = make_settings(epochs=1, folds=3, inner=False)
    fold_of = assign_folds(SMALL.subjects, SMALL.labels, folds=3, seed=settings["seed"])
    test = np.flatnonzero(fold_of == 0)
    whole = run_training(arm, 0, 0, SMALL, settings).predictions
    patches, features = SMALL.patches.copy(), SMALL.features.copy()
    first = test[0]
    patches[first] = 3
    features.iloc[first] = 1e6
    other = run_training(arm, 0, 0, type(SMALL)(SMALL.table, features, patches, SMALL.masks), settings).predictions
    same = (whole[KEYS].astype(str) == other[KEYS].astype(str)).to_numpy().all()
    assert same
    # the other lesions of the fold are predicted by the same weights, scales and made lesions
    np.testing.assert_array_equal(whole["probability"].iloc[1:], other["probability"].iloc[1:])
    assert whole["probability"].iloc[0] != other["probability"].iloc[0]


KILLED = """
import os, signal, sys
from pathlib import Path
from chiomics.rims.detectors import network
from chiomics.rims.detectors.training import run_training
from tests.rims.cohorts import make_lesions, make_settings
real, steps = network._loss, []
def killed(model, batch):
    steps.append(1)
    if len(steps) > 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(model, batch)
network._loss = killed
lesions = make_lesions(subjects=12, per_subject=8, rims=3)
settings = make_settings(epochs=3, folds=3, inner=False, batch=24)
run_training("qsmrim", 0, 0, lesions, settings, checkpoints=Path(sys.argv[1]))
"""


def test_a_killed_training_ends_with_the_same_predictions(tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    settings = make_settings(epochs=3, folds=3, inner=False, batch=24)
    expected = run_training("qsmrim", 0, 0, SMALL, settings).predictions
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    (checkpoint,) = tmp_path.glob("*.pt")
    written = checkpoint.stat().st_mtime_ns
    resumed = run_training("qsmrim", 0, 0, SMALL, settings, checkpoints=tmp_path)
    pd.testing.assert_frame_equal(resumed.predictions, expected)
    assert resumed.checkpoints == [checkpoint]  # the same training: it went on from there
    assert checkpoint.stat().st_mtime_ns > written


@pytest.mark.parametrize("arm", ["mean_chi", "reference", "aprl_rf", "aprl_nn", "rimnet", "qsmrim"])
def test_a_detector_is_the_same_after_its_file(tmp_path, arm):
    if ARMS[arm].is_network:
        pytest.importorskip("torch", reason="PyTorch is not installed")
    settings, file = make_settings(epochs=1), tmp_path / "detector.safetensors"
    detector = train(arm, SMALL, settings, seed=3)
    save_detector(file, arm, detector, settings, {"patch": list(SMALL.masks.shape[1:])})
    loaded, card = load_detector(file)
    # sums of 50 trees in another order
    np.testing.assert_allclose(loaded.predict(SMALL), detector.predict(SMALL), rtol=1e-12)
    assert card["arm"] == arm
    assert "diagnosis" in card["notice"]


def test_a_foreign_model_file_is_refused(tmp_path):
    file = tmp_path / "detector.safetensors"
    save_detector(file, "mean_chi", train("mean_chi", SMALL, make_settings(), seed=0), make_settings(), {})
    card = json.loads(file.with_suffix(".json").read_text())
    file.with_suffix(".json").write_text(json.dumps(card | {"format": "another"}))
    with pytest.raises(InputError, match="no rim detector"):
        load_detector(file)


@pytest.mark.parametrize(
    ("array", "value", "said"),
    [("left", 0, "trees are broken"), ("right", 10**6, "trees are broken"), ("feature", 10**6, "trees are broken"),
     ("roots", -1, "trees are broken"), ("patch", [10**5] * 3, "patch"), ("voxel_size", [1e-6, 1, 1], "voxel_size")],
)  # fmt: skip
def test_a_forest_that_leads_in_a_circle_or_a_card_of_huge_images_is_refused(tmp_path, array, value, said):
    """`left = 0` at every inner node is a way without an end: prediction would never come back."""
    from chiomics.core.learning.weights import load_arrays, save_model

    settings, file = make_settings(), tmp_path / "detector.safetensors"
    save_detector(file, "aprl_rf", train("aprl_rf", SMALL, settings, seed=3), settings, {"patch": [9, 9, 9]})
    arrays, card = load_arrays(file)
    if array in arrays:
        inner = arrays["left"] >= 0 if array != "roots" else slice(None)
        arrays[array] = arrays[array].copy()
        arrays[array][inner] = value
    else:
        card[array] = value
    save_model(file, arrays, card)
    with pytest.raises(InputError, match=said):
        load_detector(file)


def test_a_cohort_without_rims_stops_early():
    with pytest.raises(InputError, match="too few rim lesions"):
        check_lesions(SMALL.relabel(np.zeros(len(SMALL.table))), folds=5)
    with pytest.raises(InputError, match="nothing to tell apart"):
        check_lesions(SMALL.relabel(np.ones(len(SMALL.table))), folds=5)


def test_files_of_other_lesions_are_refused(tmp_path):
    paths = [tmp_path / name for name in ("lesions.parquet", "features.parquet", "patches.npy", "masks.npy")]
    keyed = pd.concat([SMALL.table[KEYS], SMALL.features], axis=1)
    SMALL.table.to_parquet(paths[0])
    keyed.iloc[::-1].to_parquet(paths[1])
    np.save(paths[2], SMALL.patches)
    np.save(paths[3], SMALL.masks)
    with pytest.raises(InputError, match=r"features\.parquet"):
        read_lesions(*paths)
    keyed.to_parquet(paths[1])
    assert len(read_lesions(*paths).table) == len(SMALL.table)
    SMALL.table.assign(consensus=np.where(np.arange(len(keyed)) < 5, np.nan, SMALL.labels)).to_parquet(paths[0])
    rated = read_lesions(*paths)
    assert len(rated.table) == len(rated.patches) == len(SMALL.table) - 5


def test_without_torch_the_networks_are_left_out_by_name():
    settings = make_settings()
    assert {"mean_chi", "qsmrim"} <= set(settings["arms"])
    from chiomics.rims.detectors.arms import complete_settings

    without = complete_settings(settings | {"arms": list(ARMS)}, simulated=True, torch=False)
    assert without["arms"] == ["mean_chi", "reference", "aprl_rf", "aprl_rf_plain"]
    assert set(without["left_out"]) == {arm for arm in ARMS if ARMS[arm].is_network}
    assert not {arm for arm, _, _ in list_trainings(without)} & set(without["left_out"])
    with pytest.raises(SettingError, match="nonsense"):
        complete_settings(settings | {"arms": ["nonsense"]}, simulated=True, torch=True)


def test_forests_and_evaluation_never_import_torch():
    code = (
        "import sys\nsys.modules['torch'] = None\n"
        "from tests.rims.cohorts import make_lesions, make_settings\n"
        "from pathlib import Path\n"
        "from chiomics.rims.detectors.training import name_training, run_training\n"
        "from chiomics.rims.evaluation.study import evaluate\n"
        "import chiomics.rims.zhang2022.figures_network, chiomics.rims.zhang2022.figures_cohort\n"
        "import chiomics.rims.zhang2022.readme, chiomics.rims.detectors.model_file, pandas as pd\n"
        "lesions, settings = make_lesions(subjects=10, per_subject=6), make_settings(trees=10, folds=2)\n"
        "parts = [run_training('aprl_rf', fold, 0, lesions, settings).predictions for fold in range(2)]\n"
        "assert len(evaluate(pd.concat(parts), lesions.table, settings)['performance'])\n"
        "assert name_training(Path('checkpoints'), 'reference', 'final', lesions, settings, 1).suffix == '.pt'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
