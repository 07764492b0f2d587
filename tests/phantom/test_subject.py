"""Laws of a simulated subject: anatomy, truth, signal and files."""

from __future__ import annotations

import hashlib
import json

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from chiomics.core.images import voxel_size
from chiomics.core.units import radians_per_ppm
from chiomics.phantom import list_sessions, load_recipe, simulate_subject, write_dataset_files
from chiomics.phantom.head import tissue
from chiomics.phantom.head.anatomy import build_anatomy
from chiomics.phantom.head.nuclei import NUCLEI
from chiomics.phantom.head.space import random_space
from chiomics.phantom.head.tracts import TRACTS, tract_chi
from chiomics.phantom.lesions.lesions import draw_lesions
from chiomics.phantom.recipe import find_session
from chiomics.phantom.scanner.signal import PHASE_FLAVOURS
from chiomics.phantom.subject import simulate

SMALL = {
    "groups": {"HC": 1, "MS": 2},
    "acquisition": {
        "voxel_size": [2.5, 2.5, 2.5],
        "shape": [78, 92, 54],
        "echo_times": [0.006, 0.014, 0.022],
        "oversampling": [1.3, 1.3, 1.3],
        "structural_voxel_size": [3.0, 3.0, 3.0],
        "obliquity": [-12, 5, 0],
        "snr": 200,
    },
    "lesions": {"MS": {"mean_count": 14.0, "rim_share": 0.2}},
    "dwi": True,
}


@pytest.fixture(scope="module")
def recipe():
    return load_recipe(SMALL)


@pytest.fixture(scope="module")
def subject(recipe):
    return simulate(recipe, find_session(recipe, "MS01"))


@pytest.fixture(scope="module")
def anatomy():
    space = random_space(
        np.random.default_rng(0), size_sd=0.03, shape_sd=2.5, correlation=22, rotation_sd=4, translation_sd=3
    )
    affine = np.diag([1.3, 1.3, 1.4, 1])
    affine[:3, 3] = [-97, -130, -90]
    return build_anatomy(
        space,
        draw_lesions(np.random.default_rng(1), load_recipe({"lesions": {"MS": {"rim_share": 0.3}}})["lesions"]["MS"]),
        shape=(150, 172, 132),
        affine=affine,
        vein_rng=np.random.default_rng(2),
        lesion_rng=np.random.default_rng(3),
        medullary_veins=60,
        nucleus_scale={},
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_deformation_is_a_diffeomorphism_with_its_inverse(seed):
    space = random_space(
        np.random.default_rng(seed), size_sd=0.05, shape_sd=3, correlation=22, rotation_sd=6, translation_sd=5
    )
    points = np.random.default_rng(9).uniform(-70, 70, (3, 2000))
    there_and_back = space.to_template(space.from_template(points))
    assert np.abs(there_and_back - points).max() < 0.5  # control points every 8 mm, linear between them
    grid = space.grid_to_template((40, 40, 40), np.diag([4.0, 4, 4, 1]) - np.outer([80, 80, 80, 0], [0, 0, 0, 1]))
    jacobian = np.stack([np.stack(np.gradient(component, 4.0)) for component in grid])
    determinants = np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1)))
    assert determinants.min() > 0.3


def test_nuclei_touch_no_neighbour_and_have_their_size(anatomy):
    # Volumes in mm³ of one side; textbooks and the Allen atlas, head of the caudate alone.
    expected = {"HCN": 3100, "PUT": 5200, "GP": 1200, "THA": 9200, "RN": 350, "SN": 450, "DN": 900}
    voxel = 1.3 * 1.3 * 1.4
    masks = {
        (nucleus, side): anatomy.labels == tissue.NUCLEUS_LABELS[nucleus] + (tissue.RIGHT if side == "R" else 0)
        for nucleus in NUCLEI
        for side in "LR"
    }
    cube = np.ones((3, 3, 3), bool)
    for key, mask in masks.items():
        volume = mask.sum() * voxel
        assert 0.65 * expected[key[0]] < volume < 1.45 * expected[key[0]], key  # head size and shape vary
        grown = ndimage.binary_dilation(mask, cube)
        for other, other_mask in masks.items():
            assert other == key or not (grown & other_mask).any(), (key, other)
        x = anatomy.coordinates[0][mask]
        assert (x > 0).all() if key[1] == "R" else (x < 0).all()


def test_tissue_fills_the_brain_in_plausible_amounts(anatomy):
    litres = {
        label: (anatomy.labels == label).sum() * 1.3 * 1.3 * 1.4 / 1e6
        for label in (tissue.CSF, tissue.GREY, tissue.WHITE)
    }
    assert 0.7 < litres[tissue.GREY] < 1.3
    assert 0.4 < litres[tissue.WHITE] < 0.8
    assert 0.005 < (anatomy.labels == tissue.VENTRICLES).sum() * 2.37e-6 < 0.05
    outside_labels = (tissue.AIR, tissue.BONE, tissue.SOFT, tissue.SINUS, tissue.EYE)
    assert not np.isin(anatomy.labels[anatomy.brain], outside_labels).any()


