"""Programs by stubs: what is missing is named, failure is noticed, and eddy's rotated directions are the ones used."""

from __future__ import annotations

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from chiomics.anatomy.diffusion.preprocessing import DiffusionSeries, prepare_diffusion
from chiomics.anatomy.diffusion.programs import REQUIRED, ProgramError, missing_programs, mrtrix3, run_program
from chiomics.anatomy.diffusion.tracts import trace_tracts
from chiomics.anatomy.registration.settings import settings
from chiomics.core.errors import InputError
from chiomics.core.files import write_sidecar
from chiomics.core.space.transforms import Chain
from chiomics.core.space.volume import Volume
from tests.anatomy import diffusion_phantom as phantom

#: Turn of the head that the stub of eddy finds, about z, in degrees.
TURN = 10.0
ENCODING = {"PhaseEncodingDirection": "j-", "TotalReadoutTime": 0.05}
#: Stubs take their arguments as the programs do, and write what those would.
HEAD = f"""#!{sys.executable}
import sys
import numpy as np, nibabel as nib
options = dict(part[2:].split("=", 1) for part in sys.argv[1:] if part.startswith("--"))
"""
STUBS = {
    "dwi2mask": """
image = nib.load(sys.argv[-2])
nib.save(nib.Nifti1Image(np.ones(image.shape[:3], np.uint8), image.affine), sys.argv[-1])
""",
    "topup": """
pair, lines = nib.load(options["imain"]), np.loadtxt(options["datain"])
assert pair.shape[3] == 2 and np.allclose(lines[0, :3], -lines[1, :3]) and np.all(lines[:, 3] == 0.05), lines
assert np.allclose(pair.dataobj[..., 1], 2 * pair.dataobj[..., 0])
nib.save(nib.Nifti1Image(np.zeros(pair.shape[:3], np.float32), pair.affine), options["out"] + "_fieldcoef.nii.gz")
open(options["out"] + "_movpar.txt", "w").write("0 0 0 0 0 0\\n")
nib.save(pair, options["iout"] + ".nii.gz")
for index in (1, 2):
    nib.save(pair, options["dfout"] + f"_{index:02d}.nii.gz")
    nib.save(pair, options["jacout"] + f"_{index:02d}.nii.gz")
    open(options["rbmout"] + f"_{index:02d}.mat", "w").write("1")
""",
    "eddy": f"""
if "topup" in options:
    open(options["topup"] + "_fieldcoef.nii.gz"), open(options["topup"] + "_movpar.txt")
else:
    assert np.loadtxt(options["acqp"]).tolist() == [0, -1, 0, 0.05]
nib.save(nib.load(options["imain"]), options["out"] + ".nii.gz")
turn = np.deg2rad({TURN})
matrix = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
np.savetxt(options["out"] + ".eddy_rotated_bvecs", matrix @ np.loadtxt(options["bvecs"]))
open(options["out"] + ".eddy_parameters", "w").write("0")
""",
}


