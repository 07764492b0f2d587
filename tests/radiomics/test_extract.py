"""`extract`: what it accepts, what it returns, what it refuses, and the presets."""

from __future__ import annotations

import sys

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import ndimage

from chiomics.cli import main
from chiomics.core.errors import InputError, SettingError
from chiomics.core.failures import read_failures, remembered_failure
from chiomics.core.space.volume import Volume
from chiomics.radiomics import extract, load_settings
from chiomics.radiomics.extraction import expected_features
from chiomics.radiomics.session_presets import hemispheres_of
from chiomics.radiomics.vois import find_vois

SPACING = (0.8, 1.1, 2.0)
COLUMNS = ["n_gray_levels", "image_type", "feature_class", "feature", "value"]


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(1)
    image = rng.normal(0, 0.03, (20, 17, 12)).cumsum(axis=1)
    mask = np.zeros(image.shape, np.uint8)
    mask[4:12, 3:9, 2:9] = 1
    mask[13:18, 8:15, 3:8] = 2
    return image, mask


def test_the_table_is_tidy(case):
    image, mask = case
    frame = extract(image, (mask == 1).astype(np.uint8), spacing=SPACING, gray_levels=(8, 64))
    assert list(frame.columns) == COLUMNS
    assert len(frame) == 2 * 107
    assert frame["value"].dtype == np.float64
    assert set(frame["n_gray_levels"]) == {8, 64}
    assert not frame.drop(columns="value").duplicated().any()


def test_numbers_mean_the_same_in_every_array(case):
    image, mask = case[0].astype(np.float32), case[1] == 1
    expected = extract(image, mask, spacing=SPACING, gray_levels=8)["value"]
    outside = np.ma.masked_array(np.where(mask, image, 1e9), ~mask)
    images = {
        "big-endian": image.astype(">f4"), "long double": image.astype(np.longdouble), "masked outside": outside,
        "Fortran": np.asfortranarray(image), "strided": np.repeat(image, 2, axis=0)[::2],
        "NaN outside": np.where(mask, image, np.nan),
        "big-endian NIfTI": nib.Nifti1Image(image.astype(">f4"), np.diag([*SPACING, 1.0])),
    }  # fmt: skip
    for what, same in images.items():
        where = nib.Nifti1Image(mask.astype(">i2"), np.diag([*SPACING, 1.0])) if hasattr(same, "dataobj") else mask
        found = extract(same, where, spacing=SPACING, gray_levels=8)["value"]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7, err_msg=what)
    for what, same in {
        "float": mask.astype(float), "big-endian": mask.astype(">i4"), "0.9999": 0.9999 * mask,
        "masked": np.ma.masked_array(np.ones(mask.shape), ~mask),
    }.items():  # fmt: skip
        found = extract(image, same, spacing=SPACING, gray_levels=8)["value"]
        np.testing.assert_array_equal(found, expected, err_msg=what)
    half = extract(image.astype(np.float16), mask, spacing=SPACING, gray_levels=8)["value"]
    known = extract(image.astype(np.float16).astype(np.float32), mask, spacing=SPACING, gray_levels=8)["value"]
    np.testing.assert_array_equal(half, known)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"spacing": (0, 1, 1)}, "voxel size"),
        ({"spacing": (-1, 1, 1)}, "voxel size"),
        ({"spacing": (np.nan, 1, 1)}, "voxel size"),
        ({"spacing": 1.0}, "an array needs its spacing"),
        ({"labels": ["1"]}, "labels to extract"),
        ({"labels": []}, "labels to extract"),
        ({"labels": {"one": np.nan}}, "labels to extract"),
    ],
)
def test_what_is_no_voxel_size_and_no_label_is_refused(case, change, said):
    with pytest.raises(InputError, match=said):
        extract(*case, **({"spacing": SPACING, "gray_levels": 8} | change))


