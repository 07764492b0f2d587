"""Voxels without a reliable field are marked, counted and warned of."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from chiomics.qsm.chain import estimate_total_fields, remove_background_fields
from chiomics.qsm.quality_map import (
    DISAGREEING,
    GUESSED,
    MAX_SHARE,
    NAMES,
    RELIABLE,
    describe_quality,
    label_quality,
)
from tests.qsm.heads import B0, ECHO_TIMES, FIELD_STRENGTH, VOXEL_SIZE, Head

SETS = {"all": [1, 2, 3, 4]}


def test_each_voxel_of_the_mask_has_the_label_of_what_is_known() -> None:
    mask = np.zeros((20, 20, 20), bool)
    mask[3:17, 3:17, 3:17] = True
    quality = np.full(mask.shape, 0.999, np.float32)
    quality[6:8, 6:8, 6:8] = 0.8  # far more than the scale of 0.0125 below the rest
    quality[10:12, 10:12, 10:12] = 0
    labels = label_quality(quality, mask, voxel_size=(1, 1, 1), quality_scale=0.0125, min_agreement=0.6)
    assert set(np.unique(labels)) == {0, *NAMES}
    assert not labels[~mask].any()
    assert (labels[6:8, 6:8, 6:8] == DISAGREEING).all()
    assert (labels[10:12, 10:12, 10:12] == GUESSED).all()
    assert (labels == RELIABLE).sum() == mask.sum() - 16  # the edge, which has less weight, included


@pytest.mark.parametrize(("bad", "warned"), [(MAX_SHARE - 0.01, False), (MAX_SHARE + 0.01, True)])
def test_a_large_share_is_warned_of(bad: float, warned: bool, caplog) -> None:
    labels = np.full(1000, RELIABLE, np.uint8)
    labels[: round(1000 * bad)] = GUESSED
    with caplog.at_level(logging.WARNING, logger="chiomics"):
        said = describe_quality(np.concatenate([labels, np.zeros(500, np.uint8)]))
    assert said["UnreliableShare"] == pytest.approx(bad)  # of the labelled voxels, not of the image
    assert (said["QualityWarning"] is not None) is warned
    assert ("no reliable field" in caplog.text) is warned
    assert describe_quality(np.zeros(10, np.uint8)) == {"UnreliableShare": 0.0, "QualityWarning": None}


def test_a_patch_behind_steps_of_nearly_half_a_turn_is_a_guess_in_one_echo_too() -> None:
    head = Head()
    patch = np.zeros(head.mask.shape, bool)
    patch[30:34, 34:38, 22:26] = True
    head.phase[3][patch] = np.angle(np.exp(1j * (head.phase[3][patch] + 0.95 * np.pi)))
    sets = {"all": [1]}
    total = estimate_total_fields(
        head.magnitude[3:], head.phase[3:], head.mask, field_strength=FIELD_STRENGTH, echo_times=ECHO_TIMES[3:],
        voxel_size=VOXEL_SIZE, echo_sets=sets,
    )  # fmt: skip
    assert (total["quality"][patch] == 0).all()
    assert (total["quality"][head.mask] == 0).mean() < 0.02  # and hardly any besides, with the border of the patch


@pytest.mark.parametrize("preset", ["default", "published"])
def test_the_chain_marks_voxels_whose_echoes_disagree(preset: str) -> None:
    head = Head()
    spoilt = np.zeros(head.mask.shape, bool)
    spoilt[30:34, 34:38, 22:26] = True  # inside the brain: an echo is 2 rad off
    head.phase[2][spoilt] = np.angle(np.exp(1j * (head.phase[2][spoilt] + 2)))
    given = {"echo_times": ECHO_TIMES, "voxel_size": VOXEL_SIZE, "echo_sets": SETS, "preset_name": preset}
    total = estimate_total_fields(head.magnitude, head.phase, head.mask, field_strength=FIELD_STRENGTH, **given)
    local = remove_background_fields(
        total["fields"], total["mask"], names=total["names"], inverse_sd=total["inverse_sd"],
        quality=total["quality"], b0_direction=B0, **given,
    )  # fmt: skip
    labels = local["quality"]
    assert ((labels > 0) == local["mask"]).all()
    if preset == "published":  # which looks at no agreement
        assert set(np.unique(labels)) == {0, RELIABLE}
        assert local["info"]["UnreliableShare"] == 0
    else:
        assert (labels[spoilt] == DISAGREEING).all()
        assert local["info"]["UnreliableShare"] == pytest.approx(
            (labels > RELIABLE).sum() / (labels > 0).sum(), abs=1e-5
        )
