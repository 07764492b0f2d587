"""Tissue: known tissue comes back, whatever the scale and the orientation of the image, and what is known is kept."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from chiomics.anatomy.tissue.tissue import (
    DEEP_GREY,
    FLUID,
    GREY,
    PRIORS,
    WHITE,
    TissueSettings,
    relabel,
    segment_tissue,
    white_matter_mask,
)
from chiomics.core.errors import InputError, SettingError
from chiomics.core.space.template import template_mask, template_priors
from chiomics.core.space.transforms import Chain, resample
from chiomics.core.space.volume import Volume

RESOLUTION = 3.0
#: T1w signal of CSF, GM and WM, and the noise, a fifth of the contrast of grey and white.
SIGNAL, NOISE = (0.25, 0.7, 1.0), 0.06
CLASSES = (FLUID, GREY, WHITE)


@cache
def head() -> tuple[Volume, Volume, dict[str, Volume], np.ndarray]:
    """T1w, brain, priors that miss the brain by 3 mm, and the true classes, which are the template's likeliest."""
    shares = template_priors(RESOLUTION)
    brain = template_mask(RESOLUTION)
    labels = np.where(brain.voxels, 1 + np.stack([shares[name].voxels for name in PRIORS]).argmax(axis=0), 0)
    noise = NOISE * np.random.default_rng(5).standard_normal(labels.shape)
    image = np.array([0, *SIGNAL])[labels] + noise
    moved = {name: share.like(ndimage.shift(share.voxels, (0, 1, 0), order=1)) for name, share in shares.items()}
    return brain.like(image.astype(np.float32)), brain, moved, labels


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * (first & second).sum() / (first.sum() + second.sum())


@pytest.fixture(scope="module")
def tissue() -> Volume:
    t1w, brain, priors, _ = head()
    return segment_tissue(t1w, brain, priors)


def test_known_tissue_comes_back(tissue: Volume) -> None:
    labels = head()[3]
    for label in CLASSES:
        # Midway between grey and white is 2.5 standard deviations of noise, which 0.6 % of voxels exceed on each side.
        assert dice(tissue.voxels == label, labels == label) > 0.98


def test_tissue_lies_in_the_brain_and_fills_it(tissue: Volume) -> None:
    brain = head()[1]
    assert np.array_equal(tissue.voxels > 0, brain.voxels)
    assert set(np.unique(tissue.voxels)) == {0, *CLASSES}


def test_intensity_decides_where_the_template_is_wrong(tissue: Volume) -> None:
    """The priors alone, which miss the brain by a voxel, are far from the truth that is found with them."""
    _, brain, priors, labels = head()
    prior = np.where(brain.voxels, 1 + np.stack([priors[name].voxels for name in PRIORS]).argmax(0), 0)
    for label in CLASSES:
        assert dice(tissue.voxels == label, labels == label) > dice(prior == label, labels == label) + 0.05


def test_scale_and_level_of_the_image_do_not_matter(tissue: Volume) -> None:
    t1w, brain, priors, _ = head()
    other = segment_tissue(t1w.like(np.float32(1500) * t1w.voxels + np.float32(40)), brain, priors)
    # Rounding of float32 may turn a voxel that is as likely one as the other.
    assert (other.voxels != tissue.voxels).mean() < 1e-4


def test_orientation_does_not_matter(tissue: Volume) -> None:
    def turned(volume: Volume) -> Volume:
        return Volume(np.ascontiguousarray(volume.voxels.transpose(2, 0, 1)[::-1]), np.eye(4))

    t1w, brain, priors, _ = head()
    other = segment_tissue(turned(t1w), turned(brain), {name: turned(prior) for name, prior in priors.items()})
    # Sums come in another order.
    assert (other.voxels != turned(tissue).voxels).mean() < 1e-4


def test_atropos_finds_the_same(tissue: Volume) -> None:
    """An independent implementation of such a model agrees."""
    t1w, brain, priors, _ = head()
    other = segment_tissue(t1w, brain, priors, settings=TissueSettings("atropos", iterations=3))
    for label in CLASSES:
        # It gives each class a variance of its own and weighs neighbours otherwise.
        assert dice(other.voxels == label, tissue.voxels == label) > 0.97