def test_an_array_of_probabilities_is_no_label_image(case):
    soft = ndimage.gaussian_filter((case[1] == 1).astype(float), 1)
    for more in ({}, {"labels": [1]}):  # of which there are voxels, inside the edge
        with pytest.raises(InputError, match="probabilities"):
            extract(case[0], soft, spacing=SPACING, gray_levels=8, **more)
    hidden = np.ma.masked_array(case[0], np.zeros(case[0].shape, bool))
    hidden[5, 4, 4] = np.ma.masked
    with pytest.raises(InputError, match="1 voxels of the region are not finite"):
        extract(hidden, (case[1] == 1).astype(np.uint8), spacing=SPACING, gray_levels=8)


def test_labels_are_extracted_as_if_each_were_alone(case):
    image, mask = case
    both = extract(image, mask, spacing=SPACING, gray_levels=16)
    assert list(both.columns) == ["label", *COLUMNS]
    for label in (1, 2):
        alone = extract(image, (mask == label).astype(np.uint8), spacing=SPACING, gray_levels=16)
        of_label = both[both["label"] == str(label)].drop(columns="label").reset_index(drop=True)
        pd.testing.assert_frame_equal(of_label, alone, check_exact=True)


def test_named_labels_may_be_merged(case):
    image, mask = case
    merged = extract(image, mask, spacing=SPACING, gray_levels=16, labels={"both": (1, 2), "first": 1})
    united = extract(image, (mask > 0).astype(np.uint8), spacing=SPACING, gray_levels=16)
    assert list(merged["label"].unique()) == ["both", "first"]
    assert np.array_equal(merged[merged["label"] == "both"]["value"], united["value"], equal_nan=True)


