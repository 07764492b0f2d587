"""Anatomy, features and studies through the real workflow, on coarse simulated subjects and on tables of features."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from chiomics.core.files import read_sidecar
from chiomics.index import read_manifest
from chiomics.phantom import load_recipe, simulate_subject, write_dataset_files
from chiomics.phantom.atlas_output import write_phantom_atlas
from chiomics.radiomics.vois import find_vois

ACQUISITION = {
    "voxel_size": [2.5, 2.5, 3.0], "shape": [80, 92, 48], "echo_times": [0.006, 0.014, 0.022],
    "structural_voxel_size": [2.0, 2.0, 2.0],
}  # fmt: skip
RECIPE = {"groups": {"HC": 1, "MS": 1, "NMOSD": 0}, "acquisition": ACQUISITION}
LABELS = {"PUT": (12, 112), "THA": (14, 114)}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Path:
    """A simulated patient with T1w and FLAIR, a control with the GRE alone, and the phantom's atlas, made once."""
    folder = tmp_path_factory.mktemp("cohort")
    for subject in ("sub-MS01", "sub-HC01"):
        simulate_subject(load_recipe(RECIPE), subject, folder / "bids")
    for path in (folder / "bids/sub-HC01/anat").glob("*_[TF]*.*"):
        path.unlink()
    write_phantom_atlas(folder / "atlas")
    return folder


def configuration(cohort: Path) -> dict:
    atlases = {"nuclei": {"atlas": str(cohort / "atlas/dgm")}, "tracts": {"atlas": str(cohort / "atlas/tracts")}}
    presets = {"fiscone107": {"gray_levels": [16]}, "yan874": {}}
    atlases["registration"] = {"preset": "fast"}
    # The phantom's head is as large as the template, and no network was trained on it.
    atlases |= {"brain_extraction": "template", "brain_volume": [0.9, 2.5]}
    return {"anatomy": atlases, "radiomics": {"presets": presets, "reference": "ventricles"}}


def check(done) -> None:
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def voxels(path: Path) -> np.ndarray:
    return np.asanyarray(nib.load(path).dataobj)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * (first & second).sum() / (first.sum() + second.sum())


@pytest.fixture(scope="module")
def mapped(cohort, tmp_path_factory):
    from tests.workflow.conftest import Workflow

    run = Workflow(tmp_path_factory.mktemp("mapped") / "out", cohort / "bids")
    check(run.run("radiomics", "anatomy", config=configuration(cohort)))
    return run


@pytest.mark.parametrize("subject", ["sub-MS01", "sub-HC01"])
def test_regions_lie_where_the_truth_is_with_and_without_a_t1w(mapped, cohort, subject):
    anat = mapped.folder / "results" / subject / "anat"
    truth = cohort / "bids/derivatives/truth" / subject / "anat"
    found, true = (voxels(folder / f"{subject}_desc-dgm_dseg.nii.gz") for folder in (anat, truth))
    for name, labels in LABELS.items():
        for label in labels:
            # At 2.5 mm half a voxel of shift costs a putamen a fifth of its overlap; left for right would give 0.
            assert dice(found == label, true == label) > 0.7, (name, label)
    brain = voxels(anat / f"{subject}_desc-brain_mask.nii.gz") > 0
    for image in anat.glob(f"{subject}_*_dseg.nii.gz"):
        assert not (voxels(image)[~brain] != 0).any(), f"{image.name} leaves the brain"
    lesions, normal = (voxels(anat / f"{subject}_desc-{name}_dseg.nii.gz") > 0 for name in ("lesions", "nawm"))
    assert not (lesions & normal).any()
    assert len(list(anat.glob("*_hemi-[LR]_label-*_mask.nii.gz"))) == 12


def test_lesions_are_found_where_they_are_and_said_to_be_unknown_without_flair(mapped, cohort):
    anat, truth = mapped.folder / "results/sub-MS01/anat", cohort / "bids/derivatives/truth/sub-MS01/anat"
    found, true = (voxels(folder / "sub-MS01_desc-lesions_dseg.nii.gz") > 0 for folder in (anat, truth))
    assert dice(found, true) > 0.5  # lesions of 5 mm on 2.5 x 2.5 x 3 mm voxels
    said = read_sidecar(mapped.folder / "results/sub-HC01/anat/sub-HC01_anatomy.json")["Segmentation"]
    assert "no FLAIR" in said["Lesions"]["Reason"]
    assert said["TemplateContrasts"] == ["magnitude", "χ of the deep nuclei"]


