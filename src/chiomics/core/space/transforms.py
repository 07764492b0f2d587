"""Chains of transforms between images, kept as ITK files, and the one interpolation that applies a whole chain.

An ITK transform maps points of the fixed image onto points of the moving one, in a world that counts to the left and
posterior. Here matrices are written in the world of NIfTI (right, anterior, superior) and from moving to fixed; only
the files and the calls of ANTs hold the other way round.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage
from scipy.io import loadmat, savemat

from chiomics.core.errors import InputError
from chiomics.core.files import atomic_write, plain_folder, read_sidecar, require_inside, write_sidecar
from chiomics.core.space.volume import Volume

#: Name of the list of a chain's files in its folder.
LIST_NAME = "chain.json"
#: World of NIfTI in that of ITK.
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
#: Cosine between two voxel axes from which on a grid counts as sheared, which ITK cannot hold.
SHEAR = 1e-3
#: Name of a matrix in ITK's file; ANTs' own are of float.
MATRIX = "AffineTransform_double_3_3"
INTERPOLATORS = {"linear": "linear", "nearest": "nearestNeighbor", "label": "genericLabel"}


@dataclass(frozen=True)
class Step:
    """One transform of a chain.

    Parameters
    ----------
    file : Path
        ITK transform of the step as it was estimated: a matrix (``.mat``) or a displacement field (``.nii.gz``).
    inverse_file : Path or None
        Displacement field of the inverse; None for a matrix, which ITK inverts.
    inverted : bool
        Whether the step is gone backwards.
    """

    file: Path
    inverse_file: Path | None = None
    inverted: bool = False

    @property
    def is_matrix(self) -> bool:
        """Whether the step is linear."""
        return self.inverse_file is None


@dataclass(frozen=True)
class Chain:
    """Transforms that carry an image onto another, in the order from the moving to the fixed image.

    Parameters
    ----------
    steps : tuple of Step
        None at all is the identity.
    """

    steps: tuple[Step, ...] = ()

    def inverse(self) -> Chain:
        """Return the way back, from the fixed to the moving image."""
        return Chain(tuple(replace(step, inverted=not step.inverted) for step in reversed(self.steps)))

    def then(self, other: Chain) -> Chain:
        """Go on with another chain: its moving image is this one's fixed image."""
        return Chain(self.steps + other.steps)

    @property
    def is_linear(self) -> bool:
        """Whether every step is a matrix."""
        return all(step.is_matrix for step in self.steps)

    def matrix(self) -> np.ndarray:
        """Return the matrix of a linear chain.

        Returns
        -------
        ndarray, shape (4, 4)
            Maps world points of the moving image onto those of the fixed image, mm, NIfTI's axes.

        Raises
        ------
        ValueError
            Where a step is a displacement field.
        """
        if not self.is_linear:
            raise ValueError("a chain with a displacement field has no matrix")
        whole = np.eye(4)
        for step in self.steps:
            onto_moving = read_matrix(step.file)
            whole = (onto_moving if step.inverted else np.linalg.inv(onto_moving)) @ whole
        return whole

    def map_points(self, points: np.ndarray) -> np.ndarray:
        """Carry points from the world of the moving image to that of the fixed one.

        Parameters
        ----------
        points : ndarray, shape (3, n)
            World coordinates in mm, NIfTI's axes.

        Returns
        -------
        ndarray, shape (3, n)
            World coordinates in mm; a displacement field leaves points outside its grid where they are.
        """
        for step in self.steps:
            if step.is_matrix:
                matrix = read_matrix(step.file) if step.inverted else np.linalg.inv(read_matrix(step.file))
                points = matrix[:3, :3] @ points + matrix[:3, 3:]
            else:
                points = points + _displacement(step.file if step.inverted else step.inverse_file, points)
        return points

    @classmethod
    def from_matrix(cls, matrix: np.ndarray, file: str | Path) -> Chain:
        """Write a matrix, as `matrix` gives it, as an ITK file and make it a chain of one step."""
        _write_matrix(np.linalg.inv(matrix), file)
        return cls((Step(Path(file)),))

    def write(self, folder: str | Path) -> Chain:
        """Copy the files of the chain into a folder, with their list.

        Parameters
        ----------
        folder : path-like
            Made where it is missing; files are called ``0_matrix.mat``, ``1_warp.nii.gz``, ``1_inverse_warp.nii.gz``.

        Returns
        -------
        Chain
            The same chain on the files of the folder.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        steps, listed = [], []
        for number, step in enumerate(self.steps):
            names = [f"{number}_matrix.mat" if step.is_matrix else f"{number}_warp.nii.gz"]
            if not step.is_matrix:
                names.append(f"{number}_inverse_warp.nii.gz")
            for name, source in zip(names, (step.file, step.inverse_file), strict=False):
                if source is not None and source.resolve() != (folder / name).resolve():
                    with atomic_write(folder / name) as temporary:
                        shutil.copyfile(source, temporary)
            files = [folder / name for name in names]
            steps.append(Step(files[0], files[1] if len(files) > 1 else None, step.inverted))
            listed.append({"files": names, "inverted": step.inverted})
        write_sidecar(folder / LIST_NAME, {"From": "moving", "To": "fixed", "Steps": listed})
        return Chain(tuple(steps))

    @classmethod
    def read(cls, folder: str | Path) -> Chain:
        """Read what `write` wrote; see there.

        Raises
        ------
        InputError
            Where the list or one of its files is missing.
        """
        folder = Path(folder)
        steps = []
        for listed in read_sidecar(folder / LIST_NAME)["Steps"]:
            for name in listed["files"]:
                require_inside(name, file=folder / LIST_NAME, key="files")
            files = [folder / name for name in listed["files"]]
            for file in files:
                if not file.is_file():
                    raise InputError("a transform of the chain is missing", file=file, expected="an ITK transform")
            steps.append(Step(files[0], files[1] if len(files) > 1 else None, listed["inverted"]))
        return cls(tuple(steps))


def resample(volume: Volume, onto: Volume, chain: Chain, *, interpolation: str = "linear") -> Volume:
    """Carry an image onto another grid in one interpolation, however many steps the chain has.

    Parameters
    ----------
    volume : Volume
        The moving image, labels or a mask.
    onto : Volume
        Whose grid the result has.
    chain : Chain
        From the world of `volume` to that of `onto`.
    interpolation : str
        ``linear``; ``nearest``; or ``label``, where each voxel takes the label with the largest share under linear
        interpolation, which keeps volumes better than the nearest voxel does.

    Returns
    -------
    Volume
        0 outside the moving image. Linear results are float32, others have the type of `volume`.
    """
    from chiomics.core.space.ants_images import ants

    with ExitStack() as named:
        files = ants_list(chain)
        folders = {str(Path(file).parent) for file in files}
        plain = {folder: named.enter_context(plain_folder(folder)) for folder in sorted(folders)}
        moved = ants.apply_transforms(
            itk_image(Volume(np.broadcast_to(np.float32(0), onto.voxels.shape[:3]), onto.affine)),
            itk_image(volume),
            [str(plain[str(Path(file).parent)] / Path(file).name) for file in files],
            interpolator=INTERPOLATORS[interpolation],
            whichtoinvert=[step.is_matrix and step.inverted for step in reversed(chain.steps)],
            singleprecision=False,
        ).numpy()
    if interpolation != "linear":
        moved = moved > 0.5 if volume.voxels.dtype == bool else np.rint(moved).astype(volume.voxels.dtype)
    return Volume(moved, onto.affine)


def ants_list(chain: Chain) -> list[str]:
    """List the files of a chain as ANTs takes them: the fixed image's end first; matrices still want their flags."""
    files = [step.inverse_file if step.inverted and not step.is_matrix else step.file for step in chain.steps]
    return [str(file) for file in reversed(files)]


