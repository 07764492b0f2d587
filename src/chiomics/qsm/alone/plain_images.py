"""Plain NIfTI images as the steps take them: their geometry, their units, and the grid that they share.

Units cannot be read from a NIfTI header, so they are told from the voxels where that is possible: fields in Hz or rad
are tens to hundreds of times larger than those in ppm. A sidecar beside the image that names another unit is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from chiomics.core.errors import InputError
from chiomics.core.files import read_sidecar
from chiomics.core.images import b0_direction, load_voxels, scanner_affine, voxel_size
from chiomics.core.space.grids import check_same_grid
from chiomics.core.space.masks import read_mask
from chiomics.core.space.volume import Volume
from chiomics.core.units import MAX_FIELD_STRENGTH
from chiomics.qsm.arrays import LATEST_ECHO, in_mask

ENDINGS = (".nii.gz", ".nii")
#: Robust SD (1.4826 MAD) in ppm that a field may have inside the mask. Of a simulated, shimmed head the local field has
#: 0.008 and the total field 0.06; in Hz they are 64 (1.5 T) to 298 (7 T) times as large, as a fraction of B0 a
#: millionth. Without a shim the total field is some times larger; rad of an early echo cannot be told from ppm.
SPREADS = {"total field": (1e-4, 3.0), "local field": (1e-4, 0.1)}
#: Shortest and longest side of an image in mm, beyond which its voxel size is in another unit; and the cosine between
#: two axes beyond rounding. As in `chiomics.index.headers`, but for small animals.
SIDES, MAX_SHEAR = (4.0, 1000.0), 0.01
#: Voxel sizes that a header and a file of parameters may differ by, in mm.
SIZE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Geometry:
    """What the physics needs to know of a grid.

    Attributes
    ----------
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.
    voxel_size : ndarray, shape (3,)
        In mm.
    b0_direction : ndarray, shape (3,)
        Unit vector in voxel axes.
    """

    affine: np.ndarray
    voxel_size: np.ndarray
    b0_direction: np.ndarray


@dataclass(frozen=True)
class Acquisition:
    """What the command line or a file of parameters says of an acquisition; None where it says nothing."""

    echo_times: Sequence[float] | None = None  # s
    field_strength: float | None = None  # T
    b0_direction: Sequence[float] | None = None  # in voxel axes
    voxel_size: Sequence[float] | None = None  # mm, to be compared with the header


def read_parameters(path: str | Path | None, given: Acquisition) -> Acquisition:
    """Complete what the command line says from a JSON file as QSM-CI writes it.

    Parameters
    ----------
    path : path-like, optional
        JSON with ``TE`` (s), ``B0`` (T), ``B0_dir`` (voxel axes) and ``voxel_size`` (mm), each of which may be missing.
    given : Acquisition
        Goes before the file.

    Returns
    -------
    Acquisition
        Both together.

    Raises
    ------
    InputError
        Where the file cannot be read or holds no numbers.
    """
    if path is None:
        return given
    fields = read_sidecar(path)
    if not isinstance(fields, dict):
        raise InputError("the parameters are no fields", file=path, expected="JSON with TE, B0, B0_dir, voxel_size")
    try:
        read = {
            "echo_times": [float(time) for time in np.atleast_1d(fields["TE"])] if "TE" in fields else None,
            "field_strength": float(fields["B0"]) if "B0" in fields else None,
            "b0_direction": [float(part) for part in fields["B0_dir"]] if "B0_dir" in fields else None,
            "voxel_size": [float(side) for side in fields["voxel_size"]] if "voxel_size" in fields else None,
        }
    except (TypeError, ValueError) as error:
        raise InputError(
            "the parameters are no numbers",
            file=path,
            found=str(error),
            expected="numbers in TE, B0, B0_dir, voxel_size",
        ) from error
    strength = read["field_strength"]
    if strength is not None and not 0 < strength <= MAX_FIELD_STRENGTH:
        raise InputError(
            "B0 is not a field strength in T", file=path, found=f"{strength:g}",
            expected=f"a number above 0, at most {MAX_FIELD_STRENGTH:g}",
        )  # fmt: skip
    said = {name: value for name, value in vars(given).items() if value is not None}
    return Acquisition(**(read | said))


def find_geometry(path: str | Path, affine: np.ndarray, acquisition: Acquisition) -> Geometry:
    """Return voxel size and B0 direction of an image.

    Parameters
    ----------
    path : path-like
        NIfTI file.
    affine : ndarray, shape (4, 4)
        Of the image as it was read.
    acquisition : Acquisition
        Its direction of B0 goes before that of the affine; its voxel size must be the image's.

    Returns
    -------
    Geometry
        In mm, and in voxel axes.

    Raises
    ------
    InputError
        For a direction that is none or that nobody says, a voxel size that is not the image's or no head's, and voxel
        axes that do not stand at right angles.
    """
    size = voxel_size(affine)
    _check_box(path, affine, size)
    if acquisition.voxel_size is not None and not (
        np.shape(acquisition.voxel_size) == (3,) and np.allclose(acquisition.voxel_size, size, atol=SIZE_TOLERANCE)
    ):
        raise InputError(
            "the image has another voxel size than the parameters say", file=path,
            found=" x ".join(f"{side:g}" for side in size) + " mm",
            expected=" x ".join(f"{side:g}" for side in np.atleast_1d(acquisition.voxel_size)) + " mm",
        )  # fmt: skip
    if acquisition.b0_direction is None:
        header = nib.load(path).header
        if all(int(header.get(form, 1)) == 0 for form in ("sform_code", "qform_code")):
            raise InputError(
                "the header does not say how the image lies in the scanner", file=path,
                found="sform_code 0 and qform_code 0", expected="--b0-direction X Y Z; 0 0 1 for axial slices",
            )  # fmt: skip
        return Geometry(affine, size, b0_direction(scanner_affine(path)))
    direction = np.asarray(acquisition.b0_direction, float)
    length = float(np.linalg.norm(direction))
    if direction.shape != (3,) or not np.isfinite(length) or length < 1e-6:
        raise InputError(
            "the direction of B0 is no direction",
            found=" ".join(f"{part:g}" for part in np.atleast_1d(direction)),
            expected="three numbers in voxel axes, not all 0",
        )
    return Geometry(affine, size, direction / length)


def _check_box(path: str | Path, affine: np.ndarray, size: np.ndarray) -> None:
    """Stop where a grid is no head's in size, or its axes are sheared: the dipole's kernel knows right angles alone."""
    sides = size * nib.load(path).shape[:3]
    if not SIDES[0] <= sides.min() <= sides.max() <= SIDES[1]:
        raise InputError(
            "the image is no head's in size", file=path, found=" x ".join(f"{side:.3g}" for side in sides) + " mm",
            expected=f"sides of {SIDES[0]:g} to {SIDES[1]:g} mm: voxel sizes are read in mm",
        )  # fmt: skip
    axes = affine[:3, :3] / size
    if (cosine := np.abs(axes.T @ axes - np.eye(3)).max()) > MAX_SHEAR:
        raise InputError(
            "the voxel axes are sheared", file=path, found=f"a cosine of {cosine:.3f} between two axes",
            expected="axes at right angles, as the scanner has them",
        )  # fmt: skip


def check_echo_numbers(
    magnitude: Sequence[Path], phase: Sequence[Path], echo_times: Sequence[float], *, difference: bool = False
) -> None:
    """Stop where magnitudes, phases and echo times are not as many, or the times are not in seconds.

    Parameters
    ----------
    magnitude, phase : sequence of path-like
        A file per echo, or one that is 4-D.
    echo_times : sequence of float
        Should be in s.
    difference : bool
        Whether the phase is that of the second echo less that of the first; one of the two magnitudes will do.

    Raises
    ------
    InputError
        With the numbers, or the times.
    """
    if max(echo_times) > LATEST_ECHO:
        raise InputError(
            "the echo times are not in seconds", found=str(list(echo_times)), expected=f"s, below {LATEST_ECHO:g}"
        )
    counts = []
    for paths in (magnitude, phase):
        shapes = [load_voxels(path)[0].shape for path in paths]
        counts.append(shapes[0][3] if len(shapes) == 1 and len(shapes[0]) == 4 else len(shapes))
    if difference:
        if counts[0] not in (1, 2) or counts[1] != 1 or len(echo_times) != 2 or echo_times[1] <= echo_times[0]:
            raise InputError(
                "a phase difference is one image between two echoes", file=phase[0],
                found=f"{counts[0]} magnitudes, {counts[1]} phases, echo times {list(echo_times)}",
                expected="one phase, the magnitudes of both echoes or of one, and both echo times, ascending",
            )  # fmt: skip
    elif {*counts} != {len(echo_times)}:
        raise InputError(
            "echoes and echo times differ in number", file=phase[0],
            found=f"{counts[0]} magnitudes, {counts[1]} phases, {len(echo_times)} echo times",
            expected="one of each for every echo: a file each, or one file in 4-D",
        )  # fmt: skip


def read_mask_like(path: str | Path, first: Volume) -> np.ndarray:
    """Read a mask that lies on the voxels of an image; booleans of shape (x, y, z), at least one of them true.

    Raises
    ------
    InputError
        For another grid, values that are no mask's, and a mask without voxels.
    """
    volume = read_mask(path).volume
    check_same_grid(first, volume, file=path, what="mask and image")
    if not volume.voxels.any():
        raise InputError("the mask is empty", file=path, expected="voxels above zero")
    return volume.voxels


def read_with_mask(path: str | Path, mask: str | Path, what: str) -> tuple[Volume, np.ndarray]:
    """Read a 3-D image and the mask that it counts in; what is not finite outside, as some programs leave it, is 0.

    Parameters
    ----------
    path, mask : path-like
        On the same voxels.
    what : str
        What a message calls the image.

    Returns
    -------
    Volume
        In float32.
    ndarray of bool, shape (x, y, z)
        With voxels.

    Raises
    ------
    InputError
        As `load_voxels` and `read_mask_like`, for several volumes, and for voxels in the mask that are not finite.
    """
    volume = _read_volume(path, what)
    inside = read_mask_like(mask, volume)
    return volume.like(_finite(volume, inside, path, what)), inside


def read_like(path: str | Path, first: Volume, mask: np.ndarray, what: str) -> np.ndarray:
    """Read a 3-D image that lies on the voxels of another one; float32 of shape (x, y, z), finite in the mask."""
    volume = _read_volume(path, what)
    check_same_grid(first, volume, file=path, what=f"{what} and image")
    return _finite(volume, mask, path, what)


def _read_volume(path: str | Path, what: str) -> Volume:
    voxels, affine = load_voxels(path)
    if voxels.ndim != 3:
        raise InputError(f"the {what} is not 3-D", file=path, found=f"shape {voxels.shape}", expected="one volume")
    return Volume(voxels.astype(np.float32, copy=False), affine)


def _finite(volume: Volume, mask: np.ndarray, path: str | Path, what: str) -> np.ndarray:
    try:
        return in_mask(volume.voxels, mask, what)
    except InputError as error:
        raise InputError(error.problem, file=path, found=error.found, expected=error.expected) from None


def check_ppm(field: np.ndarray, mask: np.ndarray, *, what: str, file: str | Path) -> None:
    """Stop where a field is plainly not in ppm.

    Parameters
    ----------
    field : ndarray, shape (x, y, z)
        Should be in ppm of B0.
    mask : ndarray of bool, shape (x, y, z)
        Where it is looked at.
    what : {"total field", "local field"}
        Decides how much it may vary.
    file : path-like
        For the error.

    Raises
    ------
    InputError
        Where a sidecar beside the file says another unit, the field is constant, or varies by far too much or little.
    """
    sidecar = sidecar_path(file)
    units = read_sidecar(sidecar).get("Units") if sidecar.is_file() else None
    if units is not None and str(units).lower() != "ppm":
        raise InputError(f"the {what} is not in ppm", file=sidecar, found=f"Units {units!r}", expected="ppm of B0")
    values = field[mask]
    spread = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    low, high = SPREADS[what]
    if low <= spread <= high:
        return
    if spread == 0 and values.min() == values.max():
        raise InputError(f"the {what} is constant inside the mask", file=file, found=f"{values.min():g}")
    hint = "divide Hz by 42.576 x B0 in T, rad by 2π x TE x 42.576 x B0" if spread > high else "multiply by 1e6 or 1e3"
    raise InputError(
        f"the {what} is not in ppm", file=file, found=f"a robust SD of {spread:.3g} inside the mask",
        expected=f"ppm of B0, a robust SD of {low:g} to {high:g} ({hint})",
    )  # fmt: skip


def sidecar_path(image: str | Path) -> Path:
    """Return the path of the JSON file beside an image."""
    path = Path(image)
    ending = next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), path.suffix)
    return path.with_name(path.name[: len(path.name) - len(ending)] + ".json")
