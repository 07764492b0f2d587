"""Volumes of interest: what is apart stays apart, sides stay, voxels add up, the radiomics stage reads the tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chiomics.anatomy.atlases.nuclei import label_of
from chiomics.anatomy.session.output import LABEL_IMAGES, write_regions
from chiomics.anatomy.session.sidecars import describe_labels, describe_tract
from chiomics.anatomy.session.vois import COLUMNS, Regions, VoiSettings, assemble_regions
from chiomics.anatomy.session.volumes import brain_volumes, session_volumes
from chiomics.anatomy.tissue.tissue import CLASSES, DEEP_GREY, FLUID, GREY, VENTRICLES, WHITE
from chiomics.core.errors import InputError, SettingError
from chiomics.core.images import read_image
from chiomics.core.space.volume import Volume
from chiomics.radiomics.vois import find_vois

SHAPE = (24, 20, 16)
#: Oblique grid whose first axis runs to the left.
AFFINE = np.array([[-1.4, 0.1, 0, 20], [0.1, 1.5, 0.2, -15], [0, -0.2, 2, -12], [0, 0, 0, 1]])
VOXEL = abs(np.linalg.det(AFFINE[:3, :3]))


def box(*ranges: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(*ends) for ends in ranges)] = True
    return mask


BRAIN = box((2, 22), (2, 18), (2, 14))
VALID = box((3, 22), (2, 18), (2, 14))
LESIONS = {3: box((6, 9), (6, 9), (6, 9)), 7: box((15, 17), (6, 9), (6, 9)), 9: box((12, 13), (12, 14), (6, 7))}
NUCLEI = {("PUT", "R"): box((4, 7), (11, 14), (4, 7)), ("PUT", "L"): box((16, 19), (11, 14), (4, 7)),
          ("RN", "L"): box((14, 15), (11, 13), (4, 5))}  # fmt: skip
TRACTS = {("CST", "R"): box((5, 13), (5, 8), (0, 16)), ("CST", "L"): box((11, 19), (5, 8), (0, 16)),
          ("UF", "L"): box((20, 24), (15, 20), (8, 9))}  # fmt: skip


def inputs() -> dict:
    labels = np.where(BRAIN, GREY, 0).astype(np.uint8)
    labels[box((4, 20), (4, 16), (3, 13))] = WHITE
    labels[box((10, 14), (8, 11), (5, 11))] = VENTRICLES
    labels[BRAIN & box((0, 24), (2, 3), (0, 16))] = FLUID
    labels[LESIONS[3]] = GREY  # as T1w shows lesions
    lesions, nuclei = np.zeros(SHAPE, np.int16), np.zeros(SHAPE, np.uint8)
    for label, mask in LESIONS.items():
        lesions[mask] = label
    for key, mask in NUCLEI.items():
        nuclei[mask] = label_of(*key)
    given = {"tissue": labels, "brain_mask": BRAIN, "valid_mask": VALID, "lesions": lesions, "nuclei": nuclei}
    volumes = {name: Volume(voxels, AFFINE) for name, voxels in given.items()}
    return {**volumes, "tracts": {key: Volume(mask, AFFINE) for key, mask in TRACTS.items()}}


#: A session's sidecar, as far as those of its images take from it.
SIDECAR = {
    "SpatialReference": "gradient echo", "Sources": ["bids:raw:sub-01/anat/sub-01_T1w.nii.gz"],
    "Segmentation": {"Tissue": {"Source": "T1w"}, "Lesions": {"Source": "given", "DrawnOn": "FLAIR"}},
    "Nuclei": {"Atlas": "a"}, "Tracts": {"TractRoute": "atlas"},
    "TracedTracts": {"TractRoute": "diffusion", "Traced": ["L CST"]}, "Regions": {"min_voxels": 10},
}  # fmt: skip


@pytest.fixture
def regions() -> Regions:
    return assemble_regions(**inputs())


def written(regions: Regions, folder: Path) -> list[Path]:
    """Write regions as a session's, and list the images."""
    paths = {f"{name}_labels": folder / f"sub-01_ses-2_desc-{name}_dseg.nii.gz" for name in LABEL_IMAGES}
    paths |= {f"{name}_table": folder / f"sub-01_ses-2_desc-{name}_dseg.tsv" for name in LABEL_IMAGES}
    paths["tracts"] = [folder / f"sub-01_ses-2_{key}.nii.gz" for key in regions.images if key.startswith("hemi-")]
    write_regions(regions, paths, grid=Volume(BRAIN, AFFINE))
    return [*(paths[f"{name}_labels"] for name in LABEL_IMAGES), *paths["tracts"]]


def all_lesions() -> np.ndarray:
    return np.logical_or.reduce(list(LESIONS.values()))


def test_normal_white_matter_is_white_matter_without_any_lesion(regions: Regions) -> None:
    nawm = regions.images["desc-nawm_dseg"].voxels > 0
    tissue = regions.images["desc-tissue_dseg"].voxels
    assert np.array_equal(nawm, (tissue == WHITE) & ~all_lesions())  # the lesion that is dropped too
    assert nawm.any()


