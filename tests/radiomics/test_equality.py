"""Every feature equals pyradiomics on whatever image and mask: the law of this stage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chiomics.core.errors import InputError
from chiomics.radiomics import extract
from tests.radiomics.comparison import differing

pytest.importorskip("radiomics")
# pyradiomics divides by zero in regions without texture, and warns of each.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning:radiomics.*")


def ball(shape, rng):
    centre = [(n - 1) / 2 for n in shape]
    grid = np.ogrid[tuple(slice(n) for n in shape)]
    return sum(((g - c) / max(n / 2, 1)) ** 2 for g, c, n in zip(grid, centre, shape, strict=True)) <= 1


MASKS = {
    "full": lambda shape, rng: np.ones(shape, bool),  # touches every border of the image
    "ball": ball,
    "sparse": lambda shape, rng: rng.random(shape) < 0.15,  # isolated voxels and disconnected parts
    "half": lambda shape, rng: rng.random(shape) < 0.5,
    "holes": lambda shape, rng: rng.random(shape) < 0.9,
    "sheet": lambda shape, rng: (np.arange(shape[0]) == shape[0] // 2)[:, None, None] & (rng.random(shape) < 0.8),
    "two parts": lambda shape, rng: np.abs(np.arange(shape[2]) - shape[2] // 2)[None, None] >= 2 * np.ones(shape),
}
IMAGES = {
    "float64": lambda shape, rng: rng.normal(0, 0.05, shape),
    "float32": lambda shape, rng: rng.normal(0, 0.05, shape).astype(np.float32),
    "int16": lambda shape, rng: rng.integers(-40, 300, shape).astype(np.int16),
    "two levels": lambda shape, rng: rng.integers(0, 2, shape).astype(np.float64),
    "flat": lambda shape, rng: np.full(shape, 0.1),
    "stripes": lambda shape, rng: np.broadcast_to(np.arange(shape[2]) % 4, shape).astype(np.float64),
}


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    mask=st.sampled_from(sorted(MASKS)),
    image=st.sampled_from(sorted(IMAGES)),
    spacing=st.tuples(*[st.sampled_from((0.47, 1.0, 2.3))] * 3),
    margin=st.integers(0, 1),
    levels=st.sampled_from(({"gray_levels": (8, 64)}, {"gray_levels": (7, 16)}, {"bin_width": (0.3,)})),
    seed=st.integers(0, 1000),
)
def test_all_features_equal_pyradiomics(shape, mask, image, spacing, margin, levels, seed):
    rng = np.random.default_rng(seed)
    region = np.pad(MASKS[mask](shape, rng), margin).astype(np.uint8)
    values = IMAGES[image](region.shape, rng)
    if region.all():
        region = np.pad(region, 1)  # pyradiomics finds no label in a mask without background
        values = np.pad(values, 1, mode="edge")
    tables = []
    for engine in ("chiomics", "pyradiomics"):
        try:
            tables.append(extract(values, region, spacing=spacing, engine=engine, **levels))
        except InputError as error:
            tables.append(error)
    found, reference = tables
    if isinstance(reference, InputError):
        assert isinstance(found, InputError), "pyradiomics refuses what this engine accepts"
        return
    off = differing(found, reference)
    assert off.empty, off.to_string()


def test_a_mask_that_fills_the_image_is_extracted_as_if_it_had_room():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 7, 5))
    full = extract(values, np.ones(values.shape, np.uint8), spacing=(1, 1, 1), gray_levels=16)
    roomy = extract(np.pad(values, 2), np.pad(np.ones(values.shape, np.uint8), 2), spacing=(1, 1, 1), gray_levels=16)
    assert full.equals(roomy)


@pytest.mark.parametrize(
    "setting",
    [
        {"distances": [1, 2]},
        {"force2D": True, "force2Ddimension": 0},
        {"force2D": True, "force2Ddimension": 2, "distances": [2]},
        {"weightingNorm": "euclidean"},
        {"weightingNorm": "manhattan"},
        {"weightingNorm": "infinity"},
        {"weightingNorm": "no_weighting"},
        {"symmetricalGLCM": False},
        {"gldm_a": 2},
        {"voxelArrayShift": 300},
        {"normalize": True, "normalizeScale": 100, "removeOutliers": 2},
        {"resegmentRange": [-1, 1], "resegmentMode": "sigma"},
        {"resegmentRange": [0.1, 0.8], "resegmentMode": "relative", "resegmentShape": True},
        {"resampledPixelSpacing": [1, 1, 1]},
        {"resampledPixelSpacing": [0, 0, 2], "interpolator": "sitkLinear", "padDistance": 2},
        {"preCrop": True, "padDistance": 3},
        {"minimumROIDimensions": 3, "minimumROISize": 10},
    ],
    ids=str,
)
def test_settings_of_a_parameter_file_act_as_in_pyradiomics(tmp_path, setting):
    import yaml

    rng = np.random.default_rng(3)
    mask = np.pad(ball((9, 11, 7), rng) & (rng.random((9, 11, 7)) < 0.9), 2).astype(np.uint8)
    image = rng.normal(size=mask.shape).cumsum(axis=0)
    parameters = tmp_path / "parameters.yaml"
    content = {"setting": {"binCount": 12, **setting}, "imageType": {"Original": {}, "Wavelet": {}}}
    content["featureClass"] = dict.fromkeys(("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"))
    parameters.write_text(yaml.safe_dump(content))
    tables = [
        extract(image, mask, spacing=(1.1, 0.9, 1.7), preset=parameters, engine=engine)
        for engine in ("chiomics", "pyradiomics")
    ]
    off = differing(*tables)
    assert off.empty, off.to_string()


@pytest.mark.parametrize(
    "image_type",
    [
        {"Square": {}}, {"SquareRoot": {}}, {"Logarithm": {}}, {"Exponential": {}}, {"Gradient": {}},
        {"LoG": {"sigma": [1.0, 2.5]}}, {"LoG": {"sigma": [2], "binWidth": 5}}, {"Wavelet": {"level": 2}},
        {"Wavelet": {"start_level": 1, "wavelet": "haar"}}, {"Wavelet": {"wavelet": "db3", "binWidth": 10}},
    ],
    ids=str,
)  # fmt: skip
def test_image_types_equal_those_of_pyradiomics(tmp_path, image_type):
    import yaml

    rng = np.random.default_rng(4)
    mask = np.zeros((24, 21, 16), np.uint8)
    mask[8:14, 5:12, 6:11] = rng.random((6, 7, 5)) < 0.8
    image = rng.integers(0, 900, mask.shape).astype(np.float64)
    parameters = tmp_path / "parameters.yaml"
    content = {"setting": {"binWidth": 25}, "imageType": image_type, "featureClass": {"firstorder": [], "glcm": []}}
    parameters.write_text(yaml.safe_dump(content))
    tables = [
        extract(image, mask, spacing=(1, 1, 2), preset=parameters, engine=engine)
        for engine in ("chiomics", "pyradiomics")
    ]
    for table in tables:
        table.columns = ["setting", *table.columns[1:]]
    off = differing(*tables)
    assert off.empty, off.to_string()
