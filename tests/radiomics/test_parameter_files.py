"""Parameter files of pyradiomics as people have them give what pyradiomics gives, or say what they cannot."""

from __future__ import annotations

import logging

import nibabel as nib
import numpy as np
import pytest
import yaml
from scipy import ndimage

from chiomics.core.errors import InputError
from chiomics.radiomics import prepare as preparing
from chiomics.radiomics.extraction import extract
from chiomics.radiomics.features.shape_2d import shape_features_2d
from chiomics.radiomics.parameters import DEFAULTS, load_settings
from chiomics.radiomics.region import Region
from chiomics.radiomics.session import describe_session
from tests.radiomics.comparison import differing

SPACING = (0.9, 1.1, 1.6)


@pytest.fixture(scope="module")
def head():
    rng = np.random.default_rng(0)
    image = (ndimage.gaussian_filter(rng.normal(size=(90, 80, 70)), 1.5) * 0.2).astype(np.float32)
    mask = np.zeros(image.shape, np.uint8)
    mask[40:50, 41:49, 30:37] = ndimage.gaussian_filter(rng.normal(size=(10, 8, 7)), 1) > -0.1
    return image, mask


def file_with(folder, **sections):
    path = folder / "parameters.yaml"
    path.write_text(yaml.safe_dump(sections))
    return path


def both_engines(image, mask, path):
    pytest.importorskip("radiomics")
    tables = (extract(image, mask, spacing=SPACING, preset=path, engine=name) for name in ("chiomics", "pyradiomics"))
    return differing(*tables)


@pytest.mark.parametrize("axis", [0, 2])  # pyradiomics leaves shape2D out along y, whatever the region
def test_a_region_of_one_slice_equals_pyradiomics(head, tmp_path, axis):
    image, mask = head
    flat = np.zeros_like(mask)
    place = [slice(None)] * 3
    place[axis] = slice(44, 45) if axis < 2 else slice(33, 34)
    flat[tuple(place)] = mask[tuple(place)]
    setting = {"force2D": True, "force2Ddimension": 2 - axis, "binWidth": 0.02}
    classes = {"shape2D": None, "firstorder": None, "glcm": None, "glrlm": None}
    assert both_engines(image, flat, file_with(tmp_path, setting=setting, featureClass=classes)).empty


def test_the_contour_of_a_disc_and_of_a_square():
    rows, columns = np.indices((201, 201)) - 100
    disc = Region.from_mask(((rows**2 + columns**2) <= 90**2)[None], (1.0, 0.1, 0.1))
    found = shape_features_2d(disc, 0)
    # A contour of half-pixel corners is longer than the circle by its staircase, up to 4 (√2 - 1)/... of the octagon.
    assert found["MeshSurface"] == pytest.approx(np.pi * 81, rel=2e-3)
    assert found["MaximumDiameter"] == pytest.approx(18.1, rel=1e-3)
    assert found["Sphericity"] * found["SphericalDisproportion"] == pytest.approx(1, rel=1e-12)
    square = shape_features_2d(Region.from_mask(np.ones((1, 4, 4), bool), (1.0, 1.0, 1.0)), 0)
    assert square["PixelSurface"] == 16
    assert square["MeshSurface"] == pytest.approx(16 - 4 / 8)  # marching squares cut half a quarter pixel per corner


def test_a_2d_image_is_a_slice(head, tmp_path):
    image, mask = head
    path = file_with(tmp_path, setting={"force2D": True, "binWidth": 0.02}, featureClass={"shape2D": [], "glcm": []})
    flat = extract(image[:, :, 33], mask[:, :, 33], spacing=SPACING[:2], preset=path)
    deep = extract(image[:, :, 33:34], mask[:, :, 33:34], spacing=(*SPACING[:2], 1.0), preset=path)
    assert flat.equals(deep)
    with pytest.raises(InputError, match="one slice"):
        extract(*head, spacing=SPACING, preset=path)


def test_shape_features_on_request_equal_pyradiomics(head, tmp_path):
    wanted = ["Compactness1", "Compactness2", "SphericalDisproportion", "Sphericity"]
    path = file_with(tmp_path, featureClass={"shape": wanted}, setting={"binWidth": 0.02})
    assert both_engines(*head, path).empty
    assert sorted(extract(*head, spacing=SPACING, preset=path)["feature"]) == wanted


