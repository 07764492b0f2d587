"""A derived image made on a piece equals that of the whole image."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.radiomics import load_settings
from chiomics.radiomics.features.filters import derived_images, image_names
from chiomics.radiomics.image_zyx import ImageZYX
from chiomics.radiomics.parameters import Settings
from chiomics.radiomics.region import Region

SHAPE, SPACING = (60, 75, 90), (2.0, 1.0, 0.8)
BOXES = {
    "inside": np.s_[25:33, 30:39, 40:52],
    "at the first corner": np.s_[0:5, 0:7, 0:6],
    "at the last corner": np.s_[-6:, -5:, -7:],
    "along a border": np.s_[28:33, :, 0:4],
}


def settings_with(**image_types) -> Settings:
    return Settings("custom", {"firstorder": ("Mean",)}, image_types, gray_levels=(8,))


@pytest.fixture(scope="module", params=[np.float32, np.float64])
def image(request):
    return ImageZYX(np.random.default_rng(0).normal(size=SHAPE).astype(request.param), SPACING)


def pieces_and_whole(image, box, image_type, **own):
    settings = settings_with(**{image_type: own})
    mask = np.zeros(SHAPE, bool)
    mask[box] = True
    region, everything = Region.from_mask(mask, SPACING), Region.from_mask(np.ones(SHAPE, bool), SPACING)
    pieces = dict(derived_images(image, region, image_type, settings))
    whole = dict(derived_images(image, everything, image_type, settings))
    assert list(pieces) == image_names(image_type, settings)
    return [(pieces[name], whole[name][region.box]) for name in pieces]


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
@pytest.mark.parametrize("own", [{}, {"level": 2}, {"wavelet": "haar", "start_level": 1}], ids=str)
def test_wavelets_of_a_piece_are_bit_for_bit_those_of_the_whole(image, box, own):
    for piece, whole in pieces_and_whole(image, box, "Wavelet", **own):
        assert piece.dtype == image.voxels.dtype
        assert np.array_equal(piece, whole)


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
@pytest.mark.parametrize("sigma", [0.7, 1.0])
def test_log_of_a_piece_is_that_of_the_whole_to_rounding(image, box, sigma):
    for piece, whole in pieces_and_whole(image, box, "LoG", sigma=[sigma]):
        # One unit in the last place of the largest value: where the forgotten past ends, the last bit may turn.
        np.testing.assert_allclose(piece, whole, rtol=0, atol=np.spacing(np.abs(whole).max()))


def test_wavelets_equal_pywavelets_on_the_whole(image):
    pywt = pytest.importorskip("pywt")
    settings = settings_with(Wavelet={})
    everything = Region.from_mask(np.ones(SHAPE, bool), SPACING)
    found = dict(derived_images(image, everything, "Wavelet", settings))
    padded = np.pad(image.voxels, [(0, n % 2) for n in SHAPE], mode="wrap")
    bands = pywt.swtn(padded, "coif1", level=1, axes=(2, 1, 0))[0]
    assert np.array_equal(found["wavelet-LLH"], bands["aad"][tuple(slice(n) for n in SHAPE)])


def test_a_constant_has_no_detail_and_no_curvature():
    flat = ImageZYX(np.full(SHAPE, 3.0), SPACING)
    mask = np.zeros(SHAPE, bool)
    mask[20:30, 20:30, 20:30] = True
    region = Region.from_mask(mask, SPACING)
    for name, voxels in derived_images(flat, region, "Wavelet", settings_with(Wavelet={})):
        expected = 3.0 * np.sqrt(2) ** 3 if name == "wavelet-LLL" else 0.0
        np.testing.assert_allclose(voxels, expected, atol=1e-10)  # the filter's taps are given to 12 digits
    for _, voxels in derived_images(flat, region, "LoG", settings_with(LoG={"sigma": [1.0]})):
        np.testing.assert_allclose(voxels, 0, atol=1e-5)  # the recursive filter's own accuracy


def test_band_names_follow_the_axes():
    """LLH: low along x and y, high along z, as in pyradiomics' names."""
    z = np.arange(SHAPE[0])[:, None, None]
    stripes = ImageZYX(np.broadcast_to((-1.0) ** z, SHAPE).copy(), SPACING)
    region = Region.from_mask(np.ones(SHAPE, bool), SPACING)
    energy = {
        name: np.square(voxels).sum()
        for name, voxels in derived_images(stripes, region, "Wavelet", settings_with(Wavelet={}))
    }
    assert max(energy, key=energy.get) == "wavelet-LLH"


def test_presets_name_their_images():
    settings = load_settings("yan874")
    names = [name for image_type in settings.image_types for name in image_names(image_type, settings)]
    assert len(names) == 10
    assert "log-sigma-1-0-mm-3D" in names and "wavelet-HHH" in names and "original" in names
