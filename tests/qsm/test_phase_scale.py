"""The scale of a phase image is recognised by a named rule, or refused.

Real images (CONTRIBUTING.md says how to lay them out; skipped without them): `gre-crop` from
korbinian90/MriResearchTools.jl; `real-bids` from neurolabusc/dcm_qa_philips_enh; `siemens-fieldmap` from
neurolabusc/dcm_qa_me.
"""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.core.errors import InputError
from chiomics.core.images import read_image
from chiomics.qsm.phase.phase_scale import magnitude_and_phase, phase_to_radians

TRUE = np.random.default_rng(1).uniform(-np.pi, np.pi, (2, 20, 20, 20)).astype(np.float32)


@pytest.mark.parametrize(
    ("stored", "rule", "step"),
    [
        (TRUE, "radians", 0),
        (TRUE + np.pi, "radians 0..2pi", 0),
        (np.floor((TRUE + np.pi) * 4096 / (2 * np.pi)), "integers 0..4095", 2 * np.pi / 4096),
        (2 * np.floor(TRUE * 2048 / np.pi), "integers -4096..4095", 2 * np.pi / 4096),
        (TRUE * 0.003674 / np.pi, "symmetric", 0),
        (np.rint(TRUE * 3142 / np.pi), "symmetric", np.pi / 3142),
        (np.rint((TRUE + np.pi) / (2 * np.pi) * 65535), "unsigned", 2 * np.pi / 65536),
        (np.floor((TRUE + np.pi) / (2 * np.pi) * 256), "unsigned", 2 * np.pi / 256),
        ((TRUE + np.pi) * 4096 / (2 * np.pi), "unsigned", 0),
        ((TRUE + np.pi) / (2 * np.pi), "unsigned", 0),
        (np.degrees(TRUE) + 180, "degrees 0..360", 0),
        (np.degrees(TRUE), "symmetric", 0),
    ],
)
def test_each_scale_comes_back_as_radians(stored: np.ndarray, rule: str, step: float) -> None:
    radians, scale = phase_to_radians(stored)
    assert scale["PhaseRule"] == rule
    # One quantisation step, plus the ends of a random sample, which miss ±π by up to 1e-3.
    difference = np.angle(np.exp(1j * (radians - TRUE)))
    assert np.abs(difference).max() <= step + 2e-3
    assert radians.dtype == np.float32


def test_sign_turns_the_phase() -> None:
    assert np.array_equal(phase_to_radians(TRUE, phase_sign=-1)[0], -phase_to_radians(TRUE)[0])
    with pytest.raises(InputError, match="phase_sign is not a sign"):
        phase_to_radians(TRUE, phase_sign=0)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (np.zeros((4, 4, 4)), "constant"),
        (np.random.default_rng(3).standard_normal((30, 30, 30)) * 7, "cannot be recognised"),
        (np.random.default_rng(2).standard_normal((30, 30, 30)), "cannot be recognised"),
        (TRUE[TRUE > 0].reshape(-1, 1, 1), "cannot be recognised"),
        (np.rint(np.abs(TRUE) * 300), "cannot be recognised"),
    ],
)
def test_what_fits_no_rule_is_refused(stored: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        phase_to_radians(stored)


def test_a_named_scale_must_hold_the_range() -> None:
    small = TRUE / 4  # a short echo without noise in the air
    assert np.allclose(phase_to_radians(small, rule="radians")[0], small)
    with pytest.raises(InputError, match="does not fit the named scale 'radians'"):
        phase_to_radians(TRUE * 2, rule="radians")
    for turns in (TRUE / (2 * np.pi), TRUE / (2 * np.pi) + 0.5, TRUE / 1000):
        with pytest.raises(InputError, match="fills too little of the named scale 'radians'"):
            phase_to_radians(turns, rule="radians")
    with pytest.raises(InputError, match="unknown phase scale"):
        phase_to_radians(TRUE, rule="gradians")


def test_a_named_scale_must_fit_both_ends_of_the_range() -> None:
    unsigned = np.rint((TRUE + np.pi) / (2 * np.pi) * 65535)
    with pytest.raises(InputError, match=r"'symmetric'; found .*65526; expected the same range below and above zero"):
        phase_to_radians(unsigned, rule="symmetric")
    with pytest.raises(InputError, match=r"does not fit the named scale 'integers -4096..4095'"):
        phase_to_radians(unsigned // 16, rule="integers -4096..4095")
    with pytest.raises(InputError, match=r"does not fit the named scale 'degrees 0..360'"):
        phase_to_radians(TRUE, rule="degrees 0..360")
    assert phase_to_radians(np.degrees(TRUE), rule="degrees")[0] == pytest.approx(TRUE, abs=1e-5)  # float32
    # Any full scale that begins at zero has a rule, if it is named.
    radians = phase_to_radians(TRUE + np.pi, rule="unsigned")[0]
    assert np.abs(np.angle(np.exp(1j * (radians - TRUE)))).max() < 2e-3  # the sample misses ±π by up to 1e-3


@pytest.mark.parametrize("rule", ["auto", "radians", "symmetric"])
def test_clipped_phase_is_refused_and_few_levels_are_not(rule):
    for limit in (2.5, 2.9):
        with pytest.raises(InputError, match="cut off at both ends"):
            phase_to_radians(np.clip(TRUE, -limit, limit), rule=rule)
    eight_bits = np.rint(TRUE / np.pi * 127) / 127 * np.pi
    assert np.allclose(phase_to_radians(eight_bits, rule=rule)[0], eight_bits, atol=1e-3)


def test_real_and_imaginary_give_magnitude_and_phase() -> None:
    magnitude, phase = magnitude_and_phase(2 * np.cos(TRUE), 2 * np.sin(TRUE))
    assert np.allclose(magnitude, 2, atol=1e-5)  # float32
    assert np.allclose(np.exp(1j * phase), np.exp(1j * TRUE), atol=1e-5)
    with pytest.raises(InputError, match="no negative value"):
        magnitude_and_phase(np.abs(TRUE), TRUE)
    with pytest.raises(InputError, match="differ in shape"):
        magnitude_and_phase(TRUE, TRUE[0])


def test_real_images_are_recognised(shared_data) -> None:
    crop, _ = read_image(shared_data / "gre-crop" / "Phase.nii.gz")
    radians, scale = phase_to_radians(crop)
    assert scale["PhaseRule"] == "symmetric"
    # Echoes are equally spaced, so the second difference of the phase is small once the scale is right.
    bend = np.angle(np.exp(1j * (radians[..., 0] - 2 * radians[..., 1] + radians[..., 2])))
    assert np.median(np.abs(bend - np.median(bend))) < 0.15
    fieldmap, _ = read_image(shared_data / "siemens-fieldmap" / "phasediff.nii.gz")
    assert phase_to_radians(fieldmap)[1]["PhaseRule"] == "integers -4096..4095"
    name = "real-bids/sub-philips3t/anat/sub-philips3t_echo-1_part-phase_MEGRE.nii.gz"
    assert phase_to_radians(read_image(shared_data / name)[0])[1]["PhaseRule"] == "radians"
