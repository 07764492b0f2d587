"""Masks: the brain is found, unreliable voxels are left out, holes are filled and sinuses are not.

Real images (CONTRIBUTING.md says how to lay them out; skipped without them): `gre-crop` from
korbinian90/MriResearchTools.jl; `real-bids` from neurolabusc/dcm_qa_philips_enh.
"""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from chiomics.core.errors import InputError
from chiomics.core.files import read_sidecar
from chiomics.core.images import read_image, write_image
from chiomics.qsm.echo_files import EchoFiles
from chiomics.qsm.masks.brain_mask import brain_mask
from chiomics.qsm.masks.find_brain import find_brain
from chiomics.qsm.masks.reliable_mask import fill_small_holes, phase_quality, reliable_mask
from chiomics.qsm.steps import mask_brain
from tests.qsm.heads import VOXEL_SIZE, Head

SIZE = (2.0, 2.0, 2.5)
SHAPE = (96, 110, 80)
X, Y, Z = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * h for n, h in zip(SHAPE, SIZE, strict=True)],
                      indexing="ij", sparse=True)  # fmt: skip
RADIUS = np.sqrt((X / 62) ** 2 + (Y / 75) ** 2 + (Z / 62) ** 2)
BRAIN = RADIUS < 1
RNG = np.random.default_rng(8)


def test_brain_is_separated_from_scalp_under_a_coil_profile() -> None:
    scalp = (RADIUS > 1.12) & (RADIUS < 1.22)
    bridge = (np.abs(X) < 3) & (np.abs(Y) < 3) & (Z < 0) & (RADIUS < 1.2)
    signal = np.where(BRAIN, 100.0, np.where(scalp | bridge, 130.0, 0.0)) * (0.5 + 0.5 * RADIUS)
    signal = np.hypot(signal + 2 * RNG.standard_normal(SHAPE), 2 * RNG.standard_normal(SHAPE))
    found = brain_mask(signal, voxel_size=SIZE)
    assert (found & BRAIN).sum() > 0.97 * BRAIN.sum()
    assert (found & scalp).sum() < 0.01 * scalp.sum()


def test_a_crop_from_inside_the_head_is_all_brain(shared_data) -> None:
    magnitude, affine = read_image(shared_data / "gre-crop" / "Mag.nii.gz")
    found = brain_mask(np.moveaxis(magnitude, -1, 0), voxel_size=np.abs(np.diag(affine))[:3])
    assert found.all()


def test_real_head_gives_a_brain_of_plausible_size(shared_data) -> None:
    name = "real-bids/sub-philips3t/anat/sub-philips3t_echo-{}_part-mag_MEGRE.nii.gz"
    magnitude = np.stack([read_image(shared_data / name.format(echo))[0] for echo in (1, 2)])
    litres = brain_mask(magnitude, voxel_size=(3, 3, 3)).sum() * 27e-6
    assert 1.1 < litres < 2.5  # with part of the neck, which a template takes off later


def test_noise_is_no_brain() -> None:
    noise = np.hypot(RNG.standard_normal((20, 20, 20)), RNG.standard_normal((20, 20, 20)))
    with pytest.raises(InputError, match="the magnitude is noise"):
        brain_mask(noise, voxel_size=SIZE)
    noise[:, :, 10:] *= 0.01
    with pytest.raises(InputError, match="no brain of a plausible size"):
        find_brain(noise, np.diag([*SIZE, 1.0]))


