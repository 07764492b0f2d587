"""Runs of the real workflow on coarse simulated subjects: what a user may count on from start to end.

Real images (CONTRIBUTING.md says how to lay them out; skipped without them): `gre-crop` from
korbinian90/MriResearchTools.jl; `real-bids` from neurolabusc/dcm_qa_philips_enh; `siemens-fieldmap` from
neurolabusc/dcm_qa_me.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from chiomics.core.files import read_sidecar, write_sidecar
from chiomics.index import read_manifest
from chiomics.phantom import load_recipe, simulate_subject
from chiomics.qsm.phase.phase_scale import phase_to_radians
from tests.workflow.conftest import Workflow

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
    """Return a copy that a test may damage; a space is in its name."""
    return Path(shutil.copytree(simulated, tmp_path / "my bids"))


@pytest.fixture(scope="module")
def mapped(simulated, tmp_path_factory):
    """Both subjects mapped with the defaults, once, from an input that cannot be written where this user may mount."""
    folder = tmp_path_factory.mktemp("mapped")
    place = folder / "read only"
    place.mkdir()
    mount = ["mount", "--bind", "-o", "ro", str(simulated), str(place)]
    mounted = os.getuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    run = Workflow(folder / "out", place if mounted else simulated)
    try:
        check(run.run("qsm"))
        yield run
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def chi_map(folder: Path, subject: str = "sub-MS01", echo_set: str = "all") -> np.ndarray:
    path = folder / "results" / subject / "anat" / f"{subject}_rec-tv_desc-{echo_set}_Chimap.nii.gz"
    return nib.load(path).get_fdata()


def check(done: subprocess.CompletedProcess) -> None:
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Tell the sizes and times of all files and folders."""
    found = {path: path.stat() for path in (folder, *folder.rglob("*"))}
    return {str(path): (status.st_size, status.st_mtime_ns) for path, status in found.items()}


def test_one_job_and_single_steps_give_the_same_numbers_and_nothing_runs_twice(workflow, bids):
    given = state(bids)
    config = {"qsm": {"echo_sets": {"1TE": [3], "ends": [1, 3]}}}
    together, apart = workflow(bids, "together"), workflow(bids, "apart, [2]")
    check(together.run("qsm", config=config))
    in_steps = config | {"one_job_below": 0, "keep_intermediates": False}
    check(apart.run("qsm", config=in_steps))
    for echo_set in ("all", "1TE", "ends"):
        first, second = (chi_map(run.folder, echo_set=echo_set) for run in (together, apart))
        np.testing.assert_array_equal(first, second)
        assert np.ptp(first) > 0.1  # ppm; a map of zeros would be equal too
    assert together.plan("qsm", config=config) == {}, "the order of the sets in a record is no cause"
    assert list(together.folder.glob("results/sub-*/anat/*_fieldmap.nii.gz"))
    decay = together.folder / "results/sub-MS01/anat/sub-MS01_R2starmap.nii.gz"
    decay.unlink()
    assert together.plan("qsm", config=config)["reconstruct_qsm"] == 1, "a lost map is made again"
    for name in ("fieldmap", "weights"):
        assert not list(apart.folder.glob(f"results/sub-*/anat/*_{name}.nii.gz"))
    assert apart.plan("qsm", config=in_steps) == {}, "what was deleted plans no map"
    sidecar = read_sidecar(next(together.folder.glob("results/sub-MS01/anat/*desc-1TE_Chimap.json")))
    assert sidecar["Echoes"] == [3]
    assert sidecar["ReferenceVoxels"] > 0
    assert not list(apart.folder.glob("results/sub-*/anat/*desc-total*")), "intermediate files are left behind"
    assert state(bids) == given, "nothing is written beside the input"
    for path in bids.glob("sub-MS01/anat/*echo-3_*.json"):  # as between the index and the job, by its time
        before = path.stat()
        write_sidecar(path, read_sidecar(path) | {"EchoTime": 0.023})
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert together.plan("qsm", config=config)["reconstruct_qsm"] == 1, "what another echo time gave is made anew"


