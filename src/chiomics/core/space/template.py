"""The template: the MNI152 brain and its tissue maps that nilearn bundles, so that nothing is downloaded.

It is the ICBM 152 nonlinear symmetric 2009a average of Fonov et al. (2011, NeuroImage 54:313) at 1 mm, without a skull.
Coarser grids are made by smoothing to the wanted voxel and sampling, on a grid along the axes of the world.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from chiomics.core.images import read_image
from chiomics.core.space.grids import coarsen
from chiomics.core.space.volume import Volume

FILE_NAME = "mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz"
#: The maps are stored as bytes.
FULL_SCALE = 255.0


def template_brain(resolution: float = 1.0) -> Volume:
    """Return the template's T1w picture, 0 outside the brain and 1 at its brightest.

    Parameters
    ----------
    resolution : float
        Voxel size in mm, 1 or more.

    Returns
    -------
    Volume
        Float32.
    """
    return _template("t1", float(resolution))


def template_mask(resolution: float = 1.0) -> Volume:
    """Return the template's brain with its inner and outer fluid, as booleans; parameters as `template_brain`."""
    brain = _template("mask", float(resolution))
    return brain.like(brain.voxels > 0.5)


def template_priors(resolution: float = 1.0) -> dict[str, Volume]:
    """Return the probabilities of tissue in template space.

    Parameters
    ----------
    resolution : float
        Voxel size in mm, 1 or more.

    Returns
    -------
    dict of str to Volume
        ``CSF``, ``GM`` and ``WM``, float32 from 0 to 1; their sum is 1 inside the brain, where fluid is what the other
        two leave.
    """
    grey, white, brain = (_template(kind, float(resolution)) for kind in ("gm", "wm", "mask"))
    fluid = np.clip(brain.voxels - grey.voxels - white.voxels, 0, 1)
    return {"CSF": brain.like(fluid), "GM": grey, "WM": white}


@lru_cache(maxsize=8)
def _template(kind: str, resolution: float) -> Volume:
    """Read one map, ``t1``, ``gm``, ``wm`` or ``mask``, once per process; nobody writes into it."""
    if resolution != 1:
        # Smoothing adds up, so that the way over 2 mm gives the same and takes less.
        coarse = coarsen(_template(kind, 2.0 if resolution >= 4 else 1.0), resolution)
        coarse.voxels.flags.writeable = False
        return coarse
    if kind == "mask":
        brain = _template("t1", 1.0)
        voxels = (brain.voxels > 0).astype(np.float32)
        affine = brain.affine
    else:
        nilearn = find_spec("nilearn")  # whose import takes seconds
        if nilearn is None or nilearn.origin is None:
            raise ModuleNotFoundError("nilearn, which bundles the template, is not installed", name="nilearn")
        folder = Path(nilearn.origin).parent / "datasets" / "data"
        voxels, affine = read_image(folder / FILE_NAME.format(kind=kind))
        voxels = voxels / np.float32(FULL_SCALE if kind != "t1" else voxels.max())
    voxels.flags.writeable = False
    return Volume(voxels, affine.astype(float))