def test_everything_lies_in_the_brain_where_maps_are_valid(regions: Regions) -> None:
    for image in regions.images.values():
        assert not (image.voxels[~(BRAIN & VALID)] != 0).any()


def test_tracts_leave_lesions_and_their_margin_out() -> None:
    wide = assemble_regions(**inputs(), settings=VoiSettings(lesion_margin=2.05))
    for (tract, side), mask in TRACTS.items():
        if tract == "UF":
            continue
        plain = assemble_regions(**inputs()).images[f"hemi-{side}_label-{tract}_mask"].voxels
        assert np.array_equal(plain, mask & BRAIN & VALID & ~all_lesions())
        margin = wide.images[f"hemi-{side}_label-{tract}_mask"].voxels
        # Every voxel that touches a lesion by a face lies within 2.05 mm of it, the longest edge.
        near = [np.roll(all_lesions(), step, axis) for axis in range(3) for step in (-1, 1)]
        assert np.array_equal(margin | (plain & np.logical_or.reduce(near)), plain)
        assert not (margin & np.logical_or.reduce(near)).any()


def test_tracts_can_be_cut_to_the_white_matter() -> None:
    cut = assemble_regions(**inputs(), settings=VoiSettings(tracts_in_white_matter=True))
    white = cut.images["desc-tissue_dseg"].voxels == WHITE
    assert not (cut.images["hemi-L_label-CST_mask"].voxels & ~white).any()


def test_small_volumes_are_dropped_with_the_reason_and_leave_no_voxel(regions: Regions) -> None:
    lesions = regions.tables["desc-lesions_dseg"].set_index("index")
    assert lesions["kept"].to_dict() == {3: True, 7: True, 9: False}
    assert lesions.loc[9, "reason"] == "2 voxels, 10 are needed"
    assert set(np.unique(regions.images["desc-lesions_dseg"].voxels)) == {0, 3, 7, 9}, "the mask keeps every lesion"
    nuclei = regions.tables["desc-dgm_dseg"].set_index("abbreviation")
    assert nuclei.loc["RN_L", "reason"] == "2 voxels, 10 are needed"
    assert nuclei.loc["GP_R", "reason"] == "no voxel"
    assert not regions.images["hemi-L_label-UF_mask"].voxels.any()  # it holds six voxels inside the brain


def test_tables_count_what_images_hold(regions: Regions) -> None:
    for key, table in regions.tables.items():
        assert tuple(table.columns) == COLUMNS
        kept = table[table["kept"] | ((key == "desc-lesions_dseg") & (table["n_voxels"] > 0))]
        held, counts = np.unique(regions.images[key].voxels.astype(int), return_counts=True)
        assert dict(zip(kept["index"], kept["n_voxels"], strict=True)) == {
            label: count for label, count in zip(held.tolist(), counts.tolist(), strict=True) if label
        }
        np.testing.assert_allclose(table["volume_mm3"], table["n_voxels"] * VOXEL)
        assert (table["kept"] == (table["reason"] == "")).all()


def test_tissue_knows_its_lesions_and_nuclei(regions: Regions) -> None:
    tissue = regions.images["desc-tissue_dseg"].voxels
    assert (tissue[LESIONS[3]] == WHITE).all()
    assert (tissue[NUCLEI["PUT", "L"]] == DEEP_GREY).all()
    assert (tissue > 0).sum() == (BRAIN & VALID).sum()


def test_the_radiomics_stage_reads_what_is_written(regions: Regions, tmp_path) -> None:
    vois = {(voi.name, voi.hemisphere): voi for voi in find_vois(written(regions, tmp_path))}
    assert {key for key in vois if vois[key].source == "lesions"} == {("lesion3", ""), ("lesion7", "")}
    for (name, side), mask in NUCLEI.items():
        if mask.sum() < 10:  # dropped, and so in no table that this stage reads
            assert (name, side) not in vois
            continue
        voi = vois[name, side]
        voxels, affine = read_image(voi.path, dtype=np.int32)
        assert np.array_equal(np.isin(voxels, voi.labels), mask)
        np.testing.assert_allclose(affine, AFFINE, atol=1e-6)  # single precision of the header
    assert ("NAWM", "") in vois
    assert {("CST", "L"), ("CST", "R")} < set(vois)


def test_a_turned_session_gives_the_same_regions_turned(regions: Regions) -> None:
    """L and R come from names and labels and never from the order of voxels."""

    def turned(volume: Volume) -> Volume:
        change = np.zeros((4, 4))
        change[[0, 1, 2, 3], [1, 2, 0, 3]] = 1
        change[1, 3], change[1, 1:3] = SHAPE[1] - 1, change[1, 1:3] * -1
        voxels = volume.voxels[:, ::-1].transpose(1, 2, 0)
        change = np.array([[0, 0, 1, 0], [-1, 0, 0, SHAPE[1] - 1], [0, 1, 0, 0], [0, 0, 0, 1]], float)
        return Volume(np.ascontiguousarray(voxels), volume.affine @ change)

    given = inputs()
    tracts = {key: turned(mask) for key, mask in given.pop("tracts").items()}
    other = assemble_regions(**{name: turned(volume) for name, volume in given.items()}, tracts=tracts)
    for key, image in regions.images.items():
        assert np.array_equal(other.images[key].voxels, turned(image).voxels)
        pd.testing.assert_frame_equal(other.tables[key], regions.tables[key])