def test_lesions_go_back_to_white_matter_and_nuclei_to_grey() -> None:
    t1w, brain, priors, labels = head()
    inside = ndimage.binary_erosion(labels == WHITE)
    lesions, nuclei = (np.zeros(labels.shape, bool) for _ in range(2))
    lesions[:, : labels.shape[1] // 3] = inside[:, : labels.shape[1] // 3]
    nuclei[:, labels.shape[1] // 2 :][inside[:, labels.shape[1] // 2 :]] = True
    dark = t1w.like(np.where(lesions, SIGNAL[1], t1w.voxels).astype(np.float32))
    unaware = segment_tissue(dark, brain, priors)
    assert (unaware.voxels[lesions] == GREY).mean() > 0.5
    found = segment_tissue(dark, brain, priors, lesions=brain.like(lesions), nuclei=brain.like(nuclei))
    assert (found.voxels[lesions] == WHITE).all()
    assert (found.voxels[nuclei] == DEEP_GREY).all()
    assert not white_matter_mask(found).voxels[nuclei].any()
    assert dice((found.voxels == WHITE) | nuclei, labels == WHITE) > 0.98  # as without lesions


def test_nothing_outside_the_brain_is_relabelled(tissue: Volume) -> None:
    everywhere = tissue.like(np.ones(tissue.voxels.shape, bool))
    for known in ({"lesions": everywhere}, {"nuclei": everywhere}):
        assert np.array_equal(relabel(tissue, **known).voxels > 0, tissue.voxels > 0)


def test_a_nucleus_wins_over_a_lesion(tissue: Volume) -> None:
    everywhere = tissue.like(np.ones(tissue.voxels.shape, bool))
    both = relabel(tissue, lesions=everywhere, nuclei=everywhere)
    assert set(np.unique(both.voxels)) == {0, DEEP_GREY}


def test_an_image_without_t1_contrast_is_refused() -> None:
    t1w, brain, priors, _ = head()
    with pytest.raises(InputError, match=r"contrast of a T1w|tissue was not found"):
        segment_tissue(t1w.like(1.5 - t1w.voxels), brain, priors)


def test_an_empty_brain_and_another_grid_are_refused() -> None:
    t1w, brain, priors, _ = head()
    with pytest.raises(InputError, match="nothing to segment"):
        segment_tissue(t1w, brain.like(np.zeros_like(brain.voxels)), priors)
    shifted = Volume(brain.voxels, brain.affine + np.eye(4)[:, [3, 3, 3, 0]])
    with pytest.raises(InputError, match="different voxels"):
        segment_tissue(t1w, shifted, priors)


def test_settings_that_mean_nothing_are_refused() -> None:
    for wrong in ({"method": "kmeans"}, {"prior_weight": -1}, {"iterations": 0}):
        with pytest.raises(SettingError):
            TissueSettings(**wrong)


@pytest.mark.slow
def test_tissue_of_a_simulated_subject(tmp_path) -> None:
    """A subject with lesions, a moved T1w with bias and noise: tissue in the gradient echo's own space."""
    from chiomics.anatomy.registration.bias_field import correct_bias
    from chiomics.anatomy.registration.settings import settings
    from chiomics.phantom import load_recipe
    from chiomics.phantom.recipe import find_session
    from chiomics.phantom.subject import simulate

    recipe = load_recipe()
    subject = simulate(recipe, find_session(recipe, "MS01"))
    gre = Volume(subject.labels, subject.affine)
    brain = (subject.labels > 0) & ((subject.labels < 31) | (subject.labels > 100))
    to_t1w = Chain.from_matrix(subject.motions["T1w"], tmp_path / "motion.mat")
    t1w = Volume(subject.structural["T1w"][0].astype(np.float32), subject.structural["T1w"][1])
    priors = {}
    for name, share in template_priors().items():
        index = np.einsum("ij,jxyz->ixyz", np.linalg.inv(share.affine)[:3, :3], subject.coordinates)
        index += np.linalg.inv(share.affine)[:3, 3][:, None, None, None]
        priors[name] = resample(gre.like(ndimage.map_coordinates(share.voxels, index, order=1)), t1w, to_t1w)
    t1w_brain, lesions, nuclei = (
        resample(gre.like(mask), t1w, to_t1w, interpolation="label")
        for mask in (brain, subject.lesion_index > 0, (gre.voxels % 100 > 10) & (gre.voxels % 100 < 18))
    )
    t1w = correct_bias(t1w, settings=settings("fast").bias, mask=t1w_brain)
    found = segment_tissue(t1w, t1w_brain, priors, lesions=lesions, nuclei=nuclei)
    found = resample(found, gre, to_t1w.inverse(), interpolation="label").voxels
    true = gre.voxels
    classes = {
        FLUID: ((true == 1) | (true == 2), 0.8),
        GREY: ((true == 3) | ((true % 100 > 10) & (true % 100 < 18)), 0.88),
        WHITE: ((true == 4) | (true == 21) | (true == 22), 0.88),
    }
    found = np.where(found == DEEP_GREY, GREY, found)
    veins = (true == 5) | (true == 6)
    for label, (expected, least) in classes.items():
        # Cutting the noiseless T1w midway between the true means gives .85, .89 and .89 on its own voxels: the rest is
        # voxels that hold two tissues.
        assert dice((found == label) & brain & ~veins, expected) > least
