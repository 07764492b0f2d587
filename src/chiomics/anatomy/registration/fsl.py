"""FSL's FLIRT, FNIRT and BET through nipype, for users who have them; transforms are kept as ITK files all the same.

Jenkinson & Smith (2001, Med Image Anal 5:143), Andersson et al. (2007, FMRIB TR07JA2), Smith (2002, Hum Brain Mapp
17:143). FSL counts in millimetres from the first voxel along the voxel axes, the first axis reversed where it and the
others make a right-handed system (a positive determinant of the affine): every matrix and field is converted to the
world here, which is exact for oblique and flipped grids.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np

from chiomics.core.errors import SettingError
from chiomics.core.files import plain_folder
from chiomics.core.space.transforms import RAS_TO_LPS, Chain, Step
from chiomics.core.space.volume import Volume

DEGREES_OF_FREEDOM = {"rigid": 6, "affine": 12}
#: FLIRT's cost function: normalised mutual information serves any two contrasts.
COST = "normmi"
#: BET's fractional intensity threshold, its default.
FRACTION = 0.5


def register(
    moving: Volume,
    fixed: Volume,
    *,
    kind: str,
    out_dir: str | Path,
    moving_mask: Volume | None = None,
    fixed_mask: Volume | None = None,
    initial: Chain | np.ndarray | None = None,
) -> Chain:
    """Find the transform that carries an image onto another with FLIRT and, for a nonlinear one, FNIRT.

    Parameters
    ----------
    moving, fixed : Volume
        The images; for a template without a skull, a brain.
    kind : str
        ``rigid``, ``affine``, ``nonlinear``, or ``deformable`` (FNIRT only, from `initial`).
    out_dir : path-like
        Folder that keeps the transforms.
    moving_mask, fixed_mask : Volume, optional
        Weights of FLIRT, each on the grid of its image; FNIRT takes that of the fixed image.
    initial : Chain or ndarray of shape (4, 4), optional
        Linear chain, or its matrix, to start from.

    Returns
    -------
    Chain
        From the world of `moving` to that of `fixed`.

    Raises
    ------
    SettingError
        Where a program of FSL is not installed.
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".fsl_") as own, plain_folder(own) as folder:
        files = {}
        for key, volume in {
            "moving": moving, "fixed": fixed, "moving_weight": moving_mask, "fixed_weight": fixed_mask
        }.items():  # fmt: skip
            if volume is not None:
                files[key] = folder / f"{key}.nii.gz"
                volume.like(np.asarray(volume.voxels, np.float32)).write(files[key])
        start = initial.matrix() if isinstance(initial, Chain) else initial
        if kind != "deformable":
            degrees = DEGREES_OF_FREEDOM["rigid" if kind == "rigid" else "affine"]
            start = _flirt(moving, fixed, files, degrees, start, folder)
        if kind in DEGREES_OF_FREEDOM:
            return Chain.from_matrix(start, folder / "flirt.mat").write(out_dir)
        return _fnirt(moving, fixed, files, start if start is not None else np.eye(4), folder).write(out_dir)


def extract_brain(image: Volume, *, out_dir: str | Path) -> Volume:
    """Find the brain with BET, its centre estimated robustly; booleans on the image's grid."""
    fsl = _interfaces("bet")
    Path(out_dir).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".fsl_") as own, plain_folder(own) as folder:
        head, brain = folder / "head.nii.gz", folder / "brain.nii.gz"
        image.write(head)
        bet = fsl.BET(in_file=head, out_file=brain, mask=True, robust=True, frac=FRACTION, output_type="NIFTI_GZ")
        bet.run(cwd=str(folder))
        return image.like(Volume.read(folder / "brain_mask.nii.gz").voxels > 0.5)


def world_matrix(flirt: np.ndarray, moving: Volume, fixed: Volume) -> np.ndarray:
    """Turn FLIRT's matrix into one from the moving to the fixed world.

    Parameters
    ----------
    flirt : ndarray, shape (4, 4)
        As ``flirt -omat`` writes it: FSL's millimetres of `moving` onto those of `fixed`.
    moving, fixed : Volume
        The two grids.

    Returns
    -------
    ndarray, shape (4, 4)
        World coordinates in mm, NIfTI's axes.
    """
    return _to_world(fixed) @ flirt @ np.linalg.inv(_to_world(moving))


def flirt_matrix(world: np.ndarray, moving: Volume, fixed: Volume) -> np.ndarray:
    """Turn a matrix between the worlds into FLIRT's; the inverse of `world_matrix`."""
    return np.linalg.inv(_to_world(fixed)) @ world @ _to_world(moving)