def test_results_and_simulated_cohort_are_valid_bids(mapped, cohort, tmp_path):
    from tests.workflow.conftest import read_bids_errors

    raw = tmp_path / "bids"
    shutil.copytree(cohort / "bids", raw)
    write_dataset_files(RECIPE, raw)
    made = tmp_path / "results"
    shutil.copytree(mapped.folder / "results", made)
    for folder in (raw, raw / "derivatives/truth", made):
        looked_at, errors = read_bids_errors(folder)
        assert looked_at > 20, folder  # patterns that pass over everything would leave no error either
        assert not errors, folder
    (made / ".bidsignore").unlink()  # it lists what BIDS has no name for
    looked_at, errors = read_bids_errors(made)
    assert {"radiomics", "weights"} <= {part for _, path in errors for part in re.split(r"[/_.]", path)}


def test_features_are_read_in_these_regions_and_nothing_runs_twice(mapped, cohort):
    anat = mapped.folder / "results/sub-MS01/anat"
    vois = {voi.name for voi in find_vois(sorted(anat.glob("*desc-dgm_dseg.nii.gz")))}
    assert vois == {"HCN", "PUT", "GP", "THA", "RN", "SN", "DN"}
    tables = sorted((mapped.folder / "results/sub-MS01/radiomics").glob("sub-MS01_*_features.parquet"))
    features = pd.concat(pd.read_parquet(path) for path in tables)
    assert set(features.query("preset == 'yan874'")["voi"]) == vois
    assert {"CST", "NAWM"} <= set(features.query("preset == 'fiscone107'")["voi"])
    chi = voxels(next(anat.glob("*rec-tv_desc-all_Chimap.nii.gz")))
    valid = voxels(anat / "sub-MS01_desc-qsm_mask.nii.gz") > 0
    inside = (voxels(anat / "sub-MS01_desc-nawm_dseg.nii.gz") > 0) & valid
    offset = read_sidecar(anat / "sub-MS01_desc-ventricles_reference.json")["ReferenceValue"]
    row = features.query(
        "voi == 'NAWM' and feature == 'original_firstorder_Mean' or voi == 'NAWM' and feature == 'Mean'"
    )
    # Means of some ten thousand float32 values.
    assert row["value"].iloc[0] == pytest.approx(chi[inside].mean(dtype=float) - offset, abs=1e-6)
    assert mapped.plan("radiomics", "anatomy", config=configuration(cohort)) == {}


def test_without_gre_the_same_tissue_and_lesions_are_found_on_the_t1w(mapped, cohort, workflow, tmp_path):
    for suffix in ("T1w", "FLAIR"):
        target = tmp_path / "alone/sub-01/anat"
        target.mkdir(parents=True, exist_ok=True)
        for path in (cohort / "bids/sub-MS01/anat").glob(f"*_{suffix}.*"):
            shutil.copy(path, target / path.name.replace("MS01", "01"))
    (tmp_path / "alone/sub-02/anat").mkdir(parents=True)  # and one with nothing but the T1w
    for path in (tmp_path / "alone/sub-01/anat").glob("*_T1w.*"):
        shutil.copy(path, tmp_path / "alone/sub-02/anat" / path.name.replace("01", "02"))
    run = workflow(tmp_path / "alone")
    check(run.run("anatomy", config=configuration(cohort)))
    row, t1w_alone = read_manifest(run.folder / "results/manifest.tsv")
    assert row["status"] == "structural"
    assert row["reason"].startswith("no input for a χ map; found FLAIR, T1w; serves anatomy alone")
    anat, with_gre = run.folder / "results/sub-01/anat", mapped.folder / "results/sub-MS01/anat/sub-MS01_segmentation"
    stem = str(anat / "sub-01_space-T1w_desc-{}_dseg{}")
    tissue, lesions, normal = (nib.load(stem.format(name, ".nii.gz")) for name in ("tissue", "lesions", "nawm"))
    t1w = nib.load(tmp_path / "alone/sub-01/anat/sub-01_T1w.nii.gz")
    for image in (tissue, lesions, normal):
        assert image.shape == t1w.shape
        np.testing.assert_allclose(image.affine, t1w.affine, atol=1e-5)  # float32 of the header
    # The gradient echo has no part in either, so nothing but what is written differs: lesions are a class of their own.
    where = voxels(Path(stem.format("lesions", ".nii.gz"))) == 0
    np.testing.assert_array_equal(np.asarray(tissue.dataobj)[where], voxels(with_gre / "tissue.nii.gz")[where])
    found = read_sidecar(anat / "sub-01_space-T1w_anatomy.json")["Segmentation"]["Lesions"]
    assert found["Lesions"] == read_sidecar(with_gre / "segmentation.json")["Lesions"]["Lesions"]
    table = pd.read_csv(stem.format("lesions", ".tsv"), sep="\t")
    # Every lesion is listed, and carried to the T1w with its volume, to a voxel's share of each.
    assert len(table) == found["Lesions"]
    assert table["volume_mm3"].sum() * 1e-3 == pytest.approx(found["VolumeMlOnT1w"], rel=1e-6)
    assert found["VolumeMlOnT1w"] == pytest.approx(found["VolumeMl"], rel=0.1)
    assert not (np.asarray(lesions.dataobj).astype(bool) & np.asarray(normal.dataobj).astype(bool)).any()
    assert t1w_alone["status"] == "structural"
    stem = str(run.folder / "results/sub-02/anat/sub-02_space-T1w_desc-{}_dseg.nii.gz")
    bare, none, white = (voxels(Path(stem.format(name))) for name in ("tissue", "lesions", "nawm"))
    # Outside lesions the FLAIR tells of the tissue only by the classes' intensities, in which lesions have no part.
    assert np.count_nonzero((bare != np.asarray(tissue.dataobj))[where]) < 1e-3 * np.count_nonzero(bare)
    # Without it white matter is normal-appearing.
    assert not none.any()
    assert np.count_nonzero(white) >= np.count_nonzero(np.asarray(normal.dataobj))
    alone = read_sidecar(run.folder / "results/sub-02/anat/sub-02_space-T1w_anatomy.json")
    assert alone["Segmentation"]["Lesions"]["Reason"] == "no FLAIR and no mask: lesions are not known"
    assert len(pd.read_csv(run.folder / "results/qc/anatomy_T1w.tsv", sep="\t")["session"].unique()) == 2
    assert run.plan("anatomy", config=configuration(cohort)) == {}
    refused = run.run("qsm", config=configuration(cohort))
    assert refused.returncode
    assert "no χ map can be made; sub-01: no input for a χ map; found FLAIR, T1w" in refused.stderr
    # Of all targets such sessions lack their pages alone.
    assert run.plan(config=configuration(cohort)) == {"show_session": 2, "show_cohort": 1, "write_methods": 1, "all": 1}


