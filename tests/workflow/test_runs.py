"""Runs of the real workflow on coarse simulated subjects: what a user may count on from start to end."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from chiomics.core.images import read_sidecar
from chiomics.index import read_manifest
from chiomics.phantom import load_recipe, simulate_subject

ACQUISITION = {"voxel_size": [3.2, 3.2, 3.4], "shape": [64, 72, 42], "echo_times": [0.006, 0.014, 0.022]}
RECIPE = {"groups": {"HC": 1, "MS": 1, "NMOSD": 0}, "acquisition": ACQUISITION}
SUBJECTS = ("sub-HC01", "sub-MS01")


@pytest.fixture(scope="session")
def simulated(tmp_path_factory) -> Path:
    """Two coarse simulated subjects in a BIDS folder, made once."""
    folder = tmp_path_factory.mktemp("simulated cohort")
    for subject in SUBJECTS:
        simulate_subject(load_recipe(RECIPE), subject, folder)
    return folder


@pytest.fixture
def bids(simulated, tmp_path) -> Path:
    """Give a copy that a test may damage; a space is in its name."""
    return Path(shutil.copytree(simulated, tmp_path / "my bids"))


def chi_map(folder: Path, subject: str = "sub-MS01", echo_set: str = "all") -> np.ndarray:
    path = folder / "results" / subject / "anat" / f"{subject}_rec-ilsqr_desc-{echo_set}_Chimap.nii.gz"
    return nib.load(path).get_fdata()


def check(done: subprocess.CompletedProcess) -> None:
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_one_job_and_single_steps_give_the_same_numbers_and_nothing_runs_twice(workflow, bids):
    config = {"qsm": {"echo_sets": {"late": [3], "ends": [1, 3]}}}
    together, apart = workflow(bids, "together"), workflow(bids, "apart")
    check(together.run(config=config))
    check(apart.run(config=config | {"one_job_below": 0}))
    for echo_set in ("all", "late", "ends"):
        first, second = (chi_map(run.folder, echo_set=echo_set) for run in (together, apart))
        np.testing.assert_array_equal(first, second)
        assert np.ptp(first) > 0.1  # ppm; a map of zeros would be equal too
    assert together.plan(config=config) == {}
    assert apart.plan(config=config | {"one_job_below": 0}) == {}
    sidecar = read_sidecar(next(together.folder.glob("results/sub-MS01/anat/*desc-late_Chimap.json")))
    assert sidecar["Echoes"] == [3]
    assert sidecar["ReferenceVoxels"] > 0
    assert not list(apart.folder.glob("results/sub-*/anat/*desc-total*")), "intermediate files are left behind"


def test_another_inversion_recomputes_the_inversion_only(workflow, bids):
    run = workflow(bids)
    check(run.run("qsm", config={"one_job_below": 0}))
    jobs = run.plan("qsm", config={"one_job_below": 0, "qsm": {"inversions": ["tkd"]}})
    assert jobs == {"invert_dipole": 2, "plot_qsm": 2, "qsm": 1}


def test_a_killed_run_goes_on_and_gives_the_same_numbers(workflow, bids):
    config = {"one_job_below": 0}
    whole, killed = workflow(bids, "whole"), workflow(bids, "killed")
    check(whole.run(config=config))
    process = subprocess.Popen(
        killed.command(config=config), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(killed.folder.glob("results/sub-*/anat/*_mask.nii.gz")):
        time.sleep(0.05)
    subprocess.run(["kill", "-KILL", "--", f"-{process.pid}"], check=False)
    assert process.wait() == -signal.SIGKILL
    assert not list(killed.folder.glob("results/sub-MS01/anat/*_Chimap.nii.gz")), "it was not killed half-way"
    check(killed.run(config=config, options=("--unlock",)))
    check(killed.run(config=config))
    for subject in SUBJECTS:
        np.testing.assert_array_equal(chi_map(whole.folder, subject), chi_map(killed.folder, subject))


def test_bad_voxels_stop_their_session_only_and_are_remembered_until_they_change(workflow, bids):
    path = bids / "sub-HC01/anat/sub-HC01_echo-2_part-mag_MEGRE.nii.gz"
    good = path.read_bytes()
    image = nib.load(path)
    voxels = image.get_fdata(dtype=np.float32)
    voxels[0, 0, 0] = np.nan
    nib.save(nib.Nifti1Image(voxels, image.affine), path)
    run = workflow(bids)
    failed = run.run()
    assert failed.returncode != 0
    assert "NaN" in failed.stdout + failed.stderr
    assert chi_map(run.folder, "sub-MS01").any()
    assert run.plan() == {}
    row = next(row for row in read_manifest(run.folder / "results/manifest.tsv") if row["session"] == "sub-HC01")
    assert row["status"] == "excluded"
    assert "NaN" in row["reason"]
    assert path.name in row["reason"]
    path.write_bytes(good)
    assert run.plan()["reconstruct_qsm"] == 1


def test_a_truncated_image_is_named(workflow, bids):
    path = bids / "sub-HC01/anat/sub-HC01_echo-1_part-phase_MEGRE.nii.gz"
    path.write_bytes(path.read_bytes()[:-2000])
    run = workflow(bids)
    assert run.run().returncode != 0
    assert run.plan() == {}
    reason = read_sidecar(run.folder / "results/qc/failed/sub-HC01.json")["reason"]
    assert path.name in reason
    assert "cut short" in reason


def test_a_mask_of_the_user_is_taken(workflow, bids):
    truth = bids / "derivatives/truth/sub-MS01/anat/sub-MS01_desc-brain_mask.nii.gz"
    given = bids / "derivatives/mine/sub-MS01/anat/sub-MS01_desc-brain_mask.nii.gz"
    given.parent.mkdir(parents=True)
    shutil.copy(truth, given)
    run = workflow(bids)
    check(run.run())
    written = run.folder / "results/sub-MS01/anat/sub-MS01_desc-brain_mask.nii.gz"
    np.testing.assert_array_equal(nib.load(written).get_fdata() > 0, nib.load(truth).get_fdata() > 0)
    sidecar = read_sidecar(next(run.folder.glob("results/sub-MS01/anat/*_Chimap.json")))
    assert sidecar["BrainMaskSource"].endswith("derivatives/mine/sub-MS01/anat/sub-MS01_desc-brain_mask.nii.gz")


def test_the_report_builds(workflow, bids):
    run = workflow(bids)
    check(run.run())
    check(run.run(options=("--report", str(run.folder / "report.html"))))
    page = (run.folder / "report.html").read_text()
    assert "sub-MS01" in page
    assert "ppm of B0" in page


def test_a_real_brain(workflow, shared_data):
    run = workflow(shared_data / "real-bids")
    check(run.run())
    chi = chi_map(run.folder, "sub-philips3t")
    sidecar = read_sidecar(next(run.folder.glob("results/sub-philips3t/anat/*_Chimap.json")))
    assert sidecar["ReferenceTrusted"] is False  # two echoes give no R2*, so no fluid can be found
    assert sidecar["PhaseRule"] == "radians"
    mask = nib.load(run.folder / "results/sub-philips3t/anat/sub-philips3t_desc-qsm_mask.nii.gz").get_fdata() > 0
    # Brains have 0.9 to 1.7 litres; 27 mm³ a voxel.
    assert 0.9e6 < 27 * mask.sum() < 1.7e6
    assert np.abs(np.median(chi[mask])) < 0.02  # ppm: the whole brain is the reference
    assert list(run.folder.glob("results/qc/sub-philips3t/*_qsm.png"))
