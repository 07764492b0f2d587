"""Perturbations: nothing at zero strength, as asked in mm and ppm otherwise, and the same on each run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiomics.core.errors import SettingError
from chiomics.robustness.perturb_image import change_scale, smooth
from chiomics.robustness.perturb_mask import centre_of, dilate, draw_motion, erode, move
from chiomics.robustness.perturbation_settings import KINDS, UNPERTURBED, map_to_perturb, read_perturbations
from chiomics.robustness.perturbations import generator, perturb, perturb_session
from chiomics.robustness.settings import Settings

SHAPE = (44, 40, 24)
#: The published study's kind of voxel, three times as long as wide.
AFFINE = np.diag([0.8, 0.8, 2.4, 1.0])


def ball(radius, affine, shape=SHAPE):
    """Return the voxels whose centre lies within a radius in mm of the image's middle."""
    world = np.indices(shape).reshape(3, -1) - (np.array(shape)[:, None] - 1) / 2
    return (np.linalg.norm(affine[:3, :3] @ world, axis=0) <= radius).reshape(shape)


def oblique(sizes, angle=0.4):
    """Return an affine with a flip, a permutation of axes and an oblique angle."""
    c, s = np.cos(angle), np.sin(angle)
    affine = np.eye(4)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[0, -1, 0], [-1, 0, 0], [0, 0, 1]])
    affine[:3, :3] = turn @ np.diag(sizes)
    affine[:3, 3] = 11, -7, 30
    return affine


@pytest.fixture(scope="module")
def chi():
    return (0.03 * np.random.default_rng(1).standard_normal(SHAPE)).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_no_strength_changes_nothing(kind, chi):
    mask = ball(6, AFFINE)
    mask[0, :, 3] = True  # on the image's edge, where a resampling loses voxels first
    (perturbation,) = read_perturbations({"nothing": {"kind": kind}})
    new_chi, new_mask = perturb(chi, mask, AFFINE, perturbation, rng=generator(0, "sub-01", "nothing"))
    np.testing.assert_array_equal(new_chi, chi)
    np.testing.assert_array_equal(new_mask, mask)


@settings(max_examples=30, deadline=None)
@given(
    distance=st.floats(0, 5), seed=st.integers(0, 99), sizes=st.tuples(*[st.floats(0.4, 3.0)] * 3)
)  # fmt: skip
def test_erosion_lies_inside_and_dilation_outside(distance, seed, sizes):
    mask = np.random.default_rng(seed).random((9, 8, 7)) > 0.3
    affine = oblique(sizes)
    smaller, larger = erode(mask, affine, distance=distance), dilate(mask, affine, distance=distance)
    assert not (smaller & ~mask).any()
    assert not (mask & ~larger).any()
    assert not (smaller & ~erode(mask, affine, distance=0.5 * distance)).any()
    # What is taken off the region is what is added to its complement; the image's edge counts for neither.
    np.testing.assert_array_equal(smaller, ~dilate(~mask, affine, distance=distance))


@pytest.mark.parametrize("affine", [AFFINE, oblique((0.8, 0.8, 2.4)), np.diag([1.0, 1.0, 1.0, 1.0])])
@pytest.mark.parametrize("distance", [1.5, 3.0])
def test_erosion_and_dilation_are_in_mm(affine, distance):
    radius = 8.0
    mask = ball(radius, affine)
    volume = mask.sum() * abs(np.linalg.det(affine[:3, :3]))
    for change, sign in ((erode, -1), (dilate, 1)):
        changed = change(mask, affine, distance=distance).sum() * abs(np.linalg.det(affine[:3, :3]))
        # Radius of the ball of that volume. A mask has no outline finer than its voxels: half of one.
        shift = np.cbrt(changed / volume) * radius - radius
        assert shift == pytest.approx(sign * distance, abs=0.5 * np.cbrt(abs(np.linalg.det(affine[:3, :3]))))


def test_a_slab_loses_what_stands_on_a_ruler():
    mask = np.zeros((30, 10, 10), bool)
    mask[5:25] = True  # faces across x, cut by the image's edge along y and z
    for distance, layers in ((0.3, 0), (0.41, 1), (1.0, 1), (1.21, 2), (1.9, 2), (2.1, 3)):
        eroded = erode(mask, AFFINE, distance=distance)
        assert eroded[:, 5, 5].sum() == 20 - 2 * layers, distance
        assert dilate(mask, AFFINE, distance=distance)[:, 5, 5].sum() == 20 + 2 * layers, distance
        np.testing.assert_array_equal(eroded, np.broadcast_to(eroded[:, :1, :1], eroded.shape))


