"""Automatic lesions: found, bounded at their edge, and independent of scale, orientation and order of the axes.

Real images (CONTRIBUTING.md says how to lay them out; skipped without them): `ms-anatomy` from
muschellij2/open_ms_data.
"""

import numpy as np
import pytest
from scipy import ndimage

from chiomics.anatomy.tissue.lesion_features import NAMES
from chiomics.anatomy.tissue.lesion_settings import LesionSettings
from chiomics.anatomy.tissue.lesions import DOUBTFUL_NOISE, coefficients_of_model, segment_lesions
from chiomics.core.errors import InputError, SettingError
from chiomics.core.space.volume import Volume

SHAPE, VOXEL = (76, 92, 72), 1.8
#: Centre and radius of the lesions in mm from the centre of the head; the last two touch the ventricle and the cortex.
LESIONS = (((30, 10, 10), 5.0), ((-28, -20, 5), 4.0), ((-25, 30, 0), 3.5), ((17, 12, -14), 4.0), ((0, -46, 25), 4.0))


def radius(*axes: float, centre: tuple = (0, 0, 0)) -> np.ndarray:
    """Return each voxel's distance from the centre, 1 on the ellipsoid of these half axes in mm."""
    points = (np.indices(SHAPE).T - (np.array(SHAPE) - 1) / 2).T * VOXEL
    return np.sqrt(sum(((points[i] - centre[i]) / axes[i]) ** 2 for i in range(3)))


def head(*, brightness: float | None = 1.7, noise: float = 0.03, lesions: tuple = LESIONS) -> dict:
    """Draw a head of ellipsoids: white matter, cortex, ventricle, fluid; lesions of a brightness, white matter at 1."""
    brain = radius(64, 78, 60) < 1
    cortex = brain & (radius(59, 73, 55) >= 1)
    fluid = (brain & (radius(62, 76, 58) >= 1)) | (radius(12, 20, 10) < 1)
    labels = np.where(fluid, 2, np.where(cortex, 1, 0))
    priors = np.stack([ndimage.gaussian_filter((brain & (labels == k)).astype(np.float32), 1.0) for k in range(3)])
    flair, t1w = (np.array(level, np.float32)[labels] for level in ((1.0, 1.2, 0.2), (1.0, 0.7, 0.3)))
    truth = np.zeros(SHAPE, bool)
    for centre, size in lesions if brightness else ():
        truth |= radius(size, size, size, centre=centre) < 1
    truth &= labels == 0
    flair[truth], t1w[truth] = brightness or 0, 0.75
    rng = np.random.default_rng(3)
    flair, t1w = (
        ndimage.gaussian_filter(image * brain, 0.7) + noise * rng.standard_normal(SHAPE) for image in (flair, t1w)
    )
    return {"flair": flair, "t1w": t1w, "brain": brain, "priors": priors, "truth": truth}


