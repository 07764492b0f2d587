"""Atlases: a folder of images with an `atlas.yaml` that says which label is which structure, in which space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from chiomics.anatomy.atlases.description import STRUCTURES, read_description, sources_by_side
from chiomics.core.errors import InputError
from chiomics.core.images import check_claim
from chiomics.core.space.grids import check_same_grid
from chiomics.core.space.transforms import Chain
from chiomics.core.space.volume import Volume

#: Voxels of zeros around a structure, so that interpolation finds its edge.
MARGIN = 2
#: Excess over 1 that rounding may give a probability.
ROUNDING = 1e-3


@dataclass(frozen=True)
class Atlas:
    """An atlas whose description was checked; its images are read when asked for.

    Parameters
    ----------
    folder : Path
        Where its files lie.
    description : dict
        What its ``atlas.yaml`` says, see `chiomics.anatomy.atlases.description`.
    """

    folder: Path
    description: dict

    @property
    def kind(self) -> str:
        """``dgm`` or ``tracts``."""
        return self.description["kind"]

    @property
    def space(self) -> str:
        """Name of the atlas' space."""
        return self.description["space"]

    @property
    def sources(self) -> dict[str, dict[str, tuple]]:
        """Labels, volumes or files, per abbreviation and side (``L``, ``R``, or ``LR`` where both share them)."""
        return {name: sources_by_side(value) for name, value in self.description["structures"].items()}

    @property
    def missing(self) -> tuple[str, ...]:
        """Structures of this kind that the atlas lacks."""
        return tuple(name for name in STRUCTURES[self.kind] if name not in self.sources)

    def sidecar(self) -> dict[str, str | list[str]]:
        """Say in the fields of a sidecar which atlas this is."""
        fields = {
            "Atlas": f"{self.description['name']} {self.description['version']}",
            "AtlasCitation": self.description["citation"],
            "AtlasLicense": self.description["licence"],
            "AtlasSpace": self.space,
            "AtlasLacks": list(self.missing),
        }
        if note := self.description.get("space_note"):
            fields["AtlasSpaceNote"] = note
        return fields

    def to_template(self) -> Chain:
        """Return the way from the atlas' space to the template's; the identity where none was given."""
        folder = self.description.get("to_template")
        return Chain.read(self.folder / folder) if folder else Chain()

    def structures(self) -> dict[tuple[str, str], Volume]:
        """Read the fraction of each structure in each voxel.

        Returns
        -------
        dict of (str, str) to Volume
            By abbreviation and hemisphere (``L``, ``R``), in the order of `STRUCTURES`: float32 between 0 and 1,
            cropped to the structure with a margin of zeros.

        Raises
        ------
        InputError
            Where an image lacks a label, holds other values than its encoding says, or a structure lies on the
            other side of the midline.
        """
        reader = {"labels": self._label_reader, "volumes": self._volume_reader, "files": self._file_reader}
        read = reader[self.description["encoding"]]()
        fractions = {}
        for name in STRUCTURES[self.kind]:
            for side, sources in self.sources.get(name, {}).items():
                fraction = read(f"structures.{name}", sources)
                halves = _halves(fraction) if side == "LR" else {side: fraction}
                for half, volume in halves.items():
                    self._check_side(f"structures.{name}", half, volume)
                    fractions[name, half] = volume
        return fractions

    def _label_reader(self) -> Callable[[str, tuple], Volume]:
        """Return a function from labels to the fraction that they hold together."""
        path = self.folder / self.description["image"]
        image = _open(path, dimensions=3)
        voxels = np.asanyarray(image.dataobj)
        if voxels.dtype.kind == "f":
            if not np.array_equal(voxels, np.rint(voxels)):
                raise InputError("not a label image", file=path, found="values with decimals", expected="whole numbers")
            voxels = voxels.astype(np.int32)

        def read(key: str, labels: tuple) -> Volume:
            inside = voxels == labels[0]
            for label in labels[1:]:
                inside |= voxels == label
            if lacking := [label for label in labels if not (voxels == label).any()]:
                raise InputError(f"{key}: no voxel has the label", file=path, found=f"none of {lacking}")
            return _crop(Volume(inside, image.affine))

        return read

    def _volume_reader(self) -> Callable[[str, tuple], Volume]:
        """Return a function from indices of volumes to the fraction that they hold together."""
        path = self.folder / self.description["image"]
        image = _open(path, dimensions=4)

        def read(key: str, indices: tuple) -> Volume:
            if outside := [index for index in indices if not 0 <= index < image.shape[3]]:
                raise InputError(
                    f"{key}: no such volume", file=path, found=str(outside), expected=f"0 to {image.shape[3] - 1}"
                )
            return _merge(key, path, [Volume(_volume(image, index), image.affine) for index in indices])

        return read

    def _file_reader(self) -> Callable[[str, tuple], Volume]:
        """Return a function from file names to the fraction that they hold together."""

        def read(key: str, files: tuple) -> Volume:
            return _merge(key, self.folder, [Volume.read(self.folder / file) for file in files])

        return read

    def _check_side(self, key: str, side: str, fraction: Volume) -> None:
        """Refuse a structure that is empty or lies on the other side than it is said to."""
        if not fraction.voxels.any():
            raise InputError(f"{key} is empty on side {side}", file=self.folder)
        centre = float((fraction.voxels * _world_x(fraction)).sum() / fraction.voxels.sum())
        if (centre < 0) != (side == "L"):
            raise InputError(
                f"{key}.{side} lies on the other side",
                file=self.folder,
                found=f"centre at x = {centre:.1f} mm",
                expected="x < 0 on the left, x > 0 on the right",
            )


