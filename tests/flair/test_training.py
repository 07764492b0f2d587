"""Trainings: the same bits again, nothing of the test leaks in, and what can be learnt is learnt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from sklearn.metrics import roc_auc_score  # noqa: E402

from chiomics.core.learning.weights import load_model, save_model  # noqa: E402
from chiomics.flair.study.baselines import BASELINES, score_baselines  # noqa: E402
from chiomics.flair.study.combine import fair_rows, summarise_study  # noqa: E402
from chiomics.flair.study.confounders import table_of_confounders  # noqa: E402
from chiomics.flair.study.networks.augment import Images  # noqa: E402
from chiomics.flair.study.networks.training import (  # noqa: E402
    augmentation,
    class_weights,
    make_plan,
    pick_images,
    split_of,
    train_once,
)
from chiomics.flair.study.performance import average_models, case_errors, compare_arms  # noqa: E402
from chiomics.flair.study.trainings import Training  # noqa: E402
from chiomics.flair.study.verdict import say_verdict  # noqa: E402
from tests.flair.prepared import SEOK, WANG, small_cohort  # noqa: E402

ONE = Training("wang2020", "2v-18", "lesions", 0.9, "nested", 0, 0, 0)


def test_a_training_gives_the_same_bits_again() -> None:
    prepared = small_cohort(10)
    first, second = (train_once(prepared, WANG, ONE) for _ in range(2))
    pd.testing.assert_frame_equal(first[0], second[0])
    pd.testing.assert_frame_equal(first[1].drop(columns="seconds"), second[1].drop(columns="seconds"))
    other, *_ = train_once(prepared, WANG | {"seed": 2}, ONE)
    assert not np.array_equal(first[0]["p"], other["p"])


@pytest.mark.parametrize("study", ["wang2020", "seok2023"])
def test_tested_images_teach_nothing(study: str) -> None:
    """Whatever stands in the test images, the network's weights are the same."""
    prepared = small_cohort(10)
    settings = WANG if study == "wang2020" else SEOK
    training = ONE if study == "wang2020" else Training(study, "seok", "lesions", 1.0, "as_published", 0, 0, 0)
    y = (prepared.table["group"] == settings["positive"]).to_numpy().astype(int)
    test = split_of(prepared, y, settings, training).test
    images = {name: voxels.copy() for name, voxels in prepared.images.items()}
    for voxels in images.values():
        voxels[test] = 3
    poisoned = replace(prepared, images=images)
    (found, _, model), (other, _, again) = (train_once(one, settings, training) for one in (prepared, poisoned))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert set(found["participant"]) == set(prepared.table["participant"].iloc[test]) == set(other["participant"])


def test_published_scheme_selects_on_what_it_reports() -> None:
    prepared = small_cohort(10)
    found, curve, _ = train_once(prepared, WANG, replace(ONE, scheme="as_published"))
    accuracy = {epoch: ((own["p"] >= 0.5) == own["y"]).mean() for epoch, own in found.groupby("epoch")}
    assert accuracy["best"] == pytest.approx(curve["select_accuracy"].max())
    assert accuracy["last"] == pytest.approx(curve["select_accuracy"].iloc[-1])
    assert len(curve) == WANG["epochs"]


def test_large_lesions_are_told_from_small_ones() -> None:
    prepared = small_cohort(30)
    # Without batch statistics of few images: enough epochs for the easiest of tasks.
    settings = WANG | {"epochs": 12}
    parts = [train_once(prepared, settings, replace(ONE, fold=fold))[0] for fold in range(5)]
    found = pd.concat(parts)
    found = found[found["epoch"] == "best"]
    assert roc_auc_score(found["y"], found["p"]) > 0.9
    assert len(found) == 60


def test_noise_is_that_of_the_flair() -> None:
    """A mask of few pixels would drown in noise on the scale of the FLAIR: then nothing is learnt of it."""
    prepared = small_cohort(4)
    for kind in ("flair", "flair_lesions", "lesions"):
        images = torch.from_numpy(pick_images(prepared, "seok2023", kind)).float()
        data = Images(images, torch.zeros(len(images)), **augmentation(SEOK | {"flip": False}, kind))
        added = data.augment(images.clone(), torch.Generator().manual_seed(1)) - images
        assert (added[images == 0] == 0).all() or kind == "flair"
        # thousands of pixels: the standard deviation is known to 1 %, of the few within lesions to 5 %
        noisy = added if kind == "flair" else added[images != 0]
        assert float(noisy.std()) == pytest.approx(0.0 if kind == "lesions" else SEOK["noise"], rel=0.1)