def world_displacement(field: np.ndarray, grid: Volume, other: Volume) -> np.ndarray:
    """Turn a relative displacement field of FSL into one between the worlds.

    Parameters
    ----------
    field : ndarray, shape (x, y, z, 3)
        Displacement in FSL's millimetres from a voxel of `grid` to its point in `other`.
    grid, other : Volume
        The grid the field lies on, and the image it points into.

    Returns
    -------
    ndarray, shape (x, y, z, 3)
        Displacement from the world of `grid` to that of `other`, mm, NIfTI's axes.
    """
    index = np.indices(field.shape[:3]).reshape(3, -1)
    here = grid.affine[:3, :3] @ index + grid.affine[:3, 3:]
    onto_fsl, onto_world = np.linalg.inv(_to_world(grid)), _to_world(other)
    there = onto_fsl[:3, :3] @ here + onto_fsl[:3, 3:] + field.reshape(-1, 3).T
    there = onto_world[:3, :3] @ there + onto_world[:3, 3:]
    return (there - here).T.reshape(field.shape).astype(np.float32)


def _to_world(volume: Volume) -> np.ndarray:
    """Return the matrix from FSL's millimetres of an image to its world."""
    scaling = np.diag([*volume.voxel_size, 1.0])
    if np.linalg.det(volume.affine[:3, :3]) > 0:
        scaling[0, 0] *= -1
        scaling[0, 3] = volume.voxel_size[0] * (volume.voxels.shape[0] - 1)
    return volume.affine @ np.linalg.inv(scaling)


def _flirt(
    moving: Volume, fixed: Volume, files: dict[str, Path], degrees: int, start: np.ndarray | None, folder: Path
) -> np.ndarray:
    fsl = _interfaces("flirt")
    flirt = fsl.FLIRT(
        in_file=files["moving"], reference=files["fixed"], dof=degrees, cost=COST, output_type="NIFTI_GZ",
        out_file=folder / "flirt.nii.gz", out_matrix_file=folder / "flirt.txt",
    )  # fmt: skip
    if "moving_weight" in files:
        flirt.inputs.in_weight = files["moving_weight"]
    if "fixed_weight" in files:
        flirt.inputs.ref_weight = files["fixed_weight"]
    if start is not None:
        np.savetxt(folder / "start.txt", flirt_matrix(start, moving, fixed), fmt="%.12f")
        flirt.inputs.in_matrix_file = folder / "start.txt"
        flirt.inputs.no_search = True
    flirt.run(cwd=str(folder))
    return world_matrix(np.loadtxt(folder / "flirt.txt"), moving, fixed)


def _fnirt(moving: Volume, fixed: Volume, files: dict[str, Path], start: np.ndarray, folder: Path) -> Chain:
    fsl = _interfaces("fnirt", "convertwarp", "invwarp")
    np.savetxt(folder / "affine.txt", flirt_matrix(start, moving, fixed), fmt="%.12f")
    fnirt = fsl.FNIRT(
        in_file=files["moving"], ref_file=files["fixed"], affine_file=folder / "affine.txt", output_type="NIFTI_GZ",
        fieldcoeff_file=folder / "coefficients.nii.gz", warped_file=folder / "warped.nii.gz",
    )  # fmt: skip
    if "fixed_weight" in files:
        fnirt.inputs.refmask_file = files["fixed_weight"]
    fnirt.run(cwd=str(folder))
    # Coefficients carry the affine in their header; convertwarp adds it, so that the field is the whole transform.
    fsl.ConvertWarp(
        reference=files["fixed"], warp1=folder / "coefficients.nii.gz", out_relwarp=True,
        out_file=folder / "field.nii.gz", output_type="NIFTI_GZ",
    ).run(cwd=str(folder))  # fmt: skip
    fsl.InvWarp(
        reference=files["moving"], warp=folder / "field.nii.gz", relative=True,
        inverse_warp=folder / "inverse.nii.gz", output_type="NIFTI_GZ",
    ).run(cwd=str(folder))  # fmt: skip
    _write_field(folder / "field.nii.gz", fixed, moving, folder / "warp.nii.gz")
    _write_field(folder / "inverse.nii.gz", moving, fixed, folder / "inverse_warp.nii.gz")
    return Chain((Step(folder / "warp.nii.gz", folder / "inverse_warp.nii.gz"),))


def _write_field(source: Path, grid: Volume, other: Volume, target: Path) -> None:
    """Write a field of FSL as ITK's: vectors in a fifth dimension, counted to the left and posterior."""
    field = np.asarray(nib.load(source).dataobj, np.float64)
    vectors = world_displacement(field, grid, other) @ RAS_TO_LPS[:3, :3]
    image = nib.Nifti1Image(vectors[:, :, :, None].astype(np.float32), grid.affine)
    image.header.set_intent("vector")
    image.header.set_xyzt_units("mm")
    image.set_qform(grid.affine, code=1)
    image.set_sform(grid.affine, code=1)
    nib.save(image, target)


def _interfaces(*programs: str):
    """Return nipype's interfaces of FSL once the programs are there."""
    for program in programs:
        if shutil.which(program) is None:
            raise SettingError(
                f"FSL is chosen, but its program {program} is not installed",
                found=f"no {program} on the PATH",
                expected="FSL, or the default that needs nothing else",
            )
    os.environ.setdefault("NO_ET", "1")  # Else nipype asks a server for its newest version.
    os.environ.setdefault("FSLOUTPUTTYPE", "NIFTI_GZ")
    from nipype.interfaces import fsl

    return fsl
