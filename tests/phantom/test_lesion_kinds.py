"""Laws of how lesions look, of where they find a place, and of the training lesions scanned one by one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.phantom import load_recipe
from chiomics.phantom.head.anatomy import build_anatomy
from chiomics.phantom.head.space import random_space
from chiomics.phantom.lesions.kinds import Appearance, draw_appearance
from chiomics.phantom.lesions.lesions import Lesion, draw_lesions
from chiomics.phantom.lesions.patches import draw_effects, draw_patch_lesions, list_patch_subjects, simulate_boxes
from chiomics.phantom.lesions.places import place_lesions
from chiomics.phantom.lesions.raters import call_rims
from chiomics.phantom.lesions.shapes import VEIN_REACH, Ellipsoid, rim_and_vein

MS = load_recipe()["lesions"]["MS"]
GRID, AFFINE = (60, 60, 60), np.diag([0.5, 0.5, 0.5, 1.0])


def _ball(radius: float, **looks) -> tuple:
    # an oblique frame: along the grid, points inside the voxels would line up with the vein
    frame = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0]
    shape = Ellipsoid(np.full(3, 14.75), np.full(3, radius), frame, np.zeros(3))
    offset = np.stack(np.meshgrid(*(np.arange(n) * 0.5 - 14.75 for n in GRID), indexing="ij"))
    lesion = np.nonzero(np.linalg.norm(offset, axis=0) < radius)
    return lesion, *rim_and_vein(shape, Appearance(**looks), AFFINE, GRID, lesion)


def test_kinds_and_veins_have_the_asked_probabilities():
    rng = np.random.default_rng(0)
    kinds = MS["kinds"]
    plain = [draw_appearance(rng, False, kinds) for _ in range(4000)]
    rims = [draw_appearance(rng, True, kinds) for _ in range(4000)]

    def near(found, wanted):
        return abs(found - wanted) < 4 * np.sqrt(wanted * (1 - wanted) / 4000)

    assert near(np.mean([one.kind == "hyperintense" for one in plain]), kinds["hyperintense_share"])
    edge = kinds["edge_vein_share"]
    assert near(np.mean([one.vein == "edge" for one in plain]), edge)
    assert near(np.mean([one.vein == "central" for one in plain]), (1 - edge) * kinds["central_vein_share"])
    assert {one.kind for one in rims} == {"rim"}
    assert not any(one.vein == "edge" for one in rims)
    ranges = {"rim_contrast": "rim_contrast", "rim_fraction": "rim_fraction"}
    for name, (low, high) in ((name, kinds[key]) for name, key in ranges.items()):
        values = [getattr(one, name) for one in rims]
        assert low <= min(values) < low + 0.01 * (high - low) + 1e-12
        assert high - 0.01 * (high - low) < max(values) <= high


def test_looks_change_neither_the_number_nor_the_size_nor_the_place_of_lesions():
    other = MS | {"kinds": MS["kinds"] | {"hyperintense_share": 1.0, "rim_width": [2.0, 2.0]}}
    first, second = (draw_lesions(np.random.default_rng(5), parameters) for parameters in (MS, other))
    assert [(one.diameter, one.site, one.rim) for one in first] == [(one.diameter, one.site, one.rim) for one in second]


@pytest.mark.parametrize("fraction", [0.6, 0.8, 1.0])
def test_a_rim_is_as_wide_and_as_closed_as_stated(fraction):
    _, rim, _, _ = _ball(8.0, kind="rim", rim_contrast=0.03, rim_width=1.2, rim_fraction=fraction)
    shell = 4 / 3 * np.pi * (8.0**3 - 6.8**3)
    # voxels of 0.5 mm at a radius of 8 mm: the outermost layer is in or out by half a voxel at random, 2 % of the shell
    assert rim.sum() * 0.125 == pytest.approx(fraction * shell, rel=0.03)


def test_a_central_vein_has_its_volume_however_thin_it_is():
    for radius in (0.15, 0.4):
        _, _, voxels, share = _ball(6.0, vein="central", vein_radius=radius)
        length = 2 * (6.0 + VEIN_REACH)
        assert len(voxels[0]) == len(share)
        # the ends are rounded, and points every third of a voxel sample the tube
        assert share.sum() * 0.125 == pytest.approx(np.pi * radius**2 * length, rel=0.1)


def test_an_edge_vein_lies_on_the_surface():
    _, _, voxels, share = _ball(6.0, vein="edge", vein_radius=0.4, vein_arc=np.pi, vein_turn=1.0)
    distance = np.linalg.norm(np.stack(voxels) * 0.5 - 14.75, axis=0)
    assert abs(np.average(distance, weights=share) - 6.0) < 0.15
    assert share.sum() * 0.125 == pytest.approx(np.pi * 0.4**2 * np.pi * 6.0, rel=0.1)


def test_a_subject_with_the_most_lesions_gets_them_all():
    rng = np.random.default_rng(1)
    space = random_space(rng, size_sd=0.03, shape_sd=2.5, correlation=22, rotation_sd=4, translation_sd=3)
    affine = np.diag([1.5, 1.5, 1.5, 1])
    affine[:3, 3] = [-97, -130, -90]
    most = MS | dict.fromkeys(("minimum", "maximum", "mean_count"), MS["maximum"])
    wanted = draw_lesions(rng, most)
    anatomy = build_anatomy(
        space,
        wanted,
        shape=(130, 149, 123),
        affine=affine,
        vein_rng=rng,
        lesion_rng=rng,
        medullary_veins=40,
        nucleus_scale={},
    )
    assert len(anatomy.lesions) == len(wanted) == MS["maximum"]
    _, regions = ndimage.label(anatomy.lesion_index, np.ones((3, 3, 3)))
    assert regions == MS["maximum"]  # none touches another


def test_a_lesion_of_a_full_site_goes_to_another():
    space = random_space(
        np.random.default_rng(0), size_sd=0, shape_sd=0.1, correlation=22, rotation_sd=0, translation_sd=0
    )
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = -20
    sites = {"deep": np.array([[0.0, 0, 0]]), "juxtacortical": np.array([[12.0, 0, 0]])}
    lesions = [Lesion(6.0, "deep"), Lesion(6.0, "deep")]
    allowed = np.ones((41, 41, 41), bool)
    placed = place_lesions(np.random.default_rng(1), lesions, sites, space, allowed, affine=affine)
    assert [one.lesion.site for one in placed] == ["deep", "juxtacortical"]
    with pytest.raises(InputError, match="finds no place"):
        place_lesions(np.random.default_rng(1), 30 * lesions, sites, space, allowed, affine=affine)


@pytest.mark.parametrize(
    "kinds",
    [{"hyperintense_share": 1.2}, {"rim_fraction": [0.5, 1.5]}, {"rim_width": [2.0, 1.0]}, {"rim_width": [1.0]}],
)
def test_kinds_that_cannot_be_are_refused(kinds):
    with pytest.raises(InputError, match=r"lesions\.MS\.kinds"):
        load_recipe({"lesions": {"MS": {"kinds": kinds}}})


def test_training_subjects_fill_the_strata_and_have_their_rims():
    recipe = load_recipe()
    subjects = list_patch_subjects(recipe)
    strata = recipe["lesion_patches"]["rim_counts"]
    assert len(subjects) == recipe["lesion_patches"]["subjects"]
    for low, high, share in strata:
        found = sum(low <= rims <= high for rims in subjects.values())
        assert abs(found - share * len(subjects)) <= 1
        assert found >= 5  # five folds
    for participant in list(subjects)[:12]:
        lesions = draw_patch_lesions(recipe, participant, subjects[participant])
        assert sum(lesion.rim for lesion in lesions) == subjects[participant]
        assert all(lesion.diameter >= recipe["lesion_patches"]["rim_min_diameter"] for lesion in lesions if lesion.rim)


def test_boxes_are_the_same_again_and_hold_one_lesion_with_its_truth():
    recipe = load_recipe({"lesion_patches": {"mean_count": 8.0, "subjects": 10}})
    subjects = list_patch_subjects(recipe)
    participant = max(subjects, key=subjects.get)
    first, second = (list(simulate_boxes(recipe, participant)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.field, other.field)
        np.testing.assert_array_equal(one.flair, other.flair)
        assert one.truth == other.truth
        assert ndimage.label(one.lesion, np.ones((3, 3, 3)))[1] == 1
        assert not (one.lesion & one.white).any()
        assert one.flair[one.lesion].mean() > 1.3 * one.flair[one.white].mean()
        assert (one.truth["rater3"] is None) == (one.truth["rater1"] == one.truth["rater2"])
    assert Counter(box.truth["kind"] for box in first)["rim"] == subjects[participant]


def test_the_noise_of_the_field_is_as_stated_and_changes_nothing_else():
    recipe = load_recipe()
    participant = "sub-LES03"
    (quiet, *_), (loud, *_) = (list(_few(recipe, participant, noise)) for noise in (0.0, 0.005))
    difference = loud.field - quiet.field
    assert loud.noise == 0.005 * draw_effects(recipe, participant).noise
    assert difference.std() == pytest.approx(loud.noise, rel=0.02)  # 23,000 voxels: 0.5 % standard error


def test_only_hyperintense_lesions_are_uneven():
    even, uneven = (load_recipe({"lesion_patches": {"hyperintense_texture": share}}) for share in (0.0, 0.5))
    wanted = {"iso", "hyperintense", "rim"}
    drawn = {name: draw_patch_lesions(even, name, rims) for name, rims in list_patch_subjects(even).items()}
    kinds = {name: [lesion.appearance.kind for lesion in lesions] for name, lesions in drawn.items()}
    # the subject who needs the fewest lesions to show every kind
    count, participant = min(
        (max(map(own.index, wanted)) + 1, name) for name, own in kinds.items() if wanted <= set(own)
    )
    pairs = list(zip(*(islice(simulate_boxes(each, participant), count) for each in (even, uneven)), strict=True))
    assert {one.truth["kind"] for one, _ in pairs} == wanted
    for one, other in pairs:
        same = np.array_equal(one.field, other.field)
        assert same == (one.truth["kind"] != "hyperintense")
    with pytest.raises(InputError, match="no spread"):
        load_recipe({"lesion_patches": {"hyperintense_texture": -0.1}})


def test_subjects_differ_as_much_as_stated_and_lesions_of_one_share_it():
    recipe = load_recipe()
    spread = recipe["lesion_patches"]["subject_spread"]
    drawn = [draw_effects(recipe, f"sub-{number}") for number in range(2000)]
    for name, wanted in spread.items():
        values = np.array([getattr(one, name) for one in drawn])
        values = values if name == "reference" else np.log(values)
        # four standard errors of a mean and of an SD from 2000 normal draws
        assert abs(values.mean()) < 4 * wanted / np.sqrt(2000)
        assert values.std() == pytest.approx(wanted, rel=4 / np.sqrt(4000))
    assert draw_effects(recipe, "sub-1") == draw_effects(recipe, "sub-1")
    alike = load_recipe({"lesion_patches": {"subject_spread": dict.fromkeys(spread, 0.0)}})
    assert draw_effects(alike, "sub-1") == draw_effects(alike, "sub-2")
    participant = next(name for name, rims in list_patch_subjects(recipe).items() if rims)
    first, second = (next(simulate_boxes(each, participant)) for each in (recipe, alike))
    own = draw_effects(recipe, participant)
    assert first.truth["rim_contrast"] == pytest.approx(own.rim_contrast * second.truth["rim_contrast"])
    assert first.white_chi - second.white_chi == pytest.approx(own.reference)
    with pytest.raises(InputError, match="no spread"):
        load_recipe({"lesion_patches": {"subject_spread": {"noise": -0.1}}})


def test_a_lesion_between_two_slices_has_the_voxel_that_holds_most_of_it():
    # found with this seed: 3 mm of lesion, no voxel's centre in it, and the cohort stopped
    boxes = simulate_boxes(load_recipe({"seed": 77, "lesion_patches": {"rim_min_diameter": 5.0}}), "sub-LES33")
    box = next(islice(boxes, 47, None))
    assert box.lesion.sum() == 1
    assert not (box.white & box.lesion).any()
    middle = np.array(box.lesion.shape) / 2
    assert (np.abs(np.argwhere(box.lesion)[0] - middle) < 5).all()


def _few(recipe, participant, noise):
    for _, box in zip(range(1), simulate_boxes(recipe, participant, field_noise=noise), strict=False):
        yield box


def test_the_third_rater_is_asked_only_where_the_two_differ():
    rng = np.random.default_rng(0)
    truth = rng.random(5000) < 0.1
    calls = call_rims(rng, truth, prevalence=0.1, kappa=0.59, marginal_ratio=1.158)
    differ = np.array(calls["rater1"]) != np.array(calls["rater2"])
    third = np.array([np.nan if call is None else call for call in calls["rater3"]])
    np.testing.assert_array_equal(np.isfinite(third), differ)
    np.testing.assert_array_equal(third[differ], truth[differ])


def test_lesions_keep_their_default_looks_when_made_smaller():
    lesion = Lesion(9.0, "deep", Appearance(kind="rim", rim_width=1.0))
    assert replace(lesion, diameter=5.0).rim
