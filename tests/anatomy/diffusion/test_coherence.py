"""The gradient table of a real series fits its images, and no mirrored or swapped one does.

Real images (CONTRIBUTING.md says how to lay them out; skipped without them): `dwi-small`, UIH 3 T, b 928.
"""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
from scipy import ndimage

from chiomics.anatomy.diffusion.coherence import compare_tables
from chiomics.anatomy.diffusion.gradients import read_gradients


def test_the_table_of_a_real_series_is_kept_and_all_others_are_found(shared_data):
    stem = shared_data / "dwi-small/uih3T_ap"
    image = nib.load(f"{stem}.nii.gz")
    voxels = np.asanyarray(image.dataobj).astype(np.float32)
    table = read_gradients(f"{stem}.bval", f"{stem}.bvec", affine=image.affine, volumes=voxels.shape[3])
    size = np.linalg.norm(image.affine[:3, :3], axis=0)
    directions, anisotropy = fit_tensor(voxels, table.b_values, table.directions @ (image.affine[:3, :3] / size))
    right = compare_tables(directions, anisotropy, size)
    assert not right.other_is_better
    for order, signs in itertools.product(itertools.permutations(range(3)), [(1, 1, 1), *(1 - 2 * np.eye(3))]):
        found = compare_tables(directions[..., list(order)] * signs, anisotropy, size)
        assert found.other_is_better != (order == (0, 1, 2) and np.min(signs) > 0), (order, signs)


def fit_tensor(signal: np.ndarray, b: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Main direction and anisotropy inside the head, by least squares of the logarithm."""
    pairs = list(itertools.combinations_with_replacement(range(3), 2))
    products = np.stack([along[:, i] * along[:, j] * (1 + (i != j)) for i, j in pairs], axis=1)
    unweighted = ndimage.gaussian_filter(signal[..., b < 50].mean(axis=-1), 1)
    inside = ndimage.binary_erosion(unweighted > 0.25 * np.percentile(unweighted, 98), iterations=2)
    logarithm = np.log(np.maximum(signal[inside], 1e-3 * unweighted.max()))
    values = np.linalg.pinv(np.column_stack([np.ones(len(b)), -b[:, None] * products])) @ logarithm.T
    tensor = np.empty((inside.sum(), 3, 3))
    for value, (i, j) in zip(values[1:], pairs, strict=True):
        tensor[:, i, j] = tensor[:, j, i] = value
    diffusivity, axes = np.linalg.eigh(tensor)
    diffusivity = np.maximum(diffusivity, 0)
    spread = ((diffusivity - diffusivity.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    directions, anisotropy = np.zeros((*inside.shape, 3)), np.zeros(inside.shape)
    directions[inside] = axes[:, :, 2]
    anisotropy[inside] = np.sqrt(1.5 * spread / np.maximum((diffusivity**2).sum(axis=1), 1e-20))
    return directions, anisotropy
