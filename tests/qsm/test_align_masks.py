"""Masks are laid over one another from far apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from chiomics.core.space.template import template_mask
from chiomics.core.space.volume import Volume
from chiomics.qsm.masks.align_masks import align_masks


@pytest.mark.parametrize("angles", [(0, 0, 0), (30, -20, 25), (-25, 30, -30)])
@pytest.mark.parametrize("neck", [False, True])
def test_a_known_map_is_found_again_whatever_hangs_below(angles: tuple, neck: bool) -> None:
    template = template_mask(4.0)
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    true = np.eye(4)
    true[:3, :3] = turn @ np.diag([1.12, 0.95, 1.05])
    true[:3, 3] = (60, -45, 30)
    voxels = template.voxels.copy()
    if neck:
        voxels[15:35, 20:45, :8] = True
    height = template.affine[2, 3] + template.affine[2, 2] * np.arange(voxels.shape[2])
    upper = np.broadcast_to(height >= -20, voxels.shape)
    found = align_masks(template, Volume(voxels, true @ template.affine), upper)
    inside = np.argwhere(template.voxels & upper)
    points = np.c_[inside, np.ones(len(inside))] @ template.affine.T
    apart = np.linalg.norm((points @ (found - true).T)[:, :3], axis=1)
    # The same shape on the same grid: what is left is where the iterations end, and a smoothed neck's far end.
    assert apart.mean() < (1.0 if neck else 0.2), apart.mean()