def test_a_region_can_vanish_and_an_empty_one_stays_empty():
    mask = ball(2, AFFINE)
    assert not erode(mask, AFFINE, distance=3).any()
    for change in (erode, dilate):
        assert not change(np.zeros(SHAPE, bool), AFFINE, distance=3).any()
    assert not move(np.zeros(SHAPE, bool), AFFINE, np.eye(4)).any()


@pytest.mark.parametrize("interpolation", ["nearest", "linear"])
@pytest.mark.parametrize("affine", [AFFINE, oblique((0.8, 1.1, 2.0))])
def test_motion_keeps_the_volume_and_moves_the_centre(affine, interpolation):
    mask = ball(7, affine)
    centre = centre_of([mask], affine)
    volumes = []
    for seed in range(12):
        motion = draw_motion(centre, translation_sd=2.0, rotation_sd=3.0, rng=np.random.default_rng(seed))
        moved = move(mask, affine, motion, interpolation=interpolation)
        volumes.append(moved.sum() / mask.sum())
        shift = centre_of([moved], affine) - centre
        # A mask has no outline finer than its voxels: half of one, along each of their axes.
        error = np.linalg.inv(affine[:3, :3]) @ (shift - (motion[:3, :3] @ centre + motion[:3, 3] - centre))
        assert np.abs(error).max() < 0.5
    # Half of some 900 voxels lie at the surface, and fall in or out by their rounding: 2 % in each of twelve draws.
    assert np.mean(volumes) == pytest.approx(1, abs=0.02)


def test_motion_turns_about_the_centre_in_the_world():
    affine = oblique((1.0, 1.2, 2.0))
    mask = np.zeros(SHAPE, bool)
    mask[10:34, 18:22, 11:14] = True  # a rod
    centre = centre_of([mask], affine)
    quarter = np.eye(4)
    quarter[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    quarter[:3, 3] = centre - quarter[:3, :3] @ centre
    moved = move(mask, affine, quarter)
    before = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3] - centre
    after = np.argwhere(moved) @ affine[:3, :3].T + affine[:3, 3] - centre
    turned = before @ quarter[:3, :3].T
    # Second moments of the rod, 24 mm long: those of a rod turned by hand, to a tenth of a squared millimetre or so.
    np.testing.assert_allclose(np.cov(after.T), np.cov(turned.T), atol=0.5)