def test_forms_of_one_image_give_one_table(case, tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    image, mask = case
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = (10, -20, 5)
    images = [nib.Nifti1Image(image, affine), nib.Nifti1Image(mask, affine)]
    paths = [tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz"]
    for one, path in zip(images, paths, strict=True):
        nib.save(one, path)
    tables = [
        extract(image, mask, spacing=SPACING, gray_levels=8),
        extract(*images, gray_levels=8),
        extract(Volume(image, affine), Volume(mask, affine), gray_levels=8),
        extract(*paths, gray_levels=8),
        extract(*map(str, paths), gray_levels=8),
        extract(*(sitk.ReadImage(str(path)) for path in paths), gray_levels=8),
    ]
    for table in tables[1:]:
        # NIfTI stores spacings in float32.
        pd.testing.assert_frame_equal(table, tables[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("preset", "number", "per_class"),
    [
        ("fiscone107", 107, {"firstorder": 18, "shape": 14, "glcm": 24, "glrlm": 16, "glszm": 16, "ngtdm": 5,
                             "gldm": 14}),  # Fiscone et al. 2023
        ("yan874", 874, {"firstorder": 180, "shape": 14, "glcm": 220, "glrlm": 160, "glszm": 160,
                         "gldm": 140}),  # Yan et al. 2021
        ("zhang527", 527, {"firstorder": 162, "shape": 14, "glcm": 207, "glrlm": 144}),  # Zhang et al. 2022
    ],
)  # fmt: skip
def test_presets_have_the_published_number_of_features(case, preset, number, per_class):
    image, mask = case
    settings = load_settings(preset, gray_levels=16 if preset == "fiscone107" else None)
    frame = extract(1000 * image, (mask == 1).astype(np.uint8), spacing=SPACING, preset=settings, unit="ppb")
    assert len(frame) == number
    assert frame["feature_class"].value_counts().to_dict() == per_class
    assert [tuple(row) for row in frame.drop(columns="value").to_numpy()] == expected_features(settings)


def test_fiscone107_has_the_published_grey_levels():
    """Fiscone et al. 2023, Methods."""
    assert load_settings("fiscone107").gray_levels == (8, 16, 32, 64, 128, 256, 512)


def test_yan874_resamples_to_one_millimetre_and_merges_the_sides():
    """Yan et al. 2021, Features and Atlas."""
    settings = load_settings("yan874")
    assert settings.get("resampledPixelSpacing") == [1, 1, 1]
    assert settings.get("interpolator") == "sitkLinear"
    assert hemispheres_of("yan874", {}) == "merged"


@pytest.mark.parametrize("preset", ["fiscone107", "yan874", "zhang527"])
def test_presets_equal_pyradiomics(case, preset):
    pytest.importorskip("radiomics")
    from tests.radiomics.comparison import differing

    image, mask = case
    levels = {"gray_levels": (8, 64)} if preset == "fiscone107" else {}
    tables = [
        extract(1000 * image, mask, spacing=SPACING, preset=preset, unit="ppb", engine=engine, **levels)
        for engine in ("chiomics", "pyradiomics")
    ]
    off = differing(*tables)
    assert off.empty, off.to_string()


def test_bin_width_of_zhang527_is_in_ppb(case):
    """Zhang et al. 2022: 25 ppm would put a whole lesion into one bin."""
    image, mask = case
    lesion = (mask == 2).astype(np.uint8)
    with pytest.raises(InputError, match="unit"):
        extract(image, lesion, spacing=SPACING, preset="zhang527")
    with pytest.raises(InputError, match="ppb"):
        extract(image / 100, lesion, spacing=SPACING, preset="zhang527", unit="ppb")  # a map in ppm, said to be in ppb
    in_ppm = extract(image, lesion, spacing=SPACING, preset="zhang527", unit="ppm")
    in_ppb = extract(image * 1000.0, lesion, spacing=SPACING, preset="zhang527", unit="ppb")
    pd.testing.assert_frame_equal(in_ppm, in_ppb, check_exact=True)
    assert in_ppm.columns[0] == "bin_width" and set(in_ppm["bin_width"]) == {25}


@pytest.mark.parametrize(("scale", "width", "said"), [(1, 25, "bins of 25"), (0, 25, "all values are equal")])
def test_a_texture_of_one_grey_level_is_told(case, caplog, scale, width, said):
    """pyradiomics' default width of 25 on a map in ppm: numbers, and the same for everybody."""
    image, mask = case
    extract(scale * image, (mask == 1).astype(np.uint8), spacing=SPACING, bin_width=width)
    assert said in caplog.text


def test_no_word_is_lost_on_bins_that_fit(case, caplog):
    image, mask = case
    extract(image, (mask == 1).astype(np.uint8), spacing=SPACING, bin_width=np.ptp(image[mask == 1]) / 30)
    assert not caplog.text


@pytest.mark.parametrize("of", ["image", "mask"])
@pytest.mark.parametrize("kind", ["complex", "colour"])
def test_complex_and_colour_images_are_refused(tmp_path, capsys, of, kind):
    plain = np.random.default_rng(3).integers(1, 99, (9, 8, 7)).astype(np.uint8)
    nib.save(nib.Nifti1Image((plain > 50).astype(np.uint8), np.eye(4)), tmp_path / "mask.nii.gz")
    nib.save(nib.Nifti1Image(plain, np.eye(4)), tmp_path / "image.nii.gz")
    colour = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    other = plain.astype(np.complex64) if kind == "complex" else np.repeat(plain, 3).view(colour).reshape(plain.shape)
    nib.save(nib.Nifti1Image(other, np.eye(4)), tmp_path / f"{of}.nii.gz")
    assert main(["radiomics", str(tmp_path / "image.nii.gz"), str(tmp_path / "mask.nii.gz")]) == 2
    assert "complex or colour" in capsys.readouterr().err


def test_first_order_depends_on_grey_levels_in_entropy_and_uniformity_only(case):
    """Fiscone et al. 2023: the published claim that the whole class does not is wrong."""
    image, mask = case
    frame = extract(image, (mask == 1).astype(np.uint8), spacing=SPACING, gray_levels=(8, 64))
    wide = frame[frame["feature_class"] == "firstorder"].pivot(index="feature", columns="n_gray_levels", values="value")
    assert set(wide.index[wide[8] != wide[64]]) == {"Entropy", "Uniformity"}


def test_fixed_width_and_fixed_count_are_both_offered(case):
    """Fiscone et al. 2023: the published text asks for both."""
    image, mask = case
    one = (mask == 1).astype(np.uint8)
    frame = extract(image, one, spacing=SPACING, bin_width=(0.01, 0.05))
    assert list(frame.columns) == ["bin_width", *COLUMNS[1:]]
    assert set(frame["bin_width"]) == {0.01, 0.05}
    with pytest.raises(InputError, match="one of the two"):
        extract(image, one, spacing=SPACING, bin_width=1, gray_levels=8)


def test_unusable_labels_have_a_reason_and_no_value(case, caplog):
    image, mask = case
    mask = mask.copy()
    mask[0, 0, 0] = 3  # one voxel
    mask[1, 1, 0:4] = 4  # a line
    frame = extract(image, mask, spacing=SPACING, gray_levels=8)
    assert set(frame.attrs["reasons"]) == {"3", "4"}
    assert "one voxel" in frame.attrs["reasons"]["3"]
    for label in ("3", "4"):
        rows = frame[frame["label"] == label]
        assert len(rows) == 107
        assert rows["value"].isna().all()
        assert f"label {label}" in caplog.text
    assert frame[frame["label"] == "1"]["value"].notna().all()
    with pytest.raises(InputError, match="one voxel"):
        extract(image, (mask == 3).astype(np.uint8), spacing=SPACING, gray_levels=8)


def test_values_that_are_not_finite_are_a_reason(case):
    image, mask = case
    image = image.copy()
    image[5, 5, 5] = np.nan
    with pytest.raises(InputError, match="not finite"):
        extract(image, (mask == 1).astype(np.uint8), spacing=SPACING, gray_levels=8)


def on_grid(voxels, size):
    return nib.Nifti1Image(voxels, np.diag([1, 1, size, 1]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda image, mask: (image[:-1], mask), "differ in shape"),
        (lambda image, mask: (on_grid(image, 1), on_grid(mask, 2)), "different voxels"),
        (lambda image, mask: (image, np.zeros_like(mask)), "no label"),
        (lambda image, mask: (np.stack([image] * 2), np.stack([mask] * 2)), "neither 2-D nor 3-D"),
        (lambda image, mask: ("nowhere.nii.gz", mask), "no such file"),
    ],
)  # fmt: skip
def test_images_that_do_not_fit_are_refused(case, change, message):
    with pytest.raises(InputError, match=message):
        extract(*change(*case), spacing=SPACING, gray_levels=8)


def test_an_array_needs_its_spacing(case):
    with pytest.raises(InputError, match="spacing"):
        extract(*case)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"setting": {"binwidth": 25}}, "unknown settings"),
        ({"imageType": {"Wavelets": {}}}, "unknown image types"),
        ({"featureClass": {"glcm": ["Entropy"]}}, "unknown features of glcm"),
        ({"featureClass": {"texture": []}}, "unknown feature classes"),
        ({"settings": {}}, "unknown sections"),
        ({"setting": {"binCount": 0}}, "binCount"),
        ({"inputImage": {"Original": {}}}, "imageType"),
        ({"featureClass": {"shape2D": None}}, "force2D"),
    ],
)
def test_mistakes_in_a_parameter_file_are_named(case, tmp_path, content, message):
    path = tmp_path / "parameters.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=message):
        extract(*case, spacing=SPACING, preset=path)