def test_a_session_without_lesions_nuclei_and_tracts(tmp_path) -> None:
    given = inputs()
    regions = assemble_regions(given["tissue"], given["brain_mask"])
    assert set(regions.images) == {"desc-tissue_dseg", "desc-lesions_dseg", "desc-nawm_dseg"}
    assert not regions.images["desc-lesions_dseg"].voxels.any()
    names = {voi.name for voi in find_vois(written(regions, tmp_path))}
    held = set(np.unique(regions.images["desc-tissue_dseg"].voxels))
    assert names == {"NAWM", *(abbreviation for label, (_, abbreviation) in CLASSES.items() if label in held)}
    assert not names & {"DGM", "WMHYPO"}  # of nuclei and lesions, which it has none of
    assert session_volumes(regions, brain_volumes(given["tissue"]))["hemisphere"].eq("").all()


def test_wrong_input_is_refused() -> None:
    given = inputs()
    strange = given["nuclei"].like(np.where(BRAIN, 18, 0).astype(np.uint8))
    with pytest.raises(InputError, match=r"labels of nuclei .* \[18\]"):
        assemble_regions(given["tissue"], given["brain_mask"], nuclei=strange)
    with pytest.raises(InputError, match="no side"):
        assemble_regions(given["tissue"], given["brain_mask"], tracts={("AF", ""): given["brain_mask"]})
    with pytest.raises(InputError, match="different voxels"):
        assemble_regions(given["tissue"], Volume(BRAIN, np.eye(4)))
    with pytest.raises(SettingError):
        VoiSettings(min_voxels=0)


def test_both_sides_together_count_shared_voxels_once(regions: Regions) -> None:
    table = session_volumes(regions, brain_volumes(inputs()["tissue"])).set_index(["voi", "hemisphere"])
    left, right = (regions.images[f"hemi-{side}_label-CST_mask"].voxels for side in "LR")
    assert (left & right).any()
    assert table.loc[("CST", "LR"), "n_voxels"] == (left | right).sum()
    sides = table.loc[[("PUT", "L"), ("PUT", "R")], "volume_mm3"]
    assert table.loc[("PUT", "LR"), "volume_mm3"] == pytest.approx(sides.sum())
    assert ("UF", "LR") not in table.index


def test_classes_add_up_to_the_brain(regions: Regions) -> None:
    totals = brain_volumes(regions.images["desc-tissue_dseg"])
    table = session_volumes(regions, totals).set_index("voi")["volume_mm3"]
    classes = table[[abbreviation for _, abbreviation in CLASSES.values()]]
    assert classes.sum() == pytest.approx(totals["brain_mm3"])
    assert totals["brain_mm3"] - totals["parenchyma_mm3"] == pytest.approx(classes[["CSF", "LV"]].sum())


def test_white_matter_where_no_lesions_were_looked_for_is_not_normal_appearing():
    seen = box((0, 24), (0, 20), (8, 16))
    whole, half = assemble_regions(**inputs()), assemble_regions(**inputs(), searched=Volume(seen, AFFINE))
    nawm = [regions.images["desc-nawm_dseg"].voxels > 0 for regions in (whole, half)]
    assert np.array_equal(nawm[1], nawm[0] & seen)
    assert nawm[1].any()
    for key in ("desc-tissue_dseg", "desc-lesions_dseg", "desc-dgm_dseg"):
        assert np.array_equal(whole.images[key].voxels, half.images[key].voxels)


def test_every_value_of_a_label_image_and_mask_is_named_with_its_sources(regions):
    for name in LABEL_IMAGES:
        key = f"desc-{name}_dseg"
        said = describe_labels(name, regions.tables[key], SIDECAR)
        assert said["Sources"] == SIDECAR["Sources"]
        assert said["Method"], name
        assert said["GeneratedBy"][0]["Name"] == "chiomics"
        assert said["Manual"] is (name == "lesions"), "the user drew the lesions alone"
        if name != "lesions":  # each of which has a number, and its line in the table
            assert {str(value) for value in np.unique(regions.images[key].voxels)} <= set(said["Levels"])
    for (tract, side), route in {("CST", "L"): "diffusion", ("CST", "R"): "atlas"}.items():
        key = f"hemi-{side}_label-{tract}_mask"
        said = describe_tract(key, regions.tables[key], SIDECAR)
        assert said["Method"]["TractRoute"] == route
        assert set(said["Levels"]) == {"0", "1"}