def test_one_job_and_two_give_the_same_regions(mapped, cohort, workflow):
    apart = workflow(cohort / "bids", "apart")
    alone = {"one_job_below": 0, "index": {"participants": ["MS01"]}}
    check(apart.run("anatomy", config=configuration(cohort) | alone))
    for name in ("dgm", "nawm", "lesions"):
        path = f"results/sub-MS01/anat/sub-MS01_desc-{name}_dseg.nii.gz"
        np.testing.assert_array_equal(voxels(mapped.folder / path), voxels(apart.folder / path))


def test_a_failed_session_and_a_lost_image_cost_themselves_alone_and_are_said_everywhere(cohort, workflow, tmp_path):
    bids = Path(shutil.copytree(cohort / "bids", tmp_path / "bids"))
    path = bids / "sub-MS01/anat/sub-MS01_T1w.nii.gz"
    image = nib.load(path)
    noise = np.random.default_rng(0).gamma(2, 100, image.shape).astype(np.float32)
    nib.save(nib.Nifti1Image(noise, image.affine), path)
    flair = bids / "sub-HC01/anat/sub-HC01_FLAIR.nii.gz"
    nib.save(nib.Nifti1Image(np.full(image.shape, 7, np.int16), image.affine), flair)
    run = workflow(bids)
    failed = run.run("anatomy", config=configuration(cohort))
    assert failed.returncode != 0
    # The other session's table and picture are made in the same run, and say who is missing; so is the report.
    table = pd.read_csv(run.folder / "results/qc/anatomy.tsv", sep="\t")
    assert table["session"].tolist() == ["sub-HC01"]
    assert "FLAIR" in table["warnings"].iloc[0] and "constant" in table["warnings"].iloc[0]
    assert (run.folder / "results/qc/anatomy.png").stat().st_size > 0
    assert (run.folder / "results/qc/failed/sub-MS01_anatomy.png").stat().st_size > 0
    sidecar = read_sidecar(run.folder / "results/sub-HC01/anat/sub-HC01_anatomy.json")
    assert "constant" in sidecar["Segmentation"]["FLAIR"]["Refused"]
    assert sidecar["Segmentation"]["Lesions"]["Reason"].startswith("the FLAIR is refused and no mask")
    page = run.folder / "report.html"
    check(run.run("anatomy", config=configuration(cohort), options=("--report", str(page))))
    assert "results/qc/anatomy.png" in page.read_text(encoding="utf-8")
    run.run(config=configuration(cohort), options=("--dry-run",))
    other, row = read_manifest(run.folder / "results/manifest.tsv")
    assert (other["status"], other["without"]) == ("included", ["FLAIR"])
    assert any("mapped without FLAIR" in told and "constant" in told for told in other["warnings"]), other
    # The χ map stays; the session is left out of the anatomy and of what needs it.
    assert row["status"] == "included"
    assert "anatomy" in row["without"]
    assert any("left out of anatomy" in told and "brain extraction failed" in told for told in row["warnings"]), row


