"""Regions of a tract from its bundle, streamlines between its ends, and the core of their density."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial import cKDTree

from chiomics.anatomy.diffusion.coherence import compare_tables
from chiomics.anatomy.diffusion.gradients import Gradients
from chiomics.anatomy.diffusion.model import fit_orientations, fit_tensor, highest_order
from chiomics.anatomy.diffusion.preprocessing import prepare_diffusion
from chiomics.anatomy.diffusion.seeds import MIDLINE, TractRegions, bundle_position, tract_regions
from chiomics.anatomy.diffusion.session import read_traced, write_traced
from chiomics.anatomy.diffusion.tractography import trace_tract, tract_core
from chiomics.anatomy.diffusion.tracts import DiffusionSeries, DiffusionSettings, missing_programs, trace_tracts
from chiomics.anatomy.registration.ants import Chain
from chiomics.anatomy.registration.settings import settings as registration_settings
from chiomics.core.errors import InputError, SettingError
from chiomics.core.images import read_image
from chiomics.core.space.volume import Volume
from tests.anatomy import diffusion_phantom as phantom

needs_mrtrix = pytest.mark.skipif(
    bool(missing_programs()), reason=f"not on this machine: {', '.join(missing_programs())} (MRtrix3)"
)
REGIONS = ("seed", "first_end", "second_end", "corridor", "exclusion", "position")


def angle_along(points: np.ndarray, side: str = "R") -> np.ndarray:
    """Degrees along the phantom's bundle, 0 to 90."""
    return np.rad2deg(np.arctan2(points[1] + 11, points[0] * (1 if side == "R" else -1) - 6))