def test_unknown_preset_and_engine_are_refused(case):
    with pytest.raises(InputError, match="preset"):
        extract(*case, spacing=SPACING, preset="fiscone")
    with pytest.raises(InputError, match="engine"):
        extract(*case, spacing=SPACING, engine="fast")


def test_the_image_is_left_as_it_was(case):
    image, mask = (each.copy() for each in case)
    extract(image, mask, spacing=SPACING, gray_levels=8)
    assert np.array_equal(image, case[0]) and np.array_equal(mask, case[1])


def test_progress_reaches_its_end(case):
    seen = []
    extract(*case, spacing=SPACING, gray_levels=8, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (214, 214)
    assert seen == sorted(seen)


def test_command_line_writes_what_extract_returns(case, tmp_path, capsys):
    import argparse

    from chiomics.radiomics.cli import register

    paths = [str(tmp_path / "image.nii.gz"), str(tmp_path / "mask.nii.gz")]
    for voxels, path in zip(case, paths, strict=True):
        nib.save(nib.Nifti1Image(voxels, np.diag([*SPACING, 1.0])), path)
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())

    def call(*options):
        arguments = parser.parse_args(["radiomics", *paths, *options])
        arguments.command(arguments)

    expected = extract(*paths, gray_levels=(8, 16))
    call("--gray-levels", "8", "16", "-o", str(tmp_path / "features.parquet"))
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "features.parquet"), expected, check_dtype=False)
    call("--gray-levels", "8", "16", "--wide", "-o", str(tmp_path / "wide.tsv"))
    wide = pd.read_csv(tmp_path / "wide.tsv", sep="\t")
    assert wide.shape == (4, 2 + 107)
    value = expected.query("label == '2' and n_gray_levels == 16 and feature == 'Busyness'")["value"].item()
    assert wide.query("label == 2 and n_gray_levels == 16")["original_ngtdm_Busyness"].item() == value
    capsys.readouterr()
    call("--gray-levels", "8", "--labels", "2")
    assert len(capsys.readouterr().out.splitlines()) == 1 + 107
    with pytest.raises(InputError, match=r"\.tsv"):
        call("-o", str(tmp_path / "features.xlsx"))


