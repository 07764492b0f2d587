"""Whatever lies in the image is told apart: heads, brains that were cut out, parts of either, children, bottles.

Real images (CONTRIBUTING.md says how to lay them out; skipped without them): `ms-stripped` from
muschellij2/open_ms_data; `real-bids` from neurolabusc/dcm_qa_philips_enh.
"""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.core.images import read_image
from chiomics.core.origin import SIMULATED_MARK
from chiomics.qsm.masks.brain_mask import brain_mask
from chiomics.qsm.masks.find_brain import check_given_mask, find_brain

EDGE = 3.0
AFFINE = np.diag([EDGE, EDGE, EDGE, 1.0])
X, Y, Z = EDGE * np.indices((72, 80, 66)) - EDGE * np.array([36, 40, 33])[:, None, None, None]
#: Share of the way from the centre to the surface of a made-up brain of 1.2 l.
RADIUS = np.sqrt((X / 62) ** 2 + (Y / 77) ** 2 + (Z / 60) ** 2)
RNG = np.random.default_rng(3)


def noisy(signal: np.ndarray, deviation: float) -> np.ndarray:
    """Add the noise of a magnitude, and a coil that is brighter behind than in front."""
    signal = signal * (1 + 0.003 * Y)
    return np.hypot(*(part + deviation * RNG.standard_normal(signal.shape) for part in (signal, 0 * signal)))


def brain(scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Magnitude of a brain with ventricles and folds, and its mask."""
    radius = RADIUS / scale
    mask = radius < 1
    folds = 12 * np.sin(X / 6) * np.sin(Y / 6) * np.sin(Z / 6)
    signal = np.where(radius < 0.25, 110.0, np.where(radius < 0.8, 75.0, 100.0)) + folds
    return signal * mask, mask


def head(scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The same in a dark skull of 6 mm and a scalp of 6 mm, whatever the brain's size."""
    signal, mask = brain(scale)
    outside = EDGE * ndimage.distance_transform_edt(~mask)
    return signal + 110.0 * ((outside > 6) & (outside <= 13)), mask


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize("deviation", [2.0, 8.0])
@pytest.mark.parametrize("zeros", [False, True])
def test_a_brain_that_was_cut_out_is_its_own_mask(deviation, zeros):
    signal, mask = brain()
    magnitude = noisy(signal, deviation)
    found = find_brain(magnitude * mask if zeros else magnitude, AFFINE)
    # Half a voxel of 3 mm all over the surface would give 0.93; of zeros every voxel is known.
    assert dice(found.mask, mask) > (0.99 if zeros else 0.95)
    assert "skull-stripped" in found.source
    assert found.doubts == []


def test_half_a_brain_that_was_cut_out_is_taken_with_a_word():
    signal, mask = brain()
    half = mask & (X > 0)
    found = find_brain(noisy(signal * half, 3.0), AFFINE)
    assert dice(found.mask, half) > 0.95
    assert "l were cut out" in found.doubts[0]


def test_a_part_of_a_brain_that_was_cut_out_needs_no_word():
    signal, mask = brain()
    found = find_brain(noisy(signal, 3.0)[36:], np.diag([EDGE, EDGE, EDGE, 1.0]))
    assert dice(found.mask, mask[36:]) > 0.95
    assert found.doubts == []


@pytest.mark.parametrize("deviation", [2.0, 8.0])
def test_a_head_in_much_noisy_air_gives_its_brain(deviation):
    signal, mask = head()
    found = find_brain(noisy(signal, deviation), AFFINE, method="intensity")
    assert found.source == "intensity"
    assert dice(found.mask, mask) > 0.93


def test_a_bottle_is_told_as_one():
    bottle = (np.hypot(X, Y) < 60) & (np.abs(Z) < 70)
    found = find_brain(noisy(100.0 * bottle, 3.0), AFFINE)
    assert dice(found.mask, bottle) > 0.95
    assert "not a head" in found.source
    assert "bottle" in found.doubts[0]


@pytest.mark.usefixtures("texts_of_figures")
def test_a_childs_brain_is_refused_with_its_volume_and_a_picture_until_the_setting_allows_it(tmp_path, monkeypatch):
    signal, mask = head(scale=0.72)
    picture, titles, plain = tmp_path / "refused.png", [], Figure.suptitle
    monkeypatch.setattr(Figure, "suptitle", lambda figure, text, **o: (titles.append(text), plain(figure, text, **o)))
    with pytest.raises(InputError, match=r"its volume is 0\.\d+ l") as refused:
        find_brain(noisy(signal, 2.0), AFFINE, method="intensity", picture=str(picture), simulated=True)
    assert "qsm.brain_volume" in str(refused.value)
    assert titles[0].startswith("brain mask refused: its volume is") and titles[0].endswith(SIMULATED_MARK)
    assert picture.stat().st_size > 0
    found = find_brain(noisy(signal, 2.0), AFFINE, method="intensity", volumes=(0.3, 2.5))
    assert dice(found.mask, mask) > 0.92


def test_a_head_that_the_image_cuts_has_no_least_volume():
    signal, mask = head()
    found = find_brain(noisy(signal, 2.0)[:, :, 26:48], AFFINE, method="intensity")
    assert found.mask.sum() * EDGE**3 * 1e-6 < 0.9
    assert dice(found.mask, mask[:, :, 26:48]) > 0.93


@pytest.mark.parametrize("noise", [0.01, 0.08])
def test_a_real_brain_without_its_skull_and_with_noise_around_it(shared_data, noise):
    t1w, affine = read_image(shared_data / "ms-stripped" / "patient19_T1w.nii.gz")
    t1w, affine = t1w[::3, ::3, ::3], affine @ np.diag([3, 3, 3, 1.0])
    mask = ndimage.binary_fill_holes(t1w > 0)
    deviation = noise * np.percentile(t1w[mask], 98)
    found = find_brain(np.hypot(t1w + deviation * RNG.standard_normal(t1w.shape),
                                deviation * RNG.standard_normal(t1w.shape)), affine)  # fmt: skip
    assert "skull-stripped" in found.source
    assert dice(found.mask, mask) > 0.9  # dark fluid at the rim goes with the air


def test_a_given_mask_that_holds_the_air_is_refused():
    signal, mask = head()
    magnitude = noisy(signal, 2.0)
    for right in (mask, ndimage.binary_dilation(mask, iterations=2)):
        check_given_mask(right, magnitude, AFFINE, file="mask.nii.gz")
    with pytest.raises(InputError, match=r"mask\.nii\.gz: the brain mask lies on air; found \d+ %"):
        check_given_mask(np.ones_like(mask), magnitude, AFFINE, file="mask.nii.gz")
    inside = (slice(28, 44), slice(30, 50), slice(25, 41))  # a crop, all of it brain
    check_given_mask(np.ones_like(mask)[inside], magnitude[inside], AFFINE, file="mask.nii.gz")


def test_a_real_head_is_none_of_them(shared_data):
    name = "real-bids/sub-philips3t/anat/sub-philips3t_echo-{}_part-mag_MEGRE.nii.gz"
    echoes = [read_image(shared_data / name.format(echo)) for echo in (1, 2)]
    magnitude = np.stack([voxels for voxels, _ in echoes])
    found = find_brain(magnitude, echoes[0][1], method="intensity")
    assert found.source == "intensity"
    assert np.array_equal(found.mask, brain_mask(magnitude, voxel_size=(3, 3, 3)))