def segment(images: dict, affine: np.ndarray | None = None, **settings):
    """Segment a head."""
    affine = np.diag([VOXEL, VOXEL, VOXEL, 1.0]) if affine is None else affine
    flair, t1w, brain = (Volume(images[name], affine) for name in ("flair", "t1w", "brain"))
    priors = {name: Volume(prior, affine) for name, prior in zip(("WM", "GM", "CSF"), images["priors"], strict=True)}
    return segment_lesions(flair, t1w, brain, priors, settings=LesionSettings(**settings))


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Return the overlap of two masks."""
    return 2 * np.count_nonzero(first & second) / (np.count_nonzero(first) + np.count_nonzero(second))


@pytest.fixture(scope="module")
def patient() -> dict:
    """Draw a head with lesions."""
    return head()


@pytest.fixture(scope="module")
def found(patient):
    """Segment it once."""
    return segment(patient)


def test_lesions_are_found(patient, found):
    true, count = ndimage.label(patient["truth"])
    hit = set(np.unique(true[found.mask.voxels])) - {0}
    assert len(hit) == count
    assert dice(found.mask.voxels, patient["truth"]) > 0.75  # the target on simulated subjects
    _, pieces = ndimage.label(found.mask.voxels, np.ones((3, 3, 3)))
    assert pieces == count  # and nothing else


def test_a_healthy_head_has_none():
    healthy = segment(head(brightness=None))
    assert healthy.labels.voxels.max() == 0
    assert not healthy.mask.voxels.any()


def test_the_probability_is_one(found):
    assert found.probability.voxels.min() >= 0
    assert found.probability.voxels.max() <= 1
    assert found.probability.voxels.dtype == np.float32


def test_labels_are_the_mask_in_order_of_volume(found):
    sizes = np.bincount(found.labels.voxels.ravel())[1:]
    assert sizes.sum() == found.mask.voxels.sum()
    assert (sizes > 0).all()
    assert (np.diff(sizes) <= 0).all()


@pytest.mark.parametrize(("factor", "offset"), [(731.0, 0.0), (0.02, 0.0), (40.0, 500.0)])
def test_scale_and_offset_of_the_images_do_not_matter(patient, found, factor, offset):
    changed = patient | {name: patient[name] * factor + offset for name in ("flair", "t1w")}
    # the images are read in single precision, where an offset rounds: a voxel on the threshold may change
    assert np.count_nonzero(segment(changed).mask.voxels ^ found.mask.voxels) <= 2


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize("flips", [(), (0,), (0, 1, 2)])
def test_the_order_and_direction_of_the_axes_do_not_matter(patient, found, axes, flips):
    def turn(image):
        return np.flip(image.transpose(axes), flips)

    turned = {name: turn(patient[name]) for name in ("flair", "t1w", "brain")}
    turned["priors"] = np.stack([turn(prior) for prior in patient["priors"]])
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, list(axes)] * VOXEL
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (turned["flair"].shape[axis] - 1)
        affine[:3, axis] *= -1
    result = segment(turned, affine)
    # sums are taken in another order: a voxel on the threshold may change
    assert np.count_nonzero(turn(found.mask.voxels) ^ result.mask.voxels) <= 2
    ours, turned_labels = turn(found.labels.voxels), result.labels.voxels
    both = (ours > 0) & (turned_labels > 0)
    # numbers follow size and world coordinates; a voxel halfway between two centres may go to either
    assert np.mean(ours[both] == turned_labels[both]) > 0.98


def test_the_volume_does_not_follow_the_brightness():
    dim, bright = (head(brightness=level) for level in (1.6, 2.0))
    volumes = [segment(images).mask.voxels.sum() for images in (dim, bright)]
    around = ndimage.binary_dilation(dim["truth"], iterations=2)
    fixed = [np.count_nonzero((images["flair"] > 1.25) & around) for images in (dim, bright)]
    assert fixed[1] / fixed[0] > 1.25  # a threshold on FLAIR moves outwards on the blurred edge
    assert volumes[1] / volumes[0] == pytest.approx(1, abs=0.1)  # an eighth of a voxel around balls of 4 mm


def test_settings_bound_the_lesions(patient, found):
    strict = segment(patient, threshold=0.8)
    assert not (strict.mask.voxels & ~found.mask.voxels).any()
    assert strict.mask.voxels.sum() < found.mask.voxels.sum()
    large = segment(patient, min_volume=300.0, split=False)
    sizes = np.bincount(large.labels.voxels.ravel())[1:] * VOXEL**3
    assert sizes.size
    assert sizes.min() >= 300.0
    assert not (large.mask.voxels & ~found.mask.voxels).any()


def test_an_empty_brain_has_no_lesions(patient):
    empty = segment(patient | {"brain": np.zeros(SHAPE, bool)})
    assert not empty.labels.voxels.any()
    assert not empty.probability.voxels.any()


def test_input_that_cannot_be_read_is_refused(patient):
    with pytest.raises(InputError, match="contrast"):
        segment(patient | {"flair": -patient["flair"]})
    with pytest.raises(InputError, match="contrast"):
        segment(patient | {"t1w": patient["flair"]})  # grey matter is brighter than white
    with pytest.raises(InputError, match="no white matter"):
        segment(patient | {"priors": np.zeros_like(patient["priors"])})
    with pytest.raises(InputError, match="shape"):
        segment(patient | {"t1w": patient["t1w"][:-1]})


@pytest.mark.parametrize("settings", [{"threshold": 0.0}, {"threshold": 1.0}, {"min_volume": -1.0}, {"split": 1}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SettingError):
        LesionSettings(**settings)


def test_the_model_has_a_number_per_feature():
    coefficients, intercept = coefficients_of_model()
    assert coefficients.shape == (len(NAMES),)
    assert np.isfinite(coefficients).all()
    assert intercept < 0  # where nothing speaks for a lesion there is none


@pytest.mark.slow
def test_a_real_patient(shared_data, tmp_path):
    """One MS patient with a consensus mask (Lesjak et al. 2018), from raw images: no setting was chosen on it."""
    from chiomics.anatomy.registration.ants import register
    from chiomics.anatomy.registration.bias_field import correct_bias
    from chiomics.anatomy.registration.brain_extraction import extract_brain
    from chiomics.anatomy.registration.settings import settings as preset
    from chiomics.core.space.template import template_brain, template_priors
    from chiomics.core.space.transforms import resample

    folder, fast = shared_data / "ms-anatomy", preset("fast")
    t1w, flair = (Volume.read(folder / f"patient26_{name}.nii.gz") for name in ("T1w", "FLAIR"))
    found = extract_brain(correct_bias(t1w, settings=fast.bias), settings=fast, out_dir=tmp_path / "brain")
    t1w, flair = (correct_bias(image, settings=fast.bias, mask=found.mask) for image in (t1w, flair))
    inside = t1w.like(np.where(found.mask.voxels > 0, t1w.voxels, 0).astype(np.float32))
    chain = register(inside, template_brain(1.0), kind="nonlinear", settings=fast, out_dir=tmp_path / "to_template")
    priors = {name: resample(prior, t1w, chain.inverse()) for name, prior in template_priors(1.5).items()}
    lesions = segment_lesions(flair, t1w, found.mask, priors)
    truth = Volume.read(folder / "patient26_lesions.nii.gz").voxels > 0
    assert dice(lesions.mask.voxels, truth) >= 0.55  # a threshold on FLAIR that is tuned on this very mask gives 0.57


def test_noise_of_the_flair_is_measured_in_white_matter_whatever_the_lesions():
    """White matter is 0.8 above fluid; large lesions must not pass for noise."""
    many = tuple(((x, y, z), 9.0) for x in (-30, 30) for y in (-25, 25) for z in (-10, 20))
    for noise, lesions in ((0.03, LESIONS), (0.12, LESIONS), (0.03, many)):
        found = segment(head(noise=noise, lesions=lesions))
        # Borders of lesions and of white matter add a little: a hundredth at most.
        assert found.noise == pytest.approx(noise / 0.8, abs=0.01)
        assert (found.noise > DOUBTFUL_NOISE) == (noise > 0.1)


def test_a_flair_in_whose_noise_lesions_drown_is_refused():
    with pytest.raises(InputError, match="too noisy") as refused:
        segment(head(noise=0.2))
    assert "25%" in str(refused.value)
