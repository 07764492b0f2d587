"""The lesions of one session, from its images on the GRE's voxels."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.core.images import load_voxels
from chiomics.core.space.grids import check_same_grid
from chiomics.core.space.orientation import NearestRAS
from chiomics.core.space.volume import Volume
from chiomics.rims.lesions.patches import Patch, cut_patch, find_centre, scale_flair
from chiomics.rims.lesions.places import place_lesions
from chiomics.rims.lesions.ratings import assign_ratings
from chiomics.rims.lesions.table import measure_lesions

log = logging.getLogger(__name__)

#: Slices this much thicker than voxels are wide have a slice axis that matters.
SLICED = 1.5
#: Patches with the images' own voxels.
NATIVE = "native"
#: Detectors read features, which say little of fewer voxels: the least of the anatomy stage's regions.
MIN_VOXELS = 10
#: Voxel sizes that differ less than this are the same for patches, relative.
SAME_SIZE = 0.1


@dataclass(frozen=True)
class SessionImages:
    """Images of one session on the GRE's voxels, axes nearest to right, anterior, superior.

    Attributes
    ----------
    chi : ndarray, shape (x, y, z)
        In ppm.
    flair : ndarray or None
        Any unit.
    labels, tissue : ndarray of int
        Lesion numbers, and the anatomy stage's tissue labels.
    white, valid : ndarray of bool
        Normal-appearing white matter, and where χ is known.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.
    left_out : str
        Why detectors cannot use the session's lesions; empty where they can.
    """

    chi: np.ndarray
    flair: np.ndarray | None
    labels: np.ndarray
    tissue: np.ndarray
    white: np.ndarray
    valid: np.ndarray
    affine: np.ndarray
    left_out: str = ""

    @property
    def voxel_size(self) -> np.ndarray:
        """Voxel size in mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)


def read_session(
    chi: str | Path,
    labels: str | Path,
    *,
    tissue: str | Path,
    white: str | Path,
    valid: str | Path | None = None,
    flair: str | Path | None = None,
    refuse: bool = True,
) -> SessionImages:
    """Read the images of a session.

    Parameters
    ----------
    chi, labels, tissue, white, valid, flair : path-like
        On the same voxels; without `valid`, χ is known where it is not 0. χ and FLAIR may be NaN outside the lesions.
    refuse : bool
        Refuse slices that are not axial; else the lesions are measured, and `left_out` says why detectors cannot use
        them.

    Returns
    -------
    SessionImages

    Raises
    ------
    InputError
        Where an image lies on other voxels, the slices are not nearest to axial, or a lesion holds NaN.
    """
    chi_map, unknown = _read_with_holes(chi)
    order = NearestRAS(chi_map.affine, chi_map.voxels.shape)
    thick = int(np.argmax(order.voxel_size))
    left_out = ""
    if order.voxel_size[thick] > SLICED * np.median(order.voxel_size) and thick != 2:
        left_out = "the slices are not axial, and the patches of rim detectors have their short side along the body"
        if refuse:
            sizes = " x ".join(f"{edge:.3g}" for edge in order.voxel_size)
            raise InputError(
                left_out,
                file=chi,
                found=f"voxels of {sizes} mm (right, anterior, superior)",
                expected="axial slices, or nearly isotropic voxels",
            )

    def place(image: Volume, path: str | Path) -> np.ndarray:
        check_same_grid(chi_map, image, file=path, what="the susceptibility map and the image")
        return order(image.voxels)

    lesions, flair_map = place(Volume.read(labels, dtype=np.int32), labels), None
    holes = order(unknown)
    _refuse_holes(holes, lesions, chi)
    if flair is not None:
        image, missing = _read_with_holes(flair)
        flair_map, missing = place(image, flair), order(missing)
        _refuse_holes(missing, lesions, flair)
        holes = holes | missing
    chi_values = order(chi_map.voxels)
    known = chi_values != 0 if valid is None else place(Volume.read(valid, dtype=np.uint8), valid) > 0
    return SessionImages(
        chi=chi_values,
        flair=flair_map,
        labels=lesions,
        tissue=place(Volume.read(tissue, dtype=np.int32), tissue),
        white=(place(Volume.read(white, dtype=np.uint8), white) > 0) & ~holes,
        valid=known & ~order(unknown),
        affine=order.affine,
        left_out=left_out,
    )


def _read_with_holes(path: str | Path) -> tuple[Volume, np.ndarray]:
    """Read an image with 0 where it is not finite, as some programs leave it outside the brain, and say where."""
    voxels, affine = load_voxels(path)
    holes = ~np.isfinite(voxels)
    return Volume(np.where(holes, 0, voxels).astype(np.float32), affine), holes


def _refuse_holes(holes: np.ndarray, labels: np.ndarray, file: str | Path) -> None:
    if len(numbers := np.unique(labels[holes & (labels > 0)])):
        raise InputError(
            "a lesion lies where the image is NaN or infinite", file=file,
            found=f"{np.count_nonzero(holes & (labels > 0))} voxels of lesion {', '.join(map(str, numbers[:5]))}",
            expected="finite values in every lesion",
        )  # fmt: skip