def points_of(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    return affine[:3, :3] @ np.argwhere(mask).T + affine[:3, 3:]


def test_position_runs_evenly_along_a_bent_bundle():
    mask = phantom.bundle_mask("R", voxel=2.0)
    inside = mask.voxels > 0
    position = bundle_position(inside, mask.voxel_size)
    assert np.isnan(position[~inside]).all()
    angle = angle_along(points_of(inside, mask.affine))
    rising = position[inside] if np.corrcoef(angle, position[inside])[0, 1] > 0 else 1 - position[inside]
    # A quarter circle: position is angle / 90°, but for the tips, a tenth each, and a voxel's diagonal, 3.5 of 35 mm.
    assert np.abs(rising - angle / 90).max() < 0.2
    assert rising.min() == 0 and rising.max() == 1


def test_regions_are_what_their_names_say():
    regions = tract_regions(phantom.bundle_mask("R"), hemisphere="R", margin=5, end_share=0.2)
    assert not (regions.corridor & regions.exclusion).any()
    assert not (regions.first_end & regions.second_end).any()
    assert (regions.seed <= regions.corridor).all()
    for end in (regions.first_end, regions.second_end):
        assert end.any() and (end & ~regions.exclusion <= regions.corridor).all()
    ends = [angle_along(points_of(end & regions.seed, regions.affine)).mean() for end in
            (regions.first_end, regions.second_end)]  # fmt: skip
    # Of a quarter circle the tips are 9° each, and a fifth of the 72° between them belongs to each end: its middle is
    # at 11.7° and 78.3°, to half a voxel of 2 mm on a radius of 22 mm.
    np.testing.assert_allclose(sorted(ends), [11.7, 78.3], atol=2.6)
    # The walls stand beside the bundle, not in it, and all along its middle.
    points = points_of(regions.exclusion, regions.affine)
    beside = np.hypot(np.hypot(points[0] - 6, points[1] + 11) - phantom.BEND, points[2])
    angle = angle_along(points)
    assert beside[(angle > 25) & (angle < 65)].min() > phantom.TUBE
    assert set(range(5, 13)) <= set((angle // 5).astype(int))


def long_bundle(side: str, *, voxel: float = 1.0) -> Volume:
    """A tapering bundle of 90 mm: three quarters of an ellipse, tilted."""
    turn = np.linspace(0, 1.5 * np.pi, 400)
    course = np.stack([25 + 14 * np.cos(turn) + 2 * turn, 24 * np.sin(turn), 6 * turn - 12])
    course[0] *= 1 if side == "R" else -1
    matrix = np.diag([voxel, voxel, voxel, 1.0])
    shape = np.array([120, 80, 60]) // int(voxel)
    matrix[:3, 3] = -voxel * (shape - 1) / 2
    distance, nearest = cKDTree(course.T).query(np.moveaxis(phantom.world(tuple(shape), matrix), 0, -1))
    return Volume((distance < 5 - nearest / 200).astype(np.float32), matrix)


def assert_same_regions(first, second):
    """Equal, up to which end is called the first, and up to ties between equally long ways through the voxels."""
    for name in ("seed", "corridor"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    position = second.position if (first.first_end & second.first_end).any() else 1 - second.position
    # A tie moves a position by at most a voxel's diagonal on each of its two ways, 7 of the 80 mm between the tips.
    assert np.abs(first.position - position)[first.seed].max() < 0.09
    # Where the walls begin follows from the position: 4 mm at both their ends, of 50 mm.
    assert (first.exclusion ^ second.exclusion).sum() < 0.16 * first.exclusion.sum()


def test_regions_of_the_mirrored_bundle_are_the_mirror_image():
    right = tract_regions(long_bundle("R"), hemisphere="R")
    left = tract_regions(long_bundle("L"), hemisphere="L")
    mirrored = TractRegions(left.affine, *(getattr(left, name)[::-1] for name in REGIONS))
    assert_same_regions(right, mirrored)


@pytest.mark.parametrize(("order", "flip"), list(itertools.product([(1, 2, 0), (2, 1, 0)], [(1, 1, -1), (-1, -1, 1)])))
def test_regions_do_not_depend_on_how_the_atlas_is_stored(order, flip):
    plain = long_bundle("R", voxel=2.0)
    change = np.zeros((4, 4))
    voxels = np.transpose(plain.voxels, order)
    for new, old in enumerate(order):
        change[old, new] = flip[new]
        change[old, 3] = plain.voxels.shape[old] - 1 if flip[new] < 0 else 0
    change[3, 3] = 1
    stored = Volume(voxels[tuple(slice(None, None, step) for step in flip)], plain.affine @ change)
    found = [tract_regions(volume, hemisphere="R") for volume in (plain, stored)]
    # Points beside the middle between two voxels, where rounding would decide.
    grid = np.array([[2, 0, 0, -60.3], [0, 2, 0, -40.3], [0, 0, 2, -30.3], [0, 0, 0, 1]])
    points = phantom.world((60, 40, 30), grid)
    assert_same_regions(*(regions.carried(points, grid) for regions in found))


def test_the_other_hemisphere_is_excluded_beside_the_bundle():
    # A straight bundle 3 mm right of the midline: with a margin of 8 mm its corridor would reach 9 mm to the left.
    shape, affine = (40, 40, 60), np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = [-20, -20, -30]
    points = phantom.world(shape, affine)
    mask = Volume((np.hypot(points[0] - 3, points[1]) < 3).astype(np.float32), affine)
    regions = tract_regions(mask, hemisphere="R", margin=8)
    assert points_of(regions.corridor, regions.affine)[0].min() >= -MIDLINE
    assert points_of(regions.exclusion, regions.affine)[0].min() < -MIDLINE


def test_an_empty_bundle_is_refused():
    with pytest.raises(InputError, match="empty"):
        tract_regions(Volume(np.zeros((5, 5, 5), np.float32), np.eye(4)), hemisphere="L")


@pytest.mark.parametrize("voxel", [1.0, 2.0])
@pytest.mark.parametrize("radius", [4.0, 9.0])
def test_the_core_of_an_even_tract_is_the_tract_whatever_its_width_and_the_voxel(voxel, radius):
    shape = np.array((28, 28, 60)) / voxel
    points = phantom.world(tuple(shape.astype(int)), np.diag([voxel, voxel, voxel, 1.0]))
    distance = np.hypot(points[0] - 14, points[1] - 14)
    # Sparse strays lie around the tract; its density falls to a third along it, as where streamlines end.
    height = 1 - points[2] / 90
    share = np.where(distance < radius, height, np.where(distance < radius + 4, 0.1 * height, 0)).astype(np.float32)
    core = tract_core(share, points[2] / 60, edge=0.6)
    np.testing.assert_array_equal(core, distance < radius)
    strayed = share.copy()
    strayed[:2, :2, :2] = share.max()
    np.testing.assert_array_equal(tract_core(strayed, points[2] / 60, edge=0.6), core)


@pytest.mark.parametrize(("directions", "order"), [(6, 2), (14, 2), (15, 4), (28, 6), (30, 6), (45, 8), (90, 8)])
def test_the_harmonic_order_is_what_the_directions_determine(directions, order):
    gradients = Gradients(np.vstack([np.zeros(3), phantom.directions(directions)]), np.r_[0, np.full(directions, 1e3)])
    assert highest_order(gradients) == order


@pytest.mark.parametrize("change", [{"streamline": 5}, {"edge": 0}, {"edge": 1.5}, {"end_share": 0.6}])
def test_a_setting_that_cannot_be_used_is_named(change):
    with pytest.raises(SettingError, match=next(iter(change))):
        DiffusionSettings.of(change)


@needs_mrtrix
def test_streamlines_fill_the_bundle_and_a_rerun_is_the_same(tmp_path):
    series = DiffusionSeries(**phantom.write_series(tmp_path))
    masks, affine = phantom.tissue(), phantom.affine()
    found = []
    for run in ("first", "second"):
        scratch = tmp_path / run
        scratch.mkdir()
        prepared = prepare_diffusion(series, scratch=scratch)
        brain = Volume(masks["brain"], affine)
        model = fit_orientations(prepared, brain=brain, region=brain, scratch=scratch)
        coordinates = phantom.world(phantom.SHAPE, affine)
        regions = tract_regions(phantom.bundle_mask("R"), hemisphere="R").carried(coordinates, affine)
        traced = trace_tract(model, regions, scratch=scratch / "R_UF", streamlines=100)
        found.append((prepared, model, traced))
    (prepared, model, traced), (_, _, again) = found

    assert model.description["HarmonicOrder"] == 6 and traced.streamlines == 100
    np.testing.assert_array_equal(traced.share.voxels, again.share.voxels)
    points = phantom.world(traced.share.voxels.shape, traced.share.affine)
    inside, _ = phantom.bundle(points, "R")
    # Three quarters of the corridor lie outside the bundle; the bundle's rim is half grey matter at 2.5 mm.
    assert traced.share.voxels[~inside].sum() < 0.4 * traced.share.voxels.sum()
    # All along the bundle, but for its ends, where streamlines need not reach, some run in its middle.
    distance = np.hypot(np.hypot(points[0] - 6, points[1] + 11) - phantom.BEND, points[2])
    middle = (distance < phantom.TUBE / 2) & inside & (traced.share.voxels > 0)
    assert set(range(3, 15)) <= set((angle_along(points)[middle] // 5).astype(int))

    anisotropy, directions = fit_tensor(prepared, mask=Volume(masks["brain"], affine), scratch=tmp_path)
    # λ = 1.7, 0.3, 0.3 × 10⁻³ mm²/s has an anisotropy of 0.81; noise adds a little, denoising takes little away.
    deep, _ = phantom.bundle(phantom.world(phantom.SHAPE, affine), "R")
    assert np.median(anisotropy.voxels[deep]) == pytest.approx(0.81, abs=0.05)
    # Noise turns the main direction by a few degrees.
    tangent = phantom.bundle(phantom.world(phantom.SHAPE, affine), "R")[1]
    along = np.abs((directions.voxels * np.moveaxis(tangent, 0, -1)).sum(-1))[deep]
    assert np.median(along) > np.cos(np.deg2rad(10))
    assert not compare_tables(directions.voxels, anisotropy.voxels, anisotropy.voxel_size).other_is_better


@needs_mrtrix
def test_few_directions_trace_the_tensor_and_say_so(tmp_path):
    series = DiffusionSeries(**phantom.write_series(tmp_path, count=8))
    brain = Volume(phantom.tissue()["brain"], phantom.affine())
    prepared = prepare_diffusion(series, scratch=tmp_path, denoise=False)
    model = fit_orientations(prepared, brain=brain, region=brain, scratch=tmp_path)
    assert model.algorithm == "Tensor_Prob" and "8 directions" in model.description["Model"]
    regions = tract_regions(phantom.bundle_mask("L"), hemisphere="L")
    regions = regions.carried(phantom.world(phantom.SHAPE, phantom.affine()), phantom.affine())
    traced = trace_tract(model, regions, scratch=tmp_path / "L_UF", streamlines=50)
    assert traced.streamlines == 50
    inside, _ = phantom.bundle(phantom.world(traced.share.voxels.shape, traced.share.affine), "L")
    assert traced.share.voxels[inside].sum() > 0.6 * traced.share.voxels.sum()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v * [-1, 1, 1], "x mirrored"),
        (lambda v: v * [1, -1, 1], "y mirrored"),
        (lambda v: v[..., [2, 1, 0]], "x, y, z read as z, y, x"),
        (lambda v: v * [-1, -1, -1], None),  # a direction has no sign
        (lambda v: v, None),
    ],
)
def test_mirrored_and_swapped_gradient_axes_are_told_by_fibres_that_do_not_run_on(change, words):
    points, inside = phantom.world(phantom.SHAPE, phantom.affine()), phantom.tissue()
    directions = np.random.default_rng(0).standard_normal((*phantom.SHAPE, 3))
    for side in "LR":
        tangent = np.moveaxis(phantom.bundle(points, side)[1], 0, -1)
        directions[inside[side]] = tangent[inside[side]] + 0.1 * directions[inside[side]]
    anisotropy = np.where(inside["L"] | inside["R"], 0.8, 0.1)
    found = compare_tables(change(directions), anisotropy, np.full(3, phantom.VOXEL))
    assert found.other_is_better == (words is not None)
    if words is not None:
        # The bundles lie in a plane: what is done across it does not show, and x and y are mirrored as one.
        assert words in found.change or {words, found.change} <= {"x mirrored", "y mirrored"}


@needs_mrtrix
def test_a_mirrored_gradient_table_leaves_the_tracts_to_the_atlas(tmp_path):
    paths = phantom.write_series(tmp_path)
    np.savetxt(paths["bvec"], np.loadtxt(paths["bvec"]) * [[-1], [1], [1]], fmt="%.7f")
    brain = Volume(phantom.tissue()["brain"], phantom.affine())
    head = brain.like(read_image(paths["image"])[0][..., 0])
    tracts = trace_tracts(
        DiffusionSeries(**paths), {("UF", "R"): phantom.bundle_mask("R")}, anatomy=head, anatomy_mask=brain,
        atlas_to_anatomy=Chain(), anatomy_to_gre=Chain(), gre=head, registration=registration_settings(),
        scratch=tmp_path / "work",
    )  # fmt: skip
    assert not tracts.masks
    assert "mirrored fibres run on" in tracts.sidecar["Warning"]  # which the manifest and the page show
    assert "mirrored fibres run on" in tracts.reasons["UF", "R"]


def test_without_mrtrix_the_route_names_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "tckgen" in missing_programs() and "dwi2fod" in missing_programs()
    nothing = Volume(np.zeros((2, 2, 2), np.float32), np.eye(4))
    tracts = trace_tracts(
        DiffusionSeries("dwi.nii.gz", "dwi.bval", "dwi.bvec"), {("UF", "L"): nothing}, anatomy=nothing,
        anatomy_mask=nothing, atlas_to_anatomy=Chain(), anatomy_to_gre=Chain(), gre=nothing,
        registration=registration_settings(), scratch=tmp_path / "work",
    )  # fmt: skip
    assert not tracts.masks and "tckgen" in tracts.reasons["UF", "L"]
    write_traced(tracts, tmp_path / "kept")
    masks, sidecar = read_traced(tmp_path / "kept")
    assert masks == {} and "tckgen" in sidecar["Reason"]