def test_names_that_pyradiomics_takes_for_nothing_or_on_request_equal_it(head, tmp_path, caplog):
    classes = {"firstorder": ["StandardDeviation", "Mean"], "glcm": ["Homogeneity1", "Contrast"], "shape2D": []}
    path = file_with(tmp_path, featureClass=classes, setting={"binWidth": 0.02})
    assert both_engines(*head, path).empty
    assert set(extract(*head, spacing=SPACING, preset=path)["feature"]) == {"Contrast", "Mean", "StandardDeviation"}
    assert "in its place: Id" in caplog.text and "shape2D" in caplog.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("setting:\n\tbinWidth: 25\n", "line 2 is not YAML.*cannot start any token"),
        ("setting: {binWidth: 25}\nsetting: {binWidth: 10}\n", "not YAML; found setting is there twice"),
        ("setting: {binWidth: 25, binWidth: 10}\n", "not YAML; found binWidth is there twice"),
    ],
)
def test_what_is_not_yaml_is_refused_by_line(tmp_path, text, said):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(InputError, match=said):
        load_settings(tmp_path / "p.yaml")


def test_a_voxel_setting_is_passed_over_with_a_word(head, tmp_path, caplog):
    plain = file_with(tmp_path, setting={"binWidth": 0.02}, featureClass={"firstorder": []})
    expected = extract(*head, spacing=SPACING, preset=plain)
    path = file_with(
        tmp_path, setting={"binWidth": 0.02}, featureClass={"firstorder": []}, voxelSetting={"kernelRadius": 2}
    )
    with caplog.at_level(logging.WARNING):
        assert extract(*head, spacing=SPACING, preset=path).equals(expected)
    assert "voxelSetting" in caplog.text


def test_the_label_of_the_file_is_taken_alone_and_refused_where_there_is_none(head, tmp_path):
    image, mask = head
    path = file_with(tmp_path, setting={"binWidth": 0.02, "label": 2}, featureClass={"firstorder": []})
    with pytest.raises(InputError, match="no label 2"):
        extract(image, mask, spacing=SPACING, preset=path)
    two = np.where(np.roll(mask, 20, axis=0) > 0, 2, mask).astype(np.uint8)
    found = extract(image, two, spacing=SPACING, preset=path)
    expected = extract(image, (two == 2).astype(np.uint8) * 2, spacing=SPACING, preset=path)
    assert found.equals(expected)


def test_geometry_is_honoured_or_refused(head, tmp_path):
    image, mask = head
    affine, moved = np.diag([*SPACING, 1.0]), np.diag([*SPACING, 1.0])
    moved[0, 3] = 2e-5
    pair = nib.Nifti1Image(image, affine), nib.Nifti1Image(mask, moved)
    classes = {"firstorder": []}
    extract(*pair, preset=file_with(tmp_path, setting={"binWidth": 0.02}, featureClass=classes))
    strict = file_with(tmp_path, setting={"binWidth": 0.02, "geometryTolerance": 1e-6}, featureClass=classes)
    with pytest.raises(InputError, match="geometryTolerance"):
        extract(*pair, preset=strict)
    half = nib.Nifti1Image(np.repeat(mask, 2, axis=0), np.diag([SPACING[0] / 2, *SPACING[1:], 1.0]))
    correct = file_with(tmp_path, setting={"binWidth": 0.02, "correctMask": True}, featureClass=classes)
    assert extract(pair[0], half, preset=correct)["value"].notna().all()


