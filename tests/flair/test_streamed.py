"""Images read from their file batch by batch: the same numbers as of held ones, and memory that no session adds to."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from chiomics.core.learning import stack  # noqa: E402
from chiomics.core.learning.weights import save_model  # noqa: E402
from chiomics.flair.images.prepare import Prepared  # noqa: E402
from chiomics.flair.study.networks import final_model, training  # noqa: E402
from chiomics.flair.study.networks.final_model import train_on_all  # noqa: E402
from chiomics.flair.study.networks.kept_models import map_study  # noqa: E402
from chiomics.flair.study.networks.training import train_once  # noqa: E402
from chiomics.flair.study.trainings import Training  # noqa: E402
from tests.flair.prepared import SEOK, WANG, small_cohort  # noqa: E402

SHORT = {"wang2020": WANG | {"epochs": 2}, "seok2023": SEOK | {"epochs": 2, "test_per_class": 3}}
OF = {
    "wang2020": Training("wang2020", "2v-18", "flair_lesions", 0.9, "nested", 0, 0, 0),
    "seok2023": Training("seok2023", "seok", "lesions", 1.0, "as_published", 0, 0, 0),
}


@pytest.fixture
def in_file(tmp_path, monkeypatch):
    """A cohort that is held, and the same in its file, of which nothing is small enough to be held."""
    for module in (training, final_model):
        monkeypatch.setattr(module, "hold", lambda images: images)
    prepared = small_cohort(10)
    prepared.write(tmp_path / "cohort.npz")
    return prepared, Prepared.open([tmp_path / "cohort.npz"])


@pytest.mark.parametrize("study", OF)
def test_a_training_gives_the_bits_of_held_images(study, in_file, tmp_path) -> None:
    held, streamed = in_file
    assert isinstance(streamed.images["wang_flair"], stack.Stack)
    (found, curve, model), (other, same, again) = (
        train_once(one, SHORT[study], OF[study], checkpoints=tmp_path / "checkpoints") for one in in_file
    )
    pd.testing.assert_frame_equal(found, other)
    pd.testing.assert_frame_equal(curve.drop(columns="seconds"), same.drop(columns="seconds"))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    models = [train_on_all(one, study, OF[study].arm, SHORT[study]) for one in (held, streamed)]
    for name, tensor in models[0].state_dict().items():
        assert torch.equal(tensor, models[1].state_dict()[name]), name


@pytest.mark.parametrize("study", OF)
def test_maps_are_those_of_held_images(study, in_file, tmp_path) -> None:
    settings = SHORT[study]
    kept = replace(OF[study], arm="3d-18" if study == "wang2020" else "seok", input=settings["input"])
    *_, model = train_once(in_file[0], settings, kept)
    (tmp_path / "models").mkdir()
    save_model(tmp_path / "models/one.safetensors", model.state_dict(), kept.record())
    found = []
    for one in in_file:
        maps: dict[str, list] = {"MS": [], "NMOSD": []}
        scores, rows = map_study(
            one, [tmp_path / "models"], study, settings, lambda group, cam, maps=maps: maps[group].append(cam)
        )
        found.append((scores, rows, {group: np.stack(cams) for group, cams in maps.items()}))
    pd.testing.assert_frame_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert set(found[0][2]) == {"MS", "NMOSD"} == set(found[1][2])
    for group, cams in found[0][2].items():
        assert len(cams) == len(found[0][1]) > 0 and cams.dtype == np.float16
        np.testing.assert_array_equal(cams, found[1][2][group])


def test_images_in_memory_do_not_grow_with_the_sessions(in_file, tmp_path) -> None:
    """Forty sessions more cost less than half of their images: what is known of them beside."""
    peaks = []
    for patients in (40, 40, 60):  # the first one imports what has to be imported
        path = tmp_path / f"{patients}.npz"
        if not path.exists():
            small_cohort(patients).write(path)
        tracemalloc.start()
        prepared = Prepared.open([path])
        train_once(prepared, WANG | {"epochs": 1}, replace(OF["wang2020"], input="lesions"))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    image = prepared.images["wang_lesions"][0].nbytes
    assert peaks[2] - peaks[1] < 40 * image / 2
