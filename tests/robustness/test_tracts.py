"""Trends among tracts, features that exclude one another, and volumes in proportion to the brain."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.radiomics import extract
from chiomics.robustness.settings import Settings
from chiomics.robustness.tracts import OPPOSITES, check_contradictions, compare_trends, drawn_features
from chiomics.robustness.volumes import (
    BY_MASK,
    BY_SUM,
    BY_TABLE,
    adjust_volumes,
    brain_volumes_of_masks,
    read_brain_volumes,
)

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
    found = adjust_volumes(volumes_of(brain), table.assign(adjusted_by=BY_TABLE), whole="NAWM")
    tract = found[found["voi"] == "CST"]
    np.testing.assert_allclose(tract["volume_adjusted"], 0.1 * np.mean(list(brain.values())))
    assert set(found["adjusted_by"]) == {BY_TABLE}


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


def test_brain_volumes_come_from_masks_and_tables(tmp_path: Path) -> None:
    mask = np.zeros((6, 6, 6), dtype=np.uint8)
    mask[1:4, 1:4, 1:3] = 1
    affine = np.diag([2.0, -1.5, 3.0, 1.0])
    nib.save(nib.Nifti1Image(mask, affine), tmp_path / "mask.nii.gz")
    head = pd.DataFrame({"participant": ["a"], "session": "", "run": "", "path": [tmp_path / "mask.nii.gz"]})
    found = brain_volumes_of_masks(head)
    assert found["brain_volume"].item() == pytest.approx(18 * 9)
    assert found["adjusted_by"].item() == BY_MASK
    (tmp_path / "good.tsv").write_text("participant\tbrain_volume\n007\t1200000\n")
    assert read_brain_volumes(tmp_path / "good.tsv")["participant"].item() == "007"
    (tmp_path / "bad.tsv").write_text("participant\tbrain_volume\n007\tn/a\n")
    with pytest.raises(InputError, match="positive"):
        read_brain_volumes(tmp_path / "bad.tsv")
    (tmp_path / "none.tsv").write_text("participant\tvolume\n007\t1\n")
    with pytest.raises(InputError, match="brain_volume"):
        read_brain_volumes(tmp_path / "none.tsv")
    with pytest.raises(InputError, match="no brain volume"):
        adjust_volumes(volumes_of({"b": 1e6}), found, whole="NAWM")
