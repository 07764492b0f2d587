"""Detectors applied to a folder of derivatives."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from chiomics.cli import main
from chiomics.commands.rims_predict import predict_folder
from chiomics.core.errors import InputError
from chiomics.core.figures import save_figure
from chiomics.index.manifest import empty_row
from chiomics.index.rim_ratings import read_rim_ratings
from chiomics.radiomics.lesion_features import label_features
from chiomics.rims.detectors.model_file import load_detector, save_detector
from chiomics.rims.detectors.training import train
from chiomics.rims.lesions.ratings import assign_ratings
from chiomics.rims.prediction import review_page
from chiomics.rims.prediction.explain import explain
from chiomics.rims.prediction.predict import count_burden
from chiomics.rims.prediction.sessions import find_sessions, read_lesions_of
from tests.rims.cohorts import make_lesions, make_settings

SHAPE, VOXEL = (64, 64, 24), (0.75, 0.75, 3.0)
#: Centre and whether there is a rim.
PLACES = [((14, 14, 8), True), ((46, 16, 8), False), ((16, 46, 15), True), ((46, 46, 15), False)]


def write_session(folder, *, unit=1e-3, voxel=VOXEL, without=(), session="", run="", change=None):
    """A block of white matter with two shells and two balls, χ in ppm by default."""
    rng = np.random.default_rng(5)
    at = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"))
    chi, labels = rng.normal(0, 4, SHAPE), np.zeros(SHAPE, np.int32)
    for number, (centre, rim) in enumerate(PLACES, start=1):
        away = np.sqrt(sum(((at[axis] - centre[axis]) * (1, 1, 4)[axis]) ** 2 for axis in range(3))) / 6
        labels[away <= 1] = number
        chi[away <= 1] += np.where(away > 0.65, 75, 5)[away <= 1] if rim else 25
    tissue = np.where(labels > 0, 4, 3)
    images = {
        "desc-all_Chimap": chi * unit,
        "space-gre_FLAIR": 100 + 60 * (labels > 0) + rng.normal(0, 5, SHAPE),
        "desc-lesions_dseg": labels,
        "desc-tissue_dseg": tissue,
        "desc-nawm_dseg": (labels == 0).astype(np.int32),
    }
    if change is not None:
        change(images)
    anat = folder / "sub-01" / session / "anat"
    anat.mkdir(parents=True, exist_ok=True)
    for name, image in images.items():
        if name not in without:
            kind = np.int32 if "dseg" in name else np.float32
            nib.save(nib.Nifti1Image(image.astype(kind), np.diag([*voxel, 1])), anat / f"sub-01_{run}{name}.nii.gz")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A forest on nine measures, trained on shells and balls."""
    file = tmp_path_factory.mktemp("model") / "reference.safetensors"
    return write_model(file, "reference", make_lesions(subjects=10, per_subject=8, rims=4))


def write_model(file, arm, lesions):
    settings = make_settings(epochs=2, folds=3)
    chi = lesions.table["chi_mean"]
    facts = {
        "patch": [32, 32, 16], "chi_mean_range_ppb": [float(chi.min()), float(chi.max())],
        "thresholds": {"inner": 0.5, "published": 0.5, "sensitive": 0.2}, "training": {"simulated": True},
    }  # fmt: skip
    save_detector(file, arm, train(arm, lesions, settings, seed=0), settings, facts)
    return file


def test_shells_are_called_and_balls_are_not(tmp_path, model):
    burden = predict_folder(model, write_session(tmp_path / "in"), tmp_path / "out")
    lesions = pd.read_csv(tmp_path / "out" / "lesions.tsv", sep="\t")
    assert set(lesions.loc[lesions["rim_call"] == 1, "lesion"]) == {1, 3}
    assert lesions["rim_probability"].is_monotonic_decreasing
    row = burden.iloc[0]
    assert (row["lesions"], row["rim_lesions"], row["at_least_one"], row["at_least_four"]) == (4, 2, 1, 0)
    assert 0 < row["rim_volume_mm3"] < row["volume_mm3"]
    assert lesions["notice"].str.contains("diagnosis").all()
    to_fill = pd.read_csv(tmp_path / "out" / "rim_ratings_to_fill.tsv", sep="\t")
    assert list(to_fill.columns) == ["participant_id", "session_id", "run", "lesion", "rater", "rim"]
    assert {1, 3} <= set(to_fill["lesion"])
    assert (tmp_path / "out" / "sub-01_rims-1.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unit": 1.0}, "not in ppm"),
        ({"unit": 0.1277}, "is the map in ppm"),  # Hz at 3 T
        ({"unit": 0.0}, "a standard deviation of 0;"),  # a map of zeros
        ({"voxel": (1.0, 1.0, 1.0)}, "voxels of another size"),
        ({"without": ("space-gre_FLAIR",)}, "FLAIR"),
        ({"without": ("desc-lesions_dseg",)}, "lesion labels"),
        ({"without": ("desc-all_Chimap",)}, "no session has a susceptibility map"),
    ],
)
def test_what_the_detector_does_not_know_is_refused(tmp_path, model, changes, message):
    with pytest.raises(InputError, match=message):
        predict_folder(model, write_session(tmp_path / "in", **changes), tmp_path / "out")
    assert not (tmp_path / "out" / "burden.tsv").exists()


