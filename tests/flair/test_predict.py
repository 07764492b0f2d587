"""A model on new sessions: the same scores as where it was trained, and refusals where it does not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from chiomics.cli import main  # noqa: E402
from chiomics.core.learning.weights import load_model, save_model  # noqa: E402
from chiomics.flair.images.prepare import describe_preparation  # noqa: E402
from chiomics.flair.prediction.attention_page import draw_volumes, write_attention_pages  # noqa: E402
from chiomics.flair.prediction.score import read_classifier  # noqa: E402
from chiomics.flair.study.networks.architectures import build_network  # noqa: E402
from chiomics.flair.study.networks.final_model import describe_model, train_on_all  # noqa: E402
from chiomics.flair.study.networks.training import pick_images, predict  # noqa: E402
from tests.flair.prepared import SEOK, WANG, small_cohort  # noqa: E402


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, paths = tmp_path_factory.mktemp("models"), {}
    prepared = small_cohort(8)
    for study, settings in (("wang2020", WANG | {"epochs": 1}), ("seok2023", SEOK | {"epochs": 2})):
        card = describe_model(prepared, study, settings, None, source="a test", simulated=True)
        model = train_on_all(prepared, study, card["arm"], settings)
        paths[study] = folder / f"{study}.safetensors"
        save_model(paths[study], model.state_dict(), card)
        if study == "seok2023":
            images = torch.from_numpy(pick_images(prepared, study, settings["input"]))
            np.save(folder / "scores.npy", predict(model, images))
    paths["sessions"] = folder / "sessions.npz"
    prepared.write(paths["sessions"])
    paths["folder"] = folder
    return paths


def test_scores_are_those_of_the_trained_network(fitted, tmp_path, capsys) -> None:
    out, page = tmp_path / "scores.tsv", tmp_path / "page.png"
    arguments = ["flair", "predict", str(fitted["seok2023"]), str(fitted["sessions"])]
    assert main([*arguments, "-o", str(out), "--cam", str(page)]) == 0
    found = pd.read_csv(out, sep="\t")
    np.testing.assert_allclose(found["p_MS"], np.load(fitted["folder"] / "scores.npy"), atol=1e-6)
    assert [(tmp_path / f"page-{number}.png").stat().st_size > 20_000 for number in (1, 2)] == [True, True]
    assert "Research use only" in capsys.readouterr().err


@pytest.mark.usefixtures("texts_of_figures")
def test_a_page_of_slices_shows_both_classes(fitted, tmp_path) -> None:
    classifier, card = read_classifier(fitted["seok2023"])
    prepared = small_cohort(1)
    prepared.table["participant"] = "sub-Multiplesclerosis0123"
    scores = pd.DataFrame([{"refused": "", "session": "", "participant": name, "p_MS": 0.25} for name in ("a", "b")])
    scores["session"] = "sub-Multiplesclerosis0123_ses-baseline2024"
    write_attention_pages(classifier, card, [(prepared, scores)], tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 20_000


@pytest.mark.usefixtures("texts_of_figures")
@pytest.mark.parametrize("arm", ["2v-18", "3d-18"])
def test_pages_of_volumes_show_both_classes(fitted, tmp_path, arm) -> None:
    prepared = small_cohort(1)
    prepared.write(tmp_path / "two.npz")
    card = load_model(fitted["wang2020"])[1] | {"arm": arm}
    save_model(tmp_path / "model.safetensors", build_network(arm, WANG).state_dict(), card)
    classifier, card = read_classifier(tmp_path / "model.safetensors")
    assert main(["flair", "predict", *map(str, (tmp_path / "model.safetensors", tmp_path / "two.npz")),
                 "-o", str(tmp_path / "scores.tsv"), "--cam", str(tmp_path / "page.png")]) == 0  # fmt: skip
    assert (tmp_path / "page.png").stat().st_size > 20_000
    page = [(prepared, row, {"session": "", "participant": "sub-a", "p_NMOSD": 0.25}) for row in (0, 1)]
    figure, _ = draw_volumes(classifier, card, page)
    titles = [axis.get_title() for axis in figure.axes]
    # two views, or three sections, of each class and session
    count = {"2v-18": 2, "3d-18": 3}[arm]
    assert len(titles) == 2 * 2 * count
    assert [title.partition("\n")[0] for title in titles[::count]] == ["speaks for MS", "speaks for NMOSD"] * 2


def refused(capsys, *arguments: object) -> str:
    assert main(["flair", "predict", *map(str, arguments)]) == 2
    return capsys.readouterr().err


def test_refusals(fitted, tmp_path, capsys) -> None:
    small_cohort(2, pixels=64).write(tmp_path / "large.npz")
    assert "another size" in refused(capsys, fitted["seok2023"], tmp_path / "large.npz")
    assert "no such file" in refused(capsys, fitted["seok2023"], tmp_path / "absent.npz")
    assert "given twice" in refused(capsys, fitted["seok2023"], fitted["sessions"], fitted["sessions"])
    prepared = small_cohort(2)
    prepared.table["lesion_count"] = 0.0
    prepared.write(tmp_path / "without.npz")
    assert "lesions alone" in refused(capsys, fitted["wang2020"], tmp_path / "without.npz")
    prepared = small_cohort(2)
    prepared.table["preparation"] = describe_preparation([50.0, 30.0, 10.0, -10.0, -30.0])
    prepared.write(tmp_path / "other_slices.npz")
    assert "prepared in another way" in refused(capsys, fitted["seok2023"], tmp_path / "other_slices.npz")
    (tmp_path / "results" / "sub-01").mkdir(parents=True)
    assert "1 folders sub-*" in refused(capsys, fitted["seok2023"], tmp_path / "results")
    assert "no session is given" in refused(capsys, fitted["seok2023"])
    image = tmp_path / "sub-01_FLAIR.nii.gz"
    assert "needs its T1w" in refused(capsys, fitted["seok2023"], "--flair", image)
    assert "needs its FLAIR" in refused(capsys, fitted["seok2023"], "--t1w", image)
    assert "no such file" in refused(capsys, fitted["seok2023"], "--flair", image, "--t1w", image)
    image.touch()
    assert "--find-lesions" in refused(capsys, fitted["seok2023"], "--flair", image, "--t1w", image)
    save_model(tmp_path / "other.safetensors", {"a": torch.zeros(1)}, {"kind": "another"})
    assert "not a model of FLAIR classifiers" in refused(capsys, tmp_path / "other.safetensors", fitted["sessions"])
    whole = fitted["sessions"].read_bytes()
    for number, content in enumerate((whole[:3000], whole[:-3000], b"nothing")):
        (part := tmp_path / f"{number}.npz").write_bytes(content)
        assert "not a whole one" in refused(capsys, fitted["seok2023"], part)
    assert "is a PNG" in refused(capsys, fitted["seok2023"], fitted["sessions"], "--cam", tmp_path / "page.jpg")
    weights = tmp_path / "broken.safetensors"
    weights.write_bytes(b"nothing")
    assert "cannot be read" in refused(capsys, weights, fitted["sessions"])


def test_sessions_unlike_the_training_cohort_are_named(fitted, tmp_path, capsys) -> None:
    prepared = small_cohort(1)
    prepared.table.loc[0, "brain_volume_mm3"] = 9e5
    prepared.table.loc[1, "simulated"] = False
    prepared.table.loc[1, "lesion_source"] = "automatic"
    replace(prepared).write(tmp_path / "odd.npz")
    assert (
        main(["flair", "predict", str(fitted["seok2023"]), str(tmp_path / "odd.npz"), "-o", str(tmp_path / "o.tsv")])
        == 0
    )
    found = pd.read_csv(tmp_path / "o.tsv", sep="\t", keep_default_na=False)["warning"]
    assert "brain_volume_mm3 900000 outside" in found[0]
    assert "simulated subjects alone" in found[1]
    assert "lesions are automatic; in the training cohort they were true" in found[1]


def test_one_session_without_lesions_stops_no_other(fitted, tmp_path) -> None:
    prepared = small_cohort(2)
    prepared.table.loc[1, "lesion_count"] = 0.0
    prepared.write(tmp_path / "one.npz")
    assert (
        main(["flair", "predict", str(fitted["wang2020"]), str(tmp_path / "one.npz"), "-o", str(tmp_path / "o.tsv")])
        == 0
    )
    found = pd.read_csv(tmp_path / "o.tsv", sep="\t")
    assert found["p_NMOSD"].isna().tolist() == [False, True, False, False]
    assert "no lesions" in found.loc[1, "refused"]
