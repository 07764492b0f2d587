"""The files that a session's anatomy is read from, and the folder that its segmentation is kept in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.core.images import read_image
from chiomics.core.provenance import source_uris
from chiomics.core.space.grids import check_same_grid
from chiomics.core.space.masks import VOLUMES, read_mask
from chiomics.core.space.volume import Volume

#: What the folder of a segmentation holds, on the grid of the anatomical image but for FLAIR, DWI (its mean without
#: weighting) and lesions, which stay on the grid that they were taken or drawn on.
ANATOMY, BRAIN, FLAIR = "anatomy.nii.gz", "brain_mask.nii.gz", "FLAIR.nii.gz"
TISSUE, PROBABILITY, LESIONS = "tissue.nii.gz", "lesion_probability.nii.gz", "lesions.nii.gz"
LABELS, SEARCHED, DWI = "labels.nii.gz", "lesions_searched.nii.gz", "DWI.nii.gz"
#: Its chains: from the anatomical image to the GRE and to the template, from FLAIR and DWI to the anatomical image.
TO_GRE, TO_TEMPLATE, FLAIR_TO_ANATOMY = "to_GRE", "to_template", "FLAIR_to_anatomy"
DWI_TO_ANATOMY = "DWI_to_anatomy"
GRE_TO_TEMPLATE, LESIONS_TO_GRE = "GRE_to_template", "lesions_to_GRE"
SIDECAR = "segmentation.json"

#: An image that is not 0 in more than this share of its voxels was not cut to the brain.
MAX_INSIDE = 0.8


@dataclass(frozen=True)
class SessionFiles:
    """Inputs of the anatomy stage for one session; None or empty where there is no such file.

    Parameters
    ----------
    magnitude, real, imaginary : tuple of Path
        Echoes of the gradient echo: magnitudes, or both complex parts.
    brain_mask : Path, optional
        On the GRE's grid.
    chi, r2star, valid_mask : Path, optional
        Susceptibility in ppm, R2* in 1/s, and where all maps hold values, on the GRE's grid.
    T1w, FLAIR : Path, optional
        Structural images.
    T1w_mask : Path, optional
        Brain on the T1w.
    lesion_mask, lesion_labels, tissue_labels : Path, optional
        The user's own, on the grid of the GRE, the T1w or the FLAIR.
    dwi, bval : Path, optional
        Diffusion series and its b values, of which this stage asks how much of the brain they saw.
    """

    magnitude: tuple[Path, ...] = ()
    real: tuple[Path, ...] = ()
    imaginary: tuple[Path, ...] = ()
    brain_mask: Path | None = None
    chi: Path | None = None
    r2star: Path | None = None
    valid_mask: Path | None = None
    T1w: Path | None = None
    FLAIR: Path | None = None
    T1w_mask: Path | None = None
    lesion_mask: Path | None = None
    lesion_labels: Path | None = None
    tissue_labels: Path | None = None
    dwi: Path | None = None
    bval: Path | None = None

    @classmethod
    def from_lists(cls, files: Mapping[str, str | Sequence[str]]) -> SessionFiles:
        """Take files by name, each a path or a list of paths; names that are not of this stage are left out."""
        found = {}
        for field in fields(cls):
            paths = files.get(field.name) or []
            paths = tuple(map(Path, [paths] if isinstance(paths, (str, Path)) else paths))
            found[field.name] = paths if field.name in ("magnitude", "real", "imaginary") else next(iter(paths), None)
        return cls(**found)

    @property
    def has_gre(self) -> bool:
        """Whether there is a gradient echo; without one everything lies on the grid of the T1w."""
        return bool(self.magnitude or self.real)

    @property
    def raw(self) -> list[Path]:
        """The files of the user, not those of other stages."""
        own = [self.T1w, self.FLAIR, self.T1w_mask, self.lesion_mask, self.lesion_labels, self.tissue_labels]
        own += [self.dwi, self.bval]
        return [*self.magnitude, *self.real, *self.imaginary, *(path for path in own if path)]

    @property
    def sources(self) -> list[str]:
        """All files, those of other stages too, as BIDS URIs."""
        return source_uris([*self.raw, self.brain_mask, self.chi, self.r2star, self.valid_mask])

    def read_magnitude(self) -> Volume:
        """Read the mean magnitude over the echoes.

        Raises
        ------
        InputError
            Where there are no echoes, or they differ in grid.
        """
        echoes = [_first_volume(path) for path in self.magnitude]
        for real, imaginary in zip(self.real, self.imaginary, strict=True):
            parts = [_first_volume(path) for path in (real, imaginary)]
            echoes.append(parts[0].like(np.hypot(parts[0].voxels, parts[1].voxels)))
        if not echoes:
            raise InputError("no magnitude to register", expected="magnitude, or real and imaginary parts")
        check_same_grid(*echoes)
        return echoes[0].like(np.mean([echo.voxels for echo in echoes], axis=0, dtype=np.float32))

    def read_brain(self, like: Volume) -> Volume:
        """Read the brain mask of the GRE; without one, where the χ map or else the magnitude is not 0.

        Raises
        ------
        InputError
            Where there is no mask, and neither image was cut to the brain.
        """
        if self.brain_mask is not None:
            mask = read_mask(self.brain_mask, role="brain").volume
            check_same_grid(like, mask)
            return mask
        images = [like]
        if self.chi is not None:
            images.insert(0, Volume.read(self.chi))
            check_same_grid(like, images[0], file=self.chi)
        insides = [ndimage.binary_fill_holes(image.voxels != 0) for image in images]
        largest = VOLUMES["brain"][1]
        litres = [float(inside.sum()) * like.voxel_volume / 1e6 for inside in insides]
        for inside, volume in zip(insides, litres, strict=True):
            if inside.mean() < MAX_INSIDE and volume <= largest:
                return like.like(inside)
        raise InputError(
            "the brain is not known: there is no brain mask, and the images are not 0 outside the brain",
            file=self.chi or next(iter(self.raw), None), found=f"{litres[0]:.1f} l that are not 0",
            expected="a brain mask on the grid of the gradient echo (…_desc-brain_mask.nii.gz), or a map of χ "
            f"that is 0 outside the brain: at most {largest:g} l, and {100 * MAX_INSIDE:.0f} % of the voxels",
        )  # fmt: skip


def _first_volume(path: Path) -> Volume:
    """Read an image; of a series, which holds the echoes, their mean."""
    voxels, affine = read_image(path)
    return Volume(voxels if voxels.ndim == 3 else voxels.mean(axis=tuple(range(3, voxels.ndim))), affine)
