"""Whoever imports one function gets the same numbers from all arrays that mean the same, and a word for the others."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from chiomics import qsm
from chiomics.core.errors import InputError
from chiomics.qsm import metrics
from chiomics.qsm.data_weight import echo_agreement, inversion_weight
from chiomics.qsm.masks.near_distance import dilate, erode, near_distance
from chiomics.qsm.masks.reliable_mask import reliable_mask
from chiomics.qsm.phase.field_noise import field_noise
from chiomics.qsm.phase.phase_sign import check_phase_sign
from chiomics.qsm.phase.unwrap_laplacian import unwrap_cosine, unwrap_fourier
from chiomics.qsm.phase.unwrap_quality import unwrap_quality
from chiomics.qsm.quality_map import label_quality
from chiomics.qsm.reference import csf_mask

SHAPE, SIZE, B0, TIMES = (26, 30, 24), (2.0, 2.0, 2.5), (0.1, 0.0, 1.0), (0.005, 0.01, 0.015, 0.02)
X, Y, Z = np.indices(SHAPE)


def ball(x: float, y: float, z: float, radius: float) -> np.ndarray:
    """Return the voxels within a radius in voxels."""
    return (X - x) ** 2 + (Y - y) ** 2 + (Z - z) ** 2 < radius**2


MASK = ball(13, 15, 12, 10)
FLUID = ball(13, 15, 12, 4)
CHI = np.where(ball(9, 15, 12, 3), 0.1, 0.0) + 0.2 * FLUID + 0.01 * np.random.default_rng(1).standard_normal(SHAPE)
FIELD = (qsm.dipole_field(CHI * MASK, voxel_size=SIZE, b0_direction=B0) * MASK).astype(np.float32)
R2STAR = np.where(FLUID, 1.0, 20.0).astype(np.float32)
MAGNITUDE = np.stack([100 * np.exp(-time * R2STAR) for time in TIMES]).astype(np.float32)
PHASE = np.stack([np.angle(np.exp(1j * (0.3 + 802.5 * time * FIELD))) for time in TIMES]).astype(np.float32)
GEOMETRY = {"voxel_size": SIZE, "b0_direction": B0}


def total_field(phase, mask, **other):
    sets = {"echo_times": TIMES, "field_strength": 3, "voxel_size": SIZE, "echo_sets": {"all": [1, 2, 3, 4]}} | other
    return qsm.estimate_total_fields(MAGNITUDE, phase, mask, **sets)["fields"][0]


#: A function of one volume and a mask, and a volume for it.
FUNCTIONS = {
    "tkd": (lambda field, mask: qsm.tkd(field, mask, **GEOMETRY), FIELD),
    "l2": (lambda field, mask: qsm.l2(field, mask, **GEOMETRY), FIELD),
    "tv": (lambda field, mask: qsm.tv(field, mask, iterations=2, **GEOMETRY), FIELD),
    "vsharp": (lambda field, mask: qsm.remove_background_vsharp(field, mask, voxel_size=SIZE, max_radius=6)[0], FIELD),
    "pdf": (
        lambda field, mask: qsm.remove_background_pdf(
            field[None], mask, np.ones(SHAPE), iterations=2, refinements=0, **GEOMETRY
        ),
        FIELD,
    ),
    "r2star": (
        lambda echo, mask: qsm.fit_r2star(np.stack([MAGNITUDE[0], echo, MAGNITUDE[3]]), mask, echo_times=TIMES[:3]),
        MAGNITUDE[1],
    ),
    "fluid": (lambda r2star, mask: csf_mask(r2star, mask, voxel_size=SIZE, field_strength=3), R2STAR),
    "reference": (
        lambda chi, mask: qsm.find_reference(chi, mask, voxel_size=SIZE, region=FLUID).value,
        CHI.astype(np.float32),
    ),
    "whole brain": (
        lambda chi, mask: qsm.find_reference(chi, mask, voxel_size=SIZE, method="whole_brain").value,
        CHI.astype(np.float32),
    ),
    "total field": (lambda echo, mask: total_field(np.stack([PHASE[0], echo, *PHASE[2:]]), mask), PHASE[1]),
}
QUALITY = np.random.default_rng(2).uniform(0.5, 1, SHAPE).astype(np.float32)
WRAPPED = np.angle(np.exp(0.9j * X + 0.2j * Y)).astype(np.float32)
#: Pieces below the public face, as whoever imports one takes them, functions of a mask.
PIECES = {
    "nrmse": lambda mask: metrics.nrmse(CHI, QUALITY, mask),
    "detrended": lambda mask: metrics.detrended_nrmse(CHI, QUALITY, mask),
    "xsim": lambda mask: metrics.xsim(CHI, QUALITY, mask),
    "hfen": lambda mask: metrics.hfen(CHI, QUALITY, mask),
    "calcification": lambda mask: metrics.calcification(-CHI, -CHI, mask)["moment_error"],
    "near": lambda mask: near_distance(mask, voxel_size=SIZE, limit=6),
    "erode": lambda mask: erode(mask, SIZE, 4),
    "dilate": lambda mask: dilate(mask, SIZE, 4),
    "agreement": lambda mask: echo_agreement(QUALITY, mask, voxel_size=SIZE),
    "weight": lambda mask: inversion_weight(QUALITY, QUALITY, mask),
    "labels": lambda mask: label_quality(QUALITY, mask, voxel_size=SIZE, quality_scale=0.01, min_agreement=0.5),
    "sign": lambda mask: check_phase_sign(CHI, QUALITY, mask, voxel_size=(4, 4, 4))[0],
    "reliable": lambda mask: reliable_mask(mask, QUALITY, voxel_size=SIZE, min_quality=0.6),
    "noise": lambda mask: field_noise(FIELD, mask),
    "by quality": lambda mask: unwrap_quality(WRAPPED, mask, magnitude=QUALITY),
    "by cosine": lambda mask: unwrap_cosine(WRAPPED, mask, voxel_size=SIZE),
    "by Fourier": lambda mask: unwrap_fourier(WRAPPED, mask, voxel_size=SIZE),
}
MASKS = {
    "uint8": MASK.astype(np.uint8), "int16 of 3": MASK.astype(np.int16) * 3, "255": MASK.astype(np.uint8) * 255,
    "float": MASK.astype(float), "big-endian": MASK.astype(">f4"), "Fortran": np.asfortranarray(MASK),
    "masked": np.ma.masked_array(np.ones(SHAPE), ~MASK),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_mask_means_the_same_in_every_type(name):
    function, volume = FUNCTIONS[name]
    expected = function(volume, MASK)
    for what, mask in MASKS.items():
        np.testing.assert_array_equal(function(volume, mask), expected, err_msg=what)


@pytest.mark.parametrize("name", PIECES)
def test_a_mask_means_the_same_to_single_pieces(name):
    expected = PIECES[name](MASK)
    assert np.any(expected)
    for what, mask in MASKS.items():
        np.testing.assert_array_equal(PIECES[name](mask), expected, err_msg=what)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_volume_means_the_same_in_every_type(name):
    function, volume = FUNCTIONS[name]
    expected = function(volume, MASK)
    strided = np.repeat(volume, 2, axis=0)[::2]
    for what, same in {
        "float64": volume.astype(float), "big-endian": volume.astype(">f4"), "Fortran": np.asfortranarray(volume),
        "strided": strided, "nothing masked": np.ma.masked_array(volume),
        "NaN outside": np.where(MASK, volume, np.nan), "masked outside": np.ma.masked_array(volume, ~MASK),
    }.items():  # fmt: skip
        if name in ("total field", "r2star") and "masked" in what:
            continue  # np.stack drops the mask before we see it
        found = function(same, MASK)
        np.testing.assert_allclose(np.asarray(found, float), np.asarray(expected, float), atol=2e-5, err_msg=what)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_no_number_in_the_mask_is_refused(name):
    function, volume = FUNCTIONS[name]
    bad = volume.copy()
    bad[13, 15, 12] = np.nan
    with pytest.raises(InputError, match="1 of"):
        function(bad, MASK)
    with pytest.raises(InputError, match="no real numbers"):
        function(volume.astype(np.complex64), MASK)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_where_to_cut_a_mask_is_not_guessed(name):
    function, volume = FUNCTIONS[name]
    for mask in (MASK * 0.9 + 0.01, MASK.astype(int) + FLUID, np.where(MASK, 1, np.nan)):
        with pytest.raises(InputError, match="values besides 0"):
            function(volume, mask)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_shapes_that_differ_are_refused(name):
    function, volume = FUNCTIONS[name]
    with pytest.raises((InputError, ValueError), match=r"differ in shape|same shape"):
        function(volume, MASK.transpose(1, 0, 2))


def test_echoes_on_the_last_axis_are_not_taken_for_the_first():
    stack = np.stack([FIELD, 2 * FIELD])
    assert qsm.remove_background_vsharp(stack, MASK, voxel_size=SIZE, max_radius=6)[0].shape == stack.shape
    with pytest.raises(InputError, match="differ in shape"):
        qsm.remove_background_vsharp(np.moveaxis(stack, 0, -1), MASK, voxel_size=SIZE)


@pytest.mark.parametrize("size", [(-2, 2, 2), (0, 2, 2), (np.nan, 2, 2), (2, 2), 2])
def test_a_voxel_size_is_three_numbers_above_zero(size):
    for call in (
        lambda: qsm.tkd(FIELD, MASK, voxel_size=size, b0_direction=B0),
        lambda: qsm.dipole_field(CHI, voxel_size=size, b0_direction=B0),
        lambda: total_field(PHASE, MASK, voxel_size=size),
        lambda: csf_mask(R2STAR, MASK, voxel_size=size, field_strength=3),
        lambda: qsm.find_reference(CHI, MASK, voxel_size=size, region=FLUID),
    ):
        with pytest.raises(InputError, match="voxel_size"):
            call()


def test_units_of_time_and_field():
    ms = [1000 * time for time in TIMES]
    with pytest.raises(InputError, match="not in seconds"):
        qsm.fit_r2star(MAGNITUDE, MASK, echo_times=ms)
    with pytest.raises(InputError, match="do not fit the echoes"):
        qsm.fit_r2star(MAGNITUDE, MASK, echo_times=TIMES[:1])
    for tesla in (0, 3000, np.nan):
        with pytest.raises(InputError, match="field_strength"):
            total_field(PHASE, MASK, field_strength=tesla)
        with pytest.raises(InputError, match="field_strength"):
            csf_mask(R2STAR, MASK, voxel_size=SIZE, field_strength=tesla)
    np.testing.assert_allclose(total_field(PHASE % (2 * np.pi), MASK), total_field(PHASE, MASK), atol=1e-4)


@pytest.mark.parametrize("unwrap", [unwrap_quality, partial(unwrap_cosine, voxel_size=SIZE)])
def test_unwrapping_looks_at_the_mask_alone_and_asks_for_its_shape(unwrap):
    hidden = np.where(MASK, WRAPPED, np.nan)
    np.testing.assert_array_equal(unwrap(hidden, MASK), unwrap(np.where(MASK, WRAPPED, 0), MASK))
    hidden[13, 15, 12] = np.nan
    for phase, mask in ((hidden, MASK), (WRAPPED, MASK[:-1]), (WRAPPED, MASK.transpose(1, 0, 2))):
        with pytest.raises(InputError, match=r"not finite|differ in shape"):
            unwrap(phase, mask)


def test_voxels_to_fill_are_a_mask_too():
    filled = [
        qsm.remove_background_pdf(FIELD[None], MASK, np.ones(SHAPE), where, iterations=2, refinements=0, **GEOMETRY)
        for where in (FLUID, FLUID.astype(np.uint8) * 255)
    ]
    np.testing.assert_array_equal(*filled)
