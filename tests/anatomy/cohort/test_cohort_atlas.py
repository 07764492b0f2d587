"""The cohort's atlas: numpy's mean and variance, map by map, over the subjects that have seen a voxel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chiomics.anatomy.cohort.atlas import (
    CohortAtlas,
    SessionMap,
    build_atlas,
    maps_on_template,
    summarise_tracts,
)
from chiomics.anatomy.cohort.atlas_figure import OVERLAYS, draw_cohort_atlas, draw_tract_overlays
from chiomics.core.errors import InputError
from chiomics.core.space.transforms import Chain
from chiomics.core.space.volume import Volume

SHAPE, SUBJECTS = (20, 24, 18), 7
AFFINE = np.array([[3.0, 0, 0, -30], [0, 3, 0, -36], [0, 0, 3, -27], [0, 0, 0, 1]])


def cohort() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    return (0.05 * rng.standard_normal((SUBJECTS, *SHAPE))).astype(np.float32), rng.random((SUBJECTS, *SHAPE)) < 0.8


def stream(maps: np.ndarray, seen: np.ndarray) -> Iterator[tuple[Volume, Volume]]:
    """Return one map after the other in the same memory, so that whoever keeps one is found out."""
    chi, mask = np.empty(SHAPE, np.float32), np.empty(SHAPE, bool)
    for values, valid in zip(maps, seen, strict=True):
        chi[:], mask[:] = values, valid
        yield Volume(chi, AFFINE), Volume(mask, AFFINE)
    chi[:], mask[:] = np.nan, False


@pytest.fixture
def atlas() -> CohortAtlas:
    return build_atlas(stream(*cohort()), min_share=0.5)


def test_mean_and_variance_are_those_of_numpy(atlas: CohortAtlas) -> None:
    maps, seen = cohort()
    values = np.ma.masked_array(maps.astype(float), ~seen)
    enough = seen.sum(axis=0) >= 4  # half of seven, rounded up
    assert np.array_equal(atlas.seen.voxels, enough)
    assert np.array_equal(atlas.count.voxels, seen.sum(axis=0))
    # Results are float32.
    np.testing.assert_allclose(atlas.mean.voxels[enough], values.mean(axis=0)[enough], atol=1e-8)
    np.testing.assert_allclose(atlas.variance.voxels[enough], values.var(axis=0, ddof=1)[enough], rtol=1e-6)
    assert not atlas.mean.voxels[~enough].any()
    assert not atlas.variance.voxels[~enough].any()


def test_the_order_of_subjects_does_not_matter(atlas: CohortAtlas) -> None:
    maps, seen = cohort()
    other = build_atlas(stream(maps[::-1], seen[::-1]), min_share=0.5)
    np.testing.assert_allclose(other.variance.voxels, atlas.variance.voxels, rtol=1e-6)  # float32


def test_what_lies_outside_a_subjects_mask_has_no_part() -> None:
    maps, seen = cohort()
    spoilt = np.where(seen, maps, np.float32(1e6))
    assert np.array_equal(
        build_atlas(stream(spoilt, seen)).variance.voxels, build_atlas(stream(maps, seen)).variance.voxels
    )


def test_a_voxel_needs_two_subjects_whatever_the_share() -> None:
    maps, seen = cohort()
    seen[1:, 3, 3, 3], seen[0, 3, 3, 3] = False, True
    assert not build_atlas(stream(maps, seen), min_share=0.0).seen.voxels[3, 3, 3]


def test_one_subject_and_other_grids_are_refused() -> None:
    maps, seen = cohort()
    with pytest.raises(InputError, match="two of them"):
        build_atlas(stream(maps[:1], seen[:1]))
    mixed = [*((Volume(maps[0], affine), Volume(seen[0], affine)) for affine in (AFFINE, np.eye(4)))]
    with pytest.raises(InputError, match="different voxels"):
        build_atlas(mixed)


def write_sessions(folder: Path, offsets: tuple[float, ...]) -> list[SessionMap]:
    """Write constant maps that differ by their offset, inside a box, on grids a fraction of a voxel apart."""
    sessions = []
    for number, offset in enumerate(offsets):
        shift = np.array([1.1, -0.7, 0.4]) * number
        mask = np.zeros(SHAPE, bool)
        mask[4:16, 4:20, 4:14] = True
        affine = AFFINE.copy()
        affine[:3, 3] -= shift
        place = folder / f"sub-{number}"
        Volume(np.where(mask, 0.05 + offset, 0).astype(np.float32), affine).write(place / "chi.nii.gz")
        Volume(mask, affine).write(place / "mask.nii.gz")
        motion = np.eye(4)
        motion[:3, 3] = shift + 0.3
        Chain.from_matrix(motion, place / "motion.mat").write(place / "chain")
        files = (place / "chi.nii.gz", place / "mask.nii.gz", place / "chain")
        sessions.append(SessionMap(place.name, *files, offset=offset))
    return sessions


def test_offsets_and_edges_are_no_variance(tmp_path: Path) -> None:
    onto = Volume(np.zeros(SHAPE, np.float32), AFFINE)
    atlas = build_atlas(maps_on_template(write_sessions(tmp_path, (0.0, 0.2, -0.4)), onto), min_share=1.0)
    assert atlas.seen.voxels.sum() > 500
    # A voxel at the edge mixes up to 1 % of what is not valid, which is 0.
    np.testing.assert_allclose(atlas.mean.voxels[atlas.seen.voxels], 0.05, atol=0.01 * 0.05 + 1e-6)
    assert atlas.variance.voxels.max() < (0.01 * 0.05) ** 2


def test_a_map_without_a_mask_is_valid_where_it_is_not_zero(tmp_path: Path) -> None:
    onto = Volume(np.zeros(SHAPE, np.float32), AFFINE)
    sessions = write_sessions(tmp_path, (0.1, 0.2, 0.3))
    with_masks = list(maps_on_template(sessions, onto))
    without = list(maps_on_template([replace(session, valid_mask=None) for session in sessions], onto))
    for (chi, seen), (other, also_seen) in zip(with_masks, without, strict=True):
        assert seen.voxels.any()
        assert np.array_equal(chi.voxels, other.voxels)
        assert np.array_equal(seen.voxels, also_seen.voxels)


def tracts() -> dict[tuple[str, str], Volume]:
    masks = {("CST", "L"): (4, 9), ("CST", "R"): (8, 13), ("XX", "L"): (0, 0)}
    volumes = {}
    for key, (first, last) in masks.items():
        share = np.zeros(SHAPE, np.float32)
        share[first:last, 8:12, 2:16] = 0.6
        share[first:last, 12:14, 2:16] = 0.4  # fewer than half of the subjects
        volumes[key] = Volume(share, AFFINE)
    return volumes


def test_tracts_are_summarised_over_what_was_seen(atlas: CohortAtlas) -> None:
    table = summarise_tracts(atlas, tracts()).set_index(["tract", "hemisphere"])
    masks = {side: tracts()["CST", side].voxels > 0.5 for side in "LR"}
    masks["LR"] = masks["L"] | masks["R"]
    for side, mask in masks.items():
        values = atlas.variance.voxels[mask & atlas.seen.voxels].astype(float)
        row = table.loc[("CST", side)]
        assert (row["n_voxels"], row["n_seen"]) == (mask.sum(), values.size)
        expected = (values.mean(), np.median(values), np.percentile(values, 95), values.max())
        found = row[["variance_mean", "variance_median", "variance_p95", "variance_max"]].astype(float)
        np.testing.assert_allclose(found, expected)
    assert table.loc[("XX", "LR")][["chi_mean", "variance_max"]].isna().all()


def test_the_figure_is_the_same_on_a_re_run_and_says_that_it_is_simulated(atlas: CohortAtlas, tmp_path: Path) -> None:
    anatomy = Volume(atlas.count.voxels.astype(np.float32), AFFINE)
    runs = []
    for run in ("a", "b"):
        paths = [tmp_path / run / name for name in ("figure5.png", "figure5.svg")]
        draw_cohort_atlas(atlas, anatomy, tracts(), *paths, cohort="seven", simulated=True)
        runs.append([path.read_bytes() for path in paths])
    assert runs[0] == runs[1]
    assert b"SIMULATED" in runs[0][1]


@pytest.mark.usefixtures("texts_of_figures")
def test_the_figure_of_real_subjects_without_tracts(atlas: CohortAtlas, tmp_path: Path) -> None:
    draw_cohort_atlas(atlas, atlas.mean, {}, tmp_path / "figure5.svg", cohort="seven", simulated=False)
    text = (tmp_path / "figure5.svg").read_bytes()
    assert b"SIMULATED" not in text
    assert b"in the tracts" not in text


@pytest.mark.usefixtures("texts_of_figures")
def test_one_tract_is_drawn_over_both_backgrounds_and_says_where_it_was_not_seen(
    atlas: CohortAtlas, tmp_path: Path
) -> None:
    anatomy = Volume(atlas.count.voxels.astype(np.float32), AFFINE)
    paths = {number: [tmp_path / f"{number}.svg"] for number in OVERLAYS}
    left_alone = {key: mask for key, mask in tracts().items() if key != ("CST", "R")}
    draw_tract_overlays(atlas, anatomy, left_alone, paths, simulated=True)
    texts = {number: (tmp_path / f"{number}.svg").read_text() for number in OVERLAYS}
    assert len(set(texts.values())) == len(OVERLAYS)
    for number, (background, side) in OVERLAYS.items():
        assert "SIMULATED" in texts[number] and background in texts[number]
        assert ("No voxel of CST" in texts[number]) == (side == "R")