@pytest.fixture
def path_of_stubs(tmp_path, monkeypatch):
    """Return a function that puts stubs, and nothing else, on the PATH."""

    def install(*names: str, **scripts: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name, script in ({name: STUBS[name] for name in names} | scripts).items():
            (folder / name).write_text(HEAD + script)
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return install


def series_with(folder: Path, *, encoding: dict | None = ENCODING, reverse: bool = False) -> DiffusionSeries:
    files = phantom.write_series(folder, count=7)
    more = {}
    if encoding is not None:
        more["sidecar"] = folder / "sub-01_dwi.json"
        write_sidecar(more["sidecar"], encoding)
    if reverse:
        first = nib.load(files["image"])
        voxels = 2 * np.asanyarray(first.dataobj)[..., 0]
        more["reverse_image"], more["reverse_sidecar"] = folder / "reverse.nii.gz", folder / "reverse.json"
        nib.save(nib.Nifti1Image(voxels, first.affine), more["reverse_image"])
        write_sidecar(more["reverse_sidecar"], {**ENCODING, "PhaseEncodingDirection": "j"})
    return DiffusionSeries(**files, **more)


def prepared(series: DiffusionSeries, folder: Path):
    scratch = folder / "scratch"
    scratch.mkdir()
    return prepare_diffusion(series, scratch=scratch, denoise=False)


def test_eddy_turns_the_gradient_directions(tmp_path, path_of_stubs):
    path_of_stubs("dwi2mask", "topup", "eddy")
    found = prepared(series_with(tmp_path, reverse=True), tmp_path)
    assert "topup" in found.steps["SusceptibilityCorrection"] and "eddy" in found.steps["MotionAndEddyCorrection"]
    # The stub turns FSL's axes, whose first runs to the left on this image, so that the world turns the other way.
    turn = np.deg2rad(TURN)
    matrix = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    # Text files hold seven digits.
    np.testing.assert_allclose(found.gradients.directions[1:], phantom.directions(7) @ matrix.T, atol=1e-6)


@pytest.mark.parametrize(
    ("programs", "options", "susceptibility", "motion"),
    [
        ((), {}, "topup (FSL) is not on this machine", "eddy (FSL) is not on this machine"),
        (("topup", "eddy"), {}, "no image with reversed phase encoding", "gradient directions rotated"),
        (("topup", "eddy"), {"encoding": None}, "no sidecar", "no sidecar"),
        (("eddy",), {"encoding": {}}, "topup (FSL) is not", "lacks PhaseEncodingDirection and TotalReadoutTime"),
    ],
)
def test_what_was_left_out_is_said(tmp_path, path_of_stubs, programs, options, susceptibility, motion):
    path_of_stubs("dwi2mask", *programs)
    steps = prepared(series_with(tmp_path, **options), tmp_path).steps
    assert susceptibility in steps["SusceptibilityCorrection"] and motion in steps["MotionAndEddyCorrection"]
    assert steps["Denoising"].startswith("none")


def test_an_unknown_phase_encoding_is_refused(tmp_path, path_of_stubs):
    path_of_stubs("dwi2mask", "eddy")
    with pytest.raises(InputError, match="unknown PhaseEncodingDirection"):
        prepared(series_with(tmp_path, encoding={"PhaseEncodingDirection": "AP", "TotalReadoutTime": 1}), tmp_path)


def test_a_volume_is_no_series(tmp_path, path_of_stubs):
    path_of_stubs("dwi2mask")
    files = phantom.write_series(tmp_path, count=7)
    nib.save(nib.Nifti1Image(np.ones((4, 4, 4), np.float32), np.eye(4)), files["image"])
    with pytest.raises(InputError, match="not a diffusion series"):
        prepared(DiffusionSeries(**files), tmp_path)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("print('the scanner was cold', file=sys.stderr); sys.exit(3)", "status 3:\nthe scanner was cold"),
        (STUBS["dwi2mask"] + "sys.exit(1)", "status 1"),
        ("pass", "brain.nii"),
    ],
)
def test_a_program_that_fails_is_not_passed_over(tmp_path, path_of_stubs, script, said):
    path_of_stubs(dwi2mask=script)
    nib.save(nib.Nifti1Image(np.ones((4, 4, 4, 2), np.float32), np.eye(4)), tmp_path / "dwi.nii")
    with pytest.raises(ProgramError) as caught:
        run_program(mrtrix3.BrainMask(in_file=str(tmp_path / "dwi.nii"), out_file=str(tmp_path / "brain.nii")))
    assert said in str(caught.value)


def test_a_series_on_which_a_program_stops_has_no_tracts_and_the_reason(tmp_path, path_of_stubs):
    path_of_stubs(**dict.fromkeys(REQUIRED, "print('not this head', file=sys.stderr); sys.exit(1)"))
    nothing = Volume(np.zeros((2, 2, 2), np.float32), np.eye(4))
    tracts = trace_tracts(
        series_with(tmp_path), {("UF", "L"): nothing}, anatomy=nothing, anatomy_mask=nothing,
        atlas_to_anatomy=Chain(), anatomy_to_gre=Chain(), gre=nothing, registration=settings(),
        scratch=tmp_path / "work",
    )  # fmt: skip
    assert not tracts.masks and "not this head" in tracts.reasons["UF", "L"]
    assert tracts.sidecar["TractRoute"] == "none" and "dwi2mask" in tracts.sidecar["Reason"]


def test_an_absent_program_is_named(tmp_path, path_of_stubs):
    path_of_stubs("eddy")
    assert missing_programs("eddy") == () and missing_programs("topup", "eddy") == ("topup",)
    assert "dwi2mask" in missing_programs()
    nib.save(nib.Nifti1Image(np.ones((4, 4, 4, 2), np.float32), np.eye(4)), tmp_path / "dwi.nii")
    with pytest.raises(ProgramError, match="dwi2mask"):
        run_program(mrtrix3.BrainMask(in_file=str(tmp_path / "dwi.nii"), out_file=str(tmp_path / "brain.nii")))