@pytest.mark.parametrize("interpolator", ["sitkBSpline", "sitkLinear"])
def test_resampling_a_part_equals_resampling_the_whole(head, tmp_path, monkeypatch, interpolator):
    """Up to what a spline's coefficients keep of voxels 20 away, far below 1e-9 of a value."""
    setting = {"binWidth": 0.02, "resampledPixelSpacing": [1, 1, 1], "interpolator": interpolator}
    path = file_with(tmp_path, setting=setting, imageType={"Original": {}, "LoG": {"sigma": [2.0]}})
    part = extract(*head, spacing=SPACING, preset=path)
    monkeypatch.setattr(preparing, "_piece_for", lambda image, *_: image.to_sitk())
    whole = extract(*head, spacing=SPACING, preset=path)
    np.testing.assert_allclose(part["value"], whole["value"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"setting": {"binWidth": [0.02]}}, r"setting: binWidth.*\[0.02\].*one number above 0"),
        ({"setting": {"binWidth": "0,02"}}, "setting: binWidth.*the text '0,02'.*one number above 0"),
        ({"setting": {"binCount": 32.5}}, "setting: binCount.*32.5.*one whole number above 0"),
        ({"setting": {"normalize": "yes please"}}, "setting: normalize.*yes please.*true or false"),
        ({"setting": {"distances": 1}}, "setting: distances.*1.*a list, each whole number above 0"),
        ({"setting": {"resegmentMode": "percent"}}, "resegmentMode.*percent.*absolute, relative, sigma"),
        ({"setting": {"force2Ddimension": 3}}, "force2Ddimension.*3.*from 0 to 2"),
        ({"setting": ["binWidth"]}, "setting.*binWidth.*names with values"),
        ({"setting": {"interpolator": "BSpline"}}, "interpolator.*BSpline.*sitkBSpline"),
        ({"setting": {"binwidth": 25}}, "unknown settings; found binwidth; expected binWidth"),
        ({"settings": {"binWidth": 25}}, "unknown sections; found settings; expected setting"),
        ({"imageType": {"Wavelet": {"wavelet": "nowave"}}}, "wavelet.*nowave.*coif1"),
        ({"imageType": ["Original", "Wavelet"]}, "imageType.*Original.*names with values"),
        ({"imageType": {"LoG": {"sigma": 2.0}}}, "imageType: LoG: sigma.*2.0.*a list"),
        ({"featureClass": {"glcm": "Contrast"}}, "featureClass: glcm.*Contrast.*a list of names"),
        ({"inputImage": {"Original": {}}}, "inputImage.*imageType"),
    ],
)
def test_what_pyradiomics_refuses_is_refused_by_key(tmp_path, sections, said):
    path = file_with(tmp_path, **sections)
    with pytest.raises(InputError, match=f"(?s){said}"):
        load_settings(path)
    if "inputImage" not in sections:  # its check of names is another one
        schema = pytest.importorskip("radiomics.featureextractor")
        with pytest.raises(Exception, match=r"(?s)."):
            schema.RadiomicsFeatureExtractor(str(path))


@pytest.mark.parametrize(
    "sections",
    [
        {"imageType": {"LoG": {}}, "featureClass": {"glcm": ["Id"]}},
        {"featureClass": {"glcm": ["SumVariance", "Dissimilarity"]}},
        {"imageType": {"LoG": {}}},
    ],
    ids=["LoG without sigma", "retired features alone", "LoG without sigma, all classes"],
)
def test_a_file_that_asks_for_nothing_but_shape_gives_shape_and_one_that_gives_nothing_is_refused(tmp_path, sections):
    path = file_with(tmp_path, **sections)
    if "featureClass" not in sections:
        found = load_settings(path)
        assert not found.image_types and "shape" in found.features
        return
    with pytest.raises(InputError, match="gives no value"):
        load_settings(path)


def test_log_without_sigma_beside_another_image_is_passed_over_with_a_word(tmp_path, caplog):
    found = load_settings(file_with(tmp_path, imageType={"Original": {}, "LoG": {}}))
    assert list(found.image_types) == ["Original"]
    assert "LoG without sigma" in caplog.text
    sigma = {"setting": {"sigma": [1.0]}, "imageType": {"LoG": {}}}  # pyradiomics reads it from either section
    assert list(load_settings(file_with(tmp_path, **sigma)).image_types) == ["LoG"]


def test_powers_of_ten_are_numbers_as_in_pyradiomics(tmp_path):
    path = tmp_path / "parameters.yaml"
    path.write_text("setting: {geometryTolerance: 1e-3, binWidth: 25e-3, resegmentRange: [-1e3, 1E+3]}\n")
    found = load_settings(path)
    assert found.get("geometryTolerance") == 1e-3
    assert found.bin_widths == (0.025,)
    assert found.get("resegmentRange") == [-1000, 1000]


def test_the_sidecar_of_a_table_holds_every_parameter_with_its_value(tmp_path):
    content = {"setting": {"gldm_a": 2}, "imageType": {"Original": {}}, "featureClass": {"firstorder": ["Mean"]}}
    settings = {
        "presets": {"fiscone107": {}, "mine": {"parameters": content, "gray_levels": [16]}},
        "engine": "chiomics", "isolated_voxels": "ibsi",
    }  # fmt: skip
    said = describe_session(settings, ["bids::sub-01/anat/sub-01_Chimap.nii.gz"])
    assert said["Sources"] == ["bids::sub-01/anat/sub-01_Chimap.nii.gz"]
    packaged, own = (said["Settings"]["presets"][name] for name in ("fiscone107", "mine"))
    assert packaged["gray_levels"] == (8, 16, 32, 64, 128, 256, 512)
    assert sum(map(len, packaged["features"].values())) == 107
    assert own["features"] == {"firstorder": ("Mean",)}
    assert (own["parameters"]["gldm_a"], own["gray_levels"], own["isolated_voxels"]) == (2, [16], "ibsi")
    of_bins = {"binWidth", "binCount"}  # which grey levels replace
    for preset in (packaged, own):
        assert set(preset["parameters"]) == set(DEFAULTS) - of_bins
