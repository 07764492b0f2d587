"""Gradient tables: the same world directions however an image is stored, and refusals that name what is wrong."""

from __future__ import annotations

import itertools
import shutil
import subprocess

import nibabel as nib
import numpy as np
import pytest

from chiomics.anatomy.diffusion.gradients import Gradients, directions_in_world, read_gradients
from chiomics.core.errors import InputError

#: Oblique pose of an image, degrees about x, y and z.
POSE = (8.0, -11.0, 17.0)
B_VALUE = 1000.0


def rotation(angles: tuple[float, float, float]) -> np.ndarray:
    """Rotation about x, then y, then z."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(angles)):
        i, j = [other for other in range(3) if other != axis]
        turn = np.eye(3)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


def unit_vectors(count: int) -> np.ndarray:
    vectors = np.random.default_rng(3).standard_normal((count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def radiological() -> tuple[np.ndarray, np.ndarray]:
    """An oblique affine whose first axis runs to the left, and FSL's directions on it: components along its axes."""
    affine = np.eye(4)
    affine[:3, :3] = rotation(POSE) @ np.diag([-2.0, 2.5, 3.0])
    affine[:3, 3] = [70, -80, -20]
    world = unit_vectors(12)
    return affine, world @ (affine[:3, :3] / [2.0, 2.5, 3.0])


def stored_otherwise(
    affine: np.ndarray, vectors: np.ndarray, order: tuple[int, ...], flips: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Permute and flip the voxel axes as FSL's tools do, with the directions."""
    change = np.zeros((4, 4))
    for new, (old, flip) in enumerate(zip(order, flips, strict=True)):
        change[old, new] = flip
        if flip < 0:
            change[old, 3] = 9
    change[3, 3] = 1
    changed = affine @ change
    moved = vectors[:, list(order)] * flips
    if np.linalg.det(changed[:3, :3]) > 0:
        moved = moved * [-1, 1, 1]
    return changed, moved


ORIENTATIONS = list(itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)))


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS)
def test_the_tensor_in_the_world_does_not_depend_on_how_the_image_is_stored(order, flips):
    affine, vectors = radiological()
    frame = rotation((30, 40, 50))
    tensor = frame @ np.diag([1.7e-3, 0.4e-3, 0.2e-3]) @ frame.T
    signal = np.exp(-B_VALUE * np.einsum("ni,ij,nj->n", unit_vectors(12), tensor, unit_vectors(12)))
    changed, moved = stored_otherwise(affine, vectors, order, flips)

    g = directions_in_world(moved, changed)
    terms = np.stack(
        [g[:, i] * g[:, j] * (1 if i == j else 2) for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))]
    )
    xx, yy, zz, xy, xz, yz = np.linalg.lstsq(-B_VALUE * terms.T, np.log(signal), rcond=None)[0]
    # Twelve directions determine six unknowns without noise: rounding only.
    np.testing.assert_allclose([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]], tensor, atol=1e-12)


