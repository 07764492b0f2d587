"""Atlas folders: what they say is checked, sides are kept apart, structures arrive where and as large as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chiomics.anatomy.atlases.atlas import read_atlas
from chiomics.anatomy.atlases.description import STRUCTURES
from chiomics.anatomy.atlases.on_grid import atlas_coordinates, fractions_on_grid
from chiomics.anatomy.atlases.prepare import prepare_atlas
from chiomics.anatomy.atlases.prepared_cache import prepare_once
from chiomics.anatomy.registration.settings import settings
from chiomics.core.errors import InputError
from chiomics.core.space.transforms import Chain
from chiomics.core.space.volume import Volume
from chiomics.phantom.atlas_output import write_phantom_atlas
from chiomics.phantom.head.nuclei import nucleus_centre
from tests.anatomy.atlas_folders import (
    BALLS,
    SHAPE,
    affine_of,
    ball,
    description,
    mirrored,
    nuclei_labels,
    world,
    write_folder,
)


@pytest.fixture
def points() -> np.ndarray:
    return world(SHAPE, affine_of())


@pytest.fixture(scope="session")
def phantom_atlas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("atlas")
    write_phantom_atlas(folder)
    return folder


def _volume_and_centre(share: Volume) -> tuple[float, np.ndarray]:
    index = np.indices(share.voxels.shape).reshape(3, -1)
    weights = share.voxels.ravel() / share.voxels.sum()
    return share.voxels.sum() * share.voxel_volume, share.affine[:3, :3] @ (index @ weights) + share.affine[:3, 3]


def test_structures_have_the_volume_and_place_of_the_image(tmp_path: Path, points: np.ndarray) -> None:
    folder = write_folder(tmp_path, description(), labels=(nuclei_labels(points), affine_of()))
    structures = read_atlas(folder).structures()
    assert list(structures) == [(name, side) for name in STRUCTURES["dgm"] if name in BALLS for side in "LR"]
    for (name, side), share in structures.items():
        volume, centre = _volume_and_centre(share)
        assert volume == ball(points, BALLS[name][0], BALLS[name][1]).sum()
        np.testing.assert_allclose(centre, mirrored(BALLS[name][0], side), atol=0.01)


def test_structures_that_are_lacking_are_named(tmp_path: Path, points: np.ndarray) -> None:
    folder = write_folder(tmp_path, description(), labels=(nuclei_labels(points), affine_of()))
    atlas = read_atlas(folder)
    assert atlas.missing == ("THA", "RN", "DN")
    assert atlas.sidecar()["AtlasLacks"] == ["THA", "RN", "DN"]
    assert atlas.sidecar()["AtlasLicense"] == "CC0"
    assert atlas.sidecar()["AtlasCitation"] == "Nobody 2020"


def test_shared_labels_are_split_at_the_midline(tmp_path: Path, points: np.ndarray) -> None:
    labels = nuclei_labels(points, shared=True)
    labels[ball(points, (0, -20, 10), 5)] = 9  # crosses the midline
    structures = {name: n for n, name in enumerate(BALLS, start=1)} | {"THA": 9}
    fields = description(structures=structures, split_at_midline=True)
    shares = read_atlas(write_folder(tmp_path, fields, labels=(labels, affine_of()))).structures()
    for name in structures:
        (left, centre_left), (right, centre_right) = (_volume_and_centre(shares[name, side]) for side in "LR")
        # The labels are symmetric: so must be what is made of them, and nothing may be lost on the midline.
        assert left == right
        assert left + right == (labels == structures[name]).sum()
        np.testing.assert_allclose(centre_left, centre_right * [-1, 1, 1], atol=1e-4)
        assert centre_left[0] < 0


@pytest.mark.parametrize("flips", [(0,), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_sides_do_not_swap_when_the_image_is_stored_otherwise(
    tmp_path: Path, points: np.ndarray, flips: tuple[int, ...], order: tuple[int, ...]
) -> None:
    labels, affine = nuclei_labels(points, shared=True), affine_of()
    fields = description(structures={name: n for n, name in enumerate(BALLS, start=1)}, split_at_midline=True)
    as_it_is = read_atlas(write_folder(tmp_path / "a", fields, labels=(labels, affine))).structures()
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (SHAPE[axis] - 1)
        affine[:3, axis] *= -1
    stored = np.flip(labels, flips).transpose(order)
    affine = affine[:, [*order, 3]]
    shares = read_atlas(write_folder(tmp_path / "b", fields, labels=(stored, affine))).structures()
    for key, share in shares.items():
        for ours, theirs in zip(_volume_and_centre(share), _volume_and_centre(as_it_is[key]), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_structure_on_the_wrong_side_is_refused(tmp_path: Path, points: np.ndarray) -> None:
    swapped = {name: {"L": n + 10, "R": n} for n, name in enumerate(BALLS, start=1)}
    folder = write_folder(tmp_path, description(structures=swapped), labels=(nuclei_labels(points), affine_of()))
    with pytest.raises(InputError, match=r"HCN\.L lies on the other side.*x = 12"):
        read_atlas(folder).structures()


def test_volumes_files_and_labels_say_the_same(tmp_path: Path, points: np.ndarray) -> None:
    labels, affine = nuclei_labels(points), affine_of()
    names = [(name, side, n + (10 if side == "R" else 0)) for n, name in enumerate(BALLS, 1) for side in "LR"]
    masks = [(labels == label).astype(np.float32) for *_, label in names]
    by_volume: dict = {}
    by_file: dict = {}
    for index, (name, side, _) in enumerate(names):
        by_volume.setdefault(name, {})[side] = index
        by_file.setdefault(name, {})[side] = f"m{index}.nii.gz"
    expected = read_atlas(write_folder(tmp_path / "l", description(), labels=(labels, affine))).structures()
    fields = description(encoding="volumes", image="v.nii.gz", structures=by_volume)
    volumes = read_atlas(write_folder(tmp_path / "v", fields, v=(np.stack(masks, -1), affine))).structures()
    fields = description(encoding="files", image=None, structures=by_file)
    images = {f"m{index}": (mask, affine) for index, mask in enumerate(masks)}
    files = read_atlas(write_folder(tmp_path / "f", fields, **images)).structures()
    for key, share in expected.items():
        for other in (volumes[key], files[key]):
            np.testing.assert_array_equal(share.voxels, other.voxels)
            np.testing.assert_allclose(share.affine, other.affine)


def test_merged_labels_are_one_structure(tmp_path: Path, points: np.ndarray) -> None:
    fields = description(structures={"PUT": {"L": [2, 3], "R": [12, 13]}})
    labels = nuclei_labels(points)
    shares = read_atlas(write_folder(tmp_path, fields, labels=(labels, affine_of()))).structures()
    assert shares["PUT", "L"].voxels.sum() == np.isin(labels, (2, 3)).sum()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "colour: unknown key"),
        ({"licence": None}, "licence: missing"),
        ({"citation": ""}, "citation: missing"),
        ({"space": "Talairach"}, "space: unknown value; found Talairach"),
        ({"kind": "cortex"}, "kind: unknown value"),
        ({"structures": {"STN": {"L": 1, "R": 11}}}, "structures.STN: unknown structure"),
        ({"structures": {"PUT": {"L": 2}}}, "structures.PUT: wrong sides"),
        ({"structures": {"PUT": 2}}, "left and right share it.*split_at_midline"),
        ({"structures": {"PUT": {"L": "two", "R": 12}}}, "structures.PUT.L: not usable.*whole numbers"),
        ({"image": None}, "image: does not fit the encoding"),
        ({"image": "gone.nii.gz"}, "gone.nii.gz: a file that atlas.yaml names is absent"),
        ({"template": {"image": "t1.nii.gz"}}, "template: wrong keys"),
        ({"image": "../labels.nii.gz"}, "image: it leads out of the folder"),
        ({"to_template": "/etc"}, "to_template: it leads out of the folder"),
        ({"template": {"image": "../../t1.nii.gz", "contrast": "T1w"}}, "template.image: it leads out"),
        (
            {"encoding": "files", "image": None, "structures": {"PUT": {"L": "../l.nii.gz", "R": "r.nii.gz"}}},
            "structures: it leads out",
        ),
        ({"structures": {"PUT": {"L": 2, "R": 99}}}, r"structures\.PUT: no voxel has the label; found none of \[99\]"),
    ],
)
def test_a_wrong_description_is_refused_by_key(tmp_path: Path, points: np.ndarray, change: dict, message: str) -> None:
    folder = write_folder(tmp_path, description(**change), labels=(nuclei_labels(points), affine_of()))
    with pytest.raises(InputError, match=message):
        read_atlas(folder).structures()


def test_values_beyond_one_are_no_shares(tmp_path: Path, points: np.ndarray) -> None:
    percent = 100 * (nuclei_labels(points) == 2)[..., None].astype(np.float32)
    fields = description(encoding="volumes", image="v.nii.gz", structures={"PUT": 0}, split_at_midline=True)
    with pytest.raises(InputError, match="found 0 to 100; expected masks or probabilities"):
        read_atlas(write_folder(tmp_path, fields, v=(percent, affine_of()))).structures()


def test_shares_keep_volume_and_place_on_coarse_oblique_grids(tmp_path: Path, points: np.ndarray) -> None:
    folder = write_folder(tmp_path, description(), labels=(nuclei_labels(points), affine_of()))
    structures = read_atlas(folder).structures()
    angle = np.deg2rad(20)
    rotation = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag([-1.5, 1.5, 3.0])
    affine[:3, 3] = -affine[:3, :3] @ [24, 24, 12]
    shift = np.eye(4)
    shift[:3, 3] = [3, -4, 5]
    grid = Volume(np.zeros((50, 50, 25), np.float32), affine)
    chain = Chain.from_matrix(shift, tmp_path / "shift.mat")
    for key, (box, share) in fractions_on_grid(structures, atlas_coordinates(grid, chain)).items():
        volume, centre = _volume_and_centre(structures[key])
        whole = np.zeros(grid.voxels.shape, np.float32)
        whole[box] = share
        found, place = _volume_and_centre(Volume(whole, affine))
        # The voxels are 60 times those of the atlas; sampling every millimetre leaves a few per cent of the smallest.
        assert found == pytest.approx(volume, rel=0.04)
        np.testing.assert_allclose(place, centre + shift[:3, 3], atol=0.1)


def test_the_phantom_atlas_is_where_the_phantom_puts_its_nuclei(phantom_atlas: Path) -> None:
    atlas = read_atlas(phantom_atlas / "dgm")
    assert atlas.missing == ()
    assert atlas.space == "chiomics-phantom"
    for (name, side), share in atlas.structures().items():
        # Bent ellipsoids: the centroid may lie off the table's centre by the bend.
        assert np.linalg.norm(_volume_and_centre(share)[1] - nucleus_centre(name, side)) < 3


def test_the_phantom_atlas_has_all_tracts_and_is_the_same_on_a_rerun(phantom_atlas: Path, tmp_path: Path) -> None:
    shares = read_atlas(phantom_atlas / "tracts").structures()
    assert list(shares) == [(name, side) for name in STRUCTURES["tracts"] for side in "LR"]
    for name in STRUCTURES["tracts"]:
        # Course and template are symmetric.
        assert shares[name, "L"].voxels.sum() == pytest.approx(shares[name, "R"].voxels.sum(), rel=0.01)
    for path in write_phantom_atlas(tmp_path):
        assert path.read_bytes() == (phantom_atlas / path.relative_to(tmp_path)).read_bytes()
        assert path.stat().st_size < 200_000


def test_a_prepared_atlas_holds_the_same_structures(tmp_path: Path, points: np.ndarray) -> None:
    folder = write_folder(tmp_path / "a", description(), labels=(nuclei_labels(points), affine_of()))
    prepared = prepare_atlas(folder, tmp_path / "b", settings=settings("fast"))
    assert prepared.to_template() == Chain()
    assert "is the space of the template" in prepared.sidecar()["AtlasSpaceNote"]
    before = read_atlas(folder).structures()
    for key, share in prepared.structures().items():
        np.testing.assert_array_equal(share.voxels, before[key].voxels)
        np.testing.assert_allclose(share.affine, before[key].affine, atol=1e-5)


def test_a_space_without_a_template_is_said_to_be_unregistered(tmp_path: Path, points: np.ndarray) -> None:
    fields = description(space="MNI152NLin6Asym")
    folder = write_folder(tmp_path / "a", fields, labels=(nuclei_labels(points), affine_of()))
    prepared = prepare_atlas(folder, tmp_path / "b", settings=settings("fast"))
    assert "without a registration" in prepared.sidecar()["AtlasSpaceNote"]


def test_prepared_atlas_is_kept_for_other_runs(tmp_path: Path, points: np.ndarray, monkeypatch) -> None:
    folder = write_folder(tmp_path / "a", description(), labels=(nuclei_labels(points), affine_of()))
    first = prepare_once(folder, tmp_path / "b", settings=settings("fast"), cache_dir=tmp_path / "cache")
    with monkeypatch.context() as patched:
        patched.setattr("chiomics.anatomy.atlases.prepared_cache.prepare_atlas", None)  # would fail if it were called
        second = prepare_once(folder, tmp_path / "c", settings=settings("fast"), cache_dir=tmp_path / "cache")
    assert second.description == first.description
    names = [sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("b", "c")]
    assert names[0] == names[1]
    assert all((tmp_path / "b" / name).read_bytes() == (tmp_path / "c" / name).read_bytes() for name in names[0])
    # Another setting is another atlas; a cache that cannot be written to costs nothing but time.
    prepare_once(folder, tmp_path / "d", settings=settings("accurate"), cache_dir=tmp_path / "cache")
    assert len(list((tmp_path / "cache" / ".prepared").iterdir())) == 2
    (tmp_path / "file").write_text("not a folder")
    prepare_once(folder, tmp_path / "e", settings=settings("fast"), cache_dir=tmp_path / "file")
