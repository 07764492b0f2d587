"""Laws of lesions, raters, tissue draws and feature tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from chiomics.anatomy.tissue.lesion_prior import lesion_density
from chiomics.core.errors import InputError
from chiomics.phantom import load_recipe
from chiomics.phantom.features import feature_names, simulate_features, simulate_repeats
from chiomics.phantom.head import tissue
from chiomics.phantom.head.anatomy import lesion_sites
from chiomics.phantom.head.susceptibility import draw_tissue
from chiomics.phantom.head.texture import random_field, region_texture
from chiomics.phantom.lesions.lesions import diameters_of_masks, draw_lesions
from chiomics.phantom.lesions.raters import rate_rims, rater_rates
from chiomics.phantom.oracle import oracle_auc


@pytest.mark.parametrize(("group", "drawn_from"), [("MS", "recipe"), ("NMOSD", "recipe"), ("MS", "masks")])
def test_counts_and_rims_match_their_targets(group, drawn_from):
    parameters = load_recipe({"lesions": {group: {"drawn_from": drawn_from}}})["lesions"][group]
    subjects = [draw_lesions(np.random.default_rng([1, seed]), parameters) for seed in range(3000)]
    counts = np.array([len(lesions) for lesions in subjects])
    target = (1 - parameters["none_share"]) * parameters["mean_count"]
    # Four standard errors, and 1 % for the draws above the maximum that are made again.
    assert abs(counts.mean() - target) < 4 * counts.std() / math.sqrt(len(counts)) + 0.01 * target
    none = np.mean(counts == 0)
    share = parameters["none_share"]
    assert abs(none - share) <= 4 * math.sqrt(share * (1 - share) / len(counts))
    everything = [lesion for lesions in subjects for lesion in lesions]
    rims = np.mean([lesion.rim for lesion in everything])
    expected = parameters["rim_share"]
    assert abs(rims - expected) <= 4 * math.sqrt(expected * (1 - expected) / len(everything))
    assert all(lesion.diameter >= parameters["rim_min_diameter"] for lesion in everything if lesion.rim)
    low, high = parameters["diameter_range"]
    assert all(low <= lesion.diameter <= high for lesion in everything)
    for site, wanted in parameters["sites"].items():
        found = np.mean([lesion.site == site for lesion in everything])
        assert abs(found - wanted) < 4 * math.sqrt(wanted * (1 - wanted) / len(everything))


def test_lesions_drawn_from_masks_are_as_large_and_lie_where_the_masks_have_them():
    parameters = load_recipe({"lesions": {"MS": {"drawn_from": "masks"}}})["lesions"]["MS"]
    subjects = [draw_lesions(np.random.default_rng([2, seed]), parameters) for seed in range(500)]
    diameters = np.array([lesion.diameter for lesions in subjects for lesion in lesions])
    shares, table = diameters_of_masks()
    within = np.interp(parameters["diameter_range"], table, shares)
    for share in (0.25, 0.5, 0.75, 0.9):
        wanted = np.interp(within[0] + share * (within[1] - within[0]), shares, table)
        # 12,000 lesions: four standard errors of the last of these are 3 %.
        assert np.quantile(diameters, share) == pytest.approx(wanted, rel=0.03)
    density = lesion_density()
    for site, evenly in lesion_sites().items():
        found = lesion_sites("masks")[site]
        means = []
        for places in (evenly, found):
            index = np.linalg.inv(density.affine) @ np.column_stack([places, np.ones(len(places))]).T
            means.append(map_coordinates(density.voxels, index[:3], order=1).mean())
        assert means[1] > 1.05 * means[0], site
        assert len(np.unique(found, axis=0)) == len(np.unique(evenly, axis=0))  # no place is impossible


def test_more_rims_than_large_lesions_are_refused():
    parameters = {**load_recipe()["lesions"]["NMOSD"], "rim_share": 0.9, "none_share": 0.0}
    with pytest.raises(InputError, match="more rims"):
        draw_lesions(np.random.default_rng(0), parameters)


@pytest.mark.parametrize("kappa", [0.3, 0.59, 0.9])
def test_raters_have_the_stated_kappa(kappa):
    rng = np.random.default_rng(2)
    truth = rng.random(400_000) < 0.0425
    first, second = rate_rims(rng, truth, prevalence=0.0425, kappa=kappa, marginal_ratio=1.0)
    agreement = np.mean(first == second)
    p, q = first.mean(), second.mean()
    chance = p * q + (1 - p) * (1 - q)
    # 17,000 rims: standard error of kappa about sqrt(po (1 - po) / n) / (1 - pe) = 0.003
    assert (agreement - chance) / (1 - chance) == pytest.approx(kappa, abs=0.012)
    assert p == pytest.approx(0.0425, rel=0.05)  # 4 standard errors of 17,000 calls are 3 %


def test_impossible_raters_are_refused():
    with pytest.raises(InputError):
        rater_rates(0.05, kappa=1.0, marginal_ratio=3.0)


def test_groups_differ_by_the_asked_effect_and_null_nuclei_do_not():
    recipe = load_recipe()
    draws = {
        group: [draw_tissue(np.random.default_rng([3, i, position]), recipe, group, 42.0) for i in range(4000)]
        for position, group in enumerate(("MS", "NMOSD"))
    }
    for nucleus, label in tissue.NUCLEUS_LABELS.items():
        for read, key in (
            (lambda draw, label=label: draw.chi[label], "mean_d"),
            (lambda draw, label=label: math.log(draw.texture_sd[label]), "texture_d"),
        ):
            ms, nmosd = (np.array([read(draw) for draw in draws[group]]) for group in ("MS", "NMOSD"))
            d = (ms.mean() - nmosd.mean()) / math.sqrt((ms.var() + nmosd.var()) / 2)
            asked = recipe["effects"]["MS"].get(nucleus, {}).get(key, 0) - recipe["effects"]["NMOSD"].get(
                nucleus, {}
            ).get(key, 0)
            # Standard error of d for 2 x 4000: sqrt(2/4000 + d²/16000) < 0.027; four of them
            assert d == pytest.approx(asked, abs=0.11), (nucleus, key)


def test_iron_rises_with_age_and_the_thalamus_falls():
    recipe = load_recipe()
    young, old = (draw_tissue(np.random.default_rng(0), recipe, "HC", age) for age in (25, 75))
    change = {nucleus: old.chi[label] - young.chi[label] for nucleus, label in tissue.NUCLEUS_LABELS.items()}
    assert change["THA"] < 0
    assert all(value > 0 for nucleus, value in change.items() if nucleus != "THA")


@pytest.mark.parametrize("correlation", [1.0, 2.0])
def test_texture_has_the_asked_variance_and_correlation_length(correlation):
    field = random_field(
        np.random.default_rng(4), (80, 80, 80), correlation=correlation, voxel_size=np.array([1.0, 1.0, 1.0])
    )
    assert field.std() == pytest.approx(1, abs=1e-3)
    lag = 2
    measured = np.mean(field[lag:] * field[:-lag])
    # The discrete kernel is cut at three standard deviations: 2 % at a correlation length of one voxel.
    assert measured == pytest.approx(math.exp(-(lag**2) / (4 * correlation**2)), abs=0.03)


def test_texture_leaves_the_mean_of_a_region():
    region = np.nonzero(np.random.default_rng(0).random((20, 20, 20)) < 0.1)
    values = region_texture(
        np.random.default_rng(1), region, standard_deviation=0.01, correlation=1.5, voxel_size=np.ones(3)
    )
    assert abs(values.mean()) < 1e-8
    assert values.std() == pytest.approx(0.01, rel=1e-4)


def test_feature_tables_have_the_effects_of_the_recipe():
    assert len(feature_names()) == len(set(feature_names())) == 874
    table = simulate_features({"groups": {"MS": 1500, "NMOSD": 1500}})
    ms, nmosd = (table[table.group == group] for group in ("MS", "NMOSD"))

    def auc(column):
        ranks = np.argsort(np.argsort(np.r_[ms[column], nmosd[column]])) + 1.0
        return (ranks[: len(ms)].sum() - len(ms) * (len(ms) + 1) / 2) / (len(ms) * len(nmosd))

    # Standard error of an AUC of 2 x 1500 is at most sqrt(3001 / (12 * 1500²)) = 0.0105; four of them
    assert auc("DN.mean_score") == pytest.approx(oracle_auc(1.2), abs=0.043)
    assert auc("DN.original_firstorder_Mean") == pytest.approx(oracle_auc(0.8 * 1.2), abs=0.043)
    assert auc("PUT.texture_score") == pytest.approx(oracle_auc(1.8), abs=0.043)
    assert auc("PUT.original_firstorder_Mean") == pytest.approx(0.5, abs=0.043)
    assert auc("RN.original_firstorder_Mean") == pytest.approx(0.5, abs=0.043)


def test_repeats_have_the_asked_icc():
    values = simulate_repeats(np.random.default_rng(6), subjects=4000, repeats=4, features=3, icc=0.85)
    between = 4 * values.mean(1).var(0, ddof=1)
    within = values.var(1, ddof=1).mean(0)
    icc = (between - within) / (between + 3 * within)
    np.testing.assert_allclose(
        icc, 0.85, atol=0.016
    )  # four standard errors: each (1 - icc)(1 + 3 icc) sqrt(2 / (4 * 3 * n)) = 0.0034, three features
