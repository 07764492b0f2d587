"""Images: what is resized, cropped, scaled and sliced is what stands in the FLAIR."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch.nn import functional  # noqa: E402

from chiomics.anatomy import files as kept  # noqa: E402
from chiomics.core.errors import InputError  # noqa: E402
from chiomics.core.files import write_sidecar  # noqa: E402
from chiomics.core.space.transforms import Chain  # noqa: E402
from chiomics.core.space.volume import Volume  # noqa: E402
from chiomics.flair.images.head import WHITE_MATTER, read_head  # noqa: E402
from chiomics.flair.images.intensity import scale_intensity  # noqa: E402
from chiomics.flair.images.lesion_load import measure_lesions  # noqa: E402
from chiomics.flair.images.page import write_page  # noqa: E402
from chiomics.flair.images.prepare import Prepared, prepare_numbers, prepare_session  # noqa: E402
from chiomics.flair.images.slices import find_level, slice_levels, slice_points  # noqa: E402
from chiomics.flair.images.volume import find_box, resize  # noqa: E402
from tests.flair.prepared import LEVELS, box_head, head_of, simulated_cohorts  # noqa: E402

NAMES = {
    "FLAIR": kept.FLAIR, "brain": kept.BRAIN, "tissue": kept.TISSUE, "lesions": kept.LESIONS, "sidecar": kept.SIDECAR,
    "to_template": kept.TO_TEMPLATE, "FLAIR_to_anatomy": kept.FLAIR_TO_ANATOMY, "to_GRE": kept.TO_GRE,
}  # fmt: skip


@pytest.fixture(scope="module")
def cohort() -> dict[str, Prepared]:
    return simulated_cohorts({"MS": 2, "NMOSD": 1}, edge=32, pixels=64)


def test_resizing_equals_trilinear_interpolation_of_pixel_centres() -> None:
    volume = np.random.default_rng(0).normal(size=(31, 47, 25)).astype(np.float32)
    reference = functional.interpolate(
        torch.from_numpy(volume)[None, None], (40, 40, 40), mode="trilinear", align_corners=False
    )
    # Single precision: two linear interpolations in sequence against one in three directions.
    np.testing.assert_allclose(resize(volume, 40), reference[0, 0].numpy(), atol=2e-5)


def test_box_holds_the_brain_and_its_margin() -> None:
    brain = np.zeros((20, 30, 40), bool)
    brain[5:9, 0:4, 10:40] = True
    assert find_box(brain, np.array([1.0, 1.0, 2.0]), margin=2) == (slice(3, 11), slice(0, 6), slice(9, 40))
    with pytest.raises(InputError, match="empty"):
        find_box(np.zeros((3, 3, 3), bool), np.ones(3))


def test_scale_forgets_gain_and_offset() -> None:
    rng = np.random.default_rng(1)
    flair = rng.normal(100, 20, (30, 30, 30))
    brain = np.ones(flair.shape, bool)
    brain[:3] = False
    white = brain & (rng.random(flair.shape) < 0.4)
    first, _ = scale_intensity(flair, brain, white)
    second, _ = scale_intensity(7 * flair + 300, brain, white)
    np.testing.assert_allclose(first, second, atol=1e-4)
    assert not first[~brain].any()
    assert abs(np.median(first[white])) < 1e-6
    with pytest.raises(InputError, match="white matter"):
        scale_intensity(flair, brain, np.zeros_like(white))
    with pytest.raises(InputError, match="constant"):
        scale_intensity(np.ones_like(flair), brain, white)


def test_slices_are_read_at_their_template_coordinates_in_one_interpolation() -> None:
    to_template = np.array([[0.99, 0.1, 0, 3], [-0.1, 0.98, 0.05, -20], [0, -0.05, 1.01, 15], [0, 0, 0, 1.0]])
    head = box_head(to_template)
    prepared, record = prepare_session(
        head, {"participant": "sub-1", "session": "", "group": "MS"}, edge=24, pixels=128, levels=[20, 10, 0, -10, -20]
    )
    points = slice_points([20, 10, 0, -10, -20])[:, 1]  # the middle of each slab is its mean for a linear image
    expected = points[0] + 2 * points[1] - points[2]
    expected = (expected - record["WhiteMatterMedian"]) / record["BrainInterquartileRange"]
    found = prepared.images["seok_flair"][0].astype(float)
    inside = (np.abs(points[0]) < 60) & (np.abs(points[1] + 20) < 60)
    # A linear image survives linear interpolation; float16 keeps three digits.
    np.testing.assert_allclose(found[inside], np.clip(expected, -5, 5)[inside], atol=4e-3)


def test_stored_orientation_does_not_matter(cohort: dict[str, Prepared]) -> None:
    from chiomics.phantom.head.flair_heads import list_heads, read_flair_recipes, simulate_flair_heads

    recipes = read_flair_recipes(groups={"MS": 1, "NMOSD": 0})
    head = head_of(simulate_flair_heads(recipes, list_heads(recipes)[0])["flair"])
    about = {"participant": "sub-1", "session": "", "group": "MS"}
    sizes = {"edge": 32, "pixels": 64, "levels": LEVELS}
    first, _ = prepare_session(head, about, **sizes)

    def turned(volume: Volume) -> Volume:
        affine = volume.affine @ np.array(
            [[-1, 0, 0, volume.voxels.shape[0] - 1], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]]
        )
        return Volume(np.ascontiguousarray(volume.voxels[::-1].transpose(0, 2, 1)), affine)

    other = replace(head, flair=turned(head.flair), lesions=turned(head.lesions))
    second, _ = prepare_session(other, about, **sizes)
    for name, images in first.images.items():
        # Interpolation in another order of the axes: rounding of single precision, then of float16.
        np.testing.assert_allclose(images.astype(float), second.images[name].astype(float), atol=0.02)


def test_third_slice_crosses_the_ventricles(cohort: dict[str, Prepared]) -> None:
    from chiomics.anatomy.tissue.ventricles import template_ventricles
    from chiomics.core.space.template import template_priors
    from chiomics.phantom.head.template import load_template

    level = find_level(template_ventricles(template_priors(1.0)["CSF"]))
    assert 15 < level < 25  # bodies of the lateral ventricles in MNI space
    template = load_template()
    affine = np.eye(4)
    affine[:3, 3] = template.origin
    assert abs(find_level(Volume(template.ventricles, affine)) - level) <= 3
    levels = slice_levels(level)
    assert np.allclose(np.diff(levels), -20)
    assert levels[2] == level
    # Fluid is darkest: the middle third of the third slice holds ventricles, the second slice none.
    slices = cohort["flair"].images["seok_flair"][0, :, 22:42, 24:40].astype(float)
    assert (slices[2] < -2).mean() > 3 * (slices[1] < -2).mean()


def test_left_is_left(cohort: dict[str, Prepared]) -> None:
    head = box_head(np.eye(4))
    volume = head.lesions.voxels.copy()
    volume[10:16, 40:44, 20:30] = 1  # low x: left
    marked = replace(head, lesions=head.lesions.like(volume))
    prepared, _ = prepare_session(
        marked,
        {"participant": "sub-1", "session": "", "group": "MS"},
        edge=24,
        pixels=128,
        levels=[20, 10, 0, -10, -20],
    )
    columns = prepared.images["seok_lesions"][0].astype(float).sum(axis=(0, 1))
    assert columns[:64].sum() > 0 == columns[64:].sum()
    assert prepared.images["wang_lesions"][0, :12].sum() > 0 == prepared.images["wang_lesions"][0, 12:].sum()


def test_lesion_load_of_known_lesions() -> None:
    head = box_head(np.eye(4), shape=(60, 60, 60), spacing=2.0)
    lesions, ventricles = np.zeros((60, 60, 60), np.int32), np.zeros((60, 60, 60), bool)
    ventricles[28:32, 28:32, 28:32] = True
    lesions[32:34, 29:31, 29:31] = 1  # 2 and 4 mm beside it
    lesions[50:52, 29:31, 29:31] = 2  # far
    marked = replace(head, lesions=head.lesions.like(lesions), ventricles=head.ventricles.like(ventricles))
    numbers, cells = measure_lesions(marked)
    assert numbers["lesion_count"] == 2
    assert numbers["lesion_volume_mm3"] == pytest.approx(16 * 8)
    assert numbers["periventricular_share"] == 0.5
    assert numbers["lesion_share_percent"] == pytest.approx(100 * 16 / 60**3)
    assert cells.sum() == pytest.approx(16 * 8)
    assert 2 <= np.count_nonzero(cells) <= 16
    own = prepare_numbers(marked, {"session": "a"})
    both, _ = prepare_session(marked, {"session": "a"}, edge=24, pixels=32, levels=LEVELS)
    assert own.table.loc[0].to_dict() == both.table.drop(columns="preparation").loc[0].to_dict()
    np.testing.assert_array_equal(own.cells, both.cells)
    assert own.images["wang_flair"].size == 0
    nothing, cells = measure_lesions(head)
    assert nothing["lesion_volume_mm3"] == 0 == cells.sum()
    assert np.isnan(nothing["periventricular_share"])


def test_files_come_back_and_sizes_are_checked(tmp_path, cohort: dict[str, Prepared]) -> None:
    own, paths = cohort["flair"], [tmp_path / "a.npz", tmp_path / "b.npz"]
    own.take(np.array([0, 1])).write(paths[0])
    own.take(np.array([2])).write(paths[1])
    found = Prepared.read(paths)
    assert found.table["participant"].tolist() == own.table["participant"].tolist()
    assert all(np.array_equal(found.images[name], own.images[name]) for name in own.images)
    rows = np.array([2, 0])
    Prepared.open(paths).take(rows).write(tmp_path / "some.npz")
    some, at_once = Prepared.read([tmp_path / "some.npz"]), found.take(rows)
    pd.testing.assert_frame_equal(some.table, at_once.table)
    np.testing.assert_array_equal(some.cells, at_once.cells)
    assert all(np.array_equal(some.images[name], at_once.images[name]) for name in own.images)
    cut = {name: images[..., :16] for name, images in own.images.items()}
    replace(own, images=cut).write(paths[1])
    with pytest.raises(InputError, match="several sizes"):
        Prepared.read(paths)
    with pytest.raises(InputError, match="several sizes"):
        Prepared.open(paths)
    paths[1].write_bytes(b"no images")
    with pytest.raises(InputError, match="not a file of prepared images"):
        Prepared.read(paths)


def test_anatomy_folder_is_read(tmp_path) -> None:
    rng = np.random.default_rng(2)
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = -88
    shape = (60, 60, 60)
    moved = affine.copy()
    moved[:3, 3] += [4, -3, 2]
    Volume(rng.normal(100, 9, shape).astype(np.float32), moved).write(tmp_path / kept.FLAIR)
    Volume(np.ones(shape, np.uint8), affine).write(tmp_path / kept.BRAIN)
    Volume(np.full(shape, WHITE_MATTER, np.uint8), affine).write(tmp_path / kept.TISSUE)
    lesions = np.zeros(shape, np.uint8)
    lesions[30:32, 30:32, 30:32] = 1
    Volume(lesions, moved).write(tmp_path / kept.LESIONS)
    write_sidecar(tmp_path / kept.SIDECAR, {"Lesions": {"Source": "automatic"}})
    shift = np.eye(4)
    shift[:3, 3] = [-4, 3, -2]
    Chain.from_matrix(shift, tmp_path / "m.mat").write(tmp_path / kept.FLAIR_TO_ANATOMY)
    Chain().write(tmp_path / kept.TO_TEMPLATE)
    head = read_head(tmp_path, NAMES)
    point = moved[:3, :3] @ np.full((3, 1), 30.5) + moved[:3, 3:]
    np.testing.assert_allclose(head.flair_to_anatomy(point), point + shift[:3, 3:], atol=1e-6)
    numbers, cells = measure_lesions(head)
    assert numbers["lesion_volume_mm3"] == pytest.approx(8 * 27)
    assert head.lesions_on_flair().sum() == 8
    assert cells.sum() == pytest.approx(8 * 27)
    write_sidecar(tmp_path / kept.SIDECAR, {"Lesions": {"Source": "none", "Reason": "no T1w"}})
    with pytest.raises(InputError, match="nothing is known of the session's lesions"):
        read_head(tmp_path, NAMES)
    (tmp_path / kept.FLAIR).unlink()
    with pytest.raises(InputError, match="no FLAIR"):
        read_head(tmp_path, NAMES)


def test_matched_heads_share_all_but_the_lesions(cohort: dict[str, Prepared]) -> None:
    first, matched = cohort["flair"], cohort["flair_matched"]
    assert first.table["age"].tolist() == matched.table["age"].tolist()
    ms = (first.table["group"] == "MS").to_numpy()
    assert np.array_equal(first.images["wang_lesions"][ms], matched.images["wang_lesions"][ms])
    assert not np.array_equal(first.images["wang_lesions"][~ms], matched.images["wang_lesions"][~ms])


@pytest.mark.usefixtures("texts_of_figures")
def test_page_is_drawn(tmp_path, cohort: dict[str, Prepared]) -> None:
    one = cohort["flair"].take(np.array([0]))
    one.table["lesion_count"] = 1234
    title = "sub-Multiplesclerosis0123_ses-baseline2024_run-1"
    write_page(one, {"SlicesMNI": LEVELS}, tmp_path / "page.png", title=title, simulated=True)
    assert (tmp_path / "page.png").stat().st_size > 20_000


@pytest.mark.usefixtures("texts_of_figures")
def test_the_page_of_a_refused_session_says_why_within_its_width(tmp_path, cohort: dict[str, Prepared]) -> None:
    none = cohort["flair"].take(np.array([], int))
    name = "sub-Multiplesclerosis0123_ses-baseline2024"
    why = (
        f"/data/{'derivatives/' * 6}{name}_FLAIR.nii.gz: too little white matter to scale the FLAIR by; found 12 voxels"
    )
    write_page(none, {"Refused": why}, tmp_path / "page.png", title=name, simulated=True)
    assert (tmp_path / "page.png").stat().st_size > 3000
