"""FSL's conventions, and its programs stood in for by small scripts on the PATH, for FSL itself is not on PyPI."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from chiomics.anatomy.registration import fsl
from chiomics.anatomy.registration.ants import register
from chiomics.anatomy.registration.brain_extraction import extract_brain
from chiomics.anatomy.registration.settings import settings
from chiomics.core.errors import SettingError
from chiomics.core.space.transforms import Chain, resample
from chiomics.core.space.volume import Volume
from tests.anatomy.template_heads import reoriented, rigid

MOTION = rigid((7, -4, 9), (4, -3, 5))


def grid(shape: tuple[int, int, int], size: tuple[float, float, float], axes: str) -> Volume:
    """Smooth noise on an oblique grid, stored in the given order and directions."""
    affine = rigid((11, -6, 14), (0, 0, 0)) @ np.diag([*size, 1.0])
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2 + [3, -2, 1]
    voxels = ndimage.gaussian_filter(np.random.default_rng(sum(shape)).standard_normal(shape), 2)
    return reoriented(Volume(voxels.astype(np.float32), affine), axes)


def fsl_point(volume: Volume, voxel: np.ndarray) -> np.ndarray:
    """FSL's millimetres of a voxel, from its documentation: scaled, the first axis reversed where right-handed."""
    voxel = np.array(voxel, float)
    if np.linalg.det(volume.affine[:3, :3]) > 0:
        voxel[0] = volume.voxels.shape[0] - 1 - voxel[0]
    return voxel * volume.voxel_size


@pytest.mark.parametrize("moving_axes", ["RAS", "LAS", "PIR", "SAL"])
@pytest.mark.parametrize("fixed_axes", ["RAS", "LAS", "ILP"])
def test_flirts_matrix_and_the_worlds_say_the_same(moving_axes, fixed_axes):
    moving, fixed = grid((30, 34, 20), (2, 1.5, 3), moving_axes), grid((24, 22, 28), (2.5, 2, 1.75), fixed_axes)
    flirt = fsl.flirt_matrix(MOTION, moving, fixed)
    for voxel in ([0, 0, 0], [5, 7, 11], [20, 3, 9]):
        world = MOTION @ moving.affine @ [*voxel, 1]
        there = (np.linalg.inv(fixed.affine) @ world)[:3]
        np.testing.assert_allclose((flirt @ [*fsl_point(moving, voxel), 1])[:3], fsl_point(fixed, there), atol=1e-9)
    np.testing.assert_allclose(fsl.world_matrix(flirt, moving, fixed), MOTION, atol=1e-12)


def test_a_flirt_matrix_of_grids_along_the_axes_needs_no_thought():
    # Radiological storage (LAS), the same grid twice: FLIRT's x is the world's negative, so a shift by 5 mm to the
    # left in the world is one by +5 mm for FLIRT.
    volume = Volume(np.zeros((10, 10, 10)), np.diag([-2.0, 2.0, 2.0, 1.0]))
    shift = np.eye(4)
    shift[0, 3] = -5
    np.testing.assert_allclose(fsl.flirt_matrix(shift, volume, volume)[:3, 3], [5, 0, 0], atol=1e-12)


@pytest.mark.parametrize("axes", ["RAS", "LPS"])
def test_a_field_that_only_moves_rigidly_is_the_matrix(axes):
    moving, fixed = grid((30, 34, 20), (2, 1.5, 3), "PIR"), grid((12, 11, 14), (2.5, 2, 1.75), axes)
    onto_moving = np.linalg.inv(fsl.flirt_matrix(MOTION, moving, fixed))
    index = np.indices(fixed.voxels.shape).reshape(3, -1)
    points = np.stack([fsl_point(fixed, voxel) for voxel in index.T], 1)
    field = onto_moving[:3, :3] @ points + onto_moving[:3, 3:] - points
    found = fsl.world_displacement(field.T.reshape(*fixed.voxels.shape, 3), fixed, moving)
    world = fixed.affine[:3, :3] @ index + fixed.affine[:3, 3:]
    back = np.linalg.inv(MOTION)
    wanted = back[:3, :3] @ world + back[:3, 3:] - world
    np.testing.assert_allclose(found.reshape(-1, 3).T, wanted, atol=1e-4)  # float32 of tens of mm


#: Each stand-in reads its options and writes what the real program would for a displacement it is given in a file.
STAND_IN = """#!{python}
import os, shutil, sys
import nibabel as nib
import numpy as np
name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
folder = {folder!r}
with open(folder + "/calls.txt", "a") as calls:
    calls.write(name + " " + " ".join(words) + "\\n")
after = lambda option: words[words.index(option) + 1]
value = lambda option: next(word.split("=", 1)[1] for word in words if word.startswith(option + "="))
if name == "flirt":
    shutil.copy(folder + "/flirt.txt", after("-omat"))
    shutil.copy(after("-in"), after("-out"))
elif name == "bet":
    head = nib.load(words[0])
    mask = (head.get_fdata() > 0.02).astype(np.uint8)
    nib.save(nib.Nifti1Image(mask, head.affine), words[1].replace(".nii.gz", "_mask.nii.gz"))
    shutil.copy(words[0], words[1])
elif name == "fnirt":
    shutil.copy(value("--aff"), folder + "/given_affine.txt")
    shutil.copy(value("--ref"), value("--cout"))
    shutil.copy(value("--in"), value("--iout"))
elif name == "convertwarp":
    assert "--relout" in words
    shutil.copy(folder + "/field.nii.gz", value("--out"))
elif name == "invwarp":
    assert "--rel" in words
    shutil.copy(folder + "/inverse.nii.gz", value("--out"))
"""