@pytest.mark.parametrize(("decay", "expected"), [(0.9, 0.9**5), (0.1, 0.1**5)])
def test_both_readings_of_the_learning_rate(decay: float, expected: float) -> None:
    plan = make_plan("wang2020", WANG | {"epochs": 60}, decay=decay, weights=torch.ones(2), score=None)
    rates = [plan.schedule(epoch, 60) for epoch in range(60)]
    assert rates[:10] == [1.0] * 10
    assert rates[-1] == pytest.approx(expected)
    assert len(set(rates)) == 6


def test_class_weights_balance() -> None:
    weights = class_weights(np.repeat([0, 1], [30, 10]), balanced=True)
    assert weights.tolist() == pytest.approx([40 / 60, 2.0])
    assert class_weights(np.repeat([0, 1], [30, 10]), balanced=False).tolist() == [1, 1]


def test_inputs_are_what_they_are_called() -> None:
    prepared = small_cohort(3)
    flair, lesions, both = (
        pick_images(prepared, "seok2023", kind).astype(float) for kind in ("flair", "lesions", "flair_lesions")
    )
    np.testing.assert_allclose(both, flair * lesions, atol=1e-3)
    assert pick_images(prepared, "wang2020", "flair").shape == (6, 1, 24, 24, 24)


def test_arm_starts_from_heads(tmp_path) -> None:
    from chiomics.flair.study.networks.architectures import build_network

    prepared, settings = small_cohort(10), WANG | {"epochs": 1, "learning_rate": 1e-12}
    torch.manual_seed(3)
    donor = build_network("2v-18", settings)
    save_model(tmp_path / "heads.safetensors", donor.state_dict(), {"arm": "2v-18"})
    state, _ = load_model(tmp_path / "heads.safetensors")
    *_, model = train_once(prepared, settings, replace(ONE, arm="2v-18-heads"), heads=tmp_path / "heads.safetensors")
    torch.testing.assert_close(model.layer1[0].conv1.weight, state["layer1.0.conv1.weight"])
    assert not torch.allclose(model.fc.weight, state["fc.weight"])


def test_baselines_use_the_folds_of_the_networks() -> None:
    prepared = small_cohort(12)
    found = score_baselines(prepared, WANG, "wang2020", permutations=3)
    network, *_ = train_once(prepared, WANG | {"epochs": 1}, ONE)
    own = found[(found["labels"] == 0) & (found["repeat"] == 0) & (found["fold"] == 0)]
    for _, part in own.groupby("arm"):
        assert set(part["participant"]) == set(network["participant"])
    assert set(found["arm"]) == set(BASELINES)
    volume = found[(found["arm"] == "lesion_volume") & (found["labels"] == 0)]
    assert roc_auc_score(volume["y"], volume["p"]) > 0.99
    permuted = found[(found["arm"] == "lesion_volume") & (found["labels"] > 0)]
    assert 0.2 < roc_auc_score(permuted["y"], permuted["p"]) < 0.8


def test_all_tables_of_both_studies() -> None:
    prepared = small_cohort(12)
    for study, settings, training in (
        ("wang2020", WANG | {"epochs": 1}, ONE),
        ("seok2023", SEOK | {"epochs": 1}, Training("seok2023", "seok", "lesions", 1.0, "as_published", 0, 0, 0)),
    ):
        parts = []
        for repeat in range(2):
            for fold in range(5):
                parts.append(train_once(prepared, settings, replace(training, repeat=repeat, fold=fold))[0])
        together, tables = summarise_study(prepared, pd.concat(parts), study, settings, matched=prepared)
        assert {"performance", "comparisons", "case_errors", "confounders", "calibration", "matched"} <= set(tables)
        fair = fair_rows(together, study, settings)
        assert fair.groupby(["arm", "repeat", "fold", "participant"]).size().max() == 1
        verdict = say_verdict(
            fair_rows(tables["performance"][tables["performance"]["metric"] == "auc"], study, settings),
            tables["comparisons"],
        )
        assert "No network" in verdict
        assert (tables["performance"]["labels"] == -1).any()
        if study == "seok2023":
            draws = tables["draws"].set_index(["arm", "positive", "metric"])["mean"]
            assert draws["seok", "MS", "sensitivity"] == pytest.approx(draws["seok", "NMOSD", "specificity"])
            assert draws["seok", "MS", "ppv"] == pytest.approx(draws["seok", "NMOSD", "npv"], nan_ok=True)


