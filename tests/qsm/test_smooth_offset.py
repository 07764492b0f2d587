"""The polynomials of a smooth offset are orthonormal, and what fits them is their adjoint."""

from __future__ import annotations

import numpy as np
import pytest

from chiomics.qsm.background.pdf import remove_background_pdf
from chiomics.qsm.background.smooth_offset import SmoothOffset
from chiomics.qsm.fourier import Grid
from tests.qsm.heads import B0, VOXEL_SIZE, Head, nrmse


@pytest.fixture(scope="module")
def head() -> Head:
    return Head()


def polynomials(head: Head, degree: int, scale: float, decay: float = 1.0) -> tuple[SmoothOffset, Grid, np.ndarray]:
    grid = Grid(head.mask, voxel_size=VOXEL_SIZE)
    weight = grid.mask * np.random.default_rng(1).uniform(0.5, 2, grid.shape).astype(np.float32)
    return SmoothOffset(grid, weight, degree=degree, scale=scale, decay=decay), grid, weight


@pytest.mark.parametrize(("degree", "number"), [(1, 4), (2, 10), (3, 20)])
def test_they_are_orthonormal_in_the_weighted_product(head: Head, degree: int, number: int) -> None:
    offset, _, weight = polynomials(head, degree, 0.5)
    volumes = [weight * offset.field(unit) for unit in np.eye(number)]
    products = np.array([[float(np.vdot(a, b)) for a in volumes] for b in volumes])
    np.testing.assert_allclose(products, 0.25 * np.eye(number), atol=1e-3)  # float32 sums over 60,000 voxels


def test_what_a_higher_degree_adds_is_smaller(head: Head) -> None:
    """And it is what that degree adds: together, those of a degree and below are the polynomials up to it."""
    offset, _, weight = polynomials(head, 2, 0.5, decay=0.2)
    volumes = np.array([(weight * offset.field(unit)).ravel() for unit in np.eye(10)])
    norms = np.linalg.norm(volumes, axis=1)
    np.testing.assert_allclose(norms, 0.5 * np.array([1] * 4 + [0.2] * 6), rtol=1e-3)  # float32 sums
    ramp = (weight * polynomials(head, 1, 1.0)[0].field(np.arange(1.0, 5.0))).ravel()
    shares = volumes @ ramp / norms / np.linalg.norm(ramp)
    assert np.linalg.norm(shares[:4]) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(shares[4:], 0, atol=1e-3)


def test_the_adjoint(head: Head) -> None:
    offset, grid, _ = polynomials(head, 3, 1.0)
    rng = np.random.default_rng(0)
    coefficients, volume = rng.standard_normal(20), rng.standard_normal(grid.shape).astype(np.float32)
    there = float(np.vdot(offset.field(coefficients), volume))
    assert there == pytest.approx(float(coefficients @ offset.adjoint(volume)), rel=1e-3)  # float32


def test_an_offset_that_is_no_polynomial_is_mostly_removed(head: Head) -> None:
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in head.mask.shape], indexing="ij")
    coil = (0.1 * np.exp(-((x - 0.8) ** 2 + y**2 + (z + 0.5) ** 2))).astype(np.float32)  # 1.6 rad at 3 T and 20 ms
    weight = head.mask.astype(np.float32)
    error = {}
    for name, offset in (("without", 0.0), ("with", coil)):
        for degree in (0, 3):
            local = remove_background_pdf(
                (head.total_field + offset)[None].astype(np.float32), head.mask, weight, voxel_size=VOXEL_SIZE,
                b0_direction=B0, offset_degree=degree,
            )[0]  # fmt: skip
            error[name, degree] = nrmse(local, head.local_field, head.mask)
    # Of what is no polynomial of third degree the sources take a part.
    added = {degree: error["with", degree] - error["without", degree] for degree in (0, 3)}
    assert added[0] > 0.05 > 2 * added[3], error
