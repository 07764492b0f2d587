"""The table of a session under changes: what is not changed is the session's own, and both open as one."""

from __future__ import annotations

from functools import partial

import nibabel as nib
import numpy as np
import pytest

from chiomics.core.errors import InputError
from chiomics.core.images import voxel_size
from chiomics.radiomics.perturbed import features_of, perturbed_table, read_arrays
from chiomics.radiomics.session import COLUMNS, extract_session, read_sessions, write_session
from chiomics.radiomics.session_presets import preset_settings

SHAPE = (24, 20, 12)
AFFINE = np.diag([-1.0, 1.0, 2.0, 1.0])
IDENTITY = {"participant": "sub-01", "session": "", "run": "", "group": "MS"}
PRESET, OPTIONS = "fiscone107", {"bin_width": [0.002]}
OFFSET = 0.01
MAP_NAME = ("ilsqr", "all")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A map, a tract on both sides that leaves the mask of valid voxels, and that mask."""
    folder = tmp_path_factory.mktemp("session")

    def save(voxels, name):
        nib.save(nib.Nifti1Image(voxels, AFFINE), folder / name)
        return folder / name

    chi = (0.02 * np.random.default_rng(0).standard_normal(SHAPE)).astype(np.float32)
    valid = np.zeros(SHAPE, np.uint8)
    valid[3:-3, 3:-3, 2:-2] = 1
    vois = []
    for side, start in (("L", 1), ("R", 14)):
        tract = np.zeros(SHAPE, np.uint8)
        tract[start : start + 8, 5:14, 3:8] = 1
        vois.append(save(tract, f"sub-01_hemi-{side}_label-CST_mask.nii.gz"))
    return save(chi * valid, "sub-01_Chimap.nii.gz"), vois, save(valid, "sub-01_desc-qsm_mask.nii.gz")


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A noisy map with a flat region, one voxel, a checkerboard, and two voxels without any other grey level."""
    folder = tmp_path_factory.mktemp("odd")
    chi = 0.02 * np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:6, 2:6, 2:6] = 1
    chi[labels == 1] = 0.03
    labels[10, 10, 6] = 2
    labels[14:20:2, 4:10:2, 3:9:2] = 3  # no voxel has a neighbour
    labels[14, 14, 5:7] = 4
    names = ("FLAT", "DOT", "APART", "PAIR")
    table = "index\tabbreviation\n" + "".join(f"{k}\t{name}\n" for k, name in enumerate(names, start=1))
    (folder / "sub-01_desc-tracts_dseg.tsv").write_text(table)
    for voxels, name in ((chi, "Chimap"), (labels, "desc-tracts_dseg")):
        nib.save(nib.Nifti1Image(voxels, AFFINE), folder / f"sub-01_{name}.nii.gz")
    return folder / "sub-01_Chimap.nii.gz", [folder / "sub-01_desc-tracts_dseg.nii.gz"]


@pytest.fixture(scope="module")
def arrays(files):
    chi, vois, valid = files
    return read(chi, vois, valid_mask=valid)


def read(chi, vois, **options):
    """Read the one map of the session."""
    return read_arrays(
        {MAP_NAME: chi}, vois, map_name=MAP_NAME, preset=PRESET, options=OPTIONS, offset=OFFSET, **options
    )


def table_of(arrays, changes, *, isolated_voxels="pyradiomics", **options):
    """Take the features of every region under each change, a function of map and region."""
    settings = preset_settings(PRESET, OPTIONS, isolated_voxels)
    take = partial(features_of, affine=arrays.affine, settings=settings, **options)
    draws = (
        (name, region, take(*change(arrays.chi, mask & arrays.valid)))
        for name, change in changes.items()
        for region, mask in arrays.masks.items()
    )
    return perturbed_table(draws, settings=settings, identity=IDENTITY, map_name=MAP_NAME)