def test_tracts_lie_in_white_matter_on_their_side(anatomy):
    assert set(anatomy.tracts) == {(side, tract) for side in "LR" for tract in TRACTS}
    for (side, tract), found in anatomy.tracts.items():
        assert found.distance.size * 2.37 > 800, tract  # mm³
        assert np.isin(
            anatomy.labels[found.voxels], (tissue.WHITE, tissue.LESION, tissue.RIM, tissue.VEIN, tissue.MEDULLARY_VEIN)
        ).all()
        np.testing.assert_allclose(np.linalg.norm(found.direction, axis=1), 1, atol=1e-6)
        x = anatomy.coordinates[0][found.voxels]
        assert np.median(x) > 3 if side == "R" else np.median(x) < -3
    cst = anatomy.tracts["L", "CST"].direction
    assert np.abs(cst[:, 2]).mean() > 0.8  # the corticospinal tract runs along the body's axis


def test_orientation_term_follows_the_angle_to_b0():
    along, across = tract_chi("OR", np.array([[0, 0, 1.0], [1, 0, 0]]))
    assert along - across == pytest.approx(0.016)
    assert across == pytest.approx(-0.0592)


def test_lesions_are_all_there_and_apart(anatomy):
    assert len(anatomy.lesions) == anatomy.lesion_index.max() > 0
    counts = np.bincount(anatomy.lesion_index.ravel())[1:]
    assert counts.min() >= 2
    cube = np.ones((3, 3, 3), bool)
    regions, number = ndimage.label(anatomy.lesion_index > 0, cube)
    for region in range(1, number + 1):
        assert len(np.unique(anatomy.lesion_index[regions == region])) == 1
    is_lesion = np.isin(anatomy.labels, (tissue.LESION, tissue.RIM))
    np.testing.assert_array_equal(is_lesion, anatomy.lesion_index > 0)
    with_rim = {i for i, lesion in enumerate(anatomy.lesions, 1) if lesion.lesion.rim}
    assert set(np.unique(anatomy.lesion_index[anatomy.labels == tissue.RIM])) == with_rim
    assert with_rim


def test_veins_are_there(anatomy):
    assert 2000 < (anatomy.labels == tissue.VEIN).sum() * 2.37 < 30_000  # mm³
    assert 500 < (anatomy.labels == tissue.MEDULLARY_VEIN).sum() * 2.37 < 10_000


def test_every_label_has_the_mean_that_was_asked(subject):
    for row in subject.label_rows:
        if row["volume_mm3"] == 0 or row["abbreviation"] in ("LES", "RIM", "WM"):
            continue  # lesions and tracts have shifts of their own on top
        assert row["chi_mean"] == pytest.approx(row["chi_asked"], abs=1e-5), row["name"]  # float32 sums
    for row in subject.label_rows:
        if row["index"] in tissue.NUCLEUS_LABELS.values():
            assert row["chi_sd"] == pytest.approx(row["texture_sd_asked"], rel=1e-3), row["name"]
    rows = {row["abbreviation"]: row for row in subject.label_rows}
    # 2.5 mm voxels mix the surface of the nuclei with white matter: large nuclei keep most of the contrast.
    for name in ("PUT_L", "THA_R", "HCN_L"):
        assert rows[name]["chi_mean_voxels"] == pytest.approx(rows[name]["chi_asked"], abs=0.03)


def test_phase_decodes_to_the_total_field(subject, recipe):
    first, second, third = subject.echoes
    times = recipe["acquisition"]["echo_times"]
    step = np.angle(second * first.conj()) / radians_per_ppm(3.0, times[1] - times[0])
    period = 2 * np.pi / radians_per_ppm(3.0, times[1] - times[0])
    inner = ndimage.binary_erosion(subject.brain, iterations=3) & (subject.labels == tissue.WHITE)
    error = step - subject.total_field
    error -= period * np.rint(error / period)
    # Noise of the difference at SNR 200: sqrt(2)/200/(2π · 127.7 Hz/ppm · 8 ms) = 1.1 ppb; the Gibbs ringing of the
    # skull's and the cortex' edges adds three times that, but changes sign from voxel to voxel.
    assert np.median(np.abs(error[inner])) < 0.006
    smooth = ndimage.gaussian_filter(np.where(subject.brain, error, 0), 2)
    assert smooth[ndimage.binary_erosion(subject.brain, iterations=7)].std() < 0.0005
    decay = -np.log(np.abs(third) / np.abs(first)) / (times[2] - times[0])
    assert np.median(decay[inner]) == pytest.approx(np.median(subject.r2star[inner]), rel=0.06)


