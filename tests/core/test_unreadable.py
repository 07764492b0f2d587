"""Why a file is no image is told by what the file is; nibabel has the same words for several causes."""

from __future__ import annotations

import gzip

import nibabel as nib
import numpy as np
import pytest

from chiomics.core.errors import InputError
from chiomics.core.images import load_voxels
from chiomics.radiomics.image_zyx import read_image_zyx

PLAIN = nib.Nifti1Image(np.random.default_rng(0).normal(size=(9, 8, 7)), np.eye(4)).to_bytes()
#: Name and content of a file, and what is said of it.
FILES = {
    "a folder": ("image.nii.gz", None, "this is a folder"),
    "nothing": ("elsewhere.nii.gz", b"", "no such file"),
    "an empty file": ("image.nii.gz", b"", "the file is empty"),
    "text": ("image.nii.gz", b"Dear colleague, the data follow.", "not; found something else"),
    "text in NIfTI's name": ("image.nii", b"Dear colleague, the data follow.", "no image that can be read"),
    "NIfTI that nobody compressed": ("image.nii.gz", PLAIN, "found plain NIfTI; expected gzip"),
    "compressed NIfTI under a plain name": ("image.nii", gzip.compress(PLAIN), "a name that ends in .nii.gz"),
    "half of a compressed file": ("image.nii.gz", gzip.compress(PLAIN)[:2000], "cut short"),
    "half of a plain file": ("image.nii", PLAIN[:2000], "cut short"),
}


@pytest.mark.parametrize("reader", [load_voxels, read_image_zyx], ids=["qsm", "radiomics"])
@pytest.mark.parametrize("case", FILES)
def test_the_cause_is_named(tmp_path, case, reader):
    name, content, said = FILES[case]
    image = tmp_path / "image.nii.gz" if case == "nothing" else tmp_path / name
    if content is None:
        image.mkdir()
    elif case != "nothing":
        image.write_bytes(content)
    with pytest.raises(InputError) as caught:
        reader(image)
    assert said in str(caught.value)
    assert str(image) in str(caught.value)
