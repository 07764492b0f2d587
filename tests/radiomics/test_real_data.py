"""Equality with pyradiomics on real images and on the simulated anatomy.

Real images (CONTRIBUTING.md says how to lay them out; skipped without them): `gre-crop` from
korbinian90/MriResearchTools.jl; `radiomics-mr` from AIM-Harvard/pyradiomics.
"""

from __future__ import annotations

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from chiomics.radiomics import extract, load_settings
from tests.radiomics.comparison import differing

pytest.importorskip("radiomics")
sitk = pytest.importorskip("SimpleITK")


def assert_equal_to_pyradiomics(image, mask, **options):
    tables = [extract(image, mask, engine=engine, **options) for engine in ("chiomics", "pyradiomics")]
    off = differing(*tables)
    assert off.empty, off.to_string()


def without(feature_class, feature, gray_levels=512):
    """Settings of fiscone107 without what takes pyradiomics minutes."""
    settings = load_settings(gray_levels=gray_levels)
    features = dict(settings.features)
    left = tuple(name for name in features.pop(feature_class) if feature is not None and name != feature)
    return replace(settings, features=features | ({feature_class: left} if left else {}))


@pytest.mark.parametrize(
    "options",
    [
        {"gray_levels": (8, 64)},
        {"gray_levels": 512, "preset": without("glcm", "MCC")},
        {"preset": "yan874"},
        {"preset": "zhang527", "unit": "ppb"},
        {"bin_width": (10, 25)},
    ],
    ids=["8 and 64 bins", "512 bins", "yan874", "zhang527", "two widths"],
)
def test_brain_with_a_tumour(shared_data, options):
    folder = shared_data / "radiomics-mr"
    image, mask = (sitk.ReadImage(str(folder / f"brain1_{kind}.nrrd")) for kind in ("image", "label"))
    assert_equal_to_pyradiomics(image, mask, **options)


@pytest.mark.parametrize("kind", ["Mag", "Phase"])
def test_gradient_echo_crop(shared_data, kind):
    """A ball, and all that is bright: many parts, and touching every border of the image."""
    whole = nib.load(shared_data / "gre-crop" / f"{kind}.nii.gz")
    voxels = np.asanyarray(whole.dataobj)[..., 1]
    grid = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in voxels.shape)]
    labels = np.zeros(voxels.shape, np.uint8)
    labels[np.abs(voxels) > np.quantile(np.abs(voxels), 0.7)] = 2
    labels[sum(g**2 for g in grid) < 0.2] = 1
    image, mask = (nib.Nifti1Image(each, whole.affine) for each in (voxels, labels))
    assert_equal_to_pyradiomics(image, mask, gray_levels=(8, 128), labels=[1])
    # Shape of the scattered region alone takes pyradiomics minutes, over all pairs of points.
    assert_equal_to_pyradiomics(image, mask, preset=without("shape", None, gray_levels=(16, 256)), labels=[2])


@pytest.fixture(scope="module")
def simulated():
    """One simulated subject with lesions, on coarse voxels."""
    from chiomics.phantom.recipe import list_sessions, load_recipe
    from chiomics.phantom.subject import simulate

    acquisition = {"voxel_size": [3, 3, 3], "shape": [64, 76, 56], "oversampling": [1.0, 1.0, 1.0]}
    recipe = load_recipe({"groups": {"HC": 0, "MS": 1, "NMOSD": 0}, "acquisition": acquisition})
    return simulate(recipe, list_sessions(recipe)[0], workers=1)


def test_simulated_tissues_nuclei_and_tracts(simulated):
    """Every label of the truth, lesions by number, and the tracts as they overlap."""
    chi = nib.Nifti1Image(simulated.chi, simulated.affine)
    for labels in (simulated.labels, simulated.lesion_index.astype(np.int16)):
        # Surfaces of the large labels take pyradiomics long; shape is compared on the tracts.
        labels = np.where(np.isin(labels, [k for k in np.unique(labels) if (labels == k).sum() < 20_000]), labels, 0)
        mask = nib.Nifti1Image(labels, simulated.affine)
        assert_equal_to_pyradiomics(chi, mask, preset=without("shape", None, gray_levels=(8, 64)))
    for tract in list(simulated.tract_masks.values())[:4]:
        mask = nib.Nifti1Image(tract.astype(np.uint8), simulated.affine)
        assert_equal_to_pyradiomics(chi, mask, gray_levels=(16, 128))