@pytest.mark.slow
def test_white_matter_that_the_flair_did_not_see_is_not_normal_appearing(cohort, workflow, tmp_path):
    bids = Path(shutil.copytree(cohort / "bids", tmp_path / "bids"))
    path = bids / "sub-MS01/anat/sub-MS01_FLAIR.nii.gz"
    image = nib.load(path)
    first = int(0.55 * image.shape[2])  # the upper part of the head
    nib.save(image.slicer[:, :, first:], path)
    run = workflow(bids)
    check(run.run("anatomy", config=configuration(cohort) | {"index": {"participants": ["MS01"]}}))
    anat = run.folder / "results/sub-MS01/anat"
    normal = nib.load(anat / "sub-MS01_desc-nawm_dseg.nii.gz")
    height = nib.affines.apply_affine(normal.affine, np.argwhere(np.asanyarray(normal.dataobj) > 0))[:, 2]
    edge = image.affine[:3, :3] @ [0, 0, first] + image.affine[:3, 3]
    # The phantom's FLAIR lies as its gradient echo does but for a small motion; the voxels are 3 mm high.
    assert height.min() > edge[2] - 6
    white = voxels(anat / "sub-MS01_desc-tissue_dseg.nii.gz") == 3
    assert (np.asanyarray(normal.dataobj) > 0).sum() < 0.8 * white.sum()
    found = read_sidecar(anat / "sub-MS01_anatomy.json")
    assert found["Coverage"]["FLAIR"]["white matter"] < 0.8 < found["Coverage"]["T1w"]["white matter"]
    assert found["Segmentation"]["Lesions"]["SearchedShareOfWhiteMatter"] < 0.8
    assert any(text.startswith("the FLAIR saw ") for text in found["Warnings"])
    row = pd.read_csv(run.folder / "results/qc/anatomy.tsv", sep="\t").iloc[0]
    assert row["seen_FLAIR_white_matter"] == found["Coverage"]["FLAIR"]["white matter"]
    assert "the FLAIR saw" in row["warnings"]


def tidy_features(subjects: int, seed: int) -> pd.DataFrame:
    """Features of two nuclei and one tract at four reconstructions, with a difference between the groups."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(subjects):
        group = ("MS", "NMOSD", "HC")[number % 3]
        person = {
            "participant": f"sub-{number:02d}", "session": "", "run": "", "group": group, "age": str(30 + number),
            "sex": "FM"[number % 2], "disease_duration": str(number % 9), "edss": str(number % 5),
        }  # fmt: skip
        for voi, hemisphere, preset in (("DN", "LR", "yan874"), ("GP", "LR", "yan874"), ("CST", "LR", "fiscone107")):
            own = rng.normal(size=12) + (group == "MS")
            for echo_set in ("all", "3TE", "1TE") if preset == "fiscone107" else ("all",):
                values = own + 0.3 * rng.normal(size=12)
                for k, value in enumerate(values):
                    rows.append(
                        person
                        | {
                            "voi": voi, "hemisphere": hemisphere, "echo_set": echo_set, "inversion": "tv",
                            "preset": preset, "n_gray_levels": 16, "bin_width": None, "image_type": "original",
                            "feature_class": "firstorder", "feature": f"Feature{k}", "value": value, "reason": "",
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize("paper", ["fiscone2023", "yan2021"])
def test_a_study_runs_from_a_table_of_features_alone(workflow, tmp_path, paper):
    table = tmp_path / "features.parquet"
    tidy_features(48, seed=1).to_parquet(table, index=False)
    study = {
        "fiscone2023": {"vois": ["CST"], "whole": "CST", "gray_levels": [16], "bootstraps": 20},
        "yan2021": {
            "nuclei": ["DN", "GP"], "repeats": 2, "permutations": 4, "bootstraps": 20, "jobs_per_batch": 100,
            "confounders": [["sex"]],
        },
    }  # fmt: skip
    run = workflow()
    config = {"features": str(table), "papers": {paper: study[paper]}}
    check(run.run(paper, config=config))
    folder = run.folder / "results/papers" / paper
    assert (folder / "README.md").stat().st_size > 0
    assert "SIMULATED" not in (folder / "README.md").read_text()
    assert list(folder.glob("figure*.png"))
    assert run.plan(paper, config=config) == {}
    if paper == "yan2021":
        models = sorted(path.stem for path in (run.folder / "results/diagnosis/models").glob("*.json"))
        assert models == ["DN", "GP", "demographics", "hybrid"]
        assert json.loads((run.folder / "results/diagnosis/models/hybrid.json").read_text())
