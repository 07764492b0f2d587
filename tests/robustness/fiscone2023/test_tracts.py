"""Trends among tracts, features that exclude one another, and volumes in proportion to the brain."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from chiomics.anatomy.session.vois import Regions, write_table
from chiomics.anatomy.session.volumes import brain_volumes, session_volumes
from chiomics.anatomy.tissue.tissue import FLUID, GREY, WHITE
from chiomics.core.errors import InputError
from chiomics.core.space.volume import Volume
from chiomics.radiomics import extract
from chiomics.robustness.fiscone2023.tracts import OPPOSITES, check_contradictions, compare_trends, drawn_features
from chiomics.robustness.fiscone2023.volumes import (
    BY_ANATOMY,
    BY_MASK,
    BY_SUM,
    adjust_volumes,
    brain_volumes_of_anatomy,
    brain_volumes_of_masks,
)
from chiomics.robustness.settings import Settings

SETTINGS = Settings()
TRACTS = ("AF", "CST", "FAT", "IFOF", "OR", "UF")


def distributions(shift: dict[tuple[str, str, str], float], *, sessions: int = 30) -> pd.DataFrame:
    """Draw standard normal values of every feature that the paper names, shifted in some tracts."""
    rng = np.random.default_rng(1)
    rows = []
    for number in range(sessions):
        for voi in (*TRACTS, "NAWM"):
            for feature_class, feature in (*drawn_features(), ("volume", "VolumeAdjusted")):
                value = rng.normal() + shift.get((feature_class, feature, voi), 0)
                rows.append((f"sub-{number}", "", "", "HC", voi, "LR", 64, np.nan, feature_class, feature, value))
    columns = "participant session run group voi hemisphere n_gray_levels bin_width feature_class feature value"
    return pd.DataFrame(rows, columns=columns.split())


def volumes_of(brain: dict[str, float], share: float = 0.1) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (name, "", "", "HC", voi, "LR", part * volume)
            for name, volume in brain.items()
            for voi, part in (("CST", share), ("NAWM", 0.3))
        ],
        columns=["participant", "session", "run", "group", "voi", "hemisphere", "volume"],
    )


def test_trends_that_are_there_are_found_with_their_sign() -> None:
    shift = {
        ("glcm", "JointEnergy", "CST"): 3.0,  # as published
        ("glcm", "JointEntropy", "CST"): 3.0,  # against it
        ("glszm", "GrayLevelVariance", "IFOF"): -3.0,
        ("volume", "VolumeAdjusted", "CST"): 3.0,
    }
    found = compare_trends(distributions(shift), SETTINGS).set_index(["feature_class", "feature", "voi"])
    assert found.loc[("glcm", "JointEnergy", "CST"), ["found", "agrees"]].tolist() == ["up", True]
    assert found.loc[("glcm", "JointEntropy", "CST"), ["found", "agrees"]].tolist() == ["up", False]
    assert found.loc[("glszm", "GrayLevelVariance", "IFOF"), ["found", "agrees"]].tolist() == ["down", True]
    assert found.loc[("volume", "VolumeAdjusted", "CST"), "agrees"]
    # Holm holds the chance of any false trend at 5 %, and this draw has none.
    assert (found.drop(list(shift))["found"] == "no difference").all()
    assert (found["n_sessions"] == 30).all()


def test_sides_stand_for_a_tract_where_they_come_apart() -> None:
    whole = distributions({("glcm", "JointEnergy", "CST"): 3.0})
    sides = [whole.assign(hemisphere=side, value=whole["value"] + move) for side, move in (("L", 1), ("R", -1))]
    apart = compare_trends(pd.concat(sides), SETTINGS)
    pd.testing.assert_frame_equal(apart, compare_trends(whole, SETTINGS))


def test_the_definitions_exclude_what_the_paper_lists_together() -> None:
    rng = np.random.default_rng(2)
    mask = np.ones((16, 16, 16), dtype=np.uint8)
    parts = []
    for number, width in enumerate(np.linspace(0.3, 2.5, 8)):  # from fine to coarse
        image = ndimage.gaussian_filter(rng.normal(size=mask.shape), width)
        found = extract(image, mask, spacing=(1, 1, 1), gray_levels=(16,))
        parts.append(found.assign(participant=f"sub-{number}", session="", run="", voi="CST", hemisphere="LR"))
    texture = pd.concat(parts).assign(group="HC", bin_width=np.nan)
    found = check_contradictions(texture, SETTINGS)
    assert len(found) == len(OPPOSITES)
    assert (found["spearman"] < -0.9).all()  # over fields that differ in coarseness, and in nothing else
    published = found.set_index(["feature", "other"])["published_holds"]
    assert not published["LongRunEmphasis", "RunPercentage"]
    assert not published["LargeAreaEmphasis", "ZonePercentage"]
    assert published["LongRunEmphasis", "ShortRunEmphasis"]
    assert published["LargeDependenceEmphasis", "SmallDependenceEmphasis"]


def test_volumes_in_proportion_do_not_depend_on_the_brain() -> None:
    brain = {"a": 1.0e6, "b": 1.5e6, "c": 1.2e6}
    table = pd.DataFrame({"participant": list(brain), "session": "", "run": "", "brain_volume": list(brain.values())})
    found = adjust_volumes(volumes_of(brain), table.assign(adjusted_by=BY_ANATOMY), whole="NAWM")
    tract = found[found["voi"] == "CST"]
    np.testing.assert_allclose(tract["volume_adjusted"], 0.1 * np.mean(list(brain.values())))
    assert set(found["adjusted_by"]) == {BY_ANATOMY}


def test_without_brain_volumes_it_is_said_what_stands_in() -> None:
    volumes = volumes_of({"a": 1.0e6, "b": 1.5e6})
    by_white_matter = adjust_volumes(volumes, None, whole="NAWM")
    assert set(by_white_matter["adjusted_by"]) == {"volume of NAWM"}
    np.testing.assert_allclose(
        by_white_matter["brain_volume"], by_white_matter["participant"].map({"a": 3e5, "b": 4.5e5})
    )
    by_sum = adjust_volumes(volumes, None, whole="WM")
    assert set(by_sum["adjusted_by"]) == {BY_SUM}
    np.testing.assert_allclose(by_sum["brain_volume"], by_sum["participant"].map({"a": 4e5, "b": 6e5}))


def test_sessions_measured_in_two_ways_are_each_compared_with_their_own_kind() -> None:
    """A slab shows half of each brain: shares of the brain double, and the adjusted volumes stay."""
    brain = {"a": 1.0e6, "b": 1.4e6, "c": 1.0e6, "d": 1.4e6}
    slab = [1.0, 1.0, 0.5, 0.5]
    table = pd.DataFrame({"participant": list(brain), "session": "", "run": ""})
    table = table.assign(
        brain_volume=np.multiply(list(brain.values()), slab), adjusted_by=[BY_ANATOMY] * 2 + [BY_MASK] * 2
    )
    found = adjust_volumes(volumes_of(brain), table, whole="NAWM").query("voi == 'CST'")
    np.testing.assert_allclose(found["volume_adjusted"], 0.1 * 1.2e6)


def test_brain_volumes_come_from_the_anatomy_stage_and_from_masks(tmp_path: Path) -> None:
    mask = np.zeros((6, 6, 6), dtype=np.uint8)
    mask[1:4, 1:4, 1:3] = 1
    affine = np.diag([2.0, -1.5, 3.0, 1.0])
    nib.save(nib.Nifti1Image(mask, affine), tmp_path / "mask.nii.gz")
    head = pd.DataFrame({"participant": ["007"], "session": "", "run": "", "path": [tmp_path / "mask.nii.gz"]})
    found = brain_volumes_of_masks(head)
    assert found["brain_volume"].item() == pytest.approx(18 * 9)
    assert found["adjusted_by"].item() == BY_MASK
    with pytest.raises(InputError, match="no brain volume"):
        adjust_volumes(volumes_of({"b": 1e6}), found, whole="NAWM")

    tissue = Volume(np.zeros((6, 6, 6), np.uint8), affine)
    tissue.voxels[1:4, 1:4, 1:3] = WHITE
    tissue.voxels[1:4, 1:4, 3] = GREY
    tissue.voxels[1:4, 1:4, 4] = FLUID
    empty = Regions(images={}, tables={})
    regions = session_volumes(empty, brain_volumes(tissue))
    row = {"voi": "WM", "hemisphere": "", "n_voxels": 18, "volume_mm3": 162.0, "kept": True, "reason": ""}
    path = tmp_path / "volumes.tsv"
    write_table(path, pd.DataFrame([row]).assign(**brain_volumes(tissue))[list(regions.columns)])
    found = brain_volumes_of_anatomy(head.assign(path=path))
    assert found["brain_volume"].item() == pytest.approx(27 * 9)  # without fluid
    assert (found["participant"].item(), found["adjusted_by"].item()) == ("007", BY_ANATOMY)


@pytest.mark.parametrize(
    "text", ["voi\tvolume\nWM\t1\n", "voi\tparenchyma_mm3\nWM\t0\n", "voi\tparenchyma_mm3\nWM\tn/a\n"]
)
def test_a_session_whose_brain_was_not_measured_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "volumes.tsv"
    path.write_text(text)
    head = pd.DataFrame({"participant": ["007"], "session": "", "run": "", "path": [path]})
    with pytest.raises(InputError, match="brain volume") as refused:
        brain_volumes_of_anatomy(head)
    assert refused.value.file == str(path)
