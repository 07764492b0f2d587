"""The solvers against SciPy's, and the grid's transforms and inner products against their definitions."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import scipy.sparse.linalg

from chiomics.core.errors import InputError
from chiomics.qsm.conjugate import conjugate_gradients, conjugate_residuals
from chiomics.qsm.fourier import Grid, add_adjoint_difference, fast_length, forward_difference
from chiomics.qsm.inversions.lsqr import lsqr


def system(seed=0, rows=40, columns=25):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, columns)), rng.standard_normal(rows)


def solve(a, b, tolerance, iterations):
    return lsqr(
        lambda x: a @ x,
        lambda y: a.T @ y,
        b.copy(),
        norm_range=np.linalg.norm,
        norm_domain=np.linalg.norm,
        tolerance=tolerance,
        iterations=iterations,
    )


@pytest.mark.parametrize("iterations", [1, 2, 7, 20])
def test_lsqr_makes_scipys_iterates(iterations):
    a, b = system()
    solution = solve(a, b, 0.0, iterations)
    reference = scipy.sparse.linalg.lsqr(a, b, atol=0, btol=0, conlim=0, iter_lim=iterations)
    # Both in float64; sums in another order are off by a share of the largest element.
    np.testing.assert_allclose(solution.x, reference[0], rtol=1e-9, atol=1e-9 * np.abs(reference[0]).max())
    assert solution.residual == pytest.approx(reference[3] / np.linalg.norm(b), rel=1e-9)
    assert solution.iterations == reference[2]


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6])
def test_lsqr_stops_where_its_rule_says(tolerance):
    a, b = system()
    solution = solve(a, b, tolerance, 100)
    residual = b - a @ solution.x
    assert solution.residual == pytest.approx(np.linalg.norm(residual) / np.linalg.norm(b), rel=1e-6)
    assert solution.residual <= tolerance or solution.gradient <= tolerance
    before = solve(a, b, 0.0, solution.iterations - 1)
    assert before.residual > tolerance
    assert before.gradient > tolerance


def test_lsqr_of_zero_is_zero():
    a, b = system()
    assert not solve(a, 0 * b, 1e-6, 10).x.any()


@pytest.mark.parametrize("solver", [conjugate_gradients, conjugate_residuals])
def test_conjugate_directions_solve_a_symmetric_system(solver):
    a, b = system(rows=25)
    a = a.T @ a + np.eye(25)
    solution = solver(lambda x: a @ x, b.copy(), dot=np.dot, tolerance=1e-10, iterations=60)
    np.testing.assert_allclose(solution.x, np.linalg.solve(a, b), rtol=1e-6)
    assert not solver(lambda x: a @ x, 0 * b, dot=np.dot, tolerance=1e-10, iterations=5).x.any()


def test_conjugate_residuals_make_minres_iterates():
    a, b = system(rows=25)
    a = a.T @ a + np.eye(25)
    ours = conjugate_residuals(lambda x: a @ x, b.copy(), dot=np.dot, tolerance=0, iterations=6)
    reference, _ = scipy.sparse.linalg.minres(a, b, rtol=1e-30, maxiter=6)
    np.testing.assert_allclose(ours.x, reference, rtol=1e-7)


def grid(shape=(9, 10, 11), **options):
    mask = np.zeros((14, 13, 15), bool)
    mask[2 : 2 + shape[0], 1 : 1 + shape[1], 3 : 3 + shape[2]] = True
    return Grid(mask, voxel_size=(1.0, 2.0, 0.5), padding=4.0, **options)


def test_the_grid_gives_back_what_it_was_given():
    box = grid()
    volume = np.random.default_rng(0).standard_normal(box.image_mask.shape).astype(np.float32)
    back = box.extract(box.ifft(box.fft(box.embed(volume))))
    np.testing.assert_allclose(back, volume * box.image_mask, atol=1e-6)
    assert box.shape == (16, 12, 20)  # 9 + 4 → 16 (even, no factor above 5), 10 + 2, 11 + 8 → 20


def test_parseval():
    box = grid()
    a, b = np.random.default_rng(1).standard_normal((2, *box.shape)).astype(np.float32)
    assert box.spectrum_dot(box.fft(a), box.fft(b)) == pytest.approx(float(np.vdot(a, b)), rel=1e-4, abs=1e-2)
    assert box.spectrum_norm(box.fft(a)) == pytest.approx(np.linalg.norm(a), rel=1e-5)


def test_the_laplacian_is_the_spectrum_of_the_differences():
    box = grid()
    volume = np.random.default_rng(2).standard_normal(box.shape).astype(np.float32)
    total = np.zeros_like(volume)
    for part in box.slabs():
        for axis, edge in enumerate(box.voxel_size):
            step = forward_difference(volume, axis, part, box.backend) / edge**2
            add_adjoint_difference(total, step, axis, part)
    np.testing.assert_allclose(total, box.ifft(box.laplacian() * box.fft(volume)), atol=1e-4)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_differences_and_their_adjoint(axis, monkeypatch):
    monkeypatch.setattr("chiomics.qsm.fourier.CACHED_VOXELS", 700)  # several slabs
    box = grid()
    assert len(box.slabs()) > 2
    x, y = np.random.default_rng(3).standard_normal((2, *box.shape)).astype(np.float32)
    difference, adjoint = np.zeros_like(x), np.zeros_like(x)
    for part in box.slabs():
        difference[part] = forward_difference(x, axis, part, box.backend)
        add_adjoint_difference(adjoint, y[part], axis, part)
    np.testing.assert_array_equal(difference, np.roll(x, -1, axis) - x)
    assert np.vdot(difference, y) == pytest.approx(np.vdot(x, adjoint), rel=1e-3, abs=1e-2)  # float32 sums


@pytest.mark.parametrize("length", [1, 7.5, 11, 97, 203])
def test_fast_lengths(length):
    fast = fast_length(length)
    assert fast >= length
    assert fast % 2 == 0
    rest = fast
    for factor in (2, 3, 5):
        while rest % factor == 0:
            rest //= factor
    assert rest == 1


def test_a_backend_that_is_not_there_is_an_error(monkeypatch):
    with pytest.raises(InputError, match="unknown"):
        grid(backend="jax")
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(InputError, match="cupy"):
        grid(backend="cupy")


def test_volumes_of_another_shape_are_an_error():
    with pytest.raises(InputError, match="shape"):
        grid().embed(np.zeros((3, 3, 3)))