def test_motion_does_not_depend_on_how_the_image_is_stored():
    affine = oblique((1.0, 1.3, 2.0))
    mask = ball(7, affine)
    motion = draw_motion(centre_of([mask], affine), translation_sd=0.7, rotation_sd=2, rng=np.random.default_rng(5))
    stored = affine @ np.array([[0, 0, -1, SHAPE[0] - 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    other = move(np.flip(mask, 0).transpose(1, 2, 0), stored, motion)
    np.testing.assert_array_equal(np.flip(other.transpose(2, 0, 1), 0), move(mask, affine, motion))


def test_drawn_motions_have_the_spread_asked_for():
    rng = np.random.default_rng(0)
    motions = np.array([draw_motion(np.zeros(3), translation_sd=0.5, rotation_sd=0.2, rng=rng) for _ in range(3000)])
    # Standard error of a standard deviation over 9000 draws: 0.75 %; five of them.
    assert motions[:, :3, 3].std() == pytest.approx(0.5, rel=0.04)
    angle = np.rad2deg([motions[:, 2, 1], motions[:, 0, 2], motions[:, 1, 0]])
    assert angle.std() == pytest.approx(0.2, rel=0.04)


@pytest.mark.parametrize("settings", [{"sd": 0.002}, {"relative_sd": 0.1}])
def test_noise_has_the_standard_deviation_asked_for(settings, chi):
    mask = ball(9, AFFINE)
    valid = ball(12, AFFINE)
    (perturbation,) = read_perturbations({"noise": {"kind": "noise"} | settings})
    noisy, same_mask = perturb(chi, mask, AFFINE, perturbation, rng=generator(0, "sub-01", "noise"), valid=valid)
    np.testing.assert_array_equal(same_mask, mask)
    np.testing.assert_array_equal(noisy[~valid], chi[~valid])
    expected = settings.get("sd") or 0.1 * chi[mask].std()
    difference = (noisy - chi)[valid]
    n = difference.size
    assert difference.std() == pytest.approx(expected, rel=5 / np.sqrt(2 * n))  # five standard errors
    assert difference.mean() == pytest.approx(0, abs=5 * expected / np.sqrt(n))


def test_scale_and_offset(chi):
    everywhere = np.ones(SHAPE, bool)
    changed = change_scale(chi, everywhere, offset=-0.01, scale=1.2, rng=np.random.default_rng(0))
    np.testing.assert_allclose(changed, 1.2 * chi - 0.01, atol=1e-7)  # float32
    own = [change_scale(chi, everywhere, offset_sd=0.01, rng=np.random.default_rng(k)) - chi for k in range(300)]
    offsets = np.array([offset.mean() for offset in own])
    assert np.ptp(own[0]) < 1e-7  # one number for the whole map, to float32
    assert offsets.std() == pytest.approx(0.01, rel=5 / np.sqrt(600))  # five standard errors


@pytest.mark.parametrize("affine", [AFFINE, oblique((1.0, 1.0, 2.0))])
def test_smoothing_is_in_mm_and_keeps_a_flat_map_to_the_edge(affine):
    valid = ball(9, affine)
    np.testing.assert_allclose(smooth(np.where(valid, 0.05, 0), valid, affine, fwhm=4)[valid], 0.05, rtol=1e-5)
    point = np.zeros(SHAPE, np.float32)
    point[22, 20, 12] = 1
    blurred = smooth(point, np.ones(SHAPE, bool), affine, fwhm=5.0).astype(float)
    world = np.argwhere(blurred > 0) @ affine[:3, :3].T
    weights = blurred[blurred > 0]
    covariance = np.cov(world.T, aweights=weights, ddof=0)
    # A kernel cut at four standard deviations lacks 0.1 % of its variance; sampling it at 2.4 mm adds little.
    np.testing.assert_allclose(covariance, np.eye(3) * (5.0 / 2.3548) ** 2, atol=0.05)


def test_same_seed_same_bytes_and_every_session_its_own(chi):
    masks = {"ball": ball(6, AFFINE)}
    configured = {
        "noise": {"kind": "noise", "sd": 0.01, "repeats": 2},
        "shift": {"kind": "jitter", "translation_sd": 2},
    }
    perturbations = read_perturbations(configured)

    def run(session, seed=0):
        return [
            (draw, chi.tobytes(), mask.tobytes())
            for draw, _, (chi, mask) in perturb_session(
                test_map, masks, AFFINE, perturbations, lambda chi, mask: (chi, mask), session=session, seed=seed
            )
        ]

    test_map = chi
    first = run("sub-01")
    assert run("sub-01") == first
    assert [row[0] for row in first] == ["noise-1", "noise-2", "shift"]
    for other in (run("sub-02"), run("sub-01", seed=1)):
        assert all(mine != theirs for mine, theirs in zip(first, other, strict=True))
    assert first[0][1] != first[1][1]


def test_regions_of_a_session_see_the_same_noise_and_motion(chi):
    masks = {"left": ball(5, AFFINE), "right": np.roll(ball(5, AFFINE), 6, axis=0)}
    perturbations = read_perturbations(
        {
            "relative": {"kind": "noise", "relative_sd": 0.2},
            "shift": {"kind": "jitter", "translation_sd": 3},
        }
    )
    seen = {
        (name, region): (new_chi, mask)
        for name, region, (new_chi, mask) in perturb_session(
            chi, masks, AFFINE, perturbations, lambda chi, mask: (chi, mask), session="sub-01"
        )
    }
    left, right = ((seen["relative", side][0] - chi) / chi[masks[side]].std() for side in masks)
    np.testing.assert_allclose(left, right, atol=1e-4)  # float32 of numbers about 1
    both = [centre_of([seen["shift", side][1]], AFFINE) - centre_of([masks[side]], AFFINE) for side in masks]
    np.testing.assert_allclose(*both, atol=1e-9)  # a shift by the same voxels


def test_a_region_stays_where_the_map_holds_values(chi):
    valid = ball(7, AFFINE)
    (perturbation,) = read_perturbations({"wide": {"kind": "dilation", "distance": 5}})
    _, mask = perturb(chi, ball(6, AFFINE), AFFINE, perturbation, rng=np.random.default_rng(0), valid=valid)
    np.testing.assert_array_equal(mask, valid)


def test_agreement_of_the_mean_falls_with_noise_as_theory_says():
    """Mean of n voxels under white noise of SD σ: ICC = s² / (s² + σ²/n), Shrout and Fleiss's one-way model."""
    n_sessions, raters, shape = 400, 4, (6, 5, 4)
    between = 0.01
    mask = np.ones(shape, bool)
    true = between * np.random.default_rng(2).standard_normal(n_sessions)
    found, theory = [], []
    for sd in (0.0, 0.05, 0.15, 0.4):
        perturbations = read_perturbations({"noise": {"kind": "noise", "sd": sd, "repeats": raters}})
        means = np.array(
            [
                [
                    mean
                    for _, _, mean in perturb_session(
                        np.full(shape, value, np.float32),
                        {"region": mask},
                        AFFINE,
                        perturbations,
                        lambda chi, mask: chi[mask].mean(dtype=float),
                        session=f"sub-{k}",
                    )
                ]
                for k, value in enumerate(true)
            ]
        )
        rows = raters * means.mean(axis=1).var(ddof=1)
        residual = means.var(axis=1, ddof=1).mean()
        found.append((rows - residual) / (rows + (raters - 1) * residual))
        theory.append(between**2 / (between**2 + sd**2 / mask.sum()))
    assert np.all(np.diff(found) < 0)
    # Standard error of the coefficient over 400 sessions (Donner 1986): at most 0.024; the sessions' own spread another
    # 7 % of s², 0.018 of the coefficient at one half. Three of both together.
    np.testing.assert_allclose(found, theory, atol=0.09)


@pytest.mark.parametrize(
    ("configured", "names"),
    [
        ({"kind": "sharpening"}, "kind"),
        ({"kind": "noise", "strength": 1}, "strength"),
        ({"kind": "noise", "sd": -1}, "sd"),
        ({"kind": "noise", "sd": "much"}, "sd"),
        ({"kind": "noise", "sd": float("nan")}, "sd"),
        ({"kind": "jitter", "interpolation": "cubic"}, "interpolation"),
        ({"kind": "erosion", "distance": 1, "repeats": 3}, "repeats"),
        ({"kind": "noise", "sd": 1, "repeats": 0}, "repeats"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(configured, names):
    with pytest.raises(SettingError, match=f"perturbation mine.*{names}"):
        read_perturbations({"mine": configured})


def test_each_perturbation_is_an_axis_with_the_session_as_it_is():
    configured = {"noise": {"kind": "noise", "sd": 0.01, "repeats": 2}, "erode": {"kind": "erosion", "distance": 1}}
    settings = Settings.from_config({"perturbations": configured, "echo_sets": ["all", "1TE"], "inversion": "tv"})
    assert [(axis.name, axis.column, axis.values) for axis in settings.all_axes()[1:]] == [
        ("noise", "perturbation", (UNPERTURBED, "noise-1", "noise-2")),
        ("erode", "perturbation", (UNPERTURBED, "erode")),
    ]


@pytest.mark.parametrize("inversion", ["tv", "ilsqr"])
@pytest.mark.parametrize("echo_sets", [["all", "1TE"], ["3TE", "1TE"]])
def test_the_map_that_is_perturbed_is_the_one_it_is_compared_at(inversion, echo_sets):
    """Otherwise the axis has no value but those of the session as it is."""
    names = [(name, echo_set) for name in ("tv", "ilsqr") for echo_set in ("all", "3TE", "1TE")]
    chosen = {"inversion": inversion, "echo_sets": echo_sets}
    found = map_to_perturb(names, **chosen)
    axis = Settings.from_config({"perturbations": {"a": {"kind": "smoothing"}}, **chosen}).all_axes()[1]
    assert axis.where == {"inversion": found[:1], "echo_set": found[1:]}


def test_without_a_choice_all_echoes_of_the_first_inversion_are_perturbed():
    none = {"inversion": None, "echo_sets": []}
    assert map_to_perturb([("star", "1TE"), ("star", "all")], **none) == ("star", "all")
    assert map_to_perturb([("given", "given")], **none) == ("given", "given")


def test_a_change_too_small_for_the_voxels_is_said(caplog, chi):
    perturbations = read_perturbations({"thin": {"kind": "erosion", "distance": 0.1}})
    list(perturb_session(chi, {"ball": ball(6, AFFINE)}, AFFINE, perturbations, lambda *_: None, session="sub-01"))
    assert "thin leaves region ball as it is" in caplog.text