def test_other_voxels_are_resampled_when_asked(tmp_path, model):
    folder = write_session(tmp_path / "in", voxel=(1.0, 1.0, 3.0))
    _, card = load_detector(model)
    lesions = read_lesions_of(find_sessions(folder)[0], card, label_features, resample=True)
    # a lesion 13 voxels of 1 mm wide has about 17 of .75 mm
    width = lesions.masks[0].any(axis=(1, 2)).sum()
    assert 16 <= width <= 18


def test_runs_are_sessions_of_their_own_and_share_what_names_no_run(tmp_path, model):
    for run in ("run-1_", "run-2_"):
        folder = write_session(tmp_path / "in", run=run)
    anat = folder / "sub-01" / "anat"
    (anat / "sub-01_run-1_desc-tissue_dseg.nii.gz").rename(anat / "sub-01_desc-tissue_dseg.nii.gz")
    (anat / "sub-01_run-2_desc-tissue_dseg.nii.gz").unlink()
    burden = predict_folder(model, folder, tmp_path / "out")
    assert burden["run"].tolist() == ["1", "2"]
    assert burden["lesions"].tolist() == [4, 4]
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {f"sub-01_run-{n}_rims-1.png" for n in "12"}


def test_the_experts_verdicts_go_back_in_as_ratings(tmp_path, model):
    predict_folder(model, write_session(tmp_path / "in", session="ses-2"), tmp_path / "out")
    table = tmp_path / "out" / "rim_ratings_to_fill.tsv"
    filled = pd.read_csv(table, sep="\t", dtype=str, keep_default_na=False)
    filled.loc[filled["lesion"].isin(["1", "3"]), ["rater", "rim"]] = ["A", "1"]
    filled.to_csv(table, sep="\t", index=False)
    ratings = read_rim_ratings(table, [empty_row("sub-01", "ses-2", "")])
    assert [(rating["lesion"], rating["rim"]) for rating in ratings] == [("1", "1"), ("3", "1")]
    # the numbers are those of the label image
    images = find_sessions(tmp_path / "in")[0].files
    labels = np.asanyarray(nib.load(images["labels"]).dataobj)
    found = assign_ratings(ratings, labels, nib.load(images["labels"]).affine, file=table)
    assert [number for number, row in found.items() if row["consensus"] == 1] == [1, 3]


def test_a_device_that_a_forest_does_not_use_is_said(tmp_path, model, caplog):
    folder = write_session(tmp_path / "in")
    predict_folder(model, folder, tmp_path / "out", device="cuda")
    assert "device cuda is not used" in caplog.text
    caplog.clear()
    predict_folder(model, folder, tmp_path / "out")
    assert "not used" not in caplog.text


def renumber(images):
    labels = images["desc-lesions_dseg"]
    labels[labels == 3] = 40


def put_at_the_border(images):
    for name, image in images.items():
        images[name] = image[14:, 16:, 7:]  # through the middle of lesions


def scatter(images):
    # one number for two lesions at opposite corners: between them lies the centre of mass, and no lesion
    labels = images["desc-lesions_dseg"]
    labels[labels == 4] = 1


def make_one_huge(images):
    images["desc-lesions_dseg"][4:60, 30:33, 8:10] = 9


def leave_nothing_known_outside(images):
    images["desc-all_Chimap"][:, :4] = np.nan


@pytest.mark.parametrize(
    ("change", "lesions", "cropped"),
    [
        (renumber, {1, 2, 4, 40}, set()),
        (put_at_the_border, {1, 2, 3, 4}, set()),
        (scatter, {1, 2, 3}, {1}),
        (make_one_huge, {1, 2, 3, 4, 9}, {9}),
        (leave_nothing_known_outside, {1, 2, 3, 4}, set()),
    ],
)
def test_odd_lesions_and_maps_are_predicted_like_others(tmp_path, model, change, lesions, cropped):
    predict_folder(model, write_session(tmp_path / "in", change=change), tmp_path / "out")
    found = pd.read_csv(tmp_path / "out" / "lesions.tsv", sep="\t")
    assert set(found["lesion"]) == lesions
    assert set(found.loc[found["cropped"], "lesion"]) == cropped
    assert found["rim_probability"].between(0, 1).all()


