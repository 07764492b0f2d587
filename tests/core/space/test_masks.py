"""Masks and labels mean the same however a program stores them, and what could be two things is refused."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from chiomics.core.bids import space_named
from chiomics.core.errors import InputError
from chiomics.core.images import load_voxels
from chiomics.core.space.masks import interpret, read_mask
from chiomics.core.space.structural import standardise


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    drawn = np.zeros((30, 32, 28), bool)
    for centre in np.random.default_rng(3).integers(6, 22, (9, 3)):
        drawn[tuple(slice(c - 2, c + 2) for c in centre)] = True
    return drawn


@pytest.fixture(scope="module")
def numbered(mask: np.ndarray) -> np.ndarray:
    return ndimage.label(mask)[0]


STORED = {
    "0 and 255": lambda m: (m * 255).astype(np.uint8),
    "0.9999": lambda m: m * np.float32(0.9999),
    "slope of 1/255.00003": lambda m: m * np.float32(255 / 255.00003),
    "254 and 255 after a lossy save": lambda m: np.where(m, 255 - (np.arange(m.shape[0]) % 2)[:, None, None], 0),
    "-1 as background": lambda m: np.where(m, 1, -1).astype(np.int16),
    "NaN as background": lambda m: np.where(m, 1.0, np.nan),
    "1/255": lambda m: m / 255,
}


@pytest.mark.parametrize("stored", STORED)
def test_a_mask_is_the_same_however_it_is_stored(mask: np.ndarray, stored: str) -> None:
    labels, _ = interpret(STORED[stored](mask))
    assert np.array_equal(labels > 0, mask)


def test_a_single_label_keeps_its_number_where_a_table_names_it(mask: np.ndarray) -> None:
    assert np.array_equal(interpret(mask * 5, keep_number=True)[0], mask * 5)
    assert np.array_equal(interpret(mask * 5)[0], mask)


def test_lesions_that_are_nan_are_not_lost_without_a_word(mask: np.ndarray) -> None:
    with pytest.raises(InputError, match="NaN and no value above 0"):
        interpret(np.where(mask, np.nan, 0.0), role="lesion")


@pytest.mark.parametrize("factor", [1, 0.9999, 1.0001])
def test_numbered_lesions_keep_their_numbers(numbered: np.ndarray, factor: float) -> None:
    assert np.array_equal(interpret(numbered * factor, role="lesion")[0], numbered)


def test_probabilities_are_cut_at_the_threshold_that_the_notes_state(mask: np.ndarray) -> None:
    share = ndimage.gaussian_filter(mask.astype(np.float32), 1)
    for threshold in (0.3, 0.5):
        labels, notes = interpret(share, threshold=threshold)
        assert np.array_equal(labels > 0, share >= threshold)
        assert notes["Threshold"] == threshold


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_the_width_of_a_soft_edge_is_measured_and_a_vague_brain_is_refused(tmp_path, sigma: float) -> None:
    x, y, z = np.indices((50, 50, 50)) - 25
    ball = (x**2 + y**2 + z**2 < 300).astype(np.float32)
    path = tmp_path / "mask.nii.gz"
    nib.save(nib.Nifti1Image(ndimage.gaussian_filter(ball, sigma), np.diag([3, 3, 3, 1])), path)
    if sigma < 1:
        assert read_mask(path, role="brain").volume.voxels.sum() == pytest.approx(ball.sum(), rel=0.02)
    else:
        with pytest.raises(InputError, match=r"over [45]\.\d voxels"):  # 2.56 standard deviations
            read_mask(path, role="brain")


def test_of_a_whole_brain_segmentation_the_lesions_of_samseg_are_taken(mask: np.ndarray) -> None:
    brain = np.full(mask.shape, 2)
    brain[15:] = 41
    brain[[0, -1]] = 0
    assert np.array_equal(interpret(np.where(mask, 99, brain), role="lesion")[0] > 0, mask)
    with pytest.raises(InputError, match="whole-brain segmentation"):
        interpret(brain, role="lesion")


REFUSED = {
    "decimals": lambda n: ndimage.zoom(n.astype(float), 1.3, order=1),
    "looks interpolated": lambda n: np.rint(ndimage.zoom(n * 20.0, 1.3, order=1)).astype(int),
    "or is a grey image": lambda n: ndimage.gaussian_filter((n > 0) * 255.0, 1).astype(np.uint8),
    "inverted": lambda n: (n == 0).astype(np.uint8),
    "threshold": lambda n: (n > 0) * np.linspace(0.1, 0.3, n.size).reshape(n.shape),
    "negative": lambda n: np.where(n > 0, n, -n.max() + np.indices(n.shape)[0]),
    "infinite": lambda n: np.where(n > 0, np.inf, 0),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_no_mask_is_refused_by_name(numbered: np.ndarray, why: str) -> None:
    with pytest.raises(InputError, match=why):
        interpret(REFUSED[why](numbered), role="lesion")


def test_an_implausible_volume_and_several_volumes_are_refused(mask: np.ndarray, tmp_path) -> None:
    path = tmp_path / "lesions.nii.gz"
    nib.save(nib.Nifti1Image(mask.astype(np.uint8), np.diag([10, 10, 10, 1])), path)
    with pytest.raises(InputError, match="implausible volume"):
        read_mask(path, role="lesion")
    nib.save(nib.Nifti1Image(np.stack([mask] * 2, -1).astype(np.uint8), np.eye(4)), path)
    with pytest.raises(InputError, match="several volumes"):
        read_mask(path, role="lesion")


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("sub-1_space-FLAIR_desc-lesion_mask.nii.gz", "FLAIR"),
        ("sub-1_space-flair_seg-lst.nii.gz", "FLAIR"),
        ("sub-1_T1w_label-lesion_roi.nii.gz", "T1w"),
        ("sub-1_space-MNI152NLin6Asym_label-L_mask.nii.gz", "MNI152NLin6Asym"),
        ("sub-1_label-L_mask.nii.gz", ""),
    ],
)
def test_the_name_says_on_which_image_a_mask_lies(name: str, space: str) -> None:
    assert space_named(name) == space


def test_a_sform_of_zeros_gives_way_to_the_qform(tmp_path) -> None:
    affine = np.array([[0, 2, 0, -10], [1.5, 0, 0, 5], [0, 0, 3, 7], [0, 0, 0, 1]], float)
    image = nib.Nifti1Image(np.ones((4, 5, 6), np.int16), affine)
    image.set_qform(affine, 1)
    image.header["sform_code"] = 1
    image.header["srow_x"] = image.header["srow_y"] = image.header["srow_z"] = 0
    path = tmp_path / "t1.nii"
    path.write_bytes(image.header.binaryblock + bytes(4) + np.ones(120, np.int16).tobytes())
    assert load_voxels(path)[1] == pytest.approx(affine, abs=1e-5)  # float32 header


@pytest.mark.parametrize(("scale", "offset"), [(1e-4, 0), (1, -900), (1 / 300, -1.7), (20, 500)])
@pytest.mark.parametrize("padded", [False, True])
def test_structural_images_do_not_depend_on_their_unit(scale: float, offset: float, padded: bool) -> None:
    image = np.random.default_rng(0).gamma(2, 150, (24, 25, 26)) + 3
    if padded:
        image[:9] = 0
    one, other = standardise(image)[0], standardise(image * scale + offset)[0]
    assert other == pytest.approx(one, abs=1e-2)  # of 1000: single precision of the offset
    assert np.percentile(one, 99) == pytest.approx(1000, rel=0.02)


def test_nan_around_the_head_is_background_and_inside_it_is_refused() -> None:
    x, y, z = np.indices((30, 30, 30)) - 15
    head = np.where(x**2 + y**2 + z**2 < 100, 500.0, np.nan) + np.random.default_rng(0).normal(0, 9, (30, 30, 30))
    image, notes = standardise(head)
    assert notes["NaNAsBackground"] == np.isnan(head).sum()
    assert (image[np.isnan(head)] == 0).all()
    head[13:17, 13:17, 13:17] = np.nan
    with pytest.raises(InputError, match="inside the head"):
        standardise(head)


def test_constant_images_are_refused() -> None:
    for image in (np.zeros((5, 5, 5)), np.full((5, 5, 5), 7.0)):
        with pytest.raises(InputError, match="constant"):
            standardise(image)
