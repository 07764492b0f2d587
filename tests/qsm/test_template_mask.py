"""The template mends brain masks of any orientation, and stands back where it does not fit."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from nilearn.datasets import load_mni152_brain_mask

from chiomics.qsm.masks import template_mask
from chiomics.qsm.masks.template_mask import mend_by_template

TURN = np.radians(15)
OBLIQUE = np.array([[1, 0, 0], [0, np.cos(TURN), -np.sin(TURN)], [0, np.sin(TURN), np.cos(TURN)]])


@pytest.fixture(scope="module")
def brain() -> tuple[np.ndarray, np.ndarray]:
    """A brain in a turned head, 8 % larger than the template, on the template's 4 mm grid."""
    image = load_mni152_brain_mask(resolution=4)
    affine = np.eye(4)
    affine[:3, :3] = 1.08 * OBLIQUE @ image.affine[:3, :3]
    affine[:3, 3] = OBLIQUE @ image.affine[:3, 3] + [10, -15, 20]
    return image.get_fdata() > 0, affine


def with_neck(mask: np.ndarray) -> np.ndarray:
    """Add a column below and in front of the brain, as muscle that touches the skull base."""
    grown = mask.copy()
    x, y = mask.shape[0] // 2, mask.shape[1] // 2
    grown[x - 10 : x + 10, y + 5 : y + 20, :10] = True
    return grown


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize("axes", ["RAS", "LPI", "SRA"])
def test_the_neck_is_cut_and_holes_are_filled_in_any_orientation(brain, axes):
    mask, affine = brain
    damaged = with_neck(mask)
    damaged[20:26, 24:30, 22:28] = False  # a dark centre opposite a bright coil
    image = nib.Nifti1Image(damaged.astype(np.uint8), affine)
    codes = nib.orientations.axcodes2ornt(axes)
    turn = nib.orientations.ornt_transform(nib.io_orientation(affine), codes)
    turned, truth = image.as_reoriented(turn), nib.Nifti1Image(mask.astype(np.uint8), affine).as_reoriented(turn)
    mended, fits = mend_by_template(turned.get_fdata() > 0, turned.affine)
    assert fits
    # The margin of the template leaves at most a rim of the neck; before it the overlap is below 0.97.
    assert overlap(mended, truth.get_fdata() > 0) > 0.985 > overlap(damaged, mask)


def test_the_neck_of_a_childs_head_is_cut_too(brain):
    mask, affine = brain
    affine = np.diag([0.62, 0.62, 0.62, 1.0]) @ affine  # 0.67 of the template, 0.55 l
    damaged = with_neck(mask)
    mended, fits = mend_by_template(damaged, affine)
    assert fits
    assert overlap(mended, mask) > 0.985 > overlap(damaged, mask)


def test_what_is_no_head_is_left_as_it_is(caplog):
    slab = np.zeros((60, 60, 12), bool)
    slab[10:50, 10:50, 2:10] = True
    mended, fits = mend_by_template(slab, np.diag([3.0, 3.0, 3.0, 1.0]))
    assert not fits
    np.testing.assert_array_equal(mended, slab)
    assert "does not fit" in caplog.text


def test_both_ways_to_lay_the_template_mend_alike(brain, monkeypatch):
    mask, affine = brain
    damaged = with_neck(mask)
    quick, _ = mend_by_template(damaged, affine)
    monkeypatch.setattr(template_mask, "SURE_DICE", 1.1)  # no head fits as well as that
    registered, fits = mend_by_template(damaged, affine)
    assert fits
    # Between the margins the intensity decides; only the few voxels at them may differ.
    assert overlap(quick, registered) > 0.995


@pytest.mark.parametrize("kept", [slice(None), slice(0, -6)])
def test_a_head_whose_top_the_image_lacks_is_left_to_the_registration(brain, monkeypatch, kept):
    mask, affine = brain
    top = np.flatnonzero(mask.any((0, 1)))[-1] + 2
    mask = mask[:, :, :top][:, :, kept]
    called = []
    register = template_mask._register
    monkeypatch.setattr(template_mask, "_register", lambda *given: called.append(1) or register(*given))
    mended, _ = mend_by_template(mask, affine)
    assert bool(called) == (kept != slice(None))
    assert overlap(mended, mask) > 0.985