def test_an_image_that_is_gone_leaves_its_voxels(case, tmp_path):
    """SimpleITK's own views read freed memory once the image is deleted."""
    import gc

    from chiomics.radiomics.image_zyx import read_image_zyx

    path = tmp_path / "image.nii.gz"
    nib.save(nib.Nifti1Image(case[0], np.eye(4)), path)
    voxels = read_image_zyx(path).voxels
    gc.collect()
    read_image_zyx(path)  # takes the memory, were it free
    assert np.array_equal(voxels.T, case[0])


def test_interpolated_label_image_is_refused(tmp_path):
    x, y, z = np.indices((24, 26, 20))
    image = tmp_path / "chi.nii.gz"
    nib.save(nib.Nifti1Image(np.random.default_rng(2).normal(size=x.shape), np.eye(4)), image)
    parcels = 17.0 * (1 + x // 8 + 3 * (y // 9) + 9 * (z // 7))
    turn = np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1]])
    nearest, turned = (ndimage.affine_transform(parcels, turn, order=order) for order in (0, 1))
    for name, voxels in (("decimals", turned.astype(np.float32)), ("rounded", np.rint(turned).astype(np.int16))):
        mask = tmp_path / f"{name}.nii.gz"
        nib.save(nib.Nifti1Image(voxels, np.eye(4)), mask)
        with pytest.raises(InputError, match=rf"{name}.nii.gz.*interpolated"):
            extract(image, mask, bin_width=1)
        with pytest.raises(InputError, match=rf"{name}.*interpolated"):
            find_vois([mask.rename(tmp_path / f"sub-01_desc-{name}_dseg.nii.gz")])
    nib.save(nib.Nifti1Image(nearest.astype(np.int16), np.eye(4)), tmp_path / "sub-01_desc-nearest_dseg.nii.gz")
    assert len(find_vois([tmp_path / "sub-01_desc-nearest_dseg.nii.gz"])) == len(np.unique(nearest)) - 1


def test_a_machine_without_the_reference_engine_blames_no_session(case, tmp_path, monkeypatch):
    image, mask = case
    monkeypatch.setitem(sys.modules, "radiomics", None)
    with (
        pytest.raises(SettingError, match="pyradiomics is not installed"),
        remembered_failure(tmp_path, "sub-1", inputs=[]),
    ):
        extract(image, mask, spacing=SPACING, gray_levels=(8,), engine="pyradiomics")
    assert read_failures(tmp_path) == []
