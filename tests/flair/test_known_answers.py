"""What the simulated cohort is known to teach: lesion masks do, shuffled labels do not, sites need the ridge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from sklearn.metrics import roc_auc_score  # noqa: E402

from chiomics.flair.images.prepare import Prepared  # noqa: E402
from chiomics.flair.study.baselines import score_baselines  # noqa: E402
from chiomics.flair.study.networks.attention import score_attention, summarise_attention  # noqa: E402
from chiomics.flair.study.networks.final_model import train_on_all  # noqa: E402
from chiomics.flair.study.networks.kept_models import random_network  # noqa: E402
from chiomics.flair.study.networks.training import labels_of, pick_images, predict, split_of, train_once  # noqa: E402
from chiomics.flair.study.trainings import Training  # noqa: E402
from tests.flair.prepared import SEOK, WANG, simulated_cohorts  # noqa: E402

GROUPS = {"MS": 47, "NMOSD": 41}
#: Five folds of all patients in place of test draws: 88 subjects, an AUC has a standard error of .06 at chance.
FOLDS = WANG | SEOK | {"positive": "NMOSD", "pixels": 64, "widths": [8, 16, 32], "epochs": 25, "repeats": 1, "shift": 0}
NESTED = Training("wang2020", "seok", "lesions", 1.0, "nested", 0, 0, 0)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cohorts() -> dict[str, Prepared]:
    return simulated_cohorts(GROUPS)


def five_folds(prepared: Prepared, *, labels: int = 0) -> float:
    """Cross-validate the five-channel network on lesion masks, with the folds of the nested scheme."""
    parts = []
    for fold in range(5):
        training = Training("seok2023", "seok", "lesions", 1.0, "as_published", labels, 0, fold)
        y = labels_of(prepared, FOLDS, training)
        rows = split_of(prepared, y, FOLDS, replace(NESTED, labels=labels, fold=fold))
        train = np.sort(np.union1d(rows.train, rows.select))
        model = train_on_all(relabelled(prepared.take(train), y[train]), "seok2023", "seok", FOLDS)
        images = torch.from_numpy(pick_images(prepared.take(rows.test), "seok2023", "lesions"))
        parts.append(pd.DataFrame({"y": y[rows.test], "p": predict(model, images)}))
    found = pd.concat(parts)
    assert len(found) == sum(GROUPS.values())
    return float(roc_auc_score(found["y"], found["p"]))


def relabelled(prepared: Prepared, y: np.ndarray) -> Prepared:
    return replace(prepared, table=prepared.table.assign(group=np.where(y == 1, "NMOSD", "MS")))


def baseline(prepared: Prepared, name: str) -> float:
    found = score_baselines(prepared, FOLDS, "wang2020", permutations=0)
    own = found[found["arm"] == name]
    return float(roc_auc_score(own["y"], own["p"]))


def test_masks_teach_and_lesion_volume_teaches_more(cohorts) -> None:
    network, volume = five_folds(cohorts["flair"]), baseline(cohorts["flair"], "lesion_volume")
    assert network >= 0.80
    assert volume >= 0.90


def test_shuffled_labels_teach_nothing(cohorts) -> None:
    # 2.6 standard errors of an AUC of 88 subjects at chance
    assert abs(five_folds(cohorts["flair"], labels=1) - 0.5) <= 0.16


def test_ridge_finds_sites_where_load_is_equal(cohorts) -> None:
    matched = cohorts["flair_matched"]
    assert baseline(matched, "lesion_sites") >= 0.65
    assert abs(baseline(matched, "lesion_volume") - 0.5) <= 0.16


def test_two_views_learn_from_masks(cohorts) -> None:
    settings = WANG | {"edge": 40, "widths": [16, 32, 64, 64], "epochs": 10, "seed": 2020}
    parts = []
    for fold in range(5):
        training = Training("wang2020", "2v-18", "lesions", 0.9, "nested", 0, 0, fold)
        parts.append(train_once(cohorts["flair"], settings, training)[0])
    found = pd.concat(parts)
    found = found[found["epoch"] == "best"]
    assert roc_auc_score(found["y"], found["p"]) >= 0.80


def test_model_of_one_seed_scores_another(cohorts) -> None:
    other = simulated_cohorts(GROUPS, seed=2021)["flair"]
    own = five_folds(cohorts["flair"])
    model = train_on_all(cohorts["flair"], "seok2023", "seok", FOLDS)
    y = (other.table["group"] == "NMOSD").to_numpy()
    images = torch.from_numpy(pick_images(other, "seok2023", "lesions"))
    assert abs(roc_auc_score(y, predict(model, images)) - own) <= 0.1


def test_maps_of_masks_lie_on_lesions_and_random_ones_do_not(cohorts) -> None:
    prepared = cohorts["flair"]
    y = (prepared.table["group"] == "NMOSD").to_numpy().astype(int)
    rows = split_of(prepared, y, FOLDS, NESTED)
    model = train_on_all(prepared.take(np.union1d(rows.train, rows.select)), "seok2023", "seok", FOLDS)
    seen = prepared.take(rows.test)
    scores, _ = score_attention(
        model,
        pick_images(seen, "seok2023", "lesions").astype(np.float32),
        seen.images["seok_lesions"].astype(np.float32),
        seen.images["seok_flair"] != 0,
        seen.table[["participant", "session"]].assign(y=y[rows.test]),
        classes=("MS", "NMOSD"), pixel=3.0, seed=1,
        make_random=lambda number: random_network("seok", FOLDS, 1, number),
        layers=("layer2",),
    )  # fmt: skip
    found = summarise_attention(scores.assign(arm="seok", input="lesions", fold=0)).set_index(["weights", "class"])[
        "ratio"
    ]
    assert found["trained", "MS"] > 1
    assert found["trained", "MS"] > found["random", "MS"]
