"""Probabilistic streamlines of one tract, and where they are dense.

Second-order integration over fibre orientations (iFOD2; Tournier et al. 2010, Proc ISMRM 18:1670), or over a
bootstrapped tensor (Jones 2008, IEEE TMI 27:1268) where directions are few. Track density: Calamante et al. (2010,
NeuroImage 53:1233).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from chiomics.anatomy.diffusion.model import FibreModel
from chiomics.anatomy.diffusion.programs import mrtrix3, run_program
from chiomics.anatomy.diffusion.seeds import TractRegions
from chiomics.core.space.volume import Volume

#: Seeds that are tried per wanted streamline before the tract is given up.
TRIES = 100
#: Voxels of the density are finer than the diffusion images' by this, as streamlines run within voxels.
FINER = 2
SEED = 1
#: Sections of a tract that are told apart along it.
SECTIONS = 5
#: Pieces of a tract that hold no more than this share of its voxels are strays.
MIN_PIECE = 0.05

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TrackDensity:
    """Streamlines of a tract, counted.

    Parameters
    ----------
    share : Volume
        Share of the tract's streamlines that visit the voxel, 0 to 1, on the world of the diffusion images.
    streamlines, tries : int
        How many were found, of how many tried.
    """

    share: Volume
    streamlines: int
    tries: int


def trace_tract(
    model: FibreModel,
    regions: TractRegions,
    *,
    scratch: Path,
    streamlines: int = 1000,
    cutoff: float = 0.1,
    angle: float = 45.0,
) -> TrackDensity:
    """Trace a tract between its ends.

    Parameters
    ----------
    model : FibreModel
        What is followed.
    regions : TractRegions
        On the grid of the diffusion images.
    scratch : Path
        Folder for this tract's files.
    streamlines : int
        How many are wanted.
    cutoff : float
        Amplitude of the orientation distribution (or fractional anisotropy) below which streamlines end.
    angle : float
        Largest angle between steps, degrees.

    Returns
    -------
    TrackDensity
        Possibly of fewer streamlines than wanted, down to none.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    if not (regions.seed.any() and regions.first_end.any() and regions.second_end.any()):
        return TrackDensity(Volume(np.zeros((1, 1, 1), np.float32), regions.affine), 0, 0)
    files = {}
    for name in ("seed", "first_end", "second_end", "exclusion"):
        files[name] = scratch / f"{name}.nii"
        Volume(getattr(regions, name), regions.affine).write(files[name])
    files["allowed"] = scratch / "allowed.nii"
    Volume(regions.corridor | regions.exclusion, regions.affine).write(files["allowed"])
    tracks = scratch / "tracks.tck"
    # nipype takes one region to pass, and its limit of tries is an option that MRtrix3 no longer has.
    run_program(mrtrix3.Tractography(
        in_file=str(model.image), grad_file=str(model.table), algorithm=model.algorithm, out_file=str(tracks),
        out_seeds=str(scratch / "seeds.txt"), seed_image=str(files["seed"]), roi_incl=str(files["first_end"]),
        roi_excl=str(files["exclusion"]), roi_mask=str(files["allowed"]), select=streamlines, cutoff=cutoff,
        angle=angle, args=f"-include {files['second_end']} -seeds {TRIES * streamlines}",
    ), seed=SEED)  # fmt: skip
    header = nib.streamlines.load(tracks, lazy_load=True).header
    found, tries = int(header["count"]), int(header["total_count"])
    log.info("%s: %d streamlines of %d tried", scratch.name, found, tries)

    density, grid = scratch / "density.nii", scratch / "grid.nii"
    _finer_grid(regions.corridor | regions.exclusion, regions.affine).write(grid)
    run_program(mrtrix3.ComputeTDI(in_file=str(tracks), reference=str(grid), out_file=str(density)))
    counted = Volume.read(density)
    return TrackDensity(counted.like(counted.voxels / max(found, 1)), found, tries)


def tract_core(share: np.ndarray, position: np.ndarray, *, edge: float) -> np.ndarray:
    """Cut a density where it falls below a part of what it is inside the tract.

    Inside is the mean density that the streamlines of a section meet: over a tract of even density its height, however
    wide the tract and however small the voxels, which a threshold on the density itself would depend on.

    Parameters
    ----------
    share : ndarray, shape (x, y, z)
        Of the streamlines, per voxel.
    position : ndarray, shape (x, y, z)
        0 to 1 along the tract; each of `SECTIONS` sections has its own height.
    edge : float
        Part of the height, above 0 to 1.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
        The tract.
    """
    visited = share > 0
    section = np.minimum(position[visited] * SECTIONS, SECTIONS - 1).astype(int)
    density = share[visited].astype(float)
    total, square = (np.bincount(section, density**power, SECTIONS) for power in (1, 2))
    height = square / np.maximum(total, np.finfo(float).tiny)
    core = np.zeros(share.shape, bool)
    core[visited] = density >= edge * height[section]
    pieces, _ = ndimage.label(core, np.ones((3, 3, 3)))
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return (sizes > MIN_PIECE * core.sum())[pieces]


def _finer_grid(mask: np.ndarray, affine: np.ndarray) -> Volume:
    """Lay a grid of `FINER` times smaller voxels over a mask's box."""
    voxels = np.argwhere(mask)
    low, high = voxels.min(axis=0), voxels.max(axis=0) + 1
    fine = affine.astype(float).copy()
    fine[:3, 3] += affine[:3, :3] @ (low - 0.5 + 0.5 / FINER)
    fine[:3, :3] /= FINER
    return Volume(np.zeros((high - low) * FINER, np.uint8), fine)
