"""The bundled template, and grids that are made coarser or smaller."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.core.space.grids import coarsen, crop, widen
from chiomics.core.space.template import template_brain, template_mask, template_priors
from chiomics.core.space.volume import Volume
from tests.anatomy.template_heads import reoriented, rigid


@pytest.mark.parametrize("resolution", [1.0, 2.0, 4.0])
def test_shares_of_tissue_fill_the_brain_and_nothing_else(resolution):
    priors, mask = template_priors(resolution), template_mask(resolution)
    total = sum(prior.voxels for prior in priors.values())
    inside = mask.voxels.copy()
    for axis in range(3):
        inside &= np.roll(mask.voxels, 2, axis) & np.roll(mask.voxels, -2, axis)
    np.testing.assert_allclose(total[inside], 1, atol=0.04)  # bytes, and a cistern that the mask leaves out
    assert all(prior.voxels.min() >= 0 for prior in priors.values())
    # 1.89 litres of this average, the same at every resolution to a voxel of its surface in a hundred.
    assert mask.voxels.sum() * mask.voxel_volume == pytest.approx(template_mask(1.0).voxels.sum(), rel=0.01)


def test_the_template_lies_in_mni_space():
    brain, priors = template_brain(1.0), template_priors(1.0)
    to_voxels = np.linalg.inv(brain.affine)

    def at(volume: Volume, *point: float) -> float:
        return float(volume.voxels[tuple(np.rint((to_voxels @ [*point, 1])[:3]).astype(int))])

    assert at(priors["WM"], 0, 24, 4) > 0.5  # genu of the corpus callosum
    assert at(priors["GM"], 26, 4, 0) > 0.5  # putamen, right
    assert at(priors["GM"], -26, 4, 0) > 0.5  # and left
    assert at(priors["CSF"], -10, -11, 21) > 0.5  # lateral ventricle
    assert at(brain, 0, 0, 90) == 0  # above the vertex


def smooth(shape: tuple[int, int, int], affine: np.ndarray) -> Volume:
    """A linear ramp of the world coordinates, which linear interpolation reproduces exactly."""
    index = np.indices(shape).reshape(3, -1)
    world = affine[:3, :3] @ index + affine[:3, 3:]
    return Volume((np.array([1, 2, 3]) @ world).reshape(shape).astype(np.float32), affine)


@pytest.mark.parametrize("axes", ["RAS", "LIP"])
def test_a_coarser_grid_shows_the_same_place(axes):
    affine = rigid((10, 5, -8), (4, 5, 6)) @ np.diag([1.0, 1.0, 2.5, 1.0])
    fine = reoriented(smooth((30, 33, 18), affine), axes)
    coarse = coarsen(fine, 2.2)
    np.testing.assert_allclose(np.sort(coarse.voxel_size), [2.2, 2.2, 2.5], rtol=1e-6)
    expected = smooth(coarse.voxels.shape, coarse.affine).voxels
    # The border is smoothed with its own mirror image.
    inner = (slice(3, -3),) * 3
    np.testing.assert_allclose(coarse.voxels[inner], expected[inner], atol=1e-3)
    assert coarsen(fine, 0.5).voxels.shape == fine.voxels.shape


@pytest.mark.parametrize("axes", ["RAS", "PIL"])
def test_a_crop_keeps_the_mask_with_its_margin_in_place(axes):
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    whole = smooth((40, 40, 30), affine)
    mask = whole.like(np.zeros(whole.voxels.shape, bool))
    mask.voxels[15:25, 10:20, 12:18] = True
    part = crop(whole, reoriented(mask, axes), 6.0)
    assert part.voxels.shape == (16, 16, 10)  # 10 + 2 * 3, 10 + 2 * 3, 6 + 2 * 2 voxels
    np.testing.assert_allclose(part.voxels, smooth(part.voxels.shape, part.affine).voxels, atol=1e-4)
    nothing = crop(whole, mask.like(np.zeros_like(mask.voxels)), 6.0)
    assert nothing.voxels.shape == whole.voxels.shape


def test_a_mask_is_widened_by_millimetres():
    mask = Volume(np.zeros((21, 21, 21), bool), np.diag([1.0, 2.0, 4.0, 1.0]))
    mask.voxels[10, 10, 10] = True
    index = np.argwhere(widen(mask, 4.0).voxels) - 10
    assert index.max(0).tolist() == [4, 2, 1]