def test_sessions_without_any_lesion_have_a_burden_of_none(tmp_path, model):
    def heal(images):
        images["desc-lesions_dseg"][:] = 0

    burden = predict_folder(model, write_session(tmp_path / "in", change=heal), tmp_path / "out")
    assert burden[["lesions", "rim_lesions", "volume_mm3", "at_least_one"]].iloc[0].tolist() == [0, 0, 0, 0]
    assert (tmp_path / "out" / "lesions.tsv").read_text().count("\n") == 1


def test_a_flair_on_other_voxels_and_a_map_unknown_in_a_lesion_are_refused(tmp_path, model):
    def halve(images):
        images["space-gre_FLAIR"] = images["space-gre_FLAIR"][::2]

    def forget(images):
        images["desc-all_Chimap"][images["desc-lesions_dseg"] == 2] = np.nan

    with pytest.raises(InputError, match="FLAIR"):
        predict_folder(model, write_session(tmp_path / "a", change=halve), tmp_path / "out")
    with pytest.raises(InputError, match="lesion 2"):
        predict_folder(model, write_session(tmp_path / "b", change=forget), tmp_path / "out")


def test_the_command_says_what_it_is_not(tmp_path, model, capsys):
    folder = write_session(tmp_path / "in", session="ses-2")
    assert main(["rims", "predict", str(model), str(folder), "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "Research use only" in said.err
    assert "2 of 4 lesions" in said.out
    assert pd.read_csv(tmp_path / "out" / "burden.tsv", sep="\t")["session_id"].tolist() == ["ses-2"]
    assert main(["rims", "predict", str(tmp_path / "none.safetensors"), str(tmp_path)]) == 2
    assert "no such detector" in capsys.readouterr().err, "the folder is empty too, and not the cause to see first"


def test_what_speaks_for_a_rim_lies_on_it(tmp_path, model):
    detector, card = load_detector(model)
    lesions = read_lesions_of(find_sessions(write_session(tmp_path / "in"))[0], card, label_features)
    maps = explain(detector, lesions, voxel_size=VOXEL)
    shell = np.asarray(lesions.patches[0, 0], float) * 50 > 40
    inside = lesions.masks[0] > 0
    assert np.nanmean(maps[0][shell & inside]) > np.nanmean(maps[0][~shell & inside])


def test_a_network_is_explained_by_maps_of_the_patch(tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    lesions = make_lesions(subjects=8, per_subject=8, rims=4)
    detector, _ = load_detector(write_model(tmp_path / "qsmrim.safetensors", "qsmrim", lesions))
    maps = explain(detector, lesions.take(np.arange(3)), voxel_size=VOXEL)
    assert maps.shape == (3, 32, 32, 16)
    assert np.isnan(maps[:, 0, 0, 0]).all()  # the demo size sees the central voxels only
    assert np.nanmax(maps) == pytest.approx(1)


def test_a_session_without_lesions_has_a_burden_of_none():
    predicted = pd.DataFrame(
        {"participant_id": ["sub-01"], "session_id": [""], "rim_call": [1], "rim_review": [1], "volume_mm3": [12.0],
         "rim_probability": [0.8], "place": ["deep"]}
    )  # fmt: skip
    sessions = pd.DataFrame({"participant_id": ["sub-01", "sub-02"], "session_id": ["", ""]})
    found = count_burden(predicted, sessions).set_index("participant_id")
    assert found["rim_lesions"].tolist() == [1, 0]
    assert found.loc["sub-02", "volume_mm3"] == 0
    assert np.isnan(found.loc["sub-02", "rim_volume_share"])
    assert json.loads(found.to_json())["lesions"] == {"sub-01": 1, "sub-02": 0}


@pytest.mark.usefixtures("texts_of_figures")
@pytest.mark.parametrize("maps", [True, False], ids=["with what speaks for a rim", "without"])
def test_pages_of_more_lesions_than_one_holds(tmp_path, monkeypatch, maps):
    monkeypatch.setattr(review_page, "PER_PAGE", 2)
    lesions = make_lesions(subjects=1, per_subject=3, shape=(24, 24, 12))
    table = lesions.table
    table["lesion"] += 12340
    table["volume_mm3"] = 12345.6
    table["rim_probability"], table["rim_call"], table["rim_review"] = 1.0, 0, 1
    shown = np.zeros((3, 24, 24, 12)) if maps else None  # nothing in the image, which is said
    notice = "sub-Multiplesclerosis0123_ses-baseline2024_run-1. " + "Research use only, not for diagnosis. " * 6
    pages = list(review_page.draw_pages(lesions, table, shown, voxel_size=VOXEL, notice=notice))
    for page, count in zip(pages, (2, 1), strict=True):
        assert len(page.axes) == 7 * count
        save_figure(page, tmp_path / "a.png", simulated=True)