def test_background_field_is_harmonic_in_the_brain(subject):
    background = (subject.total_field - subject.local_field).astype(float)
    inner = ndimage.binary_erosion(subject.brain, iterations=5)

    def curvature(field):
        return ndimage.laplace(field)[inner].std()

    # Outside sources leave no Laplacian inside; what the coarse grid leaves of it is far below the local field's.
    assert curvature(background) < 0.25 * curvature(subject.local_field.astype(float))


def test_noise_and_sinus_field_are_realistic(subject):
    corner = np.stack([echo[:5, :5, -5:] for echo in subject.echoes])
    # 2 x 3 x 125 samples of air: the standard error of the SD is 2.6 %
    assert np.r_[corner.real.ravel(), corner.imag.ravel()].std() == pytest.approx(subject.sigma, rel=0.12)
    field = subject.total_field[subject.brain]
    assert 0.5 < np.abs(field).max() < 6
    assert np.percentile(np.abs(field), 95) < 1


def test_structural_images_move_as_the_truth_says(subject):
    for suffix, ratio in (("T1w", (0.1, 0.6)), ("FLAIR", (0.05, 0.5))):
        image, affine = subject.structural[suffix]
        assert not np.allclose(subject.motions[suffix], np.eye(4), atol=1e-3)
        to_image = np.linalg.inv(affine) @ subject.motions[suffix] @ subject.affine

        def mean_in(label, image=image, to_image=to_image):
            mask = ndimage.binary_erosion(subject.labels == label)
            index = np.argwhere(mask) @ to_image[:3, :3].T + to_image[:3, 3]
            return ndimage.map_coordinates(image.astype(float), index.T, order=1).mean()

        low, high = ratio
        assert low < mean_in(tissue.VENTRICLES) / mean_in(tissue.WHITE) < high


def test_diffusion_tensors_follow_the_tracts(subject):
    images = subject.diffusion
    weighted = images.b_values > 0
    directions = images.b_vectors[weighted] * [-1, 1, 1]
    mask = subject.tract_masks["L", "CST"]
    world = np.argwhere(mask) @ subject.affine[:3, :3].T + subject.affine[:3, 3]
    index = np.c_[world, np.ones(len(world))] @ (np.linalg.inv(images.affine) @ subject.motions["dwi"]).T
    voxels = tuple(np.unique(np.rint(index[:, :3]).astype(int), axis=0).T)
    signal = np.maximum(images.volumes[voxels].astype(float), 1).mean(axis=0)
    pairs = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
    design = np.stack([(1 if i == j else 2) * directions[:, i] * directions[:, j] for i, j in pairs], axis=1)
    elements = np.linalg.lstsq(design, -np.log(signal[weighted] / signal[~weighted].mean()) / 1000, rcond=None)[0]
    tensor = np.empty((3, 3))
    for (i, j), value in zip(pairs, elements, strict=True):
        tensor[i, j] = tensor[j, i] = value
    values, vectors = np.linalg.eigh(tensor)
    assert abs(vectors[2, 2]) > 0.9  # mainly along z
    assert values[2] > 1.4 * values[1]


def test_the_same_seed_gives_the_same_bytes_and_the_files_foretold(tmp_path):
    recipe = {**SMALL, "dwi": False, "groups": {"MS": 1}}
    digests = []
    for folder in ("a", "b"):
        files = simulate_subject(recipe, "MS01", tmp_path / folder)
        files += write_dataset_files(recipe, tmp_path / folder)
        digests.append(
            {path.relative_to(tmp_path / folder): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
        )
    assert digests[0] == digests[1]
    (session,) = list_sessions(recipe)
    on_disk = {str(p.relative_to(tmp_path / "a")) for p in (tmp_path / "a").rglob("sub-*") if p.is_file()}
    assert on_disk == {*session.files, *session.truth_files}

    root = tmp_path / "a"
    phase = nib.load(root / "sub-MS01/anat/sub-MS01_echo-2_part-phase_MEGRE.nii.gz")
    sidecar = json.loads((root / "sub-MS01/anat/sub-MS01_echo-2_part-phase_MEGRE.json").read_text())
    assert sidecar["EchoTime"] == session.echo_times[1]
    assert sidecar["MagneticFieldStrength"] == session.field_strength
    assert phase.shape == session.shape
    np.testing.assert_allclose(voxel_size(phase.affine), session.voxel_size, rtol=1e-5)
    low, high, *_ = PHASE_FLAVOURS["siemens"]
    voxels = np.asanyarray(phase.dataobj)
    assert low <= voxels.min() < 100
    assert high - 100 < voxels.max() < high
    description = json.loads((root / "dataset_description.json").read_text())
    assert "simulated" in description["Name"]


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    import chiomics.phantom.bids_output as output

    monkeypatch.setattr(output, "_write_truth", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        simulate_subject({**SMALL, "dwi": False}, "HC01", tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