def itk_image(volume: Volume):
    """Make an ANTs image, refusing a sheared grid by name."""
    from chiomics.core.space.ants_images import to_ants

    axes = volume.affine[:3, :3] / volume.voxel_size
    if (shear := np.abs(axes.T @ axes - np.eye(3)).max()) > SHEAR:
        raise InputError(
            "the voxel axes of an image are sheared",
            found=f"a cosine of {shear:.4f} between two axes",
            expected="axes at right angles; resample the image onto such a grid first",
        )
    # The nearest rotation: ITK refuses what is a rounding error away from one.
    left, _, right = np.linalg.svd(axes)
    affine = volume.affine.astype(float).copy()
    affine[:3, :3] = (left @ right) * volume.voxel_size
    return to_ants(volume.voxels, affine)


def _displacement(file: Path | None, points: np.ndarray) -> np.ndarray:
    """Read a displacement field at points, NIfTI's axes."""
    assert file is not None, "a matrix has no displacement field"
    image = nib.load(file)
    to_voxels = np.linalg.inv(image.affine)
    index = to_voxels[:3, :3] @ points + to_voxels[:3, 3:]
    field = np.asarray(image.dataobj, np.float32).reshape(*image.shape[:3], 3)
    parts = [ndimage.map_coordinates(field[..., axis], index, order=1) for axis in range(3)]
    return RAS_TO_LPS[:3, :3] @ np.stack(parts)


def _write_matrix(onto_moving: np.ndarray, file: str | Path) -> None:
    """Write a matrix from the fixed to the moving world as ITK's Matlab file, the one kind that antspy inverts."""
    lps = RAS_TO_LPS @ onto_moving @ RAS_TO_LPS
    parameters = np.concatenate([lps[:3, :3].ravel(), lps[:3, 3]])[:, None]
    with atomic_write(file) as temporary:
        savemat(temporary, {MATRIX: parameters, "fixed": np.zeros((3, 1))}, format="4", appendmat=False)


def read_matrix(file: Path) -> np.ndarray:
    """Read a matrix from the fixed to the moving world."""
    fields = loadmat(file, appendmat=False)
    names = [name for name in fields if name.startswith(MATRIX.split("_")[0])]
    if len(names) != 1 or "fixed" not in fields:
        raise InputError("not a matrix of ITK", file=file, found=", ".join(fields), expected=MATRIX)
    parameters, centre = fields[names[0]].ravel().astype(float), fields["fixed"].ravel().astype(float)
    lps = np.eye(4)
    lps[:3, :3] = parameters[:9].reshape(3, 3)
    lps[:3, 3] = parameters[9:] + centre - lps[:3, :3] @ centre
    return RAS_TO_LPS @ lps @ RAS_TO_LPS
