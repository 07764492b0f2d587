"""The radiomics stage as a user runs it: on simulated subjects' true regions, and on maps and labels of their own."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pyarrow.dataset

from chiomics.core.images import read_image, write_image
from chiomics.radiomics import extract
from tests.workflow.test_runs import SUBJECTS, bids, check, simulated

__all__ = ["bids", "simulated"]  # fixtures


def own_maps(bids_dir, folder):
    """Move the true maps and nuclei of simulated subjects to where a user's own would lie, without any GRE."""
    for subject in SUBJECTS:
        truth = bids_dir / "derivatives/truth" / subject / "anat"
        own = folder / "derivatives/mine" / subject / "anat"
        own.mkdir(parents=True)
        shutil.copy(truth / f"{subject}_Chimap.nii.gz", own)
        shutil.copy(truth / f"{subject}_desc-brain_mask.nii.gz", own)
        for extension in (".nii.gz", ".tsv"):
            shutil.copy(truth / f"{subject}_desc-dgm_dseg{extension}", own / f"{subject}_desc-voi_dseg{extension}")
    return folder


def test_maps_and_labels_of_ones_own_give_the_features_that_extract_gives(workflow, bids, tmp_path):
    folder = own_maps(bids, tmp_path / "own maps")
    (folder / "participants.tsv").write_text("participant_id\tgroup\nsub-HC01\tHC\nsub-MS01\tMS\n")
    run = workflow(folder)
    config = {"radiomics": {"presets": {"fiscone107": {"gray_levels": [16, 64]}}, "wide_table": True}}
    pages = {"show_session": 2, "show_cohort": 1, "write_methods": 1}
    assert (
        run.plan(config=config) == {"extract_features": 2, "compare_sessions": 1, "widen_features": 1, "all": 1} | pages
    )
    check(run.run(config=config))
    assert run.plan(config=config) == {}

    tables = sorted(run.folder.glob("results/sub-*/radiomics/*_features.parquet"))
    features = pyarrow.dataset.dataset(tables).to_table().to_pandas()
    assert set(features["participant"]) == set(SUBJECTS)
    assert "group" not in features, "what participants.tsv says joins where groups are compared"
    row = features.query(
        "participant == 'sub-MS01' and voi == 'THA' and hemisphere == 'L' and feature_class == 'glcm' "
        "and feature == 'Contrast' and n_gray_levels == 64"
    )
    anat = folder / "derivatives/mine/sub-MS01/anat"
    chi, affine = read_image(anat / "sub-MS01_Chimap.nii.gz", dtype=np.float64)
    labels, _ = read_image(anat / "sub-MS01_desc-voi_dseg.nii.gz")
    brain = read_image(anat / "sub-MS01_desc-brain_mask.nii.gz")[0] > 0
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    alone = extract(chi, (labels == 14) & brain, spacing=spacing, gray_levels=(64,))
    expected = alone.query("feature_class == 'glcm' and feature == 'Contrast'")["value"]
    np.testing.assert_allclose(row["value"], expected, rtol=1e-12)

    wide = pd.read_csv(run.folder / "results/radiomics/features.tsv", sep="\t")
    assert set(wide["participant"]) == set(SUBJECTS)


def test_a_region_that_is_too_small_has_a_reason_and_no_value(workflow, bids, tmp_path):
    folder = own_maps(bids, tmp_path / "own")
    path = folder / "derivatives/mine/sub-MS01/anat/sub-MS01_desc-voi_dseg.nii.gz"
    labels, affine = read_image(path)
    labels[tuple(np.argwhere(labels == 12)[0])] = 99  # one voxel of the putamen
    write_image(path, labels.astype(np.int16), affine)
    with path.with_name("sub-MS01_desc-voi_dseg.tsv").open("a") as table:
        table.write("99\ta single voxel\tTINY\n")
    run = workflow(folder)
    check(run.run(config={"radiomics": {"presets": {"yan874": {"hemispheres": "separate"}}}}))
    features = pd.read_parquet(sorted(run.folder.glob("results/sub-*/radiomics/*_features.parquet")))
    missing = features[features["value"].isna()]
    assert (missing["reason"].str.len() > 0).all()
    assert (missing["voi"] == "TINY").any()
    assert set(features.groupby(["participant", "voi", "hemisphere"])["feature"].size()) == {874}


def test_what_is_not_perturbed_is_the_session_s_own_under_the_same_settings(workflow, bids, tmp_path):
    """Voxels without a neighbour show whether both tables count them alike."""
    folder = own_maps(bids, tmp_path / "own")
    path = folder / "derivatives/mine/sub-MS01/anat/sub-MS01_desc-voi_dseg.nii.gz"
    labels, affine = read_image(path)
    thalamus = np.argwhere(labels == 14)
    apart = thalamus[(thalamus % 2 == thalamus[0] % 2).all(axis=1)]
    labels[tuple(apart.T)] = 99
    write_image(path, labels.astype(np.int16), affine)
    with path.with_name("sub-MS01_desc-voi_dseg.tsv").open("a") as table:
        table.write("99\tvoxels apart\tAPART\n")
    run = workflow(folder)
    config = {
        "radiomics": {"presets": {"fiscone107": {"gray_levels": [16]}}, "isolated_voxels": "ibsi"},
        "papers": {"fiscone2023": {"perturbations": {"nothing": {"kind": "intensity"}}}},
    }
    entities = ("rec-given_desc-fiscone107GL16", "desc-perturbed")
    names = [f"results/sub-MS01/radiomics/sub-MS01_{entity}_features.parquet" for entity in entities]
    check(run.run(*names, config=config))
    own, perturbed = (pd.read_parquet(run.folder / name) for name in names)
    assert set(perturbed["perturbation"]) == {"nothing"}
    pd.testing.assert_frame_equal(perturbed.drop(columns="perturbation"), own, check_exact=True)
    config["radiomics"]["isolated_voxels"] = "pyradiomics"
    assert run.plan(*names, config=config) == {"extract_features": 1, "perturb_session": 1}


def test_simulated_subjects_are_measured_in_their_true_regions(workflow):
    jobs = workflow().plan("radiomics", config={"phantom": {"groups": {"HC": 1, "MS": 1, "NMOSD": 0}}})
    assert jobs["extract_features"] == 4, "two subjects, the presets of fiscone2023 and yan2021"
