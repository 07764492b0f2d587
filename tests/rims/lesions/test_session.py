"""The table of a session's lesions: places, measures, order of axes, refusals, and what a truth adds."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from chiomics.core.errors import InputError
from chiomics.radiomics import extract
from chiomics.radiomics.lesion_features import label_features
from chiomics.rims.lesions.files import FILES, assemble, gather_lesions, read_lesions, usable, write_lesions
from chiomics.rims.lesions.places import GREY, VENTRICLES, is_infratentorial, place_lesions
from chiomics.rims.lesions.session import SessionImages, read_session, tabulate_session
from chiomics.rims.lesions.table import name_lesions
from chiomics.rims.lesions.truth import add_truth

SHAPE, VOXEL = (64, 60, 30), (1.0, 1.0, 2.0)
KEYS = {"participant_id": "sub-1", "session_id": "", "run": ""}


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    labels = np.zeros(SHAPE, np.int32)
    for number, (x, y, z) in {1: (12, 30, 15), 2: (30, 30, 15), 4: (50, 30, 15), 5: (54, 30, 15)}.items():
        labels[x - 2 : x + 2, y - 2 : y + 2, z - 1 : z + 1] = number
    tissue = np.full(SHAPE, 3, np.int32)
    tissue[:8] = VENTRICLES  # its last voxel is 3 mm from the first of lesion 1
    tissue[57:] = GREY  # 2 mm from the last voxel of lesion 5
    tissue[58:, 56:] = 1
    affine = np.diag([*VOXEL, 1.0])
    affine[:3, 3] = [-30, -20, -10]
    chi = rng.normal(-0.03, 0.01, SHAPE).astype(np.float32)
    flair = (100 * (1 + 0.8 * (labels > 0)) + rng.normal(0, 5, SHAPE)).astype(np.float32)
    return SessionImages(chi, flair, labels, tissue, (tissue == 3) & (labels == 0), tissue > 0, affine)


def test_places_volumes_and_centres_are_those_of_the_truth(images):
    table, patches = tabulate_session(images)
    assert table["lesion"].tolist() == [1, 2, 4, 5]
    assert table["place"].tolist() == ["periventricular", "deep", "deep", "juxtacortical"]
    assert (table["volume_mm3"] == 4 * 4 * 2 * 2).all()
    np.testing.assert_allclose(table.loc[0, ["x", "y", "z"]].astype(float), [11.5 - 30, 29.5 - 20, 14.5 * 2 - 10])
    assert table["confluent"].tolist() == [False, False, True, True]  # 4 and 5 touch
    assert table["flair_ratio"].between(1.7, 1.9).all()
    inside = images.labels == 2
    assert table["chi_mean"][1] == pytest.approx(1000 * images.chi[inside].mean(), rel=1e-5)
    assert (table["consensus_note"] == "rated by nobody").all()
    assert [patch.mask.sum() for patch in patches] == [32] * 4


def test_distances_count_from_the_nearest_voxel(images):
    moved = images.tissue.copy()
    moved[7:8] = 3  # one millimetre more than the limit
    template = np.full((4, 3), np.nan)
    before, after = (place_lesions(images.labels, t, template, voxel_size=VOXEL) for t in (images.tissue, moved))
    assert (before[1], after[1]) == ("periventricular", "deep")


def test_the_brainstem_and_the_cerebellum_are_infratentorial(images):
    inside = [(0, -28, -30), (22, -60, -35), (2, -25, -12)]
    outside = [(0, 0, 20), (40, -20, -25), (30, -75, 0), (25, -30, 40), (np.nan,) * 3]
    assert all(is_infratentorial(np.array(point, float)) for point in inside)
    assert not any(is_infratentorial(np.array(point, float)) for point in outside)
    table, _ = tabulate_session(images, template=lambda points: points * 0 + [[0], [-28], [-30]])
    assert (table["place"] == "infratentorial").all()


def test_a_session_without_lesions_or_flair_has_its_table(images):
    bare = SessionImages(**{**vars(images), "labels": images.labels * 0})
    table, patches = tabulate_session(bare)
    found = assemble(name_lesions(table, KEYS), pd.DataFrame(), patches)
    assert len(found.table) == len(found.patches) == 0
    for flair in (None, images.flair * 0):
        table, patches = tabulate_session(SessionImages(**{**vars(images), "flair": flair}))
        assert table["flair_mean"].isna().all()
        assert not patches[0].images[1].any()


def test_patches_of_another_voxel_size_keep_the_volume(images):
    _, native = tabulate_session(images)
    _, fine = tabulate_session(images, voxel_size=[0.5, 0.5, 2.0])
    _, same = tabulate_session(images, voxel_size=[1.05, 0.95, 2.0])  # within a tenth
    np.testing.assert_array_equal(native[1].images, same[1].images)
    # 4 x 4 voxels become 7 x 7 or 8 x 8: the half that decides lies on voxel centres
    assert fine[1].mask.sum() / 4 == pytest.approx(native[1].mask.sum(), rel=0.3)


@pytest.mark.parametrize("axes", ["LPS", "SRA", "PIR"])
def test_stored_axes_do_not_matter(images, tmp_path, axes):
    paths = {}
    for name in ("chi", "labels", "tissue", "white", "flair"):
        voxels = getattr(images, name)
        image = nib.Nifti1Image(voxels.astype(np.float32 if voxels.dtype.kind == "f" else np.int16), images.affine)
        turn = nib.orientations.ornt_transform(
            nib.orientations.io_orientation(images.affine), nib.orientations.axcodes2ornt(axes)
        )
        paths[name] = tmp_path / f"{name}.nii.gz"
        nib.save(image.as_reoriented(turn), paths[name])
    read = read_session(paths.pop("chi"), paths.pop("labels"), **paths)
    one, other = (tabulate_session(each) for each in (images, read))
    numeric = one[0].select_dtypes("number").columns
    np.testing.assert_allclose(one[0][numeric], other[0][numeric], rtol=1e-5, atol=1e-4)  # float32 affines
    np.testing.assert_allclose(one[1][0].images, other[1][0].images, atol=2e-3)  # float16
    assert one[0]["place"].tolist() == other[0]["place"].tolist()


def test_sagittal_slices_are_refused_with_their_voxels(images, tmp_path):
    affine = np.diag([4.0, 1.0, 1.0, 1.0])
    for name in ("chi", "labels"):
        nib.save(nib.Nifti1Image(np.zeros((8, 20, 20), np.float32), affine), tmp_path / f"{name}.nii.gz")
    path = tmp_path / "labels.nii.gz"
    with pytest.raises(InputError, match="slices are not axial"):
        read_session(tmp_path / "chi.nii.gz", path, tissue=path, white=path)
    read = read_session(tmp_path / "chi.nii.gz", path, tissue=path, white=path, refuse=False)
    assert "slices are not axial" in read.left_out


def test_lesions_that_detectors_cannot_use_stay_in_the_table_alone(images):
    table, patches = tabulate_session(SessionImages(**{**vars(images), "flair": None}))
    features, _ = label_features(images.chi, images.labels, spacing=VOXEL)
    lesions = assemble(name_lesions(table, KEYS), features, patches)
    assert (table["left_out"] == "the session has no usable FLAIR").all()
    assert len(usable(lesions).table) == len(usable(lesions).patches) == 0
    table, patches = tabulate_session(images)
    kept = usable(assemble(name_lesions(table, KEYS), features, patches))
    assert len(kept.table) == len(kept.features) == len(kept.masks) == 4


def test_features_equal_those_of_the_whole_map(images):
    features, reasons = label_features(images.chi, images.labels, spacing=VOXEL)
    assert features.shape == (4, 527)
    assert not reasons
    whole = extract(1000.0 * images.chi.astype(float), images.labels, preset="zhang527", unit="ppb", spacing=VOXEL)
    expected = whole[whole["label"] == "2"].set_index(["image_type", "feature_class", "feature"])["value"]
    # ppm times 1000 rounds in another place than ppb: differences of one unit in the last place of float64
    np.testing.assert_allclose(features.loc[2], expected, rtol=1e-6, atol=1e-9)
    with pytest.raises(InputError, match="not in ppm"):
        label_features(1000 * images.chi, images.labels, spacing=VOXEL)


def test_a_lesion_of_one_voxel_has_no_features_and_a_reason(images):
    labels = images.labels.copy()
    labels[40, 10, 10] = 6
    features, reasons = label_features(images.chi, labels, spacing=VOXEL)
    assert list(reasons) == [6]
    assert features.loc[6].isna().all()
    assert features.loc[5].notna().all()


def test_found_lesions_take_the_truth_of_the_one_that_they_overlap_most(images):
    table, _ = tabulate_session(images)
    truth = np.zeros_like(images.labels)
    truth[images.labels == 1] = 7
    truth[images.labels == 4] = 8
    truth[images.labels == 5] = 8
    known = pd.DataFrame({
        "index": [7, 8], "rim": [1, 0], "kind": ["rim", "iso"], "rim_fraction": [0.7, 0.0],
        "rim_contrast": [0.03, 0.0], "vein": ["none", "edge"],
        "rater1": [1, 0], "rater2": [0, 0], "rater3": [1, np.nan],
    })  # fmt: skip
    found = add_truth(table, images.labels, truth, known).set_index("lesion")
    assert found.loc[1, ["kind", "consensus", "rater_2"]].tolist() == ["rim", 1, 0]
    assert found.loc[4, ["vein", "consensus"]].tolist() == found.loc[5, ["vein", "consensus"]].tolist() == ["edge", 0]
    assert np.isnan(found.loc[2, "consensus"])
    assert found.loc[2, "consensus_note"] == "no lesion was simulated here"


def test_files_come_back_as_they_went_and_must_belong_together(images, tmp_path):
    table, patches = tabulate_session(images)
    features, _ = label_features(images.chi, images.labels, spacing=VOXEL)
    lesions = assemble(name_lesions(table, KEYS), features, patches)
    paths = {key: tmp_path / name for key, name in FILES.items()}
    (tmp_path / "own").mkdir()
    own = {key: tmp_path / "own" / name for key, name in FILES.items()}
    write_lesions(lesions, own)
    gathered = gather_lesions([own, own], paths)
    read = read_lesions(paths)
    assert isinstance(gathered.patches, np.memmap), "on the disk until a lesion of them is asked for"
    np.testing.assert_array_equal(gathered.patches, read.patches)
    pd.testing.assert_frame_equal(gathered.table, pd.concat([lesions.table] * 2, ignore_index=True))
    np.testing.assert_array_equal(read.patches[:4], lesions.patches)
    np.testing.assert_array_equal(read.masks[4:], lesions.masks)
    assert read.features.shape == (8, 4 + 527)
    np.save(own["masks"], lesions.masks[:, :16])
    with pytest.raises(InputError, match="several sizes"):
        gather_lesions([paths, own], {key: tmp_path / f"again_{name}" for key, name in FILES.items()})
    np.save(paths["masks"], lesions.masks)
    with pytest.raises(InputError, match="do not belong together"):
        read_lesions(paths)