def read_atlas(folder: str | Path) -> Atlas:
    """Read and check the description of an atlas.

    Parameters
    ----------
    folder : path-like
        Holds ``atlas.yaml`` and the images that it names.

    Returns
    -------
    Atlas
        Its images are read by `Atlas.structures`.

    Raises
    ------
    InputError
        Where the folder or a file is absent, or a key is unknown, absent or has a wrong value.
    """
    folder = Path(folder)
    atlas = Atlas(folder, read_description(folder / "atlas.yaml"))
    named = [atlas.description["image"]] if "image" in atlas.description else []
    if atlas.description["encoding"] == "files":
        named += [file for sides in atlas.sources.values() for files in sides.values() for file in files]
    if template := atlas.description.get("template"):
        named.append(template["image"])
    for file in named:
        if not (folder / file).is_file():
            raise InputError("a file that atlas.yaml names is absent", file=folder / file)
    return atlas


def _open(path: Path, *, dimensions: int) -> nib.Nifti1Image:
    """Open an image of numbers with so many dimensions, without reading its voxels."""
    try:
        image = nib.load(path, keep_file_open=True)
        check_claim(image.shape, image.get_data_dtype().itemsize, path)
    except InputError:
        raise
    except (OSError, nib.filebasedimages.ImageFileError) as error:
        raise InputError("the image cannot be read", file=path, found=str(error)) from error
    if len(image.shape) != dimensions or image.get_data_dtype().kind not in "iuf":
        raise InputError(
            "not an image that this encoding can use",
            file=path,
            found=f"shape {image.shape} of {image.get_data_dtype()}",
            expected=f"numbers in {dimensions} dimensions",
        )
    return image


def _volume(image: nib.Nifti1Image, index: int) -> np.ndarray:
    return np.asanyarray(image.dataobj[..., index]).astype(np.float32)


def _merge(key: str, file: Path, parts: list[Volume]) -> Volume:
    """Add up the fractions of the parts of a structure, all on one grid."""
    first = parts[0]
    for part in parts:
        check_same_grid(first, part, file=file, what=f"{key}: its images")
        if not (part.voxels.min() >= 0 and part.voxels.max() <= 1 + ROUNDING):
            raise InputError(
                f"{key} holds values that are no fractions",
                file=file,
                found=f"{part.voxels.min():g} to {part.voxels.max():g}",
                expected="masks or probabilities, 0 to 1",
            )
        if not part.voxels.any():
            raise InputError(f"{key}: a part of it is empty", file=file)
    return _crop(first.like(np.minimum(sum(part.voxels for part in parts), 1)))


def _halves(fraction: Volume) -> dict[str, Volume]:
    """Split at x = 0 of the atlas' space; what lies on the midline goes to both sides by half."""
    right = 0.5 + 0.5 * np.sign(_world_x(fraction))
    return {side: _crop(fraction.like(fraction.voxels * part)) for side, part in (("L", 1 - right), ("R", right))}


def _world_x(volume: Volume) -> np.ndarray:
    """World x in mm of every voxel, rounded to a micrometre so that the midline is met."""
    i, j, k = np.meshgrid(*map(np.arange, volume.voxels.shape), indexing="ij", sparse=True)
    row = volume.affine[0]
    return np.round(row[0] * i + row[1] * j + row[2] * k + row[3], 3).astype(np.float32)


def _crop(volume: Volume) -> Volume:
    """Cut the box that holds what is not 0, with a margin of zeros; an empty volume becomes one voxel."""
    filled = volume.voxels > 0
    box = []
    for axis in range(3):
        along = np.flatnonzero(filled.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append((along[0], along[-1] + 1) if along.size else (0, 1))
    inner = volume.voxels[tuple(slice(*edges) for edges in box)].astype(np.float32)
    affine = volume.affine.astype(float).copy()
    affine[:3, 3] += affine[:3, :3] @ (np.array([edges[0] for edges in box]) - MARGIN)
    return Volume(np.pad(inner, MARGIN), affine)