def test_unreliable_edge_is_left_out_and_veins_stay() -> None:
    quality = np.ones(SHAPE, np.float32)
    sinus = BRAIN & (Y > 50) & (np.abs(X) < 20) & (Z < 0)
    vein = (np.abs(X) < 3) & (np.abs(Y) < 3) & (np.abs(Z) < 6)
    quality[sinus | vein] = 0.2
    found = reliable_mask(BRAIN, quality, voxel_size=SIZE)
    assert not (found & ~BRAIN).any()
    assert (found & sinus).sum() < 0.3 * sinus.sum()  # smoothing keeps about a voxel of its border
    assert found[vein].all()
    # Nothing else may go: a mask never shrinks silently.
    assert found.sum() > 0.99 * (BRAIN & ~sinus).sum()
    assert np.array_equal(reliable_mask(BRAIN, quality, voxel_size=SIZE, min_quality=0), BRAIN)


def test_holes_are_filled_by_size_and_only_inside() -> None:
    mask = BRAIN.copy()
    small, large, open_ = ((slice(40, 42),) * 3, (slice(50, 60),) * 3, (slice(45, 50), slice(0, 60), slice(35, 40)))
    for hole in (small, large, open_):
        mask[hole] = False
    filled = fill_small_holes(mask, BRAIN, max_voxels=30)
    assert filled[small].all()
    assert not filled[large].any()
    assert not (filled & ~mask)[open_].any()


def test_phase_quality_is_high_where_the_phase_is_linear() -> None:
    ramp = np.angle(np.exp(1j * (0.3 * X + 0.2 * Y - 0.1 * Z)))
    noisy = ramp.copy()
    noisy[30:40] = RNG.uniform(-np.pi, np.pi, noisy[30:40].shape)
    quality = phase_quality(noisy.astype(np.float32))
    assert quality[50:].min() > 0.99
    assert quality[31:39].mean() < 0.4


def test_a_given_mask_in_which_nothing_was_drawn_is_passed_over_with_a_word(tmp_path) -> None:
    head = Head()
    affine = np.diag([*VOXEL_SIZE, 1.0])
    write_image(tmp_path / "mag.nii.gz", head.magnitude[0], affine)
    write_image(tmp_path / "empty.nii.gz", np.zeros(head.mask.shape, np.uint8), affine)
    files = EchoFiles("magnitude_phase", [0.006], 3.0, magnitude=[str(tmp_path / "mag.nii.gz")])
    outputs = {"mask": str(tmp_path / "mask.nii.gz"), "sidecar": str(tmp_path / "mask.json")}
    mask_brain(files, given_mask=str(tmp_path / "empty.nii.gz"), method="intensity", **outputs)
    assert "empty.nii.gz is empty" in read_sidecar(outputs["sidecar"])["BrainMaskRefused"]
    found = read_image(outputs["mask"])[0] > 0
    # The made-up brain has a sharp edge and nothing but air around it: only the smoothing of the mask may differ.
    assert 2 * (found & head.mask).sum() / (found.sum() + head.mask.sum()) > 0.95


@pytest.mark.parametrize("order", ["LAS", "PIR", "SAL"])
def test_a_given_mask_with_its_axes_in_another_order_is_put_onto_the_echoes(tmp_path, order) -> None:
    head = Head()
    tilt = nib.eulerangles.euler2mat(0.2, -0.1, 0.3)
    affine = nib.affines.from_matvec(tilt @ np.diag(VOXEL_SIZE), [9, -20, 4])
    write_image(tmp_path / "mag.nii.gz", head.magnitude[0], affine)
    drawn = nib.Nifti1Image(head.mask.astype(np.uint8), affine)
    way = nib.orientations.ornt_transform(nib.io_orientation(affine), nib.orientations.axcodes2ornt(order))
    nib.save(drawn.as_reoriented(way), tmp_path / "m.nii")
    files = EchoFiles("magnitude_phase", [0.006], 3.0, magnitude=[str(tmp_path / "mag.nii.gz")])
    outputs = {"mask": str(tmp_path / "mask.nii.gz"), "sidecar": str(tmp_path / "mask.json")}
    mask_brain(files, given_mask=str(tmp_path / "m.nii"), method="intensity", **outputs)
    np.testing.assert_array_equal(read_image(outputs["mask"])[0] > 0, head.mask)
