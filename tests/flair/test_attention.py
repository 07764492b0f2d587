"""Attention: scores that are 1 by chance, maps that lie where the network looks, erasure that erases."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn  # noqa: E402

from chiomics.flair.study.networks.architectures import TwoViews, build_network  # noqa: E402
from chiomics.flair.study.networks.attention import (  # noqa: E402
    attention_maps,
    equal_region,
    erase,
    score_attention,
    score_map,
    summarise_attention,
)
from tests.flair.prepared import SEOK, WANG, small_cohort  # noqa: E402


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Lesions in two of five slices of a round brain; the brain."""
    rows, columns = np.indices((32, 32)) - 15.5
    brain = np.repeat((rows**2 + columns**2 < 14**2)[None], 5, axis=0)
    lesions = np.zeros((5, 32, 32), np.float32)
    lesions[1, 8:11, 20:23] = 1
    lesions[3, 20:22, 10:12] = 1
    return lesions, brain


def test_even_map_is_chance() -> None:
    lesions, brain = scene()
    found = score_map(np.ones((32, 32)), lesions, brain, pixel=6.0)
    assert found["ratio"] == pytest.approx(1)
    assert found["hit_by_chance"] == found["area_share"]


def test_map_on_the_lesions_has_all_its_mass_there() -> None:
    lesions, brain = scene()
    found = score_map(lesions.max(axis=0), lesions, brain, pixel=6.0)
    assert found["mass_share"] == 1
    assert found["ratio"] == pytest.approx(1 / found["area_share"])
    assert found["hit"] == 1
    elsewhere = score_map(np.roll(lesions.max(axis=0), 12, axis=0), lesions, brain, pixel=6.0)
    assert elsewhere["hit"] == 0
    assert elsewhere["ratio"] < 0.2


def test_nothing_to_score() -> None:
    lesions, brain = scene()
    assert np.isnan(score_map(np.zeros((32, 32)), lesions, brain, pixel=6.0)["ratio"])
    assert np.isnan(score_map(np.ones((32, 32)), np.zeros_like(lesions), brain, pixel=6.0)["hit"])


def test_erased_lesions_are_white_matter_and_the_rest_is_untouched() -> None:
    lesions, brain = scene()
    image = np.where(brain, 0.7, 0).astype(np.float32) + 3 * lesions
    found = erase(image, lesions)
    assert not found[lesions > 0].any()
    assert np.array_equal(found[lesions == 0], image[lesions == 0])


def test_equal_region_is_as_large_and_elsewhere() -> None:
    lesions, brain = scene()
    found = equal_region(lesions, brain, np.random.default_rng(0))
    assert found.sum() == lesions.sum()
    assert not (found * lesions).any()
    assert (found[~brain] == 0).all()
    assert np.array_equal(found.sum(axis=(1, 2)), lesions.sum(axis=(1, 2)))  # each in its slice


class Bright(nn.Module):
    """A network whose class 1 is the brightness of its image, and whose map is the image."""

    def __init__(self) -> None:
        super().__init__()
        self.views = None
        self.last_stage = nn.Conv2d(5, 1, 1, bias=False)
        nn.init.ones_(self.last_stage.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        score = self.last_stage(x).mean(dim=(1, 2, 3))
        return torch.stack([-score, score], dim=1) * 50


def test_network_that_sees_lesions_alone_is_found_out() -> None:
    lesions, brain = scene()
    images = np.stack([lesions, np.roll(lesions, 4, axis=2) * brain])
    where = images.copy()
    about = pd.DataFrame({"participant": ["a", "b"], "session": ["", ""], "y": [1, 1]})
    scores, maps = score_attention(
        Bright(), images, where, np.stack([brain, brain]), about, classes=("MS", "NMOSD"), pixel=6.0, seed=1,
        make_random=lambda number: build_network("seok", SEOK).eval(),
    )  # fmt: skip
    summary = summarise_attention(scores.assign(arm="seok", input="lesions", fold=0)).set_index(["weights", "class"])
    assert summary.loc[("trained", "NMOSD"), "ratio"] > 5
    assert summary.loc[("trained", "NMOSD"), "hit"] == 1
    assert summary.loc[("random", "NMOSD"), "ratio"] < 3
    assert np.isnan(summary.loc[("trained", "MS"), "ratio"])  # nothing speaks for the other class: its map is 0
    own = scores[scores["weights"] == "trained"]
    assert (own["p_without_lesions"] == 0.5).all()
    assert (own["p_without_tissue"] == own["p"]).all()
    assert maps["NMOSD"].shape == (2, 32, 32)


class BrightViews(nn.Module):
    """A network whose class 1 is the brightness of its volume, seen by two views."""

    def __init__(self, edge: int) -> None:
        super().__init__()
        self.views = TwoViews(edge, (0, 1), 1)
        for block in self.views.blocks:
            nn.init.ones_(block[0].weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        score = self.views(x).mean(dim=(1, 2, 3))
        return torch.stack([-score, score], dim=1)


def test_maps_of_two_views_lie_where_the_lesion_is_in_each_picture() -> None:
    volume = torch.zeros(2, 1, 24, 24, 24)
    places = [(5, 12, 17), (14, 9, 8)]
    for number, place in enumerate(places):
        volume[number, 0, *place] = 1
    found = attention_maps(BrightViews(24), volume, 1)
    assert list(found) == ["sagittal view", "coronal view"]
    for number, (x, y, z) in enumerate(places):
        for cams, (row, column) in zip(found.values(), ((y, z), (x, z)), strict=True):
            assert cams[number].shape == (24, 24)
            # a point of a view stands for three voxels
            np.testing.assert_allclose(ndimage.center_of_mass(cams[number]), (row, column), atol=1.5)
    assert not any(cams.any() for cams in attention_maps(BrightViews(24), volume, 0).values())


def test_views_are_scored_against_the_lesions_that_they_see() -> None:
    lesions = np.zeros((1, 1, 24, 24, 24), np.float32)
    lesions[0, 0, 4:8, 11:14, 16:19] = 1
    scores, _ = score_attention(
        BrightViews(24), lesions, lesions, np.ones(lesions.shape, bool),
        pd.DataFrame({"participant": ["a"], "session": [""], "y": [1]}), classes=("MS", "NMOSD"), pixel=1.5, seed=1,
        make_random=lambda number: build_network("2v-18", WANG).eval(), layers=(None, "layer2"), randomisations=1,
    )  # fmt: skip
    own = scores[(scores["weights"] == "trained") & (scores["class"] == "NMOSD")].set_index("layer")
    assert set(scores["layer"]) == {"sagittal view", "coronal view"}
    assert (own["hit"] == 1).all()
    assert (own["ratio"] > 3).all()
    # a lesion 4 voxels long from side to side has a larger area from the front
    assert own.loc["coronal view", "area_share"] > own.loc["sagittal view", "area_share"]
    assert own["p"].notna().tolist() == [True, False]  # once for the session


def test_three_dimensional_maps_have_the_size_of_the_volume() -> None:
    prepared = small_cohort(2)
    images = torch.from_numpy(prepared.images["wang_lesions"][:, None])
    assert attention_maps(build_network("3d-18", WANG), images, 0)["last"].shape == (4, 24, 24, 24)