@pytest.mark.parametrize("masked", [True, False])
def test_what_is_not_changed_is_the_session_s_own(files, masked):
    chi, vois, valid = files
    valid = valid if masked else None  # without it, voxels of exactly 0 are not valid, which are the same
    own = extract_session(
        {MAP_NAME: chi}, vois, presets={PRESET: OPTIONS}, identity=IDENTITY, valid_mask=valid, offset=OFFSET
    )
    table = table_of(read(chi, vois, valid_mask=valid), {"none": lambda chi, mask: (chi, mask)})
    assert list(table.columns) == [*IDENTITY, "perturbation", *COLUMNS]
    keys = [column for column in own.columns if column not in ("value", "reason")]
    assert table[keys].equals(own[keys])
    assert np.isfinite(own["value"]).all()
    np.testing.assert_array_equal(table["value"], own["value"])


@pytest.mark.parametrize("way", [{}, {"isolated_voxels": "ibsi"}, {"engine": "pyradiomics"}], ids=str)
def test_values_and_reasons_are_the_session_s_own_whatever_the_engine(odd, way):
    if way.get("engine") == "pyradiomics":
        pytest.importorskip("radiomics")
    chi, vois = odd
    presets = {PRESET: OPTIONS}
    own = extract_session({MAP_NAME: chi}, vois, presets=presets, identity=IDENTITY, offset=OFFSET, **way)
    table = table_of(read(chi, vois), {"none": lambda chi, mask: (chi, mask)}, **way)
    reasons = own.groupby("voi")["reason"].unique()
    assert "flat: all values are equal" in reasons["FLAT"]
    assert list(reasons["DOT"]) == ["too small: one voxel"]
    assert "not defined for this region" in reasons["APART"]
    np.testing.assert_array_equal(table["value"], own["value"])
    assert list(table["reason"]) == list(own["reason"])


def test_isolated_voxels_are_counted_as_asked_for(odd):
    """Where no voxel has a neighbour, IBSI's neighbourhood matrix is empty and pyradiomics' is not."""
    unchanged = {"none": lambda chi, mask: (chi, mask)}
    tables = [table_of(read(*odd), unchanged, isolated_voxels=way) for way in ("pyradiomics", "ibsi")]
    apart = [table[table["voi"] == "APART"] for table in tables]
    of_class = (apart[0]["feature_class"] == "ngtdm").to_numpy()
    here, there = (table["value"].to_numpy() for table in apart)
    np.testing.assert_array_equal(here[~of_class], there[~of_class])
    assert (here[of_class] != there[of_class]).any()


def test_changes_reach_the_map_and_the_region(arrays):
    def double(chi, mask):
        return 2 * chi, mask

    def cut(chi, mask):
        return chi, mask & (np.arange(SHAPE[1]) < 8)[:, None]

    table = table_of(arrays, {"none": lambda chi, mask: (chi, mask), "double": double, "cut": cut})
    assert list(table["perturbation"].unique()) == ["none", "double", "cut"]
    at = table.set_index(["perturbation", "voi", "hemisphere", "feature"])["value"]
    volume = float(np.prod(voxel_size(AFFINE)))
    for region, mask in arrays.masks.items():
        inside = mask & arrays.valid
        assert at["none", *region, "Mean"] == pytest.approx(arrays.chi[inside].mean(), rel=1e-9)
        assert at["double", *region, "Mean"] == pytest.approx(2 * arrays.chi[inside].mean(), rel=1e-9)
        smaller = inside & (np.arange(SHAPE[1]) < 8)[:, None]
        assert at["cut", *region, "VoxelVolume"] == pytest.approx(volume * smaller.sum(), rel=1e-9)


def test_a_region_that_vanishes_keeps_its_rows_without_values(arrays):
    table = table_of(
        arrays, {"none": lambda chi, mask: (chi, mask), "gone": lambda chi, mask: (chi, np.zeros_like(mask))}
    )
    there, gone = (table[table["perturbation"] == name].reset_index(drop=True) for name in ("none", "gone"))
    keys = [column for column in table.columns if column not in ("perturbation", "value", "reason")]
    assert gone[keys].equals(there[keys])
    assert gone["value"].isna().all()
    assert gone["reason"].str.contains("empty").all()
    assert (there["reason"] == "").all()