def tabulate_session(
    images: SessionImages,
    *,
    template: Callable[[np.ndarray], np.ndarray] | None = None,
    ratings: Sequence[Mapping[str, str]] = (),
    ratings_file: str | Path = "",
    consensus: str = "exclude",
    shape: Sequence[int] = (32, 32, 16),
    surroundings: bool = False,
    voxel_size: str | Sequence[float] = NATIVE,
) -> tuple[pd.DataFrame, list[Patch]]:
    """Measure, place and rate the lesions of a session, and cut their patches.

    Parameters
    ----------
    images : SessionImages
        Of `read_session`.
    template : callable, optional
        Gives template coordinates, shape (3, N), of world points, shape (3, N), in mm; without it no lesion is known
        to be infratentorial.
    ratings, ratings_file, consensus
        As in `assign_ratings`.
    shape, surroundings
        As in `cut_patch`.
    voxel_size : sequence of 3 floats, or "native"
        Voxel size of the patches in mm; patches are resampled where the images' differs from it by more than a tenth.

    Returns
    -------
    table : pandas.DataFrame
        One row per lesion in rising order of its number; ``left_out`` says why detectors cannot use it.
    patches : list of Patch
        In the same order.
    """
    flair, scaled = images.flair, None
    if flair is not None:
        try:
            scaled = scale_flair(flair, images.white)
        except ValueError as error:
            # the anatomy stage leaves zeros, and says why, where a FLAIR could not be used
            log.warning("%s: the lesions have no FLAIR", error)
            flair = None
    rows, patches = measure_lesions(
        1000 * images.chi,
        scaled,
        images.labels,
        images.affine,
        brain=images.valid,
        shape=tuple(shape),
        surroundings=surroundings,
    )
    if not rows:
        return pd.DataFrame(), []
    centres = np.array([[row["x"], row["y"], row["z"]] for row in rows])
    in_template = np.full_like(centres, np.nan) if template is None else template(centres.T).T
    places = place_lesions(images.labels, images.tissue, in_template, voxel_size=images.voxel_size)
    rated = assign_ratings(ratings, images.labels, images.affine, file=ratings_file, rule=consensus)
    middle = np.nan if flair is None else float(np.median(flair[images.white]))
    boxes = ndimage.find_objects(images.labels)
    for row in rows:
        box = boxes[row["lesion"] - 1]
        inside = images.labels[box] == row["lesion"]
        row["place"] = places[row["lesion"]]
        row["flair_ratio"] = np.nan if flair is None else float(flair[box][inside].mean() / middle)
        row["left_out"] = images.left_out or ("" if flair is not None else "the session has no usable FLAIR")
        if row["n_voxels"] < MIN_VOXELS:
            row["left_out"] = row["left_out"] or f"{row['n_voxels']} voxels, features need {MIN_VOXELS}"
        row.update(rated[row["lesion"]])
    if voxel_size != NATIVE and _differs(images.voxel_size, voxel_size):
        patches = _resampled_patches(images, scaled, rows, voxel_size, tuple(shape), surroundings)
        for row, patch in zip(rows, patches, strict=True):
            row["cropped"] = patch.cropped
    return pd.DataFrame(rows), patches


def _differs(found: np.ndarray, wanted: Sequence[float]) -> bool:
    return bool((np.abs(found / np.asarray(wanted, float) - 1) > SAME_SIZE).any())


def _resampled_patches(
    images: SessionImages,
    flair: np.ndarray | None,
    rows: list[dict],
    voxel_size: Sequence[float],
    shape: tuple[int, ...],
    surroundings: bool,
) -> list[Patch]:
    """Cut patches of another voxel size: χ and FLAIR linear, the lesion where it fills half of a voxel."""
    factor = np.asarray(voxel_size, float) / images.voxel_size
    ppb = 1000 * images.chi.astype(np.float32)
    patches = []
    for row in rows:
        inside = (images.labels == row["lesion"]).astype(np.float32)
        centre = find_centre(inside > 0, factor * np.array(shape))
        # a grid of its own, one patch to either side, with a voxel's centre on the one nearest to the centre of mass
        size = tuple(2 * length + 1 for length in shape)
        first = centre - factor * np.array(shape)

        def onto(voxels: np.ndarray, order: int = 1, first: np.ndarray = first, size: tuple = size) -> np.ndarray:
            return ndimage.affine_transform(voxels, np.diag(factor), first, output_shape=size, order=order)

        chi = onto(ppb)
        lesion = onto(inside) > 0.5
        # a lesion thinner than half a voxel keeps the voxel at its centre
        lesion[shape] |= not lesion.any()
        scaled = np.zeros_like(chi) if flair is None else onto(flair)
        patches.append(cut_patch(chi, scaled, lesion, shape=shape, surroundings=surroundings))
    return patches
