import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiomics.core.errors import InputError
from chiomics.core.images import write_image
from chiomics.core.space.grids import TOLERANCE, check_same_grid, same_grid, same_voxels, voxels_apart
from chiomics.core.space.volume import Volume
from chiomics.index.headers import read_header
from chiomics.index.names import NamedFile
from chiomics.radiomics.image_zyx import as_image, read_image_zyx

SHAPE = (40, 44, 30)


def oblique(size=(0.9375, 0.9375, 1.5), tilt=12.0, origin=(-112.3456789, -98.7654321, 61.2345678)):
    turn = np.radians(tilt)
    affine = np.eye(4)
    affine[:3, :3] = [[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]] @ np.diag(size)
    affine[:3, 3] = origin
    return affine


def volume(affine, shape=SHAPE):
    return Volume(np.broadcast_to(np.uint8(0), shape), affine)


@given(
    st.floats(0, 3), st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1),
    st.floats(0.1, 10), st.floats(-80, 80),
)  # fmt: skip
def test_a_shift_counts_from_the_tolerance_on_whatever_its_direction_the_voxel_size_and_the_tilt(t, way, scale, tilt):
    affine = oblique(size=(0.5 * scale, 0.8 * scale, 2 * scale), tilt=tilt)
    moved = affine.copy()
    moved[:3, 3] += np.array(way) / np.linalg.norm(way) * t * TOLERANCE * 0.5 * scale
    # coordinates of 100 mm round off 1e-14 of it
    if abs(t - 1) > 1e-9:
        assert same_grid(volume(affine), volume(moved)) == (t < 1) == same_grid(volume(moved), volume(affine))


def test_a_rotation_counts_by_what_it_moves_the_farthest_corner():
    turned = oblique(tilt=12.0 + np.degrees(0.9 * TOLERANCE * 0.9375 / np.hypot(43 * 0.9375, 29 * 1.5)))
    assert same_grid(volume(oblique()), volume(turned))
    assert voxels_apart(volume(oblique()), volume(turned)) == pytest.approx(0.9 * TOLERANCE, rel=1e-4)
    assert not same_grid(volume(oblique(), (80, 88, 60)), volume(turned, (80, 88, 60)))


def test_a_label_that_went_through_mgz_on_an_oblique_grid_has_the_same_grid_for_every_reader(tmp_path):
    write_image(tmp_path / "map.nii.gz", np.zeros(SHAPE, np.float32), oblique())
    nib.save(nib.MGHImage(np.zeros(SHAPE, np.int32), oblique()), tmp_path / "label.mgz")
    nib.save(nib.Nifti1Image.from_image(nib.load(tmp_path / "label.mgz")), tmp_path / "label.nii.gz")
    names = ("map.nii.gz", "label.nii.gz")
    for read in (Volume.read, read_image_zyx, nib.load, lambda path: as_image(nib.load(path))):
        check_same_grid(*(read(tmp_path / name) for name in names))
    files = [NamedFile(name, "", "", "", "anat", {}, "", ".nii.gz", 1000) for name in names]
    check_same_grid(*(read_header(str(tmp_path), file) for file in files), Volume.read(tmp_path / names[0]))


def test_what_differs_is_named():
    with pytest.raises(InputError, match=r"label.nii: mask and map differ in shape; found \(40, 44, 31\); expected"):
        check_same_grid(volume(oblique()), volume(oblique(), (40, 44, 31)), file="label.nii", what="mask and map")
    with pytest.raises(InputError, match=r"corners 0\.5 of a voxel apart"):
        check_same_grid(volume(np.eye(4)), volume(np.array(np.eye(4) + np.eye(4, k=3) * 0.5)))


@given(
    st.permutations(range(3)), st.tuples(*[st.sampled_from((1, -1))] * 3), st.floats(-40, 40),
    st.sampled_from((0.0, 0.5)),
)  # fmt: skip
def test_the_order_in_which_axes_are_stored_does_not_move_voxels(order, signs, tilt, shift):
    plain = volume(oblique(tilt=tilt))
    stored = np.stack([order, signs], axis=1)
    shape = tuple(SHAPE[axis] for axis in np.argsort(order))
    back = nib.orientations.inv_ornt_aff(stored, SHAPE)  # from the new order to the old one
    other = volume(plain.affine @ back, shape)
    other.affine[:3, 3] += shift * other.affine[:3, 0]
    assert same_voxels(other, plain) == same_voxels(plain, other) == (shift == 0)