def test_error_rate_counts_wrong_calls() -> None:
    prepared = small_cohort(3)
    rows = [("sub-MS00", "", 0, p) for p in (0.9, 0.9, 0.2, 0.6, 0.7)] + [("sub-NMOSD00", "", 1, 0.8)] * 5
    found = case_errors(pd.DataFrame(rows, columns=["participant", "session", "y", "p"]), prepared.table, flag=0.7)
    assert found["participant"].tolist() == ["sub-MS00", "sub-NMOSD00"]
    assert found["error_rate"].tolist() == [0.8, 0.0]
    assert found["high_error"].tolist() == [True, False]


def test_models_of_a_draw_are_averaged() -> None:
    common = {"study": "seok2023", "arm": "seok", "input": "flair", "decay": 1.0, "scheme": "as_published", "labels": 0}
    rows = [
        common | {"epoch": "last", "repeat": 0, "fold": fold, "participant": "a", "session": "", "y": 1, "p": p}
        for fold, p in enumerate((0.2, 0.6, 1.0))
    ]
    found = average_models(pd.DataFrame(rows))
    assert len(found) == 1
    assert found["p"].iloc[0] == pytest.approx(0.6)


def test_equal_arms_do_not_differ_and_corrected_p_is_larger() -> None:
    rng = np.random.default_rng(0)
    rows = []
    for repeat in range(15):
        order = rng.permutation(88)
        for fold, part in enumerate(np.array_split(order, 5)):
            rows += [{"repeat": repeat, "fold": fold, "participant": n, "y": int(n < 41)} for n in part]
    frame = pd.DataFrame(rows)
    good = frame.assign(p=np.where(rng.random(len(frame)) < 0.75, frame["y"], 1 - frame["y"]))
    poor = frame.assign(p=np.where(rng.random(len(frame)) < 0.69, frame["y"], 1 - frame["y"]))
    same, apart = compare_arms(good, good), compare_arms(good, poor)
    assert same["difference"] == 0
    assert same["p_corrected"] == 1
    assert apart["p_corrected"] > apart["p_repeats"]


def test_network_that_is_lesion_load_adds_nothing_to_it() -> None:
    table = small_cohort(30).table
    y = (table["group"] == "NMOSD").to_numpy().astype(int)
    who, added = table[["participant", "session"]], "network added to lesion load (likelihood ratio)"
    p, all_sessions, matched = [], [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        load = rng.normal(7 - 0.8 * y, 1)
        scores = who.assign(y=y, p=1 / (1 + np.exp(load - 6.6 - rng.normal(0, 0.3, len(y)))))
        loads = table.assign(lesion_volume_mm3=np.exp(load))
        found = table_of_confounders(scores, loads, draws=2, seed=1).set_index("what")
        p.append(found.loc[added, "p"])
        all_sessions.append(found.loc["all sessions", "auc"])
        matched.append(found.loc["pairs of equal lesion volume", "auc"])
    # Five in a hundred fall below .05 by chance; of 20, more than 4 do in 3 of 1000.
    assert np.sum(np.array(p) < 0.05) <= 4
    assert abs(np.mean(matched) - 0.5) < 0.06 < np.mean(all_sessions) - 0.5
    informed = who.assign(y=y, p=np.clip(0.5 + 0.25 * (y - 0.5) + rng.normal(0, 0.15, len(y)), 0.01, 0.99))
    found = table_of_confounders(informed, loads, draws=2, seed=1).set_index("what")
    assert found.loc[added, "p"] < 0.01