@pytest.fixture
def stand_ins(tmp_path, monkeypatch) -> Path:
    """FSL's programs as scripts, first on the PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("flirt", "fnirt", "bet", "convertwarp", "invwarp"):
        script = folder / name
        script.write_text(STAND_IN.format(python=sys.executable, folder=str(folder)))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


@pytest.fixture
def images() -> tuple[Volume, Volume]:
    return grid((30, 34, 20), (2, 1.5, 3), "PIR"), grid((24, 22, 28), (2.5, 2, 1.75), "RAS")


def test_flirt_is_called_and_its_matrix_becomes_a_chain(images, stand_ins, tmp_path):
    moving, fixed = images
    np.savetxt(stand_ins / "flirt.txt", fsl.flirt_matrix(MOTION, moving, fixed), fmt="%.12f")
    chosen = settings("fast", {"program": "fsl"})
    mask = fixed.like(np.ones(fixed.voxels.shape, bool))
    chain = register(moving, fixed, settings=chosen, out_dir=tmp_path / "out", kind="rigid", fixed_mask=mask)
    np.testing.assert_allclose(chain.matrix(), MOTION, atol=1e-9)
    call = (stand_ins / "calls.txt").read_text()
    assert "-dof 6" in call
    assert "-refweight" in call
    assert "-inweight" not in call
    register(moving, fixed, settings=chosen, out_dir=tmp_path / "out", kind="affine", initial=MOTION)
    call = (stand_ins / "calls.txt").read_text().splitlines()[-1]
    assert "-dof 12" in call
    assert "-nosearch" in call
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0_matrix.mat", "chain.json"]


def test_fnirts_field_carries_the_image_as_its_matrix_would(images, stand_ins, tmp_path):
    import nibabel as nib

    moving, fixed = images
    np.savetxt(stand_ins / "flirt.txt", fsl.flirt_matrix(MOTION, moving, fixed), fmt="%.12f")
    for name, matrix, here in (
        ("field", np.linalg.inv(fsl.flirt_matrix(MOTION, moving, fixed)), fixed),
        ("inverse", fsl.flirt_matrix(MOTION, moving, fixed), moving),
    ):
        index = np.indices(here.voxels.shape).reshape(3, -1)
        points = np.stack([fsl_point(here, voxel) for voxel in index.T], 1)
        field = (matrix[:3, :3] @ points + matrix[:3, 3:] - points).T.reshape(*here.voxels.shape, 3)
        nib.save(nib.Nifti1Image(field.astype(np.float32), here.affine), stand_ins / f"{name}.nii.gz")
    chosen = settings("fast", {"program": "fsl"})
    chain = register(moving, fixed, settings=chosen, out_dir=tmp_path / "out", kind="nonlinear")
    # What FNIRT is given to start from is what FLIRT found.
    np.testing.assert_allclose(
        np.loadtxt(stand_ins / "given_affine.txt"), fsl.flirt_matrix(MOTION, moving, fixed), atol=1e-9
    )
    by_matrix = Chain.from_matrix(MOTION, tmp_path / "matrix.mat")
    for there, back, source, target in (
        (chain, by_matrix, moving, fixed), (chain.inverse(), by_matrix.inverse(), fixed, moving)
    ):  # fmt: skip
        carried, wanted = resample(source, target, there).voxels, resample(source, target, back).voxels
        # Float32 displacements of tens of mm, in images whose values spread by 0.1; the border may fall either side.
        assert np.median(np.abs(carried - wanted)) < 1e-5
        assert np.corrcoef(carried.ravel(), wanted.ravel())[0, 1] > 0.999


def test_bet_is_called_where_it_is_chosen(images, stand_ins, tmp_path):
    moving, _ = images
    chosen = settings("fast", {"extraction": {"method": "bet"}})
    found = extract_brain(moving, settings=chosen, out_dir=tmp_path / "out")
    assert found.method == "BET of FSL"
    np.testing.assert_array_equal(found.mask.voxels, moving.voxels > 0.02)
    assert "-R" in (stand_ins / "calls.txt").read_text()


@pytest.mark.parametrize(("program", "kind"), [("flirt", "rigid"), ("fnirt", "deformable")])
def test_a_missing_program_is_named(images, tmp_path, monkeypatch, program, kind):
    monkeypatch.setenv("PATH", str(tmp_path))
    moving, fixed = images
    chosen = settings("fast", {"program": "fsl"})
    with pytest.raises(SettingError, match=f"program {program} is not installed"):
        register(moving, fixed, settings=chosen, out_dir=tmp_path / "out", kind=kind, initial=np.eye(4))
    with pytest.raises(SettingError, match="program bet is not installed"):
        fsl.extract_brain(moving, out_dir=tmp_path / "out")
