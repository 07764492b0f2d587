"""The mean without diffusion weighting is read alone, and a series that does not fit its table is named."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from chiomics.anatomy.diffusion.unweighted import read_unweighted
from chiomics.core.errors import InputError

SHAPE, AFFINE = (12, 10, 8), np.diag([2.0, 2, 3, 1])
HEAD = np.zeros(SHAPE)
HEAD[3:9, 3:8, 2:6] = np.linspace(300, 600, 4)
DARKEST = HEAD[HEAD > 0].min()


def series(folder, volumes, b_values: str):
    """Write a series and its table."""
    image, table = folder / "sub-01_dwi.nii.gz", folder / "sub-01_dwi.bval"
    nib.save(nib.Nifti1Image(np.stack(volumes, axis=-1).astype(np.float32), AFFINE), image)
    table.write_text(b_values)
    return image, table


def test_only_volumes_without_weighting_count(tmp_path):
    weighted = np.full(SHAPE, 7000.0)
    found = read_unweighted(*series(tmp_path, [weighted, HEAD, weighted, HEAD * 3], "1000 5 2000 0"))
    assert np.array_equal(found.affine, AFFINE)
    # One scale: air at 0, bright tissue at 1000, whatever the mean of 1 and 3 times the head is in the file's unit.
    np.testing.assert_allclose(found.voxels, HEAD / HEAD.max() * 1000, atol=0.1)


def test_nan_around_the_head_is_air(tmp_path):
    found = read_unweighted(*series(tmp_path, [np.where(HEAD > 0, HEAD, np.nan)] * 2, "0 1000"))
    assert np.array_equal(found.voxels > 0, HEAD > DARKEST)  # the darkest tissue is the scale's zero


@pytest.mark.parametrize(
    ("volumes", "b_values", "words"),
    [
        ([HEAD] * 3, "0 1000", "another number of volumes than its table"),
        ([HEAD], "0 1000", "another number of volumes than its table"),
        ([HEAD] * 2, "900 1000", "no volume without diffusion weighting"),
        ([HEAD] * 2, "0 x", "not a table of numbers"),
        ([HEAD * 0 + 5] * 2, "0 1000", "the image is constant"),
    ],
)
def test_a_series_that_cannot_be_used_is_named(tmp_path, volumes, b_values, words):
    with pytest.raises(InputError, match=words) as error:
        read_unweighted(*series(tmp_path, volumes, b_values))
    assert "sub-01_dwi." in str(error.value)


@pytest.mark.parametrize("how", ["cut short", "flipped"])
def test_a_series_is_read_to_its_end(tmp_path, how):
    """What is wrong with the last volume is found although the first alone is wanted."""
    noise = np.random.default_rng(3).normal(size=(20, *SHAPE))  # does not pack, so that the end is far from the start
    image, table = series(tmp_path, [HEAD, *noise], "0 " + "1000 " * 20)
    packed = bytearray(image.read_bytes())
    if how == "cut short":
        packed = packed[: len(packed) * 9 // 10]
    else:
        packed[-6] ^= 1  # of the checksum
    image.write_bytes(bytes(packed))
    with pytest.raises(
        InputError, match=r"cannot be read, it may be cut short.*sub-01_dwi.nii.gz|sub-01_dwi.nii.gz.*cut short"
    ):
        read_unweighted(image, table)