@pytest.mark.parametrize("moved", ["valid", "voi"])
def test_a_mask_beside_the_map_is_refused_by_name(files, tmp_path, moved):
    """Of the same shape, but 2 mm away."""
    chi, vois, valid = files
    beside = tmp_path / "sub-01_label-CST_mask.nii.gz"
    affine = AFFINE.copy()
    affine[1, 3] = 2.0
    nib.save(nib.Nifti1Image(np.asanyarray(nib.load(valid).dataobj), affine), beside)
    with pytest.raises(InputError, match="first map") as refused:
        read(chi, [*vois, beside] if moved == "voi" else vois, valid_mask=beside if moved == "valid" else valid)
    assert refused.value.file == str(beside)
    assert refused.value.found and refused.value.expected


def test_without_a_mask_voxels_are_valid_where_all_maps_hold_values(files, tmp_path):
    chi, vois, _ = files
    shorter = np.asanyarray(nib.load(chi).dataobj).copy()
    shorter[:, :7] = 0
    other = tmp_path / "sub-01_desc-1TE_Chimap.nii.gz"
    nib.save(nib.Nifti1Image(shorter, AFFINE), other)
    maps = {MAP_NAME: chi, ("ilsqr", "1TE"): other}
    own = extract_session(maps, vois, presets={PRESET: OPTIONS}, identity=IDENTITY, offset=OFFSET)
    found = read_arrays(maps, vois, map_name=MAP_NAME, preset=PRESET, options=OPTIONS, offset=OFFSET)
    table = table_of(found, {"none": lambda chi, mask: (chi, mask)})
    np.testing.assert_array_equal(table["value"], own[own["echo_set"] == MAP_NAME[1]]["value"])


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1)])
def test_arrays_lie_where_nibabel_says(tmp_path, axes):
    """Oblique, and with axes in another order: what moves a region moves it in the scanner's space."""
    turn = np.linalg.qr(np.random.default_rng(2).standard_normal((3, 3)))[0]
    affine = np.eye(4)
    affine[:3, :3] = (turn * [1.0, 1.5, 3.0])[:, list(axes)]
    affine[:3, 3] = (-7.0, 11.0, 5.0)
    voxels = np.random.default_rng(3).standard_normal((6, 7, 8)).astype(np.float32)
    image, voi = nib.Nifti1Image(voxels, affine), tmp_path / "sub-01_hemi-L_label-CST_mask.nii.gz"
    nib.save(image, tmp_path / "sub-01_Chimap.nii.gz")
    nib.save(nib.Nifti1Image((voxels > 0).astype(np.uint8), affine), voi)
    found = read(tmp_path / "sub-01_Chimap.nii.gz", [voi])
    np.testing.assert_allclose(found.affine, affine, atol=1e-5)  # float32 in the header
    np.testing.assert_array_equal(found.chi, voxels.astype(np.float64) - OFFSET)
    np.testing.assert_array_equal(found.masks["CST", "L"], voxels > 0)


def test_it_opens_as_one_with_the_session(files, arrays, tmp_path):
    chi, vois, valid = files
    own = extract_session({MAP_NAME: chi}, vois, presets={PRESET: OPTIONS}, identity=IDENTITY, valid_mask=valid)
    table = table_of(arrays, {"gone": lambda chi, mask: (chi, np.zeros_like(mask))})
    write_session(own, tmp_path / "own.parquet")
    write_session(table, tmp_path / "perturbed.parquet")
    both = read_sessions([tmp_path / "own.parquet", tmp_path / "perturbed.parquet"])
    assert len(both) == len(own) + len(table)
    assert set(both["perturbation"].dropna()) == {"gone"}
