"""Brains of real heads that nobody here made: right by volume and by agreement of two ways that share nothing.

Real images (CONTRIBUTING.md says how to lay them out; skipped without them): `ms-anatomy` and `ms-stripped` from
muschellij2/open_ms_data; `siemens-xa30` from neurolabusc/dcm_qa_xa30.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chiomics.anatomy.registration import network
from chiomics.anatomy.registration.brain_extraction import extract_brain
from chiomics.anatomy.registration.settings import settings
from chiomics.core.space.transforms import Chain, resample
from chiomics.core.space.volume import Volume
from tests.anatomy.template_heads import dice, with_shoulders

XA30 = "siemens-xa30/sub-01/anat/sub-01_T1w.nii.gz"
XA30_MASK = "siemens-xa30/derivatives/user/sub-01/anat/sub-01_desc-brain_mask.nii.gz"


def read(folder: Path, name: str) -> Volume:
    if not (folder / name).is_file():
        pytest.skip(f"real test data ({name}) is not on this machine")
    return Volume.read(folder / name)


def test_a_head_with_bright_scalp_by_the_network(shared_data, tmp_path):
    if not network.is_available():
        pytest.skip("torch and deepbet are not in this environment")
    image, mask = read(shared_data, XA30), read(shared_data, XA30_MASK)
    found = extract_brain(image, settings=settings("fast", {"extraction": {"method": "deepbet"}}), out_dir=tmp_path)
    assert (found.method, found.check.reason) == ("deepbet", "")
    # Two programs differ on where the fluid ends by up to a voxel of 2 mm all over the edge, which would give 0.93.
    assert dice(found.mask.voxels, mask.voxels > 0) > 0.94
    assert found.check.litres == pytest.approx(1.57, abs=0.08)


@pytest.mark.slow
def test_neck_and_shoulders_do_not_change_what_the_network_finds(shared_data, tmp_path):
    if not network.is_available():
        pytest.skip("torch and deepbet are not in this environment")
    image, mask = read(shared_data, XA30), read(shared_data, XA30_MASK)
    options = settings("fast", {"extraction": {"method": "deepbet"}})
    found = extract_brain(with_shoulders(image), settings=options, out_dir=tmp_path)
    assert found.check.reason == ""
    there = resample(mask.like((mask.voxels > 0).astype(np.float32)), found.mask, Chain(), interpolation="nearest")
    assert dice(found.mask.voxels, there.voxels > 0.5) > 0.94  # as of the head alone


@pytest.mark.slow
def test_a_head_with_bright_scalp_without_the_network_is_right_or_refused(shared_data, tmp_path):
    image, mask = read(shared_data, XA30), read(shared_data, XA30_MASK)
    found = extract_brain(image, settings=settings("fast", {"extraction": {"method": "template"}}), out_dir=tmp_path)
    assert found.check.reason or dice(found.mask.voxels, mask.voxels > 0) > 0.93


@pytest.mark.parametrize("name", ["ms-stripped/patient19_T1w.nii.gz", "ms-anatomy/patient26_T1w.nii.gz"])
def test_a_stripped_head_is_its_own_mask(shared_data, tmp_path, name):
    image = read(shared_data, name)
    found = extract_brain(image, settings=settings("fast"), out_dir=tmp_path)
    assert (found.method, found.check.reason) == ("extracted before", "")
    inside = image.voxels != 0
    assert (found.mask.voxels & inside).sum() == pytest.approx(inside.sum(), rel=0.01)
    assert found.mask.voxels.sum() < 1.1 * inside.sum()  # what is closed are sulci
    assert np.median(image.voxels[found.mask.voxels]) > 0
