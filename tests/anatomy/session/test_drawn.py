"""Lesions that a user drew lie on the image that they were drawn on, keep their volume, and are refused else."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from chiomics.anatomy.session import segmentation
from chiomics.anatomy.session.carry import carry_lesions, check_kept
from chiomics.anatomy.session.coverage import measure_coverage, seen_by, template_points
from chiomics.anatomy.session.drawn import LESION_ORDER, Placed, check_lesions, place
from chiomics.core.errors import InputError
from chiomics.core.space.template import template_mask, template_priors
from chiomics.core.space.transforms import Chain, resample
from chiomics.core.space.volume import Volume
from tests.anatomy.template_heads import rigid

RESOLUTION = 3.0


@pytest.fixture(scope="module")
def moved(tmp_path_factory) -> Chain:
    """The head between two scans: 6 mm elsewhere."""
    return Chain.from_matrix(rigid((0, 0, 0), (6, 0, 0)), tmp_path_factory.mktemp("chain") / "moved.mat")


@pytest.fixture(scope="module")
def spaces(moved) -> dict[str, tuple[Volume, Chain]]:
    """T1w and FLAIR on one grid, the GRE on another."""
    grid = Volume(np.ones((20, 21, 22), np.float32), np.diag([3.0, 3, 3, 1]))
    return {"T1w": (grid, Chain()), "FLAIR": (grid, moved), "GRE": (Volume(np.ones((9, 9, 9)), np.eye(4)), Chain())}


@pytest.fixture
def drawn(spaces) -> Volume:
    mask = np.zeros((20, 21, 22), bool)
    mask[8:11, 8:11, 8:11] = True
    return spaces["T1w"][0].like(mask)


@pytest.mark.parametrize(
    ("name", "word", "space", "doubts"),
    [
        ("sub-1_space-FLAIR_label-L_mask.nii.gz", None, "FLAIR", 0),
        ("sub-1_space-T1w_label-L_mask.nii.gz", None, "T1w", 0),
        ("sub-1_label-L_mask.nii.gz", None, "FLAIR", 1),
        ("sub-1_label-L_mask.nii.gz", "T1w", "T1w", 0),
    ],
)
def test_the_operator_then_the_name_then_the_grid_say_where_a_mask_lies(spaces, drawn, name, word, space, doubts):
    found, chain, _, warnings = place(drawn, Path(name), spaces, order=LESION_ORDER, drawn_on=word)
    assert (found, len(warnings)) == (space, doubts)
    assert chain is spaces[space][1]


def test_two_images_that_do_not_differ_in_position_leave_no_doubt(spaces, drawn):
    same = spaces | {"FLAIR": spaces["T1w"]}
    assert place(drawn, Path("sub-1_label-L_mask.nii.gz"), same, order=LESION_ORDER)[3] == []


def test_unknown_spaces_and_grids_are_refused_by_name(spaces, drawn):
    with pytest.raises(InputError, match="MNI152"):
        place(drawn, Path("sub-1_space-MNI152_label-L_mask.nii.gz"), spaces, order=LESION_ORDER)
    elsewhere = Volume(drawn.voxels[1:], drawn.affine + np.array([[0, 0, 0, 500.0]] + [[0] * 4] * 3))
    with pytest.raises(InputError, match="grid of none"):
        place(elsewhere, Path("sub-1_label-L_mask.nii.gz"), spaces, order=LESION_ORDER)


def test_labels_on_a_grid_of_their_own_are_laid_on_the_t1w_by_position(spaces, drawn):
    conformed = resample(
        drawn.like(drawn.voxels.astype(np.float32)), Volume(np.zeros((60, 60, 66)), np.eye(4)), Chain()
    )
    found, chain, notes, warnings = place(conformed, Path("aparc+aseg.nii.gz"), spaces, order=LESION_ORDER)
    assert (found, chain) == ("T1w", spaces["T1w"][1])
    assert warnings == [notes["GridOfItsOwn"]]


@pytest.fixture(scope="module")
def brain() -> tuple[Volume, dict[str, Volume], np.ndarray]:
    """The template with lesions beside the front of the left ventricle and above it on the right."""
    priors, mask = template_priors(RESOLUTION), template_mask(RESOLUTION)
    lesions = np.zeros(mask.voxels.shape, bool)
    for centre in ((-24, 28, 20), (-28, 10, 24), (26, 24, 28), (-26, -8, 30)):
        index = np.rint(np.linalg.inv(mask.affine) @ [*centre, 1])[:3].astype(int)
        lesions[tuple(slice(i - 2, i + 3) for i in index)] = True
    return mask, priors, lesions & (priors["WM"].voxels > 0.5)


def _check(mask, brain, flair=None):
    template, priors, _ = brain
    placed = Placed(template.like(mask.astype(np.int32)), Chain(), {})
    return check_lesions(placed, Path("lesions.nii.gz"), brain=template, priors=priors, flair=flair)


def test_lesions_in_white_matter_pass_and_their_shares_are_given(brain):
    notes, warnings = _check(brain[2], brain)
    shares = notes["FractionsByTemplate"]
    assert shares["WM"] > 0.5 and warnings == []
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)  # of rounded numbers


def test_lesions_in_fluid_or_outside_are_refused(brain):
    fluid = ndimage.binary_opening(brain[1]["CSF"].voxels > 0.8)
    outside = ~ndimage.binary_dilation(brain[0].voxels, iterations=2)
    for mask in (fluid, outside):
        with pytest.raises(InputError, match="fluid or outside"):
            _check(mask, brain)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_a_mask_that_is_dark_on_its_flair_is_refused_where_a_turned_one_is_bright(brain, axes):
    template, priors, lesions = brain
    rng = np.random.default_rng(0)
    signal = 0.9 * priors["WM"].voxels + 1.0 * priors["GM"].voxels + 0.1 * priors["CSF"].voxels + 0.9 * lesions
    flair = template.like((600 * signal + rng.normal(0, 15, signal.shape)).astype(np.float32))
    assert _check(lesions, brain, flair)[0]["BrightnessOnFLAIR"] > 3
    with pytest.raises(InputError, match="turned or mirrored"):
        _check(np.flip(lesions, axes), brain, flair)


@pytest.mark.parametrize(("brightness", "said"), [(0.2, "refused"), (0.5, "doubt"), (0.9, "")])
def test_a_mask_far_less_bright_than_its_turned_copy_is_refused_or_doubted(brain, brightness, said):
    """A turned mask lies in tissue a little brighter than the mean of white matter, as grey matter is, by chance."""
    template, priors, lesions = brain
    rng = np.random.default_rng(0)
    turned = np.flip(lesions, 0) & ~lesions
    signal = 0.9 * (priors["WM"].voxels > 0.5) + 0.9 * lesions + 0.9 * brightness * turned
    flair = template.like((600 * signal + rng.normal(0, 15, signal.shape)).astype(np.float32))
    if said == "refused":
        with pytest.raises(InputError, match="turned or mirrored"):
            _check(turned, brain, flair)
        return
    _, warnings = _check(turned, brain, flair)
    assert ["may be turned or mirrored" in text for text in warnings] == [True] * (said == "doubt")


def test_small_lesions_keep_their_volume_on_a_shifted_grid(tmp_path):
    lesions = np.zeros((30, 30, 30), np.int32)
    rng = np.random.default_rng(1)
    for label, place_ in enumerate(rng.permutation(27)[:9], start=1):
        corner = 4 + 8 * np.array(np.unravel_index(place_, (3, 3, 3)))
        lesions[tuple(slice(i, i + size) for i, size in zip(corner, rng.integers(1, 4, 3), strict=True))] = label
    drawn = Volume(lesions, np.diag([2.0, 2, 2, 1]))
    shift = Chain.from_matrix(rigid((3, -4, 5), (0.9, 1.1, -0.8)), tmp_path / "shift.mat")
    carried = carry_lesions(drawn, Volume(np.zeros((34, 34, 34), np.float32), drawn.affine), shift)
    before, after = ((volume.voxels > 0).sum() for volume in (drawn, carried))
    assert after == pytest.approx(before, rel=0.05)  # what the stage asks for
    assert set(np.unique(carried.voxels)) <= set(np.unique(lesions))
    with pytest.raises(InputError, match="lost on the way"):
        check_kept({"VolumeMlWithinGRE": 3.0, "VolumeMlOnGRE": 2.0}, Path("lesions.nii.gz"))


def test_coverage_counts_what_an_image_did_not_see_also_where_it_was_padded_with_nothing():
    points = template_points()
    whole = template_mask(2.0)
    image = whole.like(np.ones(whole.voxels.shape, np.float32))
    shares, warnings = measure_coverage(points, {"FLAIR": (seen_by(image), Chain())})
    assert shares["FLAIR"] == {"brain": 1.0, "white matter": 1.0} and warnings == []
    cut = int(np.rint((np.linalg.inv(whole.affine) @ [0, 0, 15, 1])[2]))
    above = (points["white matter"][2] > 15).mean()
    affine = whole.affine.copy()
    affine[:3, 3] += affine[:3, 2] * cut
    padded = image.voxels.copy()
    padded[..., :cut] = 0
    for slab in (Volume(image.voxels[..., cut:], affine), image.like(padded)):
        shares, warnings = measure_coverage(points, {"FLAIR": (seen_by(slab), Chain())})
        # The slab may begin one 3 mm plane of points, 2 % of the brain, earlier or later, and its edge is closed.
        assert shares["FLAIR"]["white matter"] == pytest.approx(above, abs=0.05)
        assert "FLAIR saw" in warnings[0]


def test_lesions_that_the_gradient_echo_cannot_keep_are_refused_and_leave_the_session(monkeypatch, tmp_path):
    image = Volume(np.ones((12, 12, 12), np.float32), np.diag([3.0, 3, 3, 1]))
    mask = np.zeros(image.voxels.shape, np.uint8)
    mask[::3, ::3, ::3] = (
        1  # single voxels half a voxel off on coarser ones: no voxel of the GRE holds a quarter of one
    )
    path = tmp_path / "sub-1_space-T1w_label-L_mask.nii.gz"
    image.like(mask).write(path)
    coarse = Volume(
        np.ones((5, 5, 5), np.float32), np.diag([9.0, 9, 9, 1]) + np.array([[0, 0, 0, 4.5]] * 3 + [[0] * 4])
    )
    monkeypatch.setattr(segmentation, "check_lesions", lambda *_, **__: ({}, []))
    notes = {"Warnings": []}
    session = SimpleNamespace(
        files=SimpleNamespace(lesion_labels=None, lesion_mask=path), settings={"lesions": {}, "drawn_on": None},
        notes=notes, has_t1w=True, warn=notes["Warnings"].append,
    )  # fmt: skip
    session._given_lesions = partial(segmentation._Session._given_lesions, session)
    session._without_lesions = partial(segmentation._Session._without_lesions, session)
    spaces = {"T1w": (image, Chain()), "GRE": (coarse, Chain())}
    _, labels, searched, _ = segmentation._Session.lesions(session, image, image, spaces, Chain(), {})
    assert "lost on the way" in notes["Lesions"]["Refused"]
    assert not labels.voxels.any()
    assert not searched.voxels.any()  # no white matter counts as normal-appearing
    assert "no white matter counts as normal" in notes["Warnings"][0]


def test_lesions_that_the_index_refused_are_not_replaced_by_automatic_ones():
    image = Volume(np.ones((6, 6, 6), np.float32), np.eye(4))
    notes = {"Warnings": []}
    session = SimpleNamespace(
        files=SimpleNamespace(lesion_labels=None, lesion_mask=None), notes=notes, has_t1w=True,
        settings={"lesions": {}, "drawn_on": None, "refused_lesions": "two raters"}, warn=notes["Warnings"].append,
    )  # fmt: skip
    session._without_lesions = partial(segmentation._Session._without_lesions, session)
    spaces = {"FLAIR": (image, Chain())}  # from which automatic ones would come
    _, labels, searched, _ = segmentation._Session.lesions(session, image, image, spaces, Chain(), {})
    assert notes["Lesions"] == {"Source": "none", "Refused": "two raters", "Reason": "two raters"}
    assert not labels.voxels.any()
    assert not searched.voxels.any()


def test_a_grid_that_contradicts_the_name_is_said(tmp_path):
    t1w, flair = (Volume(np.ones((9, 9, 9), np.float32), np.diag([size, size, size, 1])) for size in (1.0, 1.1))
    drawn = flair.like(np.zeros(flair.voxels.shape, np.int32))
    drawn.voxels[3:5, 3:5, 3:5] = 1
    spaces = {"T1w": (t1w, Chain()), "FLAIR": (flair, Chain())}
    path = tmp_path / "sub-1_space-T1w_label-lesion_mask.nii.gz"
    space, _, _, warnings = place(drawn, path, spaces, order=("FLAIR", "T1w"))
    assert space == "T1w"
    assert "has the grid of the FLAIR" in warnings[0]


def test_a_mask_that_a_program_reordered_lies_on_the_image_it_was_drawn_on():
    t1w, flair = (Volume(np.ones((9, 10, 11), np.float32), np.diag([s, s, s, 1])) for s in (1.0, 1.1))
    moved = Chain()
    turned = flair.affine @ np.array([[-1, 0, 0, 8], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    drawn = Volume(np.zeros((9, 10, 11), np.int32), turned)
    drawn.voxels[2:4, 3:5, 3:5] = 1
    found, chain, notes, warnings = place(
        drawn, Path("sub-1_label-L_mask.nii.gz"), {"T1w": (t1w, Chain()), "FLAIR": (flair, moved)}, order=LESION_ORDER
    )
    assert (found, chain, notes, warnings) == ("FLAIR", moved, {}, [])