@pytest.mark.skipif(shutil.which("mrinfo") is None, reason="mrinfo (MRtrix3) is not on this machine")
@pytest.mark.parametrize(("order", "flips"), [((0, 1, 2), (1, 1, 1)), ((0, 1, 2), (-1, 1, 1)), ((2, 0, 1), (1, -1, 1))])
def test_world_directions_equal_those_of_mrtrix(tmp_path, order, flips):
    affine, vectors = stored_otherwise(*radiological(), order, flips)
    files = write_series(tmp_path, affine=affine, vectors=np.vstack([np.zeros(3), vectors]))
    table = subprocess.run(
        ["mrinfo", files["image"], "-dwgrad", "-fslgrad", files["bvec"], files["bval"], "-quiet"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    theirs = np.array([line.split() for line in table.strip().splitlines()], float)
    ours = read_gradients(files["bval"], files["bvec"], affine=affine, volumes=13)
    # Text files hold six digits, headers float32.
    np.testing.assert_allclose(ours.directions, theirs[:, :3], atol=2e-5)
    np.testing.assert_allclose(ours.b_values, theirs[:, 3], rtol=1e-3)


def write_series(folder, *, affine=None, vectors=None, b_values=None, transposed=False) -> dict:
    """Write a small series and its tables."""
    affine = np.diag([-2.0, 2.0, 2.0, 1.0]) if affine is None else affine
    vectors = np.vstack([np.zeros(3), unit_vectors(7)]) if vectors is None else vectors
    b_values = np.where(np.linalg.norm(vectors, axis=1) > 0, B_VALUE, 0) if b_values is None else b_values
    files = {name: folder / f"sub-01_dwi{ending}" for name, ending in
             (("image", ".nii"), ("bval", ".bval"), ("bvec", ".bvec"))}  # fmt: skip
    nib.save(nib.Nifti1Image(np.ones((4, 5, 6, len(vectors)), np.float32), affine), files["image"])
    np.savetxt(files["bval"], np.atleast_2d(b_values), fmt="%g")
    np.savetxt(files["bvec"], vectors if transposed else vectors.T, fmt="%.6f")
    return files


def test_lines_and_columns_are_read_alike(tmp_path):
    tables = []
    for transposed in (False, True):
        files = write_series(tmp_path, transposed=transposed)
        tables.append(read_gradients(files["bval"], files["bvec"], affine=np.eye(4), volumes=8).directions)
    np.testing.assert_array_equal(*tables)


@pytest.mark.parametrize(
    ("change", "volumes", "named"),
    [
        ({}, 9, "8 values"),
        ({"b_values": np.full(8, B_VALUE)}, 8, "without diffusion weighting"),
        ({"vectors": np.vstack([np.zeros(3), unit_vectors(5)])}, 6, "5 distinct directions"),
        ({"vectors": np.vstack([np.zeros(3), np.repeat(unit_vectors(3), 3, axis=0)])}, 10, "3 distinct directions"),
        ({"vectors": np.vstack([np.zeros(3), 0.5 * unit_vectors(7)])}, 8, "length 0.500 at volume 1"),
        ({"vectors": np.zeros((8, 3)), "b_values": np.r_[0, np.full(7, B_VALUE)]}, 8, "length 0.000 at volume 1"),
        ({"vectors": np.vstack([np.zeros(3), unit_vectors(5)]), "b_values": np.r_[0, np.full(7, B_VALUE)]}, 8, "3 x 6"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_by_name(tmp_path, change, volumes, named):
    files = write_series(tmp_path, **change)
    with pytest.raises(InputError, match=named) as caught:
        read_gradients(files["bval"], files["bvec"], affine=np.eye(4), volumes=volumes)
    assert caught.value.file in {str(files["bval"]), str(files["bvec"])}


def test_a_file_without_numbers_is_refused(tmp_path):
    files = write_series(tmp_path)
    files["bvec"].write_text("0 1 x\n")
    with pytest.raises(InputError, match="not a table of numbers"):
        read_gradients(files["bval"], files["bvec"], affine=np.eye(4), volumes=8)


def test_shells_count_distinct_directions_and_forgive_scatter_of_b():
    directions = unit_vectors(10)
    # The last repeats the first from the other side; b scatters as scanners report it.
    gradients = Gradients(
        np.vstack([np.zeros(3), directions, -directions[:1]]),
        np.array([0, 995, 1000, 1005, 1000, 1000, 2990, 3000, 3010, 3000, 3000, 1000]),
    )
    assert gradients.shells() == {1000.0: 5, 3000.0: 5}


def test_the_table_for_mrtrix_keeps_what_was_read(tmp_path):
    gradients = Gradients(np.vstack([np.zeros(3), unit_vectors(6)]), np.r_[0, np.full(6, B_VALUE)])
    gradients.write(tmp_path / "gradients.b")
    table = np.loadtxt(tmp_path / "gradients.b")
    # Nine digits are written.
    np.testing.assert_allclose(table[:, :3], gradients.directions, atol=1e-9)
    np.testing.assert_array_equal(table[:, 3], gradients.b_values)