def test_a_killed_run_goes_on_and_gives_the_same_numbers_and_another_inversion_recomputes_itself(workflow, bids):
    config = {"one_job_below": 0}
    whole, killed = workflow(bids, "whole"), workflow(bids, "killed")
    check(whole.run("qsm", config=config))
    jobs = whole.plan("qsm", config=config | {"qsm": {"inversions": ["tkd"]}})
    assert jobs == {"invert_dipole": 2, "plot_qsm": 2, "qsm": 1}
    process = subprocess.Popen(
        killed.command("qsm", config=config),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(killed.folder.glob("results/sub-*/anat/*_mask.nii.gz")):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not list(killed.folder.glob("results/sub-MS01/anat/*_Chimap.nii.gz")), "it was not killed half-way"
    check(killed.run(config=config, options=("--unlock",)))
    check(killed.run("qsm", config=config))
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
    failed = run.run("qsm")
    assert failed.returncode != 0
    assert "NaN" in failed.stdout + failed.stderr
    assert chi_map(run.folder, "sub-MS01").any()
    assert run.plan("qsm") == {}
    row = next(row for row in read_manifest(run.folder / "results/manifest.tsv") if row["session"] == "sub-HC01")
    assert row["status"] == "excluded"
    assert "NaN" in row["reason"]
    assert path.name in row["reason"]
    path.write_bytes(good)
    assert run.plan("qsm")["reconstruct_qsm"] == 1


def test_a_truncated_image_is_named(workflow, bids):
    path = bids / "sub-HC01/anat/sub-HC01_echo-1_part-phase_MEGRE.nii.gz"
    path.write_bytes(path.read_bytes()[:-2000])
    run = workflow(bids)
    assert run.run("results/sub-HC01/anat/sub-HC01_rec-tv_desc-all_Chimap.nii.gz").returncode != 0
    assert run.plan("qsm")["reconstruct_qsm"] == 1, "the other session alone"
    reason = read_sidecar(run.folder / "results/qc/failed/sub-HC01.json")["failures"][0]["reason"]
    assert path.name in reason
    assert "cut short" in reason


def test_a_mask_of_the_user_is_taken(workflow, bids):
    truth = bids / "derivatives/truth/sub-MS01/anat/sub-MS01_desc-brain_mask.nii.gz"
    given = bids / "derivatives/mine/sub-MS01/anat/sub-MS01_desc-brain_mask.nii.gz"
    given.parent.mkdir(parents=True)
    shutil.copy(truth, given)
    shutil.rmtree(bids / "sub-HC01")
    run = workflow(bids)
    check(run.run("qsm"))
    written = run.folder / "results/sub-MS01/anat/sub-MS01_desc-brain_mask.nii.gz"
    np.testing.assert_array_equal(nib.load(written).get_fdata() > 0, nib.load(truth).get_fdata() > 0)
    sidecar = read_sidecar(next(run.folder.glob("results/sub-MS01/anat/*_Chimap.json")))
    assert sidecar["BrainMaskSource"] == "derivatives/mine/sub-MS01/anat/sub-MS01_desc-brain_mask.nii.gz"


def test_the_wrong_phase_sign_is_noticed(mapped, workflow, bids):
    shutil.rmtree(bids / "sub-HC01")
    right, wrong = mapped, workflow(bids, "wrong")
    check(wrong.run("qsm", config={"qsm": {"phase_sign": -1}}))
    sidecars = [read_sidecar(next(run.folder.glob("results/sub-MS01/anat/*_Chimap.json"))) for run in (right, wrong)]
    assert sidecars[0]["PhaseSignWarning"] is None
    assert "opposite sign" in sidecars[1]["PhaseSignWarning"]
    assert "opposite sign" in next(wrong.folder.glob("results/logs/sub-MS01/*_reconstruct_qsm.log")).read_text()


def test_an_input_that_cannot_be_written_is_read(mapped):
    if mapped.bids_dir.name != "read only":
        pytest.skip("a read-only mount takes a root that may mount")
    with pytest.raises(OSError, match="Read-only"):
        (mapped.bids_dir / "written.txt").touch()
    assert all(chi_map(mapped.folder, subject).any() for subject in SUBJECTS)


def test_the_report_builds(mapped):
    run = mapped
    check(run.run("qsm", options=("--report", str(run.folder / "report.html"))))
    page = (run.folder / "report.html").read_text()
    assert "ppm of B0" in page and "results/index.html" in page
    assert "sub-MS01_qsm" not in page, "pictures of sessions are in the site: embedded they made 40 MB"


def test_a_real_brain(workflow, shared_data):
    run = workflow(shared_data / "real-bids")
    check(run.run("qsm"))
    chi = chi_map(run.folder, "sub-philips3t")
    sidecar = read_sidecar(next(run.folder.glob("results/sub-philips3t/anat/*_Chimap.json")))
    assert sidecar["ReferenceTrusted"] is False  # two echoes give no R2*, so no fluid can be found
    assert sidecar["PhaseRule"] == "radians"
    mask = nib.load(run.folder / "results/sub-philips3t/anat/sub-philips3t_desc-qsm_mask.nii.gz").get_fdata() > 0
    # Brains have 0.9 to 1.7 litres; 27 mm³ a voxel.
    assert 0.9e6 < 27 * mask.sum() < 1.7e6
    assert np.abs(np.median(chi[mask])) < 0.02  # ppm: the whole brain is the reference
    assert list(run.folder.glob("results/qc/sub-philips3t/*_qsm.png"))


def test_a_crop_from_inside_a_head_is_mapped_whole(workflow, tmp_path, shared_data):
    anat = tmp_path / "bids/sub-01/anat"
    anat.mkdir(parents=True)
    for part, name in (("mag", "Mag"), ("phase", "Phase")):
        image = nib.load(shared_data / f"gre-crop/{name}.nii.gz")
        for echo, echo_time in enumerate((0.004, 0.008, 0.012)):
            stem = anat / f"sub-01_echo-{echo + 1}_part-{part}_MEGRE"
            nib.save(image.slicer[..., echo], f"{stem}.nii.gz")
            write_sidecar(f"{stem}.json", {"EchoTime": echo_time, "MagneticFieldStrength": 7})
    run = workflow(tmp_path / "bids")
    check(run.run("qsm"))
    sidecar = read_sidecar(next(run.folder.glob("results/sub-01/anat/*_Chimap.json")))
    assert sidecar["PhaseRule"] == "symmetric"  # the range is ±0.003674, so it was rescaled, and the sidecar says how
    assert sidecar["PhaseSlope"] == pytest.approx(np.pi / 0.003674, rel=1e-3)
    assert sidecar["BrainVoxels"] == 51 * 51 * 41


def test_a_phase_difference_is_mapped(workflow, tmp_path, shared_data):
    names = {"echo-1_part-mag": "magnitude1", "echo-2_part-mag": "magnitude2", "phasediff": "phasediff"}
    fmap = tmp_path / "bids/sub-01/fmap"
    fmap.mkdir(parents=True)
    for stored, suffix in names.items():
        shutil.copy(shared_data / f"siemens-fieldmap/{stored}.nii.gz", fmap / f"sub-01_{suffix}.nii.gz")
        fields = read_sidecar(shared_data / f"siemens-fieldmap/{stored}.json")
        if suffix == "phasediff":
            fields |= {"EchoTime1": 0.00519, "EchoTime2": 0.00765}
        write_sidecar(fmap / f"sub-01_{suffix}.json", fields)
    run = workflow(tmp_path / "bids")
    check(run.run("qsm"))
    sidecar = read_sidecar(next(run.folder.glob("results/sub-01/anat/*_Chimap.json")))
    assert sidecar["InputKind"] == "phase_difference"
    assert sidecar["EchoTimes"] == pytest.approx([0.00246])
    assert sidecar["ReferenceTrusted"] is False


def test_real_and_imaginary_give_what_magnitude_and_phase_give(mapped, workflow, simulated, tmp_path):
    anat = tmp_path / "bids/sub-MS01/anat"
    anat.mkdir(parents=True)
    for echo, echo_time in enumerate(ACQUISITION["echo_times"], start=1):
        stem = f"sub-MS01/anat/sub-MS01_echo-{echo}_part-"
        magnitude, phase = (nib.load(simulated / f"{stem}{part}_MEGRE.nii.gz") for part in ("mag", "phase"))
        # The simulated scanner stores phase as Siemens integers.
        angle, _ = phase_to_radians(phase.get_fdata())
        for part, factor in (("real", np.cos(angle)), ("imag", np.sin(angle))):
            image = nib.Nifti1Image((magnitude.get_fdata() * factor).astype(np.float32), magnitude.affine)
            nib.save(image, tmp_path / f"bids/{stem}{part}_MEGRE.nii.gz")
            fields = {"EchoTime": echo_time, "MagneticFieldStrength": 3}
            write_sidecar(tmp_path / f"bids/{stem}{part}_MEGRE.json", fields)
    cartesian = workflow(tmp_path / "bids", "cartesian")
    check(cartesian.run("qsm"))
    first, second = chi_map(mapped.folder), chi_map(cartesian.folder)
    # Rounding to float32 moves single voxels over the thresholds of masks, and with them the reference: by under 1 ppb,
    # where tissues span ±100 ppb.
    assert np.median(np.abs(first - second)[first != 0]) < 1e-3
